//! The site recovers after `kill -9`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use npoc::database::embedded;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::process::{Process, emails_in};
use crate::support::{send_body, stored_key};

/// The number of applications, and the number of receipts after which the site is killed.
const POSTS: usize = 200;
const KILLED_AFTER: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn application_with_a_receipt_survives_kill_9() {
    let home = std::env::temp_dir().join(format!("npoc-kill-{}", std::process::id()));
    let settings = [("NPOC_DATA_DIR", home.to_str().unwrap()), ("NPOC_RATE_LIMIT", "0")];
    let acknowledged = post_until_killed(Process::start(&settings).ready());
    assert!(
        (KILLED_AFTER..POSTS).contains(&acknowledged.len()),
        "killed at the wrong time: {}",
        acknowledged.len()
    );

    let site = Process::start(&settings);
    let pool = PgPool::connect_with(npoc::database::options(&embedded::running(&home).unwrap()))
        .await
        .unwrap();
    let stored = assert_all_or_none(&pool, &acknowledged).await;
    // The lease of the killed worker lasts three minutes. The test skips them.
    sqlx::query("UPDATE outbox SET due_at = now() WHERE sent_at IS NULL")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        emails_within_a_minute(&home, 2 * stored).await,
        2 * stored,
        "each email is saved once"
    );
    pool.close().await;
    drop(site);
    std::fs::remove_dir_all(&home).ok();
}

/// Posts from eight threads, and kills the site after enough receipts. Returns the acknowledged keys.
fn post_until_killed(site: Process) -> BTreeSet<String> {
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    let address = site.address;
    let site = Mutex::new(Some(site));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < POSTS {
                    let Some(key) = post_one(address) else { continue };
                    let mut acknowledged = acknowledged.lock().unwrap();
                    acknowledged.insert(key);
                    if acknowledged.len() == KILLED_AFTER {
                        site.lock().unwrap().take().unwrap().kill();
                    }
                }
            });
        }
    });
    acknowledged.into_inner().unwrap()
}

/// Posts an application. Returns its submission key if it got a receipt.
fn post_one(address: SocketAddr) -> Option<String> {
    let key = Uuid::now_v7();
    let body = send_body(key);
    (Process::post(address, &body)?.status == 303).then(|| stored_key(&[], key).to_string())
}

/// Checks that each stored application has its history and both emails. Returns the number of applications.
async fn assert_all_or_none(pool: &PgPool, acknowledged: &BTreeSet<String>) -> usize {
    let keys: Vec<Uuid> = sqlx::query_scalar("SELECT submission_key FROM applications")
        .fetch_all(pool)
        .await
        .unwrap();
    let stored: BTreeSet<String> = keys.iter().map(Uuid::to_string).collect();
    assert_eq!(acknowledged.difference(&stored).count(), 0, "acknowledged and missing");
    assert_eq!(stored.len(), keys.len(), "stored twice");
    let whole: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM applications a
         WHERE (SELECT count(*) FROM outbox o WHERE o.reference = a.reference) = 2
           AND (SELECT count(*) FROM application_history h WHERE h.reference = a.reference) = 1",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(usize::try_from(whole).unwrap(), keys.len());
    keys.len()
}

/// Waits at most a minute for `enough` emails. Returns the number of emails.
async fn emails_within_a_minute(home: &Path, enough: usize) -> usize {
    let deadline = Instant::now() + Duration::from_mins(1);
    while emails_in(home) < enough && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    emails_in(home)
}
