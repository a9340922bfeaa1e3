//! Database connections, either straight to PostgreSQL or through a connection pooler.
//!
//! A pooler such as `PgBouncer` in transaction mode may run a prepared statement on a connection that does not know it.
//! Behind a pooler, each use is therefore one transaction. Straight to PostgreSQL, that would only cost round trips.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::watch;
use tokio::time::Instant;

use super::address::DatabaseAddress;
use super::availability::{answers, takes_writes};
use super::prelude::{self, BEGIN_POOLED};
use super::primary::{HostRole, Primary};
use super::shared_pool::SharedPool;

/// How many dedicated connections store applications: one statement is prepared while another is committed. With more,
/// each statement would hold fewer applications.
pub const DEDICATED_CONNECTIONS: u32 = 2;

/// How long a request waits for a connection before it reports the database as unavailable.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// How often the servers are asked again while a statement runs. A replaced primary lets commits wait without an error.
const RECHECK_INTERVAL: Duration = Duration::from_millis(500);

/// How long closing an idle connection may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(250);

/// How long a suspicion that the server is read-only lasts.
const SUSPICION_LIFETIME: Duration = Duration::from_mins(1);

/// The connections of this process.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: SharedPool,
    is_pooled: bool,
    /// Set if the address names several servers.
    primary: Option<Arc<Primary>>,
    suspicion: Suspicion,
    /// How many dedicated connections may be open. It is one until the server's connection limit is known.
    dedicated: Arc<watch::Sender<u32>>,
}

/// A connection for statements that belong together.
#[derive(Debug)]
pub enum Session {
    /// Straight to PostgreSQL. Each statement commits by itself.
    Connection(PoolConnection<Postgres>),
    /// All statements commit together.
    Transaction(Transaction<'static, Postgres>),
}

impl Pool {
    /// Makes a pool of these connections. Set `is_pooled` if they lead to a connection pooler.
    #[must_use]
    pub fn new(connections: PgPool, is_pooled: bool) -> Self {
        Self {
            connections: SharedPool::new(connections),
            is_pooled,
            primary: None,
            suspicion: Suspicion::default(),
            dedicated: Arc::new(watch::Sender::new(DEDICATED_CONNECTIONS)),
        }
    }

    /// Makes a pool of at most `most` connections to the server that takes writes. Connects lazily if the address names
    /// one server, and looks for the primary at once if it names several.
    pub(super) fn at(address: &DatabaseAddress, most: u32) -> Self {
        let primary = (address.hosts.len() > 1).then(|| Primary::among(address.hosts.clone()));
        let suspicion = Suspicion::default();
        let check = Check {
            primary: primary.clone(),
            suspicion: suspicion.clone(),
        };
        let options = options(most, address.is_pooled, &check);
        let pool = Self {
            primary,
            suspicion,
            dedicated: Arc::new(watch::Sender::new(1)),
            ..Self::new(options.connect_lazy_with(address.hosts[0].clone()), address.is_pooled)
        };
        if let Some(primary) = pool.primary.clone() {
            tokio::spawn(primary.follow(pool.connections.clone()));
        }
        pool
    }

    /// Takes a connection for a single statement, or for several that only read. Changes are certain after
    /// [`Session::end`].
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn session(&self) -> sqlx::Result<Session> {
        self.take(self.is_pooled).await
    }

    /// Takes a connection for statements that commit together.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn transaction(&self) -> sqlx::Result<Session> {
        self.take(true).await
    }

    async fn take(&self, is_transaction: bool) -> sqlx::Result<Session> {
        let taking = async {
            self.server().await;
            match self.open(is_transaction).await {
                // The pool was replaced meanwhile.
                Err(sqlx::Error::PoolClosed) if !self.connections.is_closed() => self.open(is_transaction).await,
                opened => opened,
            }
        };
        let taken = tokio::time::timeout(ACQUIRE_LIMIT, taking).await;
        let taken = taken.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        if taken.is_err() {
            self.recheck_server();
        }
        taken
    }

    async fn open(&self, is_transaction: bool) -> sqlx::Result<Session> {
        let connections = self.connections.current();
        if !is_transaction {
            connections.acquire().await.map(Session::Connection)
        } else if self.is_pooled {
            connections.begin_with(BEGIN_POOLED).await.map(Session::Transaction)
        } else {
            connections.begin().await.map(Session::Transaction)
        }
    }

    /// Limits the pool to `most` connections from now on, and to at least one.
    pub(super) fn shrink_to(&self, most: u32) {
        self.connections.shrink_to(most);
    }

