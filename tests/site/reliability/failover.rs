//! The site follows the primary of two servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use npoc::database::standbys;
use sqlx::Executor as _;
use uuid::Uuid;

use crate::support::gate::Way;
use crate::support::name_server::free_port;
use crate::support::pair::{Pair, connect};
use crate::support::process::{self, Answer, Process, emails_in, run, until};
use crate::support::{send_body_with, stored_key};

/// A site in its own process, with its emails in a folder.
struct Site {
    process: Process,
    home: PathBuf,
}

impl Site {
    fn at(url: &str) -> Self {
        Self::with(url, &[])
    }

    fn with(url: &str, further: &[(&str, &str)]) -> Self {
        let home = std::env::temp_dir().join(format!("npoc-failover-{}", Uuid::new_v4()));
        let settings = [
            ("DATABASE_URL", url),
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("NPOC_MAIL", "folder"),
            ("NPOC_RATE_LIMIT", "0"),
        ];
        let process = Process::start(&[&settings, further].concat());
        Self { process, home }
    }

    fn is_ready(&self) -> bool {
        self.process.get("/health/ready").unwrap().status == 200
    }

    fn send(&self, key: Uuid) -> Answer {
        send(self.process.address, key).unwrap()
    }

    /// Sends until the application is stored, always with the same key.
    fn apply(&self) -> Answer {
        let key = Uuid::now_v7();
        let mut answer = self.send(key);
        until(|| {
            answer = self.send(key);
            answer.status == 303
        });
        answer
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.home));
    }
}

/// Returns a mailbox for a key, because each mailbox gets few emails a day.
fn mailbox(key: Uuid) -> String {
    format!("{key}@afyabora.or.ke")
}

fn send(site: SocketAddr, key: Uuid) -> Option<Answer> {
    Process::post(site, &send_body_with(&[("representative_email", &mailbox(key))], key))
}

fn secret(receipt: &str) -> Uuid {
    receipt.rsplit('/').next().unwrap().parse().unwrap()
}

/// Threads that send applications one after another, each until it has its receipt.
struct Applicants {
    /// The secret of each receipt, and its time.
    receipts: Arc<Mutex<Vec<(Uuid, Instant)>>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Applicants {
    fn of(site: &Site, how_many: usize) -> Self {
        let receipts = Arc::<Mutex<Vec<_>>>::default();
        let is_over = Arc::<AtomicBool>::default();
        let threads = (0..how_many).map(|_| {
            let (address, receipts, is_over) = (site.process.address, Arc::clone(&receipts), Arc::clone(&is_over));
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let key = Uuid::now_v7();
                    let stored = std::iter::repeat_with(|| send(address, key))
                        .flatten()
                        .find(|answer| answer.status == 303);
                    receipts
                        .lock()
                        .unwrap()
                        .push((secret(&stored.unwrap().location), Instant::now()));
                }
            })
        });
        Self {
            threads: threads.collect(),
            receipts,
            is_over,
        }
    }

    fn count(&self) -> usize {
        self.receipts.lock().unwrap().len()
    }

    /// Returns the time of the first receipt after a moment.
    fn first_after(&self, moment: Instant) -> Option<Instant> {
        let receipts = self.receipts.lock().unwrap();
        receipts.iter().map(|(_, at)| *at).filter(|at| *at > moment).min()
    }

    fn finish(self) -> Vec<Uuid> {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        let receipts = self.receipts.lock().unwrap();
        receipts.iter().map(|(secret, _)| *secret).collect()
    }
}

