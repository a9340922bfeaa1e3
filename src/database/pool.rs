//! Connections, straight to PostgreSQL or through a pooler that gives one to each transaction.
//!
//! Behind such a pooler (PgBouncer in transaction mode) a statement that was prepared outside a
//! transaction may be executed on another connection, which does not know it. So there each use is
//! a transaction; straight to PostgreSQL that would only cost round trips.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::watch;
use tokio::time::Instant;

use super::DEDICATED_CONNECTIONS;
use super::address::DatabaseAddress;
use super::availability::{answers, takes_writes};
use super::prelude::{self, BEGIN_POOLED};
use super::primary::{HostRole, Primary};

/// How long a request waits for a connection before it says that the database is away.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// How long an idle connection may take to say goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_millis(250);

/// For how long a reason to think that a server only reads counts.
const SUSPICION_HOLDS: Duration = Duration::from_mins(1);

/// Connections of this process.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Replaced where another server takes writes, or where the server leaves fewer connections than were meant. What is in
    /// use is closed then when it comes back.
    connections: Arc<RwLock<PgPool>>,
    is_pooled: bool,
    /// With several servers.
    primary: Option<Arc<Primary>>,
    suspicion: Suspicion,
    /// How many connections may store: until it is known how many the server leaves, one.
    storing: Arc<watch::Sender<u32>>,
}

/// A connection for statements that belong together.
#[derive(Debug)]
pub enum Session {
    /// Straight to PostgreSQL: each statement commits by itself.
    Connection(PoolConnection<Postgres>),
    /// All commit together.
    Transaction(Transaction<'static, Postgres>),
}

impl Pool {
    /// Makes a pool of these connections; `is_pooled` where a pooler is between.
    #[must_use]
    pub fn new(connections: PgPool, is_pooled: bool) -> Self {
        Self {
            connections: Arc::new(RwLock::new(connections)),
            is_pooled,
            primary: None,
            suspicion: Suspicion::default(),
            storing: Arc::new(watch::Sender::new(DEDICATED_CONNECTIONS)),
        }
    }

