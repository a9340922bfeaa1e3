//! Whether the process lives, and whether it can do its work: for balancers and monitors.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::map_request;
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Site;
use crate::http::message;
use crate::database::{Pool, within};
use crate::{membership, outbox};

/// How long the database may take over one check.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long the answer of one check serves everybody who asks.
const FRESH: Duration = Duration::from_secs(1);

/// Whether an application could be stored, as of a moment ago.
#[derive(Debug)]
pub struct Readiness {
    pool: Pool,
    /// Locked during a check: those who ask meanwhile wait for its answer.
    last: Mutex<Option<(Instant, Answer)>>,
}

/// What one check found.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// An application could be stored. For how long the oldest unsent mail has waited.
    Ready(time::Duration),
    /// None could be.
    NotReady,
}

impl Readiness {
    /// Of this database.
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            last: Mutex::new(None),
        }
    }

    /// However many ask, the database is asked once a second.
    async fn answer(&self) -> Answer {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = *last
            && at.elapsed() < FRESH
        {
            return answer;
        }
        let answer = within(PATIENCE, self.ask()).await.unwrap_or(Answer::NotReady);
        if matches!(answer, Answer::NotReady) {
            self.pool.doubt();
        }
        *last = Some((Instant::now(), answer));
        answer
    }

    async fn ask(&self) -> sqlx::Result<Answer> {
        if !membership::can_store(&self.pool).await? {
            return Ok(Answer::NotReady);
        }
        Ok(Answer::Ready(outbox::oldest_wait(&self.pool).await?))
    }
}

/// Routes both, for well-formed requests.
pub fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .layer(map_request(message::demand))
}

/// 200 as long as the process answers.
async fn live() -> &'static str {
    "live\n"
}

/// 200 when an application could be stored now, else 503. Mail that waits is reported and no reason to
/// send visitors elsewhere: another instance has the same mail.
async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    // In a task of its own: a client that leaves must not break off a check for which others wait.
    let (fails, unnamed) = (site.intake.fails(), site.limit.proxies().unnamed());
    let checking = tokio::spawn(async move { site.readiness.answer().await });
    match checking.await.unwrap_or(Answer::NotReady) {
        _ if fails => not_ready(),
        Answer::Ready(wait) => {
            let seconds = wait.whole_seconds();
            let unnamed = unnamed_line(unnamed);
            (
                StatusCode::OK,
                format!("ready\noldest unsent mail: {seconds} s\n{unnamed}"),
            )
        }
        Answer::NotReady => not_ready(),
    }
}

/// For the doctor, where there is something to report.
fn unnamed_line(posts: u64) -> String {
    let line = (posts > 0).then(|| format!("posts without a client's address: {posts}\n"));
    line.unwrap_or_default()
}

fn not_ready() -> (StatusCode, String) {
    let says = "not ready: no application can be stored now\n";
    (StatusCode::SERVICE_UNAVAILABLE, says.into())
}
