//! Finds the server that takes writes, where `DATABASE_URL` names several.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Row as _};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::availability::{takes_writes, within};
use super::pool::Pool;

/// How long one server may take to connect, log in and answer. A frozen machine accepts connections and is silent.
pub(super) const ASK_LIMIT: Duration = Duration::from_secs(1);

/// How long the others may take once one server has said that it takes writes.
const GRACE: Duration = Duration::from_millis(250);

/// The rest between two rounds while no server takes writes, at first and at most.
const SHORTEST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What a server is for the site at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostRole {
    /// It takes writes.
    Primary,
    /// It answers and only reads.
    ReadOnly,
    /// It does not answer in time.
    Unreachable,
}

/// The server in use.
#[derive(Clone, Copy, Debug)]
struct Current {
    host: usize,
    since: Instant,
}

/// The servers, and the one of them that takes writes.
#[derive(Debug)]
pub(super) struct Primary {
    hosts: Vec<PgConnectOptions>,
    current: watch::Sender<Option<Current>>,
    /// The host that was used last, to tell a failover from a return.
    last: AtomicU64,
    failovers: AtomicU64,
    doubted: Notify,
}

/// A server that takes writes, and the connection by which it said so.
struct Candidate {
    host: usize,
    connection: PgConnection,
}

impl Primary {
    pub(super) fn among(hosts: Vec<PgConnectOptions>) -> Arc<Self> {
        Arc::new(Self {
            hosts,
            current: watch::Sender::new(None),
            last: AtomicU64::new(u64::MAX),
            failovers: AtomicU64::new(0),
            doubted: Notify::new(),
        })
    }

    /// Has the servers asked again, since a connection failed or does not take writes.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Waits until a server takes writes, and returns how to reach it and since when it is in use.
    pub(super) async fn found(&self) -> (PgConnectOptions, Instant) {
        let mut current = self.current.subscribe();
        let found = current.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| *found);
        // The sender lives as long as this.
        let found = found.unwrap_or(Current {
            host: 0,
            since: Instant::now(),
        });
        (self.hosts[found.host].clone(), found.since)
    }

    /// Returns since when the server in use has been in use.
    pub(super) fn since(&self) -> Option<Instant> {
        self.current.borrow().map(|current| current.since)
    }

    /// Returns how often another server came into use.
    pub(super) fn failovers(&self) -> u64 {
        self.failovers.load(Ordering::Relaxed)
    }

    /// Asks each server for its role.
    pub(super) async fn roles(&self) -> Vec<HostRole> {
        let asked = self.hosts.iter().map(|host| async move {
            match ask(host).await {
                Ok((_, true)) => HostRole::Primary,
                Ok((_, false)) => HostRole::ReadOnly,
                Err(_) => HostRole::Unreachable,
            }
        });
        futures_util::future::join_all(asked).await
    }

    /// Keeps the pool at the server that takes writes, until the pool is closed.
    pub(super) async fn follow(self: Arc<Self>, pool: Pool) {
        let mut rest = SHORTEST_REST;
        while !pool.connections().is_closed() {
            let is_found = self.round(&pool.connections()).await;
            if is_found {
                self.doubted.notified().await;
            } else {
                sleep(rest).await;
            }
            rest = if is_found {
                SHORTEST_REST
            } else {
                (rest * 2).min(LONGEST_REST)
            };
        }
    }

    /// Asks all servers once. Returns whether one takes writes.
    async fn round(&self, pool: &PgPool) -> bool {
        let began = Instant::now();
        let candidates = self.candidates().await;
        let chosen = self.choose(candidates).await;
        match chosen {
            Some(host) => self.lead(pool, host).await,
            None => self.lose(),
        }
        // Many requests may doubt at once.
        tokio::time::sleep_until(began + SHORTEST_REST / 5).await;
        chosen.is_some()
    }

    /// The servers that take writes: all that say so until soon after the first.
    async fn candidates(&self) -> Vec<Candidate> {
        let mut asked: FuturesUnordered<_> = self
            .hosts
            .iter()
            .enumerate()
            .map(async |(host, options)| (host, ask(options).await))
            .collect();
        let mut until = Instant::now() + 2 * ASK_LIMIT;
        let mut found = Vec::new();
        while let Ok(Some((host, answer))) = timeout_at(until, asked.next()).await {
            if let Ok((connection, true)) = answer {
                until = until.min(Instant::now() + GRACE);
                found.push(Candidate { host, connection });
            }
        }
        found
    }

    /// Two servers may say yes at once: a primary that was cut off does not know that another took over. The one with the higher timeline was promoted later.
    async fn choose(&self, mut candidates: Vec<Candidate>) -> Option<usize> {
        if candidates.len() < 2 {
            return candidates.pop().map(|only| only.host);
        }
        tracing::error!(
            servers = candidates.len(),
            "more than one server says that it takes writes; the site uses the one with the newest timeline"
        );
        let timelines = candidates.iter_mut().map(async |candidate| {
            let timeline = within(ASK_LIMIT, timeline(&mut candidate.connection)).await;
            (timeline.unwrap_or_default(), candidate.host)
        });
        let timelines = futures_util::future::join_all(timelines).await;
        let newest = timelines.iter().map(|(timeline, _)| *timeline).max()?;
        let newest: Vec<usize> = timelines
            .iter()
            .filter(|(timeline, _)| *timeline == newest)
            .map(|(_, host)| *host)
            .collect();
        let current = self.current.borrow().map(|current| current.host);
        current
            .filter(|host| newest.contains(host))
            .or_else(|| newest.iter().copied().min())
    }

    async fn lead(&self, pool: &PgPool, host: usize) {
        if self.current.borrow().is_some_and(|current| current.host == host) {
            return;
        }
        pool.set_connect_options(self.hosts[host].clone());
        let since = Instant::now();
        self.current.send_replace(Some(Current { host, since }));
        let last = self.last.swap(host as u64, Ordering::Relaxed);
        if last != u64::MAX && last != host as u64 {
            self.failovers.fetch_add(1, Ordering::Relaxed);
        }
        let name = self.hosts[host].get_host();
        tracing::info!(host = name, "the database is at this server now");
        close_idle(pool).await;
    }

    fn lose(&self) {
        if self.current.send_replace(None).is_some() {
            tracing::warn!("no server of DATABASE_URL takes writes; pages are served, and all servers are asked again");
        }
    }
}

/// Closes the connections that nobody uses: those in use are closed when they come back.
pub(super) async fn close_idle(pool: &PgPool) {
    for _ in 0..pool.num_idle() {
        let Some(connection) = pool.try_acquire() else { return };
        // What a frozen server does not answer is dropped.
        drop(tokio::time::timeout(GRACE, connection.close()).await);
    }
}

/// Connects to a server, and asks it whether it takes writes.
async fn ask(options: &PgConnectOptions) -> sqlx::Result<(PgConnection, bool)> {
    let asking = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let takes_writes = takes_writes(&mut connection).await?;
        Ok((connection, takes_writes))
    };
    within(ASK_LIMIT, asking).await
}

/// The timeline on which a primary writes. The control file would tell the old one until the next checkpoint.
pub(super) async fn timeline(connection: &mut PgConnection) -> sqlx::Result<i32> {
    let question = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    let answer = connection.fetch_one(sqlx::raw_sql(question)).await?;
    answer.try_get(0)
}
