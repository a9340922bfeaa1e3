//! Everything at once: applications come from eight sides while the site is killed, PostgreSQL is
//! stopped in the middle of what it does, and the mail server fails at random.
//!
//! `STORM=long` is the full measure. A client that gets no receipt sends again, as a person would.

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

use crate::support::process::Process;
use crate::support::relay::{At, Part, Relay, Taken};
use crate::support::{Mail, database, encode, good_with, stored_key};

/// How much.
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

/// What befalls the site.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Crash,
}

/// What the mail server does, half of the time: nothing that is final, and nothing that takes minutes.
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

/// Mails that one process sends at the same time, any of which a blow may cut from its record.
const AT_A_TIME: usize = 20;

/// Everything that a blow can fall on.
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
#[ignore = "takes its time: bin/faults runs it"]
async fn in_a_storm_no_acknowledged_application_and_no_mail_is_lost_and_nothing_is_stored_twice() {
    assert_nothing_is_lost(Relay::playing_at_random(&FAULTS).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes its time: bin/faults runs it"]
async fn in_a_storm_with_a_relay_that_bears_two_connections_nothing_is_lost_or_given_up() {
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
    let keys: Vec<Uuid> = sqlx::query_scalar("SELECT submission_key FROM applications")
        .fetch_all(&pool)
        .await
        .unwrap();
    let stored: BTreeSet<Uuid> = keys.iter().copied().collect();
    let owed: Vec<String> = sqlx::query_scalar("SELECT message_id FROM outbox")
        .fetch_all(&pool)
        .await
        .unwrap();
    let received = times(&relay.taken());
    let missing = owed.iter().filter(|id| !received.contains_key(*id)).count();
    let again: usize = received.values().map(|times| times - 1).sum();
    let unacknowledged = relay.taken().iter().filter(|taken| !taken.is_acknowledged).count();
    let acknowledged = storm.acknowledged.lock().unwrap().clone();
    eprintln!(
        "{:?} in {raged:.0?}, calm after {:.0?}: acknowledged and missing {}, stored twice {}, mails owed {}, missing {missing}, \
         received again {again} (taken without saying so {unacknowledged})",
        storm.measure,
        began.elapsed(),
        acknowledged.difference(&stored).count(),
        keys.len() - stored.len(),
        owed.len(),
    );
    assert_eq!(acknowledged.difference(&stored).count(), 0, "acknowledged and missing");
    assert_eq!(
        (keys.len(), stored.len()),
        (storm.measure.applications, storm.measure.applications),
        "stored once"
    );
    assert_eq!(
        (owed.len(), missing),
        (2 * storm.measure.applications, 0),
        "mails missing"
    );
    let blows = storm.measure.kills + storm.measure.crashes;
    assert!(
        again <= unacknowledged + AT_A_TIME * blows,
        "not more than the faults explain: {again}"
    );
    storm.clear();
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

    /// Applies from eight sides, and strikes whenever enough have been acknowledged.
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
            let text = key.to_string();
            let body = encode(&good_with(&[("step", "send"), ("submission_key", &text)]));
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

    /// The clock is the database's, and here it goes fast: what waits is due, what a dead worker held
    /// is free.
    async fn calm_down(&self, pool: &PgPool) {
        let deadline = Instant::now() + Duration::from_mins(15);
        let mut unsent = usize::MAX;
        while unsent > 0 && Instant::now() < deadline {
            // A lease is three minutes; a living worker is done in less than fifteen seconds.
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
            unsent = npoc::outbox::unsent(pool).await.unwrap().len();
        }
        assert_eq!(unsent, 0, "mails unsent");
        let given_up: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE given_up_at IS NOT NULL")
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(given_up, 0, "no mail is given up");
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

/// PostgreSQL's immediate stop: no checkpoint, no goodbye; the next start recovers from the log.
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

/// How often each mail was received.
fn times(taken: &[Taken]) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for taken in taken {
        let id = Mail::read(taken.message.as_bytes()).header("Message-ID").unwrap();
        *times.entry(id).or_default() += 1;
    }
    times
}
