//! Several sites on one database, and one database after another.

use std::time::Duration;

use npoc::database::embedded::{Durability, Embedded};
use npoc::database::options;
use npoc::outbox;
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::process::{PATIENCE, Process, mails_in, until};
use crate::support::relay::{Part, Relay};
use crate::support::{Mail, TestSite, database, encode, good_with};

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_start_at_once_on_a_new_database_share_the_work_and_send_each_mail_once() {
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
        let key = Uuid::now_v7().to_string();
        let body = encode(&good_with(&[("step", "send"), ("submission_key", &key)]));
        let receipts = [0, 1].map(|other| {
            let site = &sites[(number + other) % 2];
            Process::post_until_stored(site.address, &body).location
        });
        assert_eq!(receipts[0], receipts[1], "one receipt, whichever instance is asked");
    }
    let pool = PgPool::connect_with(empty).await.unwrap();
    let all_sent = async {
        while !outbox::list_unsent(&pool).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_sent).await.unwrap();
    let mut ids: Vec<String> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()).header("Message-ID").unwrap())
        .collect();
    ids.sort();
    assert_eq!(ids.len(), 40);
    ids.dedup();
    assert_eq!(ids.len(), 40, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restored_into_an_empty_server_goes_on_with_what_was_owed() {
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
        "receipts stay where they were"
    );
    // Both mails that were owed go out.
    until(|| mails_in(&data) == 2);
    drop(restored);
    drop(server);
    drop(std::fs::remove_dir_all(&home));
}
