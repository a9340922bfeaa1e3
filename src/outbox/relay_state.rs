//! The state of the relay in the database. All instances share it, and operators see it.

use serde::Serialize;
use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::schedule::{RELAY_WAITS, with_jitter};

/// The state of the relay, for operators.
#[derive(Clone, Debug, Serialize)]
pub struct RelayState {
    /// Failures in a row since it last answered for an email.
    pub failures: i32,
    /// When the first of these failures happened.
    #[serde(with = "time::serde::rfc3339::option")]
    pub failing_since: Option<OffsetDateTime>,
    /// When the relay is tried again.
    #[serde(with = "time::serde::rfc3339::option")]
    pub retry_at: Option<OffsetDateTime>,
    /// The last failure.
    pub last_error: Option<String>,
    /// The most connections at a time that the relay accepts, as far as known.
    pub connections: i32,
}

/// Returns the state of the relay.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn relay_state(executor: impl PgExecutor<'_>) -> sqlx::Result<RelayState> {
    sqlx::query_as!(
        RelayState,
        "SELECT failures, failing_since, retry_at, last_error, connections FROM relay_state"
    )
    .fetch_one(executor)
    .await
}

/// Records that the relay failed. Each failure in a row lengthens the wait until the next try. A failure during the wait
/// comes from an older conversation, and does not lengthen it.
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

/// Records that the relay took an email again.
pub async fn record_success(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE relay_state SET failures = 0, failing_since = NULL, failed_at = NULL, retry_at = NULL, last_error = NULL
         WHERE failures > 0"
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Records how many connections the relay accepts.
pub async fn record_connections(executor: impl PgExecutor<'_>, connections: i32) -> sqlx::Result<()> {
    sqlx::query!("UPDATE relay_state SET connections = $1", connections)
        .execute(executor)
        .await
        .map(drop)
}
