//! Health checks for load balancers and monitors: is the process alive, and can it store an application?

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::readiness::Health;
use super::site::Site;

/// Answers 200.
pub async fn live() -> &'static str {
    "live\n"
}

/// Answers 200 if an application can be stored, otherwise 503. Unsent email is reported but does not matter: every instance
/// has the same outbox.
pub async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    if site.submissions.is_failing() {
        return not_ready();
    }
    let unnamed = site.proxies.unnamed();
    // The check has a task of its own: a client that leaves does not cancel it for the others.
    let checking = tokio::spawn(async move { site.readiness.health().await });
    match checking.await.unwrap_or(Health::NotReady) {
        Health::Ready(wait) => {
            let seconds = wait.whole_seconds();
            let unnamed = unnamed_line(unnamed);
            (
                StatusCode::OK,
                format!("ready\noldest unsent email: {seconds} s\n{unnamed}"),
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
