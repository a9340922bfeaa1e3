//! Whether the process lives, and whether it can do its work: for balancers and monitors.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::Site;
use crate::database::Pool;

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// 200 as long as the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

async fn ask(pool: &Pool) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    sqlx::query_scalar!("SELECT 1").fetch_one(&mut *session).await?;
    session.end().await
}

/// 200 when an application could be stored now, else 503.
pub async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    let asked = tokio::time::timeout(PATIENCE, ask(&site.pool)).await;
    match asked {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the database does not answer\n",
        ),
    }
}
