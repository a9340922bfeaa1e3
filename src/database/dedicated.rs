//! A connection that stores: nothing else can use it up, and no pool tests it between two uses.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::availability::{is_out_of_connections, is_unavailable, takes_writes, within};
use super::pool::Pool;
use super::prelude::{self, BEGIN_POOLED_TO_STORE};

/// For how long a connection that was not used is believed to be there.
const FRESH: Duration = Duration::from_secs(10);

/// How long connecting and logging in may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A commit that took longer may have waited for a standby until somebody broke the wait off, which PostgreSQL reports as
/// success.
const LONG_COMMIT: Duration = Duration::from_millis(500);

/// How often a long commit is confirmed before nobody knows whether it is on the standby.
const CONFIRMATIONS: u32 = 4;

/// One connection, opened when it is needed.
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

/// Whether a connection that stores is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is.
    Yes,
    /// The server has none to spare, though the pool has given its idle ones back.
    OutOfConnections,
    /// The server cannot be reached, or does not let us in.
    Failed,
}

impl DedicatedConnection {
    /// Makes a connection beside those of a pool, to the same server. Where the server leaves few connections, only that of
    /// rank 0 is opened.
    #[must_use]
    pub fn beside(pool: &Pool, rank: u32) -> Self {
        Self {
            pool: pool.clone(),
            rank,
            kept: None,
        }
    }

    /// Opens it before it is needed, so that nothing else takes the server's last connection.
    pub async fn open(&mut self) -> Opened {
        if self.kept.is_some() {
            return Opened::Yes;
        }
        self.pool.may_store(self.rank).await;
        match self.connect().await {
            Ok(kept) => {
                self.kept = Some(kept);
                Opened::Yes
            }
            Err(error) if is_out_of_connections(&error) => Opened::OutOfConnections,
            Err(_) => Opened::Failed,
        }
    }

    /// Runs statements that belong together, and commits them. What is dropped on the way takes its connection with
    /// it, since nobody knows what is still to come through it. So does what fails, unless the server said so and stays available.
    ///
    /// # Errors
    /// The database's error: nothing is stored, or nobody knows.
    pub async fn run<T>(
        &mut self,
        statements: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let mut doubt = Doubt::of(self.pool.clone());
        let mut kept = self.take().await?;
        let began = Instant::now();
        // A commit that waits for a standby which was promoted meanwhile waits in vain.
        let mut done = tokio::select! {
            done = self.run_on(&mut kept.connection, statements) => done,
            () = self.pool.moved_since(kept.server_since) => Err(sqlx::Error::Io(ErrorKind::ConnectionAborted.into())),
        };
        if done.is_ok() && began.elapsed() > LONG_COMMIT {
            done = self.confirm(&mut kept.connection).await.and(done);
        }
        let is_sound = match &done {
            Ok(_) => true,
            Err(error @ sqlx::Error::Database(_)) => !is_unavailable(error),
            Err(_) => false,
        };
        if is_sound {
            kept.used_at = Instant::now();
            self.kept = Some(kept);
            doubt.is_over = true;
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

    /// Waits for the standby until a commit takes no long time, since that wait can be broken off as well.
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

/// Has the servers asked again where a use does not end well, also if it is dropped.
struct Doubt {
    pool: Pool,
    is_over: bool,
}

impl Doubt {
    fn of(pool: Pool) -> Self {
        let is_over = false;
        Self { pool, is_over }
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.is_over {
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
