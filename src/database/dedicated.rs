//! A connection for storing applications. Nothing else can use it up, and no pool tests it between two uses.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::availability::{is_out_of_connections, is_unavailable, takes_writes, within};
use super::pool::Pool;
use super::prelude::{self, BEGIN_POOLED_TO_STORE};

/// How long an unused connection is trusted without a test.
const FRESH: Duration = Duration::from_secs(10);

/// How long connecting and logging in may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A slower commit may have waited for a standby until the wait was canceled, which PostgreSQL reports as success.
const LONG_COMMIT: Duration = Duration::from_millis(500);

/// How many times a long commit is confirmed before its replication counts as unknown.
const CONFIRMATIONS: u32 = 4;

/// One connection, opened on demand.
#[derive(Debug)]
pub struct DedicatedConnection {
    pool: Pool,
    rank: u32,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    connection: PgConnection,
    used_at: Instant,
    /// Since when its server is in use, if there are several.
    server_since: Option<tokio::time::Instant>,
}

/// The result of opening a dedicated connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The connection is open.
    Yes,
    /// The server has no connection to spare, although the pool has closed its idle ones.
    OutOfConnections,
    /// The server is unreachable or refuses the login.
    Failed,
}

impl DedicatedConnection {
    /// Makes a connection beside those of a pool, to the same server. If the server allows few connections, only the one
    /// of rank 0 is opened.
    #[must_use]
    pub fn beside(pool: &Pool, rank: u32) -> Self {
        Self {
            pool: pool.clone(),
            rank,
            kept: None,
        }
    }

    /// Opens the connection before it is needed, so that nothing else takes the server's last one.
    pub async fn open(&mut self) -> Opened {
        if self.kept.is_some() {
            return Opened::Yes;
        }
        self.pool.wait_for_rank(self.rank).await;
        match self.connect().await {
            Ok(kept) => {
                self.kept = Some(kept);
                Opened::Yes
            }
            Err(error) if is_out_of_connections(&error) => Opened::OutOfConnections,
            Err(_) => Opened::Failed,
        }
    }

    /// Runs and commits statements that belong together. Closes the connection if the caller drops this future, or if the
    /// connection fails, since late answers may still arrive on it.
    ///
    /// # Errors
    /// Returns an error if the database fails. The changes may have been stored if the connection broke.
    pub async fn run<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut recheck = RecheckOnDrop::of(self.pool.clone());
        let mut kept = self.take().await?;
        let began = Instant::now();
        let running = async {
            let done = self.run_on(&mut kept.connection, statements).await?;
            if began.elapsed() > LONG_COMMIT {
                self.confirm(&mut kept.connection).await?;
            }
            Ok(done)
        };
        // A commit would wait in vain for a standby that was promoted meanwhile.
        let done = tokio::select! {
            done = running => done,
            () = self.pool.moved_since(kept.server_since) => Err(sqlx::Error::Io(ErrorKind::ConnectionAborted.into())),
        };
        if is_reusable_after(&done) {
            kept.used_at = Instant::now();
            self.kept = Some(kept);
            recheck.is_needed = false;
        }
        done
    }

    async fn run_on<T>(
        &self,
        connection: &mut PgConnection,
        statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        if self.pool.is_pooled() {
            in_transaction(connection, statements).await
        } else {
            statements(connection).await
        }
    }

    /// Commits an empty transaction until it is quick. A slow one may have stopped waiting for the standby as well.
    async fn confirm(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        for _ in 0..CONFIRMATIONS {
            let began = Instant::now();
            self.run_on(connection, async |connection| prelude::confirm(connection).await)
                .await?;
            if began.elapsed() <= LONG_COMMIT {
                return Ok(());
            }
        }
        Err(sqlx::Error::Io(ErrorKind::TimedOut.into()))
    }

    async fn take(&mut self) -> sqlx::Result<Kept> {
        if let Some(mut kept) = self.kept.take()
            && kept.server_since == self.pool.server_since()
            && (kept.used_at.elapsed() < FRESH || takes_writes(&mut kept.connection).await.is_ok_and(|takes| takes))
        {
            return Ok(kept);
        }
        self.connect().await
    }

    async fn connect(&self) -> sqlx::Result<Kept> {
        let connected = self.connect_once().await;
        match connected {
            Err(error) if is_out_of_connections(&error) => {
                self.pool.close_idle().await;
                self.connect_once().await
            }
            connected => connected,
        }
    }

    async fn connect_once(&self) -> sqlx::Result<Kept> {
        let connecting = async {
            let (options, server_since) = self.pool.server().await;
            let mut connection = PgConnection::connect_with(&options).await?;
            if !self.pool.is_pooled() {
                prelude::prepare_to_store(&mut connection).await?;
            }
            Ok(Kept {
                connection,
                used_at: Instant::now(),
                server_since,
            })
        };
        within(CONNECT_LIMIT, connecting).await
    }
}

/// Returns whether the connection is in order: the statements succeeded, or an available server refused them.
fn is_reusable_after<T>(done: &sqlx::Result<T>) -> bool {
    match done {
        Ok(_) => true,
        Err(error @ sqlx::Error::Database(_)) => !is_unavailable(error),
        Err(_) => false,
    }
}

/// A guard that rechecks the server unless a use ends well, even if that use is dropped.
struct RecheckOnDrop {
    pool: Pool,
    is_needed: bool,
}

impl RecheckOnDrop {
    fn of(pool: Pool) -> Self {
        let is_needed = true;
        Self { pool, is_needed }
    }
}

impl Drop for RecheckOnDrop {
    fn drop(&mut self) {
        if self.is_needed {
            self.pool.recheck_server();
        }
    }
}

async fn in_transaction<T>(
    connection: &mut PgConnection,
    statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    let mut transaction = connection.begin_with(BEGIN_POOLED_TO_STORE).await?;
    let done = statements(&mut transaction).await?;
    transaction.commit().await?;
    Ok(done)
}
