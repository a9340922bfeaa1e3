//! Finds the server that takes writes, where `DATABASE_URL` names several.

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
use super::pool::Pool;

/// How long one server may take to connect, log in and answer. A frozen machine accepts connections and is silent.
pub(super) const ASK_LIMIT: Duration = Duration::from_secs(1);

/// How long the others may take once one server has said that it takes writes.
const GRACE: Duration = Duration::from_millis(250);

/// The rest between two rounds, and at most while no server takes writes.
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
    failovers: AtomicU64,
    doubted: Notify,
}

/// A server that takes writes.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    host: usize,
    history: Option<History>,
    /// Whether it said so now. The one in use stays where it is merely slow or has no connection to spare.
    is_sure: bool,
}

/// Which cluster a server belongs to, and how often that was promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct History {
    cluster: i64,
    timeline: i32,
}

/// What the search remembers between two rounds.
#[derive(Debug, Default)]
struct Memory {
    /// The host that was used last, to tell a failover from a return.
    last: Option<usize>,
    /// The newest history of a server that was used.
    newest: Option<History>,
    /// How many servers took writes and how many of them are not used, as the log said it last.
    said: (usize, usize),
}

impl Primary {
    pub(super) fn among(hosts: Vec<PgConnectOptions>) -> Arc<Self> {
        Arc::new(Self {
            hosts,
            current: watch::Sender::new(None),
            failovers: AtomicU64::new(0),
            doubted: Notify::new(),
        })
    }

    /// Has the servers asked again, since a connection failed or does not take writes.
    pub(super) fn recheck_server(&self) {
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

    /// Returns when a server is in use that was not at that moment.
    pub(super) async fn moved_since(&self, since: Option<Instant>) {
        let mut current = self.current.subscribe();
        let is_other = |current: &Option<Current>| current.is_some_and(|current| Some(current.since) != since);
        if current.wait_for(is_other).await.is_err() {
            // The sender lives as long as this.
            std::future::pending::<()>().await;
        }
    }

    /// Returns how often another server came into use.
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

    /// Keeps the pool at the server that takes writes, until the pool is closed.
    pub(super) async fn follow(self: Arc<Self>, pool: Pool) {
        let mut memory = Memory::default();
        let mut rest = SHORTEST_REST;
        while !pool.is_closed() {
            let began = Instant::now();
            if self.round(&pool, &mut memory).await {
                rest = SHORTEST_REST;
                self.doubted.notified().await;
                // Many requests may doubt at once.
                sleep_until(began + SHORTEST_REST).await;
            } else {
                sleep(rest).await;
                rest = (rest * 2).min(LONGEST_REST);
            }
        }
    }

    /// Asks all servers once. Returns whether one takes writes.
    async fn round(&self, pool: &Pool, memory: &mut Memory) -> bool {
        let candidates = self.candidates().await;
        let Some(chosen) = self.choose(candidates, memory) else {
            self.lose();
            return false;
        };
        memory.newest = chosen.history.or(memory.newest);
        let last = memory.last.replace(chosen.host);
        if last.is_some_and(|last| last != chosen.host) {
            self.failovers.fetch_add(1, Ordering::Relaxed);
        }
        self.lead(pool, chosen.host);
        true
    }

    /// The servers that take writes: all that say so until soon after the first.
    async fn candidates(&self) -> Vec<Candidate> {
        let current = self.current.borrow().map(|current| current.host);
        let asking = self.hosts.iter().enumerate();
        let mut asked: FuturesUnordered<_> = asking
            .map(async |(host, options)| candidate(host, options, current == Some(host)).await)
            .collect();
        // A silent one is known by its own limit.
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

    /// A primary that was cut off does not know that another was promoted, and still says that it takes writes. The one
    /// with the newest timeline was promoted last, and an older one is not used again, even if it is the only one there.
    fn choose(&self, mut candidates: Vec<Candidate>, memory: &mut Memory) -> Option<Candidate> {
        let all = candidates.iter().filter(|candidate| candidate.is_sure).count();
        candidates.retain(|candidate| !candidate.is_replaced(memory.newest));
        let used = candidates.iter().filter(|candidate| candidate.is_sure).count();
        let before = std::mem::replace(&mut memory.said, (all, all - used));
        say((all, all - used), before);
        let current = self.current.borrow().map(|current| current.host);
        let weight = |candidate: &Candidate| {
            let timeline = candidate.history.map_or(0, |history| history.timeline);
            let is_current = current == Some(candidate.host);
            (
                candidate.is_sure,
                timeline,
                is_current,
                std::cmp::Reverse(candidate.host),
            )
        };
        candidates.into_iter().max_by_key(weight)
    }

    fn lead(&self, pool: &Pool, host: usize) {
        if self.current.borrow().is_some_and(|current| current.host == host) {
            return;
        }
        pool.lead_to(self.hosts[host].clone());
        let since = Instant::now();
        self.current.send_replace(Some(Current { host, since }));
        let (name, port) = (self.hosts[host].get_host(), self.hosts[host].get_port());
        tracing::info!(host = name, port, "the database is at this server now");
    }

    fn lose(&self) {
        if self.current.send_replace(None).is_some() {
            tracing::warn!("no server of DATABASE_URL takes writes; pages are served, and all servers are asked again");
        }
    }
}

/// Says what is wrong when it changes: servers are asked often while there is doubt.
fn say((servers, unused): (usize, usize), before: (usize, usize)) {
    if unused > before.1 {
        tracing::error!(
            "a server takes writes that another has replaced, or that belongs to another cluster; the site does not use it"
        );
    }
    if servers > 1 && servers > before.0 {
        tracing::error!(
            servers,
            "more than one server says that it takes writes; the site uses the one with the newest timeline"
        );
    }
}

impl Candidate {
    fn is_replaced(&self, newest: Option<History>) -> bool {
        let (Some(own), Some(newest)) = (self.history, newest) else {
            return false;
        };
        own.cluster != newest.cluster || own.timeline < newest.timeline
    }
}

/// Asks one server. The one in use stays where it is silent or has no connection to spare, unless another takes writes.
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

/// Connects to a server, and asks it whether it takes writes.
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

/// The timeline on which a primary writes. The control file would tell the old one until the next checkpoint.
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
        let mut memory = Memory {
            newest,
            ..Memory::default()
        };
        primary
            .choose(candidates.to_vec(), &mut memory)
            .map(|chosen| chosen.host)
    }

    #[test]
    fn the_server_that_was_promoted_last_is_used_and_no_older_one_again() {
        assert_eq!(chosen(&[], None), None);
        assert_eq!(chosen(&[candidate(0, 1), candidate(1, 2)], None), Some(1));
        assert_eq!(chosen(&[candidate(0, 3), candidate(1, 3)], None), Some(0));
        let newest = candidate(1, 2).history;
        assert_eq!(chosen(&[candidate(0, 1)], newest), None, "it was replaced");
        assert_eq!(chosen(&[candidate(0, 2)], newest), Some(0));
        let slow = Candidate {
            host: 0,
            history: None,
            is_sure: false,
        };
        assert_eq!(chosen(&[slow], newest), Some(0), "silence is no proof");
        assert_eq!(chosen(&[slow, candidate(1, 2)], newest), Some(1));
        let other_cluster = Some(History {
            cluster: 8,
            timeline: 1,
        });
        assert_eq!(chosen(&[candidate(0, 9)], other_cluster), None, "other data");
    }
}
