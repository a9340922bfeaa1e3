//! All faults together: eight threads send applications while the site is killed, PostgreSQL is stopped, and the relay
//! fails at random.
//!
//! `STORM=long` runs the full test. A client without a receipt sends again, as a person would.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use npoc::database::embedded::{Durability, Embedded};
use npoc::database::options;
use rand::seq::SliceRandom as _;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::delivery;
use crate::support::process::Process;
use crate::support::relay::{At, Part, Relay, Taken};
use crate::support::{Mail, database, send_body, stored_key};

/// The size of the test.
#[derive(Clone, Copy, Debug)]
struct Measure {
    applications: usize,
    kills: usize,
    crashes: usize,
}

impl Measure {
    fn of_environment() -> Self {
        let is_long = std::env::var("STORM").is_ok_and(|measure| measure == "long");
        let (applications, kills, crashes) = if is_long { (10_000, 50, 10) } else { (300, 6, 2) };
        Self {
            applications,
            kills,
            crashes,
        }
    }
}

/// A fault of the site or its database.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Crash,
}

/// Faults of the relay, in half of its sessions. None is final, and none takes minutes.
const FAULTS: [Part; 10] = [
    Part::Cuts(At::Greeting),
    Part::Says(At::Greeting, "421 4.3.2 too busy"),
    Part::Says(At::Mail, "451 4.3.0 later"),
    Part::Says(At::Rcpt, "450 4.7.1 greylisted"),
    Part::Cuts(At::Rcpt),
    Part::Says(At::Data, "451 4.3.0 later"),
    Part::CutsWithin,
    Part::Says(At::Message, "452 4.3.1 disk full"),
    Part::Cuts(At::Message),
    Part::Cuts(At::Quit),
];

/// The number of emails that one process sends concurrently. A blow may lose the record of each.
const AT_A_TIME: usize = 20;

/// The processes of the test.
struct Storm {
    measure: Measure,
    home: PathBuf,
    settings: Vec<(&'static str, String)>,
    site: Mutex<Option<Process>>,
    server: Mutex<Option<Embedded>>,
    address: Mutex<SocketAddr>,
    next: AtomicUsize,
    acknowledged: Mutex<BTreeSet<Uuid>>,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: bin/faults runs it"]
async fn storm_loses_nothing_and_stores_nothing_twice() {
    assert_nothing_is_lost(Relay::playing_at_random(&FAULTS).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: bin/faults runs it"]
async fn storm_with_a_relay_of_two_connections_loses_nothing() {
    assert_nothing_is_lost(Relay::playing(Part::Serves(2)).await).await;
}

async fn assert_nothing_is_lost(relay: Relay) {
    let began = Instant::now();
    let storm = Storm::brew(Measure::of_environment(), &relay);
    tokio::task::block_in_place(|| storm.rage());
    let raged = began.elapsed();

    relay.play(Part::Accepts);
    let pool = PgPool::connect_with(storm.options()).await.unwrap();
    storm.calm_down(&pool).await;
    let outcome = Outcome::of(&storm, &relay, &pool).await;
    let calm = began.elapsed();
    eprintln!("{:?} in {raged:.0?}, calm after {calm:.0?}: {outcome:?}", storm.measure);
    outcome.assert_nothing_is_lost(storm.measure);
    storm.clear();
}

/// The counts after the storm.
#[derive(Debug)]
struct Outcome {
    acknowledged_and_missing: usize,
    stored: usize,
    stored_twice: usize,
    emails_queued: usize,
    emails_missing: usize,
    emails_received_again: usize,
    /// Emails that the relay accepted without an acknowledgement.
    emails_unacknowledged: usize,
}

impl Outcome {
    async fn of(storm: &Storm, relay: &Relay, pool: &PgPool) -> Self {
        let keys = sqlx::query_scalar("SELECT submission_key FROM applications").fetch_all(pool);
        let keys: Vec<Uuid> = keys.await.unwrap();
        let stored: BTreeSet<Uuid> = keys.iter().copied().collect();
        let queued = sqlx::query_scalar("SELECT message_id FROM outbox").fetch_all(pool);
        let queued: Vec<String> = queued.await.unwrap();
        let taken = relay.taken();
        let received = times(&taken);
        Self {
            acknowledged_and_missing: storm.acknowledged.lock().unwrap().difference(&stored).count(),
            stored: stored.len(),
            stored_twice: keys.len() - stored.len(),
            emails_queued: queued.len(),
            emails_missing: queued.iter().filter(|id| !received.contains_key(*id)).count(),
            emails_received_again: received.values().map(|times| times - 1).sum(),
            emails_unacknowledged: taken.iter().filter(|taken| !taken.is_acknowledged).count(),
        }
    }

    fn assert_nothing_is_lost(&self, measure: Measure) {
        assert_eq!(self.acknowledged_and_missing, 0);
        assert_eq!((self.stored, self.stored_twice), (measure.applications, 0));
        assert_eq!((self.emails_queued, self.emails_missing), (2 * measure.applications, 0));
        let explained = self.emails_unacknowledged + AT_A_TIME * (measure.kills + measure.crashes);
        assert!(
            self.emails_received_again <= explained,
            "more duplicates than the {explained} that the faults explain"
        );
    }
}

impl Storm {
    fn brew(measure: Measure, relay: &Relay) -> Self {
        let home = std::env::temp_dir().join(format!("npoc-storm-{}", Uuid::new_v4()));
        let server = Embedded::start(&home.join("server"), Durability::Full).unwrap();
        let settings = vec![
            ("DATABASE_URL", database::url(&options(server.socket_dir()))),
            ("SMTP_URL", relay.url.clone()),
            ("NPOC_RATE_LIMIT", "0".to_owned()),
        ];
        let site = start(&settings);
        Self {
            measure,
            home,
            address: Mutex::new(site.address),
            settings,
            site: Mutex::new(Some(site)),
            server: Mutex::new(Some(server)),
            next: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
        }
    }

    fn options(&self) -> sqlx::postgres::PgConnectOptions {
        options(self.server.lock().unwrap().as_ref().unwrap().socket_dir())
    }

    /// Sends from eight threads, and strikes whenever enough applications are acknowledged.
    fn rage(&self) {
        let mut blows = vec![Blow::Kill; self.measure.kills];
        blows.extend(vec![Blow::Crash; self.measure.crashes]);
        blows.shuffle(&mut rand::rng());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| self.apply());
            }
            let count = blows.len();
            for (index, blow) in blows.into_iter().enumerate() {
                let due = (index + 1) * self.measure.applications / (count + 1);
                while self.acknowledged.lock().unwrap().len() < due {
                    std::thread::sleep(Duration::from_millis(1));
                }
                self.strike(blow);
            }
        });
    }