/// Prints the time for people. It decides no test.
#[expect(clippy::print_stdout, reason = "with --nocapture, the test prints how long it took")]
fn report(time: Duration) {
    println!("stored again {:.1} s after the promotion", time.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn promotion_loses_no_acknowledged_application() {
    let pair = Pair::start().await;
    pair.make_synchronous().await;
    let site = Site::at(&pair.url());
    until(|| site.is_ready());
    let applicants = Applicants::of(&site, 4);
    until(|| applicants.count() >= 20);
    pair.make_primary_read_only().await;
    pair.promote().await;
    let promoted = Instant::now();
    until(|| applicants.first_after(promoted).is_some());
    let stored_again = applicants.first_after(promoted).unwrap() - promoted;
    report(stored_again);
    let before = applicants.count();
    until(|| applicants.count() >= before + 20);
    let secrets = applicants.finish();
    let mut connection = connect(&pair.standby).await;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM applications WHERE receipt_secret = ANY($1)")
        .bind(&secrets)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        stored,
        i64::try_from(secrets.len()).unwrap(),
        "no acknowledged application is lost"
    );
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    until(|| i64::try_from(emails_in(&site.home)).unwrap() >= all);
    assert!(site.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn site_leaves_a_read_only_server_behind_one_address() {
    let pair = Pair::start().await;
    let socket = |server: &npoc::database::embedded::Embedded| server.socket_dir().to_owned();
    let site = Site::at(&pair.to_primary.url("npoc"));
    assert_eq!(site.apply().status, 303);
    pair.until(&pair.standby, "SELECT count(*) = 1 FROM applications").await;
    pair.to_primary.lead(Way::NewTo(socket(&pair.standby)));
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'npoc' AND pid <> pg_backend_pid()";
    pair.run(&pair.primary, ended).await;
    until(|| !site.is_ready());
    assert_eq!(site.send(Uuid::now_v7()).status, 503, "a standby stores nothing");
    pair.to_primary.lead(Way::NewTo(socket(&pair.primary)));
    site.apply();
    let refused = (0..20).filter(|_| site.send(Uuid::now_v7()).status != 303).count();
    assert!(refused < 5, "connections to the standby remain: {refused} of 20");
    let all = pair.number(&pair.primary, "SELECT count(*) FROM outbox").await;
    until(|| site.is_ready() && i64::try_from(emails_in(&site.home)).unwrap() == all);
}

#[tokio::test(flavor = "multi_thread")]
async fn site_started_on_a_standby_stores_after_promotion() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.to_standby.url("npoc"));
    assert_eq!(site.process.get("/join").unwrap().status, 200);
    assert!(!site.is_ready());
    assert_eq!(site.send(Uuid::now_v7()).status, 503);
    pair.promote().await;
    site.apply();
    until(|| site.is_ready());
}

/// A commit that waits for a standby becomes visible when the wait is canceled.
#[tokio::test(flavor = "multi_thread")]
async fn receipt_found_by_its_key_waits_for_the_standby() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.to_primary.url("npoc"));
    site.apply();
    pair.make_synchronous().await;
    site.apply();
    pair.stream.lead(Way::Closed);
    pair.until(&pair.primary, "SELECT count(*) = 0 FROM pg_stat_replication")
        .await;
    for broken_off in ["pg_terminate_backend", "pg_cancel_backend"] {
        let key = Uuid::now_v7();
        assert_eq!(site.send(key).status, 503, "the standby lacks it");
        assert!(!site.is_ready());
        let ended = format!("SELECT {broken_off}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        pair.run(&pair.primary, &ended).await;
        let stored = stored_key(&[("representative_email", &mailbox(key))], key);
        let seen = format!("SELECT count(*) = 1 FROM applications WHERE submission_key = '{stored}'");
        pair.until(&pair.primary, &seen).await;
        let again = site.send(key).status;
        assert_eq!(again, 503, "{broken_off}: the standby lacks it");
    }
    let doctor = run(
        &["doctor", "--json"],
        &[("DATABASE_URL", &pair.url()), ("NPOC_MAIL", "folder")],
    );
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    for words in [
        "accepts writes, on timeline 1",
        "is a standby",
        "a commit waits for a standby (*) and none is connected",
    ] {
        assert!(doctor.contains(words), "{words} is missing in {doctor}");
    }
    // The site ends commits whose client has left, although the standby is still away.
    let is_ended = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
        AND state_change < clock_timestamp() - interval '20 seconds'";
    for _ in 0..4 {
        assert!(!site.is_ready());
    }
    assert_eq!(pair.number(&pair.primary, is_ended).await, 0);
    pair.stream.lead(Way::To(pair.primary.socket_dir().to_owned()));
    site.apply();
    until(|| site.is_ready());
}