    /// Closes all idle connections, so that the server has some to spare.
    pub(super) async fn close_idle(&self) {
        let connections = self.connections.current();
        for _ in 0..connections.num_idle() {
            let Some(connection) = connections.try_acquire() else {
                return;
            };
            // A frozen server does not answer; its connection is dropped after the limit.
            drop(tokio::time::timeout(CLOSE_LIMIT, connection.close()).await);
        }
    }

    /// Allows this many dedicated connections.
    pub(super) fn allow_dedicated(&self, connections: u32) {
        self.dedicated.send_replace(connections);
    }

    /// Waits until the dedicated connection of this rank, counted from 0, is allowed.
    pub(super) async fn wait_for_rank(&self, rank: u32) {
        let mut dedicated = self.dedicated.subscribe();
        // The sender lives as long as `self`.
        let _ = dedicated.wait_for(|connections| *connections > rank).await;
    }

    /// Waits for the server that takes writes. Returns its options, and since when it is in use if there are several.
    pub(super) async fn server(&self) -> (PgConnectOptions, Option<Instant>) {
        match &self.primary {
            None => ((*self.connections.current().connect_options()).clone(), None),
            Some(primary) => {
                let (options, since) = primary.found().await;
                (options, Some(since))
            }
        }
    }

    /// Returns since when the current server is in use, if there are several.
    pub(super) fn server_since(&self) -> Option<Instant> {
        self.primary.as_ref().and_then(|primary| primary.since())
    }

    /// Returns when another server than at that moment is in use. Asks the servers again while it waits. Never returns if
    /// there is only one.
    pub(super) async fn moved_since(&self, since: Option<Instant>) {
        let Some(primary) = &self.primary else {
            return std::future::pending().await;
        };
        while tokio::time::timeout(RECHECK_INTERVAL, primary.moved_since(since))
            .await
            .is_err()
        {
            primary.recheck();
        }
    }

    /// Checks for one minute whether each connection takes writes, and looks for the primary again if there are several
    /// servers.
    pub fn recheck_server(&self) {
        self.suspicion.raise();
        if let Some(primary) = &self.primary {
            primary.recheck();
        }
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// Ends abandoned commits that still wait for a standby. Uses its own session, since a failure ends a transaction.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn end_abandoned(&self) -> sqlx::Result<()> {
        let mut session = self.session().await?;
        prelude::end_abandoned(&mut session).await;
        Ok(())
    }

    /// Asks each server for its role. Returns an empty list if there is only one server.
    pub async fn host_roles(&self) -> Vec<HostRole> {
        match &self.primary {
            Some(primary) => primary.roles().await,
            None => Vec::new(),
        }
    }

    /// Returns the number of failovers to another server.
    #[must_use]
    pub fn failovers(&self) -> u64 {
        self.primary.as_ref().map_or(0, |primary| primary.failovers())
    }

    /// Closes every connection except the dedicated ones.
    pub async fn close(&self) {
        let connections = self.connections.current();
        let closing = connections.close();
        // The pool counts as closed from here, so the search for a primary ends.
        self.recheck_server();
        closing.await;
    }
}

/// The last time that a server seemed to be read-only.
#[derive(Clone, Debug, Default)]
struct Suspicion(Arc<Mutex<Option<Instant>>>);

impl Suspicion {
    fn raise(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn holds(&self) -> bool {
        let raised_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised_at.is_some_and(|at| at.elapsed() < SUSPICION_LIFETIME)
    }
}

/// The test of a connection before and after each use.
#[derive(Clone)]
struct Check {
    primary: Option<Arc<Primary>>,
    suspicion: Suspicion,
}

impl Check {
    /// Sends a ping. Asks whether the server takes writes only if there is a reason, since that costs a transaction.
    async fn passes(self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        if self.primary.is_none() && !self.suspicion.holds() {
            return answers(connection).await.map(|()| true);
        }
        let answer = takes_writes(connection).await;
        if let Some(primary) = self.primary.filter(|_| !matches!(answer, Ok(true))) {
            primary.recheck();
        }
        answer
    }
}

/// Replaces sqlx's own test before each use, which has no time limit.
fn options(most: u32, is_pooled: bool, check: &Check) -> PgPoolOptions {
    let (before, after) = (check.clone(), check.clone());
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE_LIMIT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if is_pooled {
                    Ok(())
                } else {
                    prelude::prepare(connection).await
                }
            })
        })
        .before_acquire(move |connection, _| Box::pin(before.clone().passes(connection)))
        .after_release(move |connection, _| Box::pin(after.clone().passes(connection)))
}

impl Session {
    /// Commits the transaction, if there is one.
    ///
    /// # Errors
    /// Returns an error if the commit fails. The changes may have been stored nevertheless.
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
