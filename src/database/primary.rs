//! Finds the primary, the server that takes writes, if `DATABASE_URL` names several.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::availability::{is_out_of_connections, takes_writes, within};
use super::shared_pool::SharedPool;

/// How long one server may take to connect, log in and answer. A frozen machine accepts connections and stays silent.
pub(super) const ASK_LIMIT: Duration = Duration::from_secs(1);

/// How long the other servers may take once one has said that it takes writes.
const GRACE: Duration = Duration::from_millis(250);

/// The shortest pause between two rounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two rounds while there is no primary.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The current role of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostRole {
    /// It takes writes.
    Primary,
    /// It answers and is read-only.
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

/// All servers, and the one in use.
#[derive(Debug)]
pub(super) struct Primary {
    hosts: Vec<PgConnectOptions>,
    current: watch::Sender<Option<Current>>,
    failovers: AtomicU64,
    must_recheck: Notify,
}

/// A server that may be used.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    host: usize,
    history: Option<History>,
    /// Whether it has just said that it takes writes. The server in use stays a candidate if it is slow or has no
    /// connection to spare.
    is_sure: bool,
}

/// The cluster of a server, and its timeline: the number of promotions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct History {
    cluster: i64,
    timeline: i32,
}

/// What the search remembers between two rounds.
#[derive(Debug, Default)]
struct Memory {
    /// The last host in use, to tell a failover from a return.
    last: Option<usize>,
    /// The newest history of a server that was in use.
    newest: Option<History>,
    /// The counts that were logged last.
    logged: Writers,
}

/// How many servers say that they take writes.
#[derive(Clone, Copy, Debug, Default)]
struct Writers {
    all: usize,
    /// Those that another server has replaced, or that belong to another cluster.
    rejected: usize,
}

impl Primary {
    pub(super) fn among(hosts: Vec<PgConnectOptions>) -> Arc<Self> {
        Arc::new(Self {
            hosts,
            current: watch::Sender::new(None),
            failovers: AtomicU64::new(0),
            must_recheck: Notify::new(),
        })
    }

    /// Starts a new round, since a connection failed or turned out to be read-only.
    pub(super) fn recheck(&self) {
        self.must_recheck.notify_one();
    }

