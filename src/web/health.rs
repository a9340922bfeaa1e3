//! Health checks for load balancers and monitors: is the process alive, and can it store an application?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Site;
use crate::database::{Pool, within};
use crate::{membership, outbox};

/// How long the database may take for one check.
const DATABASE_LIMIT: Duration = Duration::from_secs(2);

/// How long the result of a check is reused.
const REUSE: Duration = Duration::from_secs(1);

/// The last check whether an application can be stored.
#[derive(Debug)]
pub struct Readiness {
    pool: Pool,
    /// Locked during a check, so that concurrent requests share its result.
    last: Mutex<Option<(Instant, Health)>>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug)]
enum Health {
    /// An application can be stored. Contains the age of the oldest unsent email.
    Ready(time::Duration),
    /// No application can be stored.
    NotReady,
}

impl Readiness {
    /// Checks this database.
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            last: Mutex::new(None),
        }
    }

    /// Returns the current health. Queries the database at most once a second.
    async fn health(&self) -> Health {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = *last
            && at.elapsed() < REUSE
        {
            return health;
        }
        let health = within(DATABASE_LIMIT, self.check()).await.unwrap_or(Health::NotReady);
        if matches!(health, Health::NotReady) {
            self.pool.recheck_server();
        }
        *last = Some((Instant::now(), health));
        health
    }

    async fn check(&self) -> sqlx::Result<Health> {
        if !membership::can_store(&self.pool).await? {
            return Ok(Health::NotReady);
        }
        Ok(Health::Ready(outbox::oldest_wait(&self.pool).await?))
    }
}

/// Answers 200.
pub async fn live() -> &'static str {
    "live\n"
}

/// Answers 200 if an application can be stored, otherwise 503. Unsent email is reported but does not matter: every instance
/// has the same outbox.
pub async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    // The check has a task of its own: a client that leaves does not cancel it for the others.
    let (fails, unnamed) = (site.submissions.is_failing(), site.proxies.unnamed());
    let checking = tokio::spawn(async move { site.readiness.health().await });
    match checking.await.unwrap_or(Health::NotReady) {
        _ if fails => not_ready(),
        Health::Ready(wait) => {
            let seconds = wait.whole_seconds();
            let unnamed = unnamed_line(unnamed);
            (
                StatusCode::OK,
                format!("ready\noldest unsent mail: {seconds} s\n{unnamed}"),
            )
        }
        Health::NotReady => not_ready(),
    }
}

/// Returns a line for the doctor, or an empty string.
fn unnamed_line(posts: u64) -> String {
    let line = (posts > 0).then(|| format!("posts without a client's address: {posts}\n"));
    line.unwrap_or_default()
}

fn not_ready() -> (StatusCode, String) {
    let body = "not ready: no application can be stored now\n";
    (StatusCode::SERVICE_UNAVAILABLE, body.into())
}
