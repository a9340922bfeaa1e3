//! What "available" means, in one place: a server that takes writes from us now.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

/// The codes of PostgreSQL (appendix A) that matter here.
const QUERY_CANCELED: &str = "57014";
const READ_ONLY_SQL_TRANSACTION: &str = "25006";
const TOO_MANY_CONNECTIONS: &str = "53300";

/// How long a server may take to say whether it takes writes.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Limits how long the database may take.
///
/// # Errors
/// The database's error, or [`ErrorKind::TimedOut`] after `limit`.
pub async fn within<T>(limit: Duration, doing: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let done = tokio::time::timeout(limit, doing).await;
    done.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}

/// Returns whether waiting can help, since the database is unavailable for now: there is no connection, or one that ends; the
/// server is starting, stopping, full or has no connection to spare (classes 08, 53 and 57, but for a statement that
/// took too long); or it only reads, as a standby or a demoted primary does.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // A socket that this user may not open is for the operator to repair.
        sqlx::Error::Io(error) => error.kind() != ErrorKind::PermissionDenied,
        sqlx::Error::Database(_) => code(error).is_some_and(|code| {
            code == READ_ONLY_SQL_TRANSACTION
                || code != QUERY_CANCELED && ["08", "53", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Returns whether the server, or its limit on this role or database, has no connection left.
#[must_use]
pub fn is_out_of_connections(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some(TOO_MANY_CONNECTIONS)
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Asks the server whether it is there, which is no transaction.
///
/// # Errors
/// The database's error, or that no answer came within a second.
pub(super) async fn answers(connection: &mut PgConnection) -> sqlx::Result<()> {
    within(ANSWER_LIMIT, connection.ping()).await
}

/// Asks the server whether it takes writes. Where a network swallows what is sent, nothing else would end the wait.
///
/// # Errors
/// The database's error, or that no answer came within a second.
pub(super) async fn takes_writes(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // By the simple protocol, which leaves no prepared statement behind a pooler.
    let asking = async {
        use sqlx::{Executor as _, Row as _};
        let answer = connection
            .fetch_one(sqlx::raw_sql("SHOW transaction_read_only"))
            .await?;
        Ok(answer.try_get::<&str, _>(0)? == "off")
    };
    within(ANSWER_LIMIT, asking).await
}