    /// Waits for the primary. Returns its options, and since when it is in use.
    pub(super) async fn found(&self) -> (PgConnectOptions, Instant) {
        let mut current = self.current.subscribe();
        let found = current.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| *found);
        // The sender lives as long as `self`.
        let found = found.unwrap_or(Current {
            host: 0,
            since: Instant::now(),
        });
        (self.hosts[found.host].clone(), found.since)
    }

    /// Returns since when the current server is in use.
    pub(super) fn since(&self) -> Option<Instant> {
        self.current.borrow().map(|current| current.since)
    }

    /// Returns when another server than at that moment is in use.
    pub(super) async fn moved_since(&self, since: Option<Instant>) {
        let mut current = self.current.subscribe();
        let is_other = |current: &Option<Current>| current.is_some_and(|current| Some(current.since) != since);
        if current.wait_for(is_other).await.is_err() {
            // The sender lives as long as `self`.
            std::future::pending::<()>().await;
        }
    }

    /// Returns the number of failovers to another server.
    pub(super) fn failovers(&self) -> u64 {
        self.failovers.load(Ordering::Relaxed)
    }

    /// Asks each server for its role.
    pub(super) async fn roles(&self) -> Vec<HostRole> {
        let asked = self.hosts.iter().map(async |host| match ask(host).await {
            Ok((_, true)) => HostRole::Primary,
            Ok((_, false)) => HostRole::ReadOnly,
            Err(_) => HostRole::Unreachable,
        });
        join_all(asked).await
    }

    /// Keeps the pool connected to the primary until the pool is closed.
    pub(super) async fn follow(self: Arc<Self>, pool: SharedPool) {
        let mut memory = Memory::default();
        let mut pause = SHORTEST_PAUSE;
        while !pool.is_closed() {
            let began = Instant::now();
            if self.round(&pool, &mut memory).await {
                pause = SHORTEST_PAUSE;
                self.must_recheck.notified().await;
                // Many requests may ask for a recheck at once.
                sleep_until(began + SHORTEST_PAUSE).await;
            } else {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Asks all servers once. Returns whether there is a primary.
    async fn round(&self, pool: &SharedPool, memory: &mut Memory) -> bool {
        let candidates = self.candidates().await;
        let Some(chosen) = self.choose(candidates, memory) else {
            self.stop_using();
            return false;
        };
        memory.newest = chosen.history.or(memory.newest);
        let last = memory.last.replace(chosen.host);
        if last.is_some_and(|last| last != chosen.host) {
            self.failovers.fetch_add(1, Ordering::Relaxed);
        }
        self.start_using(chosen.host, pool);
        true
    }

    /// Returns the servers that take writes, among those that answer soon after the first of them.
    async fn candidates(&self) -> Vec<Candidate> {
        let current = self.current.borrow().map(|current| current.host);
        let asking = self.hosts.iter().enumerate();
        let mut asked: FuturesUnordered<_> = asking
            .map(async |(host, options)| candidate(host, options, current == Some(host)).await)
            .collect();
        // A silent server becomes known by its own limit.
        let mut until = Instant::now() + ASK_LIMIT + GRACE;
        let mut found = Vec::new();
        while let Ok(Some(answer)) = timeout_at(until, asked.next()).await {
            let Some(candidate) = answer else { continue };
            if candidate.is_sure {
                until = until.min(Instant::now() + GRACE);
            }
            found.push(candidate);
        }
        found
    }

    /// Chooses the newest timeline, since its server was promoted last. An isolated old primary still says that it takes
    /// writes. It is not used again, even if it is alone.
    fn choose(&self, mut candidates: Vec<Candidate>, memory: &mut Memory) -> Option<Candidate> {
        let count = |candidates: &[Candidate]| candidates.iter().filter(|candidate| candidate.is_sure).count();
        let all = count(&candidates);
        let current = self.current.borrow().map(|current| current.host);
        candidates.retain(|candidate| !candidate.is_replaced(memory.newest, current));
        let rejected = all - count(&candidates);
        let writers = Writers { all, rejected };
        writers.log_changes(std::mem::replace(&mut memory.logged, writers));
        candidates.into_iter().max_by_key(|candidate| candidate.rank(current))
    }

    fn start_using(&self, host: usize, pool: &SharedPool) {
        if self.current.borrow().is_some_and(|current| current.host == host) {
            return;
        }
        pool.connect_to(self.hosts[host].clone());
        let since = Instant::now();
        self.current.send_replace(Some(Current { host, since }));
        let (name, port) = (self.hosts[host].get_host(), self.hosts[host].get_port());
        tracing::info!(host = name, port, "database primary found");
    }

    fn stop_using(&self) {
        if self.current.send_replace(None).is_some() {
            tracing::warn!("database has no primary; serving pages while all servers are asked again");
        }
    }
}

impl Writers {
    /// Logs an error when a count rises. Servers are asked often while there is a suspicion.
    fn log_changes(self, before: Self) {
        if self.rejected > before.rejected {
            tracing::error!(
                "database server rejected: it takes writes, but was replaced or belongs to another cluster"
            );
        }
        if self.all > 1 && self.all > before.all {
            tracing::error!(
                servers = self.all,
                "more than one server says that it takes writes; using the one with the newest timeline"
            );
        }
    }
}

impl Candidate {
    /// Returns whether another server has replaced this one, or may have: only the one in use may be silent about its history.
    fn is_replaced(&self, newest: Option<History>, current: Option<usize>) -> bool {
        match (self.history, newest) {
            (_, None) => false,
            (None, Some(_)) => current != Some(self.host),
            (Some(own), Some(newest)) => own.cluster != newest.cluster || own.timeline < newest.timeline,
        }
    }

    /// Returns a key that is greatest for the candidate to use.
    fn rank(&self, current: Option<usize>) -> (bool, i32, bool, Reverse<usize>) {
        let timeline = self.history.map_or(0, |history| history.timeline);
        let is_current = current == Some(self.host);
        (self.is_sure, timeline, is_current, Reverse(self.host))
    }
}

/// Asks one server. The one in use stays a candidate if it is silent or has no connection to spare.
async fn candidate(host: usize, options: &PgConnectOptions, is_current: bool) -> Option<Candidate> {
    match ask(options).await {
        Ok((mut connection, true)) => Some(Candidate {
            host,
            history: within(ASK_LIMIT, history(&mut connection)).await.ok(),
            is_sure: true,
        }),
        Err(error) if is_current && (is_out_of_connections(&error) || is_silent(&error)) => Some(Candidate {
            host,
            history: None,
            is_sure: false,
        }),
        _ => None,
    }
}

fn is_silent(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// Connects to a server, and asks whether it takes writes.
async fn ask(options: &PgConnectOptions) -> sqlx::Result<(PgConnection, bool)> {
    let asking = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let takes_writes = takes_writes(&mut connection).await?;
        Ok((connection, takes_writes))
    };
    within(ASK_LIMIT, asking).await
}

async fn history(connection: &mut PgConnection) -> sqlx::Result<History> {
    let timeline = timeline(connection).await?;
    let question = sqlx::raw_sql("SELECT system_identifier FROM pg_control_system()");
    let cluster = connection.fetch_one(question).await?.try_get(0)?;
    Ok(History { cluster, timeline })
}

/// Returns the timeline on which a primary writes. The control file names the old one until the next checkpoint.
pub(super) async fn timeline(connection: &mut PgConnection) -> sqlx::Result<i32> {
    let question = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    connection.fetch_one(sqlx::raw_sql(question)).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(host: usize, timeline: i32) -> Candidate {
        Candidate {
            host,
            history: Some(History { cluster: 7, timeline }),
            is_sure: true,
        }
    }

    fn chosen(candidates: &[Candidate], newest: Option<History>) -> Option<usize> {
        let primary = Primary::among(Vec::new());
        let (host, since) = (0, Instant::now());
        primary.current.send_replace(Some(Current { host, since }));
        let mut memory = Memory {
            newest,
            ..Memory::default()
        };
        primary
            .choose(candidates.to_vec(), &mut memory)
            .map(|chosen| chosen.host)
    }

    #[test]
    fn the_newest_timeline_is_used_and_no_older_one_again() {
        assert_eq!(chosen(&[], None), None);
        assert_eq!(chosen(&[candidate(0, 1), candidate(1, 2)], None), Some(1));
        assert_eq!(chosen(&[candidate(0, 3), candidate(1, 3)], None), Some(0));
        let newest = candidate(1, 2).history;
        assert_eq!(chosen(&[candidate(0, 1)], newest), None, "an older timeline");
        assert_eq!(chosen(&[candidate(0, 2)], newest), Some(0));
        let slow = Candidate {
            host: 0,
            history: None,
            is_sure: false,
        };
        assert_eq!(chosen(&[slow], newest), Some(0), "silence is no proof");
        let thawed = Candidate {
            history: None,
            ..candidate(1, 1)
        };
        assert_eq!(chosen(&[thawed], newest), None, "another server without a history");
        assert_eq!(chosen(&[thawed], None), Some(1));
        assert_eq!(chosen(&[slow, candidate(1, 2)], newest), Some(1));
        let other_cluster = Some(History {
            cluster: 8,
            timeline: 1,
        });
        assert_eq!(chosen(&[candidate(0, 9)], other_cluster), None, "another cluster");
    }
}
