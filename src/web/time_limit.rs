//! The time limit of the database for an answer. A machine that loses its power sends no error.

use std::time::Duration;

/// How long the database may take for one answer.
pub const DATABASE_LIMIT: Duration = Duration::from_secs(9);

/// Limits how long the database may take. Returns an error as if it were unavailable.
pub async fn with_time_limit<T, E: From<sqlx::Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let done = tokio::time::timeout(DATABASE_LIMIT, work).await;
    done.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
}
