//! Connections, straight to PostgreSQL or through a pooler that gives one to each transaction.
//!
//! Behind such a pooler (PgBouncer in transaction mode) a statement that was prepared outside a
//! transaction may be executed on another connection, which does not know it. So there each use is
//! a transaction; straight to PostgreSQL that would only cost round trips.

use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};

use super::reserved::Reserved;

/// What a statement ends with that took too long (PostgreSQL, appendix A).
const QUERY_CANCELED: &str = "57014";

/// How long a server may take to say that it is there.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// Connections of this process.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: PgPool,
    is_pooled: bool,
}

/// A connection for statements that belong together.
#[derive(Debug)]
pub enum Session {
    /// Straight to PostgreSQL: each statement commits by itself.
    Connection(PoolConnection<Postgres>),
    /// Through a pooler: all commit together.
    Transaction(Transaction<'static, Postgres>),
}

impl Pool {
    /// Of these connections; `is_pooled` where a pooler stands between.
    #[must_use]
    pub fn new(connections: PgPool, is_pooled: bool) -> Self {
        Self { connections, is_pooled }
    }

    /// For one statement, or for some that read. What it changes is certain when [`Session::end`]
    /// has returned.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self) -> sqlx::Result<Session> {
        if self.is_pooled {
            Ok(Session::Transaction(self.transaction().await?))
        } else {
            Ok(Session::Connection(self.connections.acquire().await?))
        }
    }

    /// For statements that change together.
    ///
    /// # Errors
    /// The database's.
    pub async fn transaction(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        if self.is_pooled {
            // Of statements that others of us prepared on this connection, by names that come again.
            self.connections.begin_with("BEGIN; DEALLOCATE ALL").await
        } else {
            self.connections.begin().await
        }
    }

    /// A connection beside these, to the same database.
    #[must_use]
    pub fn reserve(&self) -> Reserved {
        Reserved::new(self.connections.connect_options(), self.is_pooled)
    }

    /// Ends every connection but those that were reserved.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

impl Session {
    /// Commits, where that is still to be done.
    ///
    /// # Errors
    /// The database's: whether it was stored is not known.
    pub async fn end(self) -> sqlx::Result<()> {
        match self {
            Self::Connection(_) => Ok(()),
            Self::Transaction(transaction) => transaction.commit().await,
        }
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// Asks the server whether it is there: where a network swallows what is sent, nothing else would end the wait.
pub(super) async fn answers(connection: &mut PgConnection) -> sqlx::Result<()> {
    within(PING_LIMIT, connection.ping()).await
}

/// What the database does in time.
///
/// # Errors
/// Its own, or that it did not.
pub async fn within<T>(limit: Duration, doing: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let done = tokio::time::timeout(limit, doing).await;
    done.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}

/// Whether the database is not there at present, so that waiting can help: no connection, or one
/// that ends; starting, stopping, or with no connection to spare (PostgreSQL, appendix A: classes
/// 08, 53 and 57, but for what took too long).
#[must_use]
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // A socket that nobody may open is for the operator to repair.
        sqlx::Error::Io(error) => error.kind() != ErrorKind::PermissionDenied,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code != QUERY_CANCELED && ["08", "53", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}