    /// Makes a pool of at most `most` connections to the server at this address that takes writes. Nothing is connected
    /// yet, unless there are several servers.
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
            storing: Arc::new(watch::Sender::new(1)),
            ..Self::new(options.connect_lazy_with(address.hosts[0].clone()), address.is_pooled)
        };
        if let Some(primary) = pool.primary.clone() {
            tokio::spawn(primary.follow(pool.clone()));
        }
        pool
    }

    /// Takes a connection for one statement, or for some that read. What it changes is certain when [`Session::end`]
    /// has returned.
    ///
    /// # Errors
    /// The database's error.
    pub async fn session(&self) -> sqlx::Result<Session> {
        self.take(self.is_pooled).await
    }

    /// Takes a connection for statements that change together.
    ///
    /// # Errors
    /// The database's error.
    pub async fn transaction(&self) -> sqlx::Result<Session> {
        self.take(true).await
    }

    async fn take(&self, is_transaction: bool) -> sqlx::Result<Session> {
        let taking = async {
            self.server().await;
            match self.open(is_transaction).await {
                // The connections were replaced meanwhile.
                Err(sqlx::Error::PoolClosed) if !self.is_closed() => self.open(is_transaction).await,
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
        let connections = self.connections();
        if !is_transaction {
            connections.acquire().await.map(Session::Connection)
        } else if self.is_pooled {
            connections.begin_with(BEGIN_POOLED).await.map(Session::Transaction)
        } else {
            connections.begin().await.map(Session::Transaction)
        }
    }

    fn connections(&self) -> PgPool {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses no more than `most` connections from now on, at least one.
    pub(super) fn shrink_to(&self, most: u32) {
        if most < self.connections().options().get_max_connections() {
            self.replace(|old| {
                let options = old.options().clone().max_connections(most.max(1));
                options.connect_lazy_with((*old.connect_options()).clone())
            });
        }
    }

    /// Uses this server from now on.
    pub(super) fn lead_to(&self, server: PgConnectOptions) {
        self.replace(|old| old.options().clone().connect_lazy_with(server));
    }

    fn replace(&self, with: impl FnOnce(&PgPool) -> PgPool) {
        let mut connections = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        let new = with(&connections);
        let old = std::mem::replace(&mut *connections, new);
        tokio::spawn(async move { old.close().await });
    }

    /// Ends the connections that nobody uses, so that the server has some to spare.
    pub(super) async fn close_idle(&self) {
        let connections = self.connections();
        for _ in 0..connections.num_idle() {
            let Some(connection) = connections.try_acquire() else {
                return;
            };
            // What a frozen server does not answer is dropped.
            drop(tokio::time::timeout(GOODBYE_LIMIT, connection.close()).await);
        }
    }

    /// Lets this many connections store.
    pub(super) fn let_store(&self, connections: u32) {
        self.storing.send_replace(connections);
    }

    /// Waits until the connection of this rank, from 0, may store.
    pub(super) async fn may_store(&self, rank: u32) {
        let mut storing = self.storing.subscribe();
        // The sender lives as long as this.
        let _ = storing.wait_for(|connections| *connections > rank).await;
    }

    /// Waits for the server that takes writes, and returns how to reach it and since when it is in use, if there are several.
    pub(super) async fn server(&self) -> (PgConnectOptions, Option<Instant>) {
        match &self.primary {
            None => ((*self.connections().connect_options()).clone(), None),
            Some(primary) => {
                let (options, since) = primary.found().await;
                (options, Some(since))
            }
        }
    }

    /// Returns since when the server in use is in use, if there are several.
    pub(super) fn server_since(&self) -> Option<Instant> {
        self.primary.as_ref().and_then(|primary| primary.since())
    }

    /// Returns when another server is in use than at that moment; never where there is one server.
    pub(super) async fn moved_since(&self, since: Option<Instant>) {
        match &self.primary {
            Some(primary) => primary.moved_since(since).await,
            None => std::future::pending().await,
        }
    }

    /// Has each connection asked whether its server takes writes, for the next minute, and the servers asked again, where
    /// there are several.
    pub fn recheck_server(&self) {
        self.suspicion.raise();
        if let Some(primary) = &self.primary {
            primary.recheck_server();
        }
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    pub(super) fn is_closed(&self) -> bool {
        self.connections().is_closed()
    }

    /// Ends our commits that wait for a standby although nobody waits for them any more. In a session of its own, since a
    /// failure ends a transaction.
    ///
    /// # Errors
    /// The database's error.
    pub async fn end_abandoned(&self) -> sqlx::Result<()> {
        let mut session = self.session().await?;
        prelude::end_abandoned(&mut session).await;
        Ok(())
    }

    /// Asks each server for its role, where there are several.
    pub async fn host_roles(&self) -> Vec<HostRole> {
        match &self.primary {
            Some(primary) => primary.roles().await,
            None => Vec::new(),
        }
    }

    /// Returns how often another server came into use.
    #[must_use]
    pub fn failovers(&self) -> u64 {
        self.primary.as_ref().map_or(0, |primary| primary.failovers())
    }

    /// Ends every connection but those that store.
    pub async fn close(&self) {
        let connections = self.connections();
        let closing = connections.close();
        // It counts as closed from here, so the search for another server ends.
        self.recheck_server();
        closing.await;
    }
}

/// When somebody last had reason to think that a server only reads.
#[derive(Clone, Debug, Default)]
struct Suspicion(Arc<Mutex<Option<Instant>>>);

impl Suspicion {
    fn raise(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn holds(&self) -> bool {
        let raised_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised_at.is_some_and(|at| at.elapsed() < SUSPICION_HOLDS)
    }
}

/// How a connection is tested before and after each use.
#[derive(Clone)]
struct Check {
    primary: Option<Arc<Primary>>,
    suspicion: Suspicion,
}

impl Check {
    /// Where nothing speaks against it, that the server answers is enough: a question is a transaction.
    async fn passes(self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        if self.primary.is_none() && !self.suspicion.holds() {
            return answers(connection).await.map(|()| true);
        }
        let answer = takes_writes(connection).await;
        if let Some(primary) = self.primary.filter(|_| !matches!(answer, Ok(true))) {
            primary.recheck_server();
        }
        answer
    }
}

/// Without the pool's own test before a connection is used, which waits without end.
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
    /// Commits, where that is still to be done.
    ///
    /// # Errors
    /// The database's error: whether it was stored is not known.
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