    fn apply(&self) {
        while self.next.fetch_add(1, Ordering::Relaxed) < self.measure.applications {
            let key = Uuid::now_v7();
            let body = send_body(key);
            let is_stored = || {
                let address = *self.address.lock().unwrap();
                Process::post(address, &body).is_some_and(|answer| answer.status == 303)
            };
            while !is_stored() {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.acknowledged.lock().unwrap().insert(stored_key(&[], key));
        }
    }

    fn strike(&self, blow: Blow) {
        match blow {
            Blow::Kill => {
                self.site.lock().unwrap().take().unwrap().kill();
                let site = start(&self.settings);
                *self.address.lock().unwrap() = site.address;
                *self.site.lock().unwrap() = Some(site);
            }
            Blow::Crash => {
                let mut server = self.server.lock().unwrap();
                let running = server.take().unwrap();
                stop_immediately(&self.home);
                running.await_end();
                drop(running);
                *server = Some(Embedded::start(&self.home.join("server"), Durability::Full).unwrap());
            }
        }
    }

    /// Makes all emails due and frees the leases of dead workers, until every email is sent.
    async fn calm_down(&self, pool: &PgPool) {
        let deadline = Instant::now() + Duration::from_mins(15);
        let mut unsent = usize::MAX;
        while unsent > 0 && Instant::now() < deadline {
            // A lease lasts three minutes. A living worker needs less than fifteen seconds.
            sqlx::query(
                "UPDATE outbox SET due_at = now(), leased_until = NULL WHERE sent_at IS NULL AND
                 (leased_until IS NULL OR leased_until < now() + interval '3 minutes' - interval '15 seconds')",
            )
            .execute(pool)
            .await
            .unwrap();
            sqlx::query("UPDATE relay_state SET retry_at = NULL")
                .execute(pool)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(250)).await;
            unsent = delivery::unsent(pool).await;
        }
        assert_eq!(unsent, 0, "unsent emails");
        let given_up = "SELECT count(*) FROM outbox WHERE given_up_at IS NOT NULL";
        let given_up: i64 = sqlx::query_scalar(given_up).fetch_one(pool).await.unwrap();
        assert_eq!(given_up, 0, "failed emails");
    }

    fn clear(self) {
        drop(self.site);
        drop(self.server);
        drop(std::fs::remove_dir_all(&self.home));
    }
}

fn start(settings: &[(&'static str, String)]) -> Process {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::start(&settings).ready()
}

/// Stops PostgreSQL immediately, without a checkpoint. The next start recovers from the WAL.
fn stop_immediately(home: &Path) {
    let file = std::fs::read_to_string(home.join("server/postgres/postmaster.pid")).unwrap();
    let process = file.lines().next().unwrap();
    assert!(
        Command::new("kill")
            .args(["-QUIT", process])
            .status()
            .unwrap()
            .success()
    );
}

/// Counts how often each email was received.
fn times(taken: &[Taken]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for taken in taken {
        let id = Mail::read(taken.message.as_bytes()).header("Message-ID").unwrap();
        *times.entry(id).or_default() += 1;
    }
    times
}
