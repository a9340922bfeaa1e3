//! How the relay is, in the database: all instances wait together, and operators see it.

use serde::Serialize;
use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::schedule::{RELAY_WAITS, with_jitter};

/// How the relay is, for those who look after it.
#[derive(Clone, Debug, Serialize)]
pub struct RelayState {
    /// Failures since it last answered for a mail; 0 while it serves.
    pub failures: i32,
    /// Since when it fails.
    #[serde(with = "time::serde::rfc3339::option")]
    pub failing_since: Option<OffsetDateTime>,
    /// When it is asked next.
    #[serde(with = "time::serde::rfc3339::option")]
    pub retry_at: Option<OffsetDateTime>,
    /// What the last failure was.
    pub last_error: Option<String>,
    /// How many connections at a time it bears, as far as it has said.
    pub connections: i32,
}

/// How the relay is now.
///
/// # Errors
/// The database's error.
pub async fn relay_state(executor: impl PgExecutor<'_>) -> sqlx::Result<RelayState> {
    sqlx::query_as!(
        RelayState,
        "SELECT failures, failing_since, retry_at, last_error, connections FROM relay_state"
    )
    .fetch_one(executor)
    .await
}

/// Records that the relay failed, and the wait until it is asked again: longer after each failure in a row. Failures
/// while it already waits come from conversations that began before, and lengthen nothing.
pub async fn record_failure(executor: impl PgExecutor<'_>, reason: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE relay_state SET failed_at = now(), last_error = $1, failing_since = coalesce(failing_since, now()),
            failures = failures + CASE WHEN retry_at > now() THEN 0 ELSE 1 END,
            retry_at = CASE WHEN retry_at > now() AND retry_at < now() + interval '10 minutes' THEN retry_at
                ELSE now() + make_interval(secs => $3 * ($2::double precision[])[least(failures + 1, cardinality($2))]) END",
        reason,
        &RELAY_WAITS,
        with_jitter(std::time::Duration::from_secs(1)).as_secs_f64()
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Records that the relay took a mail again.
pub async fn record_success(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE relay_state SET failures = 0, failing_since = NULL, failed_at = NULL, retry_at = NULL, last_error = NULL
         WHERE failures > 0"
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Records how many connections the relay bears.
pub async fn record_connections(executor: impl PgExecutor<'_>, connections: i32) -> sqlx::Result<()> {
    sqlx::query!("UPDATE relay_state SET connections = $1", connections)
        .execute(executor)
        .await
        .map(drop)
}
