//! Tells whether a server is available: it takes writes from us now.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

/// Error codes of PostgreSQL (appendix A of its manual).
const QUERY_CANCELED: &str = "57014";
const READ_ONLY_SQL_TRANSACTION: &str = "25006";
const TOO_MANY_CONNECTIONS: &str = "53300";

/// Classes of codes: connection exceptions, insufficient resources, operator intervention.
const UNAVAILABLE_CLASSES: [&str; 3] = ["08", "53", "57"];

/// How long a server may take to answer a test.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Limits the time of a database operation.
///
/// # Errors
/// Returns the error of the operation, or [`ErrorKind::TimedOut`] after `limit`.
pub async fn within<T>(limit: Duration, doing: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let done = tokio::time::timeout(limit, doing).await;
    done.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}

/// Returns whether the database is unavailable for now, so that trying again can help. The connection failed, the server
/// is starting, stopping or overloaded, or it is read-only.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // The operator has to give this user access to the socket.
        sqlx::Error::Io(error) => error.kind() != ErrorKind::PermissionDenied,
        sqlx::Error::Database(_) => code(error).is_some_and(|code| {
            let is_in_class = UNAVAILABLE_CLASSES.iter().any(|class| code.starts_with(class));
            code == READ_ONLY_SQL_TRANSACTION || is_in_class && code != QUERY_CANCELED
        }),
        _ => false,
    }
}

/// Returns whether the server, this user or this database has reached its connection limit.
#[must_use]
pub fn is_out_of_connections(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some(TOO_MANY_CONNECTIONS)
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Pings the server, which begins no transaction.
///
/// # Errors
/// Returns an error if there is no answer within a second.
pub(super) async fn answers(connection: &mut PgConnection) -> sqlx::Result<()> {
    within(ANSWER_LIMIT, connection.ping()).await
}

/// Returns whether the server takes writes. The time limit also ends the wait if a network drops packets silently.
///
/// # Errors
/// Returns an error if there is no answer within a second.
pub(super) async fn takes_writes(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // The simple protocol leaves no prepared statement behind a pooler.
    let asking = async {
        let answer = connection
            .fetch_one(sqlx::raw_sql("SHOW transaction_read_only"))
            .await?;
        Ok(answer.try_get::<&str, _>(0)? == "off")
    };
    within(ANSWER_LIMIT, asking).await
}
