//! Concurrent applications are stored in batches, and one failure does not affect the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use npoc::web::Limits;
use uuid::Uuid;

use crate::support::process::TIMEOUT;
use crate::support::{Reply, TestSite, database, stored_key};

/// Sends organizations with these numbers concurrently. The site must store all within seconds, so they are few.
async fn send_all(site: &TestSite, numbers: std::ops::Range<usize>) -> Vec<(String, Reply)> {
    let send = async |number: usize| {
        let (name, domain) = (format!("Number {number}"), format!("number-{number}.example"));
        let given = [("organization_name", name.as_str()), ("domain_name", domain.as_str())];
        let choices = [("not_eligible", "commercial"), ("not_eligible", "government")];
        let reply = site.send(&[given, choices].concat(), Uuid::now_v7()).await;
        (name, reply)
    };
    join_all(numbers.map(send)).await
}

async fn counts(site: &TestSite) -> (i64, i64, i64) {
    (
        site.count("applications").await,
        site.count("outbox").await,
        site.count("application_history").await,
    )
}

#[tokio::test]
async fn concurrent_applications_share_transactions() {
    let site = TestSite::new().await;
    let sent = send_all(&site, 0..20).await;
    site.deliver_all().await;
    for (name, reply) in sent {
        let reference = site.get(reply.location()).await.text_of(".reference");
        let (staff, applicant) = site.emails(&reference);
        assert!(staff.text.contains(&name) && staff.subject.contains(&name), "{name}");
        assert!(staff.text.contains("government in ICANN"), "{name}: {}", staff.text);
        assert!(applicant.text.contains(&reference), "{name}");
    }
    let transactions: i64 = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert!(transactions < 20, "{transactions}");
    assert_eq!(counts(&site).await, (20, 40, 20));
}

#[tokio::test]
async fn failed_application_does_not_fail_its_batch() {
    let site = TestSite::new().await;
    site.sql("ALTER TABLE applications ADD CONSTRAINT by_a_test CHECK (organization_name <> 'Number 7')")
        .await;
    for (name, reply) in send_all(&site, 0..8).await {
        if name == "Number 7" {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(reply.kept("organization_name"), ["Number 7"]);
        } else {
            assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}");
        }
    }
    assert_eq!(counts(&site).await, (7, 14, 7));
}

#[tokio::test]
async fn resent_application_in_a_batch_gets_its_first_receipt() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let first = site.send_until_stored(&[], key).await;
    let (again, others) = tokio::join!(join_all((0..3).map(|_| site.send(&[], key))), send_all(&site, 0..8));
    for reply in again {
        assert_eq!(reply.location(), first.location());
    }
    for (name, reply) in others {
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}");
    }
    assert_eq!(counts(&site).await, (9, 18, 9));
}

#[tokio::test]
async fn locked_keys_delay_no_other_application() {
    let site = TestSite::new().await;
    // Small keys, so that a batch handles them before all others.
    let held = [1, 2, 3].map(Uuid::from_u128);
    let mut holding = site.pool.begin().await.unwrap();
    for key in held {
        let first = Uuid::now_v7();
        site.send_until_stored(&[], first).await;
        sqlx::query("UPDATE applications SET submission_key = $1 WHERE submission_key = $2")
            .bind(stored_key(&[], key))
            .bind(stored_key(&[], first))
            .execute(&mut *holding)
            .await
            .unwrap();
    }
    let waiting = join_all(held.map(|key| site.send(&[], key)));
    let (waiting, others) = tokio::join!(waiting, send_all(&site, 0..5));
    for (name, reply) in others {
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}");
    }
    for (reply, key) in waiting.iter().zip(held) {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(reply.submission_key(), stored_key(&[], key));
    }
    holding.rollback().await.unwrap();
    assert_eq!(site.send(&[], held[0]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn duplicate_in_one_batch_is_stored_once() {
    let site = TestSite::new().await;
    let lock = database::lock_applications(&site.pool).await;
    let key = Uuid::now_v7();
    let twice = join_all((0..2).map(|_| site.send(&[], key)));
    let unlocking = async {
        database::await_blocked(&site.pool).await;
        lock.commit().await.unwrap();
    };
    let (others, twice, ()) = tokio::join!(send_all(&site, 0..5), twice, unlocking);
    assert_eq!(twice[0].status, StatusCode::SEE_OTHER);
    assert_eq!(twice[0].location(), twice[1].location());
    assert_eq!(others.len(), 5);
    assert_eq!(counts(&site).await, (6, 12, 6));
}

#[tokio::test]
async fn failed_applications_free_their_permits() {
    let limits = Limits {
        storing: 2,
        ..Limits::default()
    };
    let site = TestSite::within(limits, &[]).await;
    site.sql("ALTER TABLE applications ADD CONSTRAINT by_a_test CHECK (organization_name NOT LIKE 'Number %')")
        .await;
    for number in 0..3 {
        let sent = send_all(&site, number..number + 1).await;
        assert_eq!(sent[0].1.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(site.send(&[], Uuid::now_v7()).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn lost_connections_lose_no_receipt() {
    let site = TestSite::new().await;
    let lock = database::lock_applications(&site.pool).await;
    let losing = async {
        database::await_blocked(&site.pool).await;
        site.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            .await;
        lock.commit().await.unwrap();
    };
    let (sent, ()) = tokio::join!(send_all(&site, 0..5), losing);
    for (name, reply) in sent {
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}");
    }
    assert_eq!(counts(&site).await, (5, 10, 5));
}

/// Sends applications and disconnects while they wait for a lock.
async fn send_and_go(site: &TestSite) {
    tokio::select! {
        _ = send_all(site, 0..5) => unreachable!("the table is locked"),
        () = database::await_blocked(&site.pool) => {}
    }
}

#[tokio::test]
async fn application_is_stored_after_the_client_disconnects() {
    let site = TestSite::new().await;
    let lock = database::lock_applications(&site.pool).await;
    send_and_go(&site).await;
    lock.commit().await.unwrap();
    let stored = async {
        while counts(&site).await != (5, 10, 5) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(TIMEOUT, stored).await.is_ok());
}

#[tokio::test]
async fn stop_waits_for_storing_after_the_client_left() {
    let site = TestSite::new().await;
    let lock = database::lock_applications(&site.pool).await;
    send_and_go(&site).await;
    let is_locked = AtomicBool::new(true);
    let unlocking = async {
        database::await_blocked(&site.pool).await;
        is_locked.store(false, Ordering::Relaxed);
        lock.commit().await.unwrap();
    };
    let stopping = async {
        site.stop().await;
        assert!(!is_locked.load(Ordering::Relaxed), "stopped before all was stored");
    };
    tokio::join!(stopping, unlocking);
    assert_eq!(counts(&site).await, (5, 10, 5));
}
