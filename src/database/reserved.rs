//! A connection for one who stores: nothing else can use it up, and no pool tests it between two uses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use super::pool::answers;

/// For how long a connection that was not used is believed to be there.
const FRESH: Duration = Duration::from_secs(10);

/// One connection, opened when it is needed.
#[derive(Debug)]
pub struct Reserved {
    options: Arc<PgConnectOptions>,
    is_pooled: bool,
    kept: Option<(PgConnection, Instant)>,
}

/// What the server ends by itself: a wait for what somebody else's transaction holds, and whatever goes on for one
/// who has been gone for seconds.
macro_rules! limits {
    ($set:literal) => {
        concat!(
            $set,
            " lock_timeout = '250ms'; ",
            $set,
            " statement_timeout = '3s'; ",
            $set,
            " idle_in_transaction_session_timeout = '3s'"
        )
    };
}

impl Reserved {
    pub(super) fn new(options: Arc<PgConnectOptions>, is_pooled: bool) -> Self {
        let kept = None;
        Self {
            options,
            is_pooled,
            kept,
        }
    }

    /// Runs statements that belong together, and commits them. What is dropped on the way takes its connection with
    /// it, since nobody knows what is still to come through it; so does what fails, unless the server said so.
    ///
    /// # Errors
    /// The database's: nothing is stored, or nobody knows.
    pub async fn run<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut connection = self.take().await?;
        let done = if self.is_pooled {
            in_transaction(&mut connection, statements).await
        } else {
            statements(&mut connection).await
        };
        if matches!(done, Ok(_) | Err(sqlx::Error::Database(_))) {
            self.kept = Some((connection, Instant::now()));
        }
        done
    }

    async fn take(&mut self) -> sqlx::Result<PgConnection> {
        if let Some((mut connection, used_at)) = self.kept.take()
            && (used_at.elapsed() < FRESH || answers(&mut connection).await.is_ok())
        {
            return Ok(connection);
        }
        let mut connection = PgConnection::connect_with(&self.options).await?;
        if !self.is_pooled {
            // The same few statements come again and again: they are planned once.
            let prelude = concat!("SET plan_cache_mode = force_generic_plan; ", limits!("SET"));
            sqlx::raw_sql(prelude).execute(&mut connection).await?;
        }
        Ok(connection)
    }
}

async fn in_transaction<T>(
    connection: &mut PgConnection,
    statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    let begin = concat!("BEGIN; DEALLOCATE ALL; ", limits!("SET LOCAL"));
    let mut transaction = connection.begin_with(begin).await?;
    let done = statements(&mut transaction).await?;
    transaction.commit().await?;
    Ok(done)
}