/// Two batches wait for the standby, and the other applications wait for these.
#[tokio::test(flavor = "multi_thread")]
async fn applications_behind_a_waiting_commit_are_given_back_as_early() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.to_primary.url("npoc"));
    site.apply();
    pair.make_synchronous().await;
    pair.stream.lead(Way::Closed);
    let address = site.process.address;
    let given_back = move || {
        let answer = send(address, Uuid::now_v7()).unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("@afyabora.or.ke"), "the answers come back");
        Instant::now()
    };
    let sent = Instant::now();
    let senders: Vec<_> = (0..8).map(|_| std::thread::spawn(given_back)).collect();
    let answered: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    let apart = *answered.iter().max().unwrap() - *answered.iter().min().unwrap();
    assert!(
        apart < Duration::from_secs(3),
        "the last answer came {apart:?} after the first"
    );
    // Five seconds are promised. A busy machine may take longer, but not as long as two batches after one another.
    let last = *answered.iter().max().unwrap() - sent;
    assert!(
        last < Duration::from_millis(7500),
        "the last answer came after {last:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_standbys_for_a_user_who_may_see_them() {
    let pair = Pair::start().await;
    let monitor = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let _site = Site::with(&pair.url(), &[("NPOC_METRICS_LISTEN", &monitor.to_string())]);
    let counts = |replication: &str, standbys: u8| {
        let figure = format!("npoc_database_standbys{{replication=\"{replication}\"}} {standbys}\n");
        until(|| process::get(monitor, "/metrics").is_some_and(|metrics| metrics.body.contains(&figure)));
    };
    counts("asynchronous", 1);
    counts("synchronous", 0);
    pair.make_synchronous().await;
    counts("synchronous", 1);
    counts("asynchronous", 0);
    let mut connection = connect(&pair.primary).await;
    assert!(standbys(&mut connection).await.unwrap().is_some());
    for statement in ["CREATE ROLE plain", "SET ROLE plain"] {
        connection.execute(statement).await.unwrap();
    }
    assert_eq!(standbys(&mut connection).await.unwrap(), None);
}

/// A frozen machine accepts connections and is silent.
#[tokio::test(flavor = "multi_thread")]
async fn site_leaves_a_frozen_primary_for_the_promoted_one() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.url());
    site.apply();
    pair.until(&pair.standby, "SELECT count(*) = 1 FROM applications").await;
    pair.to_primary
        .lead(Way::Swallowing(pair.primary.socket_dir().to_owned()));
    pair.to_primary.led().await;
    pair.to_primary.lead(Way::Silent);
    assert_eq!(site.send(Uuid::now_v7()).status, 503, "no server accepts writes");
    pair.promote().await;
    site.apply();
    // The old primary is back, and still accepts writes.
    pair.to_primary.lead(Way::To(pair.primary.socket_dir().to_owned()));
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'npoc' AND pid <> pg_backend_pid()";
    pair.run(&pair.standby, ended).await;
    let before = pair.number(&pair.primary, "SELECT count(*) FROM applications").await;
    for _ in 0..10 {
        site.apply();
    }
    assert_eq!(
        pair.number(&pair.primary, "SELECT count(*) FROM applications").await,
        before,
        "the old primary gets no application"
    );
    until(|| {
        site.process
            .log()
            .contains("more than one server says that it takes writes")
    });
    // The site does not use it alone either: it loses its data when it follows the new primary.
    pair.to_standby.lead(Way::Closed);
    assert_eq!(site.send(Uuid::now_v7()).status, 503);
    assert!(!site.is_ready());
    until(|| site.process.log().contains("database server rejected"));
    pair.to_standby.lead(Way::To(pair.standby.socket_dir().to_owned()));
    site.apply();
    let after = pair.number(&pair.primary, "SELECT count(*) FROM applications").await;
    assert_eq!(after, before, "the old primary gets no application");
}
