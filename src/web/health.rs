//! Whether the process lives, and whether it can do its work: for balancers and monitors.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use super::Site;
use crate::outbox;

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// 200 as long as the process answers.
pub async fn live() -> &'static str {
    "live\n"
}

/// 200 when an application could be stored now, else 503. Mail that waits is told and no reason to
/// send visitors elsewhere: another instance has the same mail.
pub async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let asked = tokio::time::timeout(PATIENCE, outbox::standing(&site.pool)).await;
    match asked {
        Ok(Ok(standing)) => {
            let seconds = standing.oldest_waits.whole_seconds();
            (StatusCode::OK, format!("ready\noldest unsent mail: {seconds} s\n"))
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the database does not answer\n".into(),
        ),
    }
}
