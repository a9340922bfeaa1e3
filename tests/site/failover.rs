//! Two servers, of which one takes writes at a time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::support::gate::Way;
use crate::support::pair::{Pair, connect};
use crate::support::process::{Answer, Process, mails_in, run, until};
use crate::support::{encode, good_with, stored_key};

/// A site in a process of its own, with mail into a folder.
struct Site {
    process: Process,
    home: PathBuf,
}

impl Site {
    fn at(url: &str) -> Self {
        let home = std::env::temp_dir().join(format!("npoc-failover-{}", Uuid::new_v4()));
        let process = Process::start(&[
            ("DATABASE_URL", url),
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("NPOC_MAIL", "folder"),
            ("NPOC_RATE_LIMIT", "0"),
        ]);
        Self { process, home }
    }

    fn is_ready(&self) -> bool {
        self.process.get("/health/ready").unwrap().status == 200
    }

    fn send(&self, key: Uuid) -> Answer {
        send(self.process.address, key).unwrap()
    }

    /// Sends until it is stored, with one key.
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

/// Each to a mailbox of its own, since one gets few mails a day.
fn mailbox(key: Uuid) -> String {
    format!("{key}@afyabora.or.ke")
}

fn send(site: SocketAddr, key: Uuid) -> Option<Answer> {
    let mailbox = mailbox(key);
    let key = key.to_string();
    let typed = good_with(&[
        ("step", "send"),
        ("submission_key", &key),
        ("representative_email", &mailbox),
    ]);
    Process::post(site, &encode(&typed))
}

fn secret(receipt: &str) -> Uuid {
    receipt.rsplit('/').next().unwrap().parse().unwrap()
}

/// Applicants who send one application after another, each until it has its receipt.
struct Applicants {
    /// The secret of each receipt, and when it came.
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

    /// When the first receipt after a moment came.
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

/// The figure is for people: how fast a machine is decides no test.
#[expect(
    clippy::print_stdout,
    reason = "a test that is run with --nocapture says how long it took"
)]
fn report(time: Duration) {
    println!("stored again {:.1} s after the promotion", time.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_costs_no_acknowledged_application_and_no_restart() {
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
    until(|| i64::try_from(mails_in(&site.home)).unwrap() >= all);
    assert!(site.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_leaves_a_server_that_only_reads_also_behind_one_address() {
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
    assert!(refused < 5, "a connection to the standby is kept: {refused} of 20");
    let all = pair.number(&pair.primary, "SELECT count(*) FROM outbox").await;
    until(|| site.is_ready() && i64::try_from(mails_in(&site.home)).unwrap() == all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_standby_serves_pages_and_stores_after_the_promotion() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.to_standby.url("npoc"));
    assert_eq!(site.process.get("/join").unwrap().status, 200);
    assert!(!site.is_ready());
    assert_eq!(site.send(Uuid::now_v7()).status, 503);
    pair.promote().await;
    site.apply();
    until(|| site.is_ready());
}

/// A commit that waits for a standby becomes visible when its wait is broken off.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_found_by_its_key_waits_for_the_standby() {
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
        assert_eq!(site.send(key).status, 503, "the standby does not have it");
        assert!(!site.is_ready());
        let ended = format!("SELECT {broken_off}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        pair.run(&pair.primary, &ended).await;
        let stored = stored_key(&[("representative_email", &mailbox(key))], key);
        let seen = format!("SELECT count(*) = 1 FROM applications WHERE submission_key = '{stored}'");
        pair.until(&pair.primary, &seen).await;
        let again = site.send(key).status;
        assert_eq!(again, 503, "{broken_off}: it is here and not on the standby");
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
        assert!(doctor.contains(words), "{words} in {doctor}");
    }
    // A commit that nobody waits for any more does not keep its connection until the standby is back.
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

/// A machine that froze accepts connections and is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_primary_is_left_for_the_one_that_was_promoted() {
    let pair = Pair::start().await;
    let site = Site::at(&pair.url());
    site.apply();
    pair.until(&pair.standby, "SELECT count(*) = 1 FROM applications").await;
    pair.to_primary
        .lead(Way::Swallowing(pair.primary.socket_dir().to_owned()));
    pair.to_primary.led().await;
    pair.to_primary.lead(Way::Silent);
    assert_eq!(site.send(Uuid::now_v7()).status, 503, "no server takes writes");
    pair.promote().await;
    site.apply();
    // It thaws, and still says that it takes writes.
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
        "nothing goes to the old one"
    );
    until(|| {
        site.process
            .log()
            .contains("more than one server says that it takes writes")
    });
    // Alone, it is not used either: what it stores is lost when it follows the new primary.
    pair.to_standby.lead(Way::Closed);
    assert_eq!(site.send(Uuid::now_v7()).status, 503);
    assert!(!site.is_ready());
    until(|| site.process.log().contains("another has replaced"));
    pair.to_standby.lead(Way::To(pair.standby.socket_dir().to_owned()));
    site.apply();
    let after = pair.number(&pair.primary, "SELECT count(*) FROM applications").await;
    assert_eq!(after, before, "nothing goes to the old one");
}
