//! Several sites on one database, and a site on a restored backup.

use npoc::database::embedded::{Durability, Embedded};
use npoc::database::options;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::delivery::all_sent;
use crate::support::process::{Process, emails_in, until};
use crate::support::relay::{Part, Relay};
use crate::support::{Mail, TestSite, database, send_body};

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_a_new_database_and_send_each_email_once() {
    let relay = Relay::playing(Part::Accepts).await;
    let empty = database::empty_options().await;
    let url = database::url(&empty);
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("SMTP_URL", relay.url.as_str()),
        ("NPOC_RATE_LIMIT", "0"),
    ];
    let sites: Vec<Process> = std::thread::scope(|scope| {
        let start = || Process::start(&settings).ready();
        let starting: Vec<_> = (0..2).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|site| site.join().unwrap()).collect()
    });
    for number in 0..20 {
        let body = send_body(Uuid::now_v7());
        let receipts = [0, 1].map(|other| {
            let site = &sites[(number + other) % 2];
            Process::post_until_stored(site.address, &body).location
        });
        assert_eq!(receipts[0], receipts[1], "both instances return the same receipt");
    }
    let pool = PgPool::connect_with(empty).await.unwrap();
    all_sent(&pool).await;
    let mut ids: Vec<String> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()).header("Message-ID").unwrap())
        .collect();
    ids.sort();
    assert_eq!(ids.len(), 40);
    ids.dedup();
    assert_eq!(ids.len(), 40, "each email once");
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_backup_sends_the_queued_emails() {
    let site = TestSite::new().await;
    let sent = site.send_until_stored(&[], Uuid::now_v7()).await;
    let receipt = site.get(sent.location()).await.text_of(".reference");

    let home = std::env::temp_dir().join(format!("npoc-restored-{}", Uuid::new_v4()));
    let server = Embedded::start(&home.join("server"), Durability::Disposable).unwrap();
    let original = site.pool.connect_options();
    let name = original.get_database().unwrap();
    database::copy(name, original.get_socket().unwrap(), server.socket_dir());

    let data = home.join("site");
    let restored = Process::start(&[
        (
            "DATABASE_URL",
            &database::url(&options(server.socket_dir()).database(name)),
        ),
        ("NPOC_DATA_DIR", data.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
    ]);
    assert!(
        restored.get(sent.location()).unwrap().body.contains(&receipt),
        "the receipt keeps its address"
    );
    until(|| emails_in(&data) == 2);
    drop(restored);
    drop(server);
    drop(std::fs::remove_dir_all(&home));
}
