//! During a database outage, pages are served and the form keeps the answers. Storing resumes without a restart.

use std::path::PathBuf;
use std::time::Instant;

use npoc::database::Database;
use npoc::database::DatabaseChoice;
use npoc::database::embedded::{Durability, Embedded};
use uuid::Uuid;

use crate::support::gate::{Gate, Way};
use crate::support::process::{Answer, Process, TIMEOUT, emails_in, until};
use crate::support::{Reply, database, good_with, send_body, stored_key};

/// A site in its own process, with a gate before its database.
struct Outage {
    site: Process,
    gate: Gate,
    server: PathBuf,
    database: String,
    home: PathBuf,
}

impl Outage {
    async fn beginning(way: fn(PathBuf) -> Way) -> Self {
        let options = database::empty_options().await;
        let server = options.get_socket().unwrap().clone();
        let gate = Gate::at(way(server.clone())).await;
        let home = std::env::temp_dir().join(format!("npoc-outage-{}", Uuid::new_v4()));
        let database = options.get_database().unwrap().to_owned();
        let url = gate.url(&database);
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("NPOC_MAIL", "folder"),
            ("NPOC_RATE_LIMIT", "0"),
        ];
        let site = Process::start(&settings);
        Self {
            site,
            gate,
            server,
            database,
            home,
        }
    }

    fn send(&self, key: Uuid) -> Answer {
        Process::post(self.site.address, &send_body(key)).unwrap()
    }

    /// Sends until the application is stored.
    fn send_until_stored(&self, key: Uuid) -> Answer {
        Process::post_until_stored(self.site.address, &send_body(key))
    }

    /// Changes the way of all connections.
    async fn lead(&self, way: Way) {
        self.gate.lead(way);
        self.gate.led().await;
    }

    /// Checks that pages are served, and that the form returns the answers and the key.
    fn assert_outage(&self, key: Uuid) {
        for path in ["/", "/join", "/membership", "/health/live"] {
            assert_eq!(self.site.get(path).unwrap().status, 200, "{path}");
        }
        assert_eq!(self.site.get("/health/ready").unwrap().status, 503);
        let answer = self.send(key);
        assert_eq!(answer.status, 503);
        let page = Reply::of(answer);
        assert!(
            page.text_of(".summary")
                .contains("Your application may not have been stored")
        );
        assert_eq!(page.submission_key(), stored_key(&[], key));
        page.assert_keeps(&good_with(&[]));
    }

    /// Checks that the site stores an application once and sends its emails.
    fn assert_recovers(&self, key: Uuid) {
        let stored = self.send_until_stored(key);
        let again = self.send_until_stored(key);
        assert_eq!(again.location, stored.location, "it is stored once");
        until(|| self.site.is_ready());
        until(|| emails_in(&self.home) == 2);
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.home));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn site_starts_before_its_database() {
    let outage = Outage::beginning(|_| Way::Closed).await;
    let key = Uuid::now_v7();
    outage.assert_outage(key);
    outage.lead(Way::To(outage.server.clone())).await;
    outage.assert_recovers(key);
}

#[tokio::test(flavor = "multi_thread")]
async fn database_outage_loses_no_answer_and_needs_no_restart() {
    let outage = Outage::beginning(Way::To).await;
    outage.send_until_stored(Uuid::now_v7());
    for way in [Way::Closed, Way::Silent] {
        outage.lead(way).await;
        outage.assert_outage(Uuid::now_v7());
    }
    outage.lead(Way::To(outage.server.clone())).await;
    outage.send_until_stored(Uuid::now_v7());
}

#[tokio::test]
async fn pool_replaces_dead_connections() {
    let options = database::empty_options().await;
    let server = options.get_socket().unwrap().clone();
    let gate = Gate::at(Way::To(server.clone())).await;
    let address = Box::new(gate.url(options.get_database().unwrap()).parse().unwrap());
    let database = Database::at(&DatabaseChoice::Url(address), 18).await.unwrap();
    let mut sessions = Vec::new();
    while let Ok(session) = database.pool.session().await {
        sessions.push(session);
    }
    gate.lead(Way::Swallowing(server));
    drop(sessions);
    let deadline = Instant::now() + TIMEOUT;
    while database.pool.session().await.is_err() {
        assert!(Instant::now() < deadline, "the pool opens no new connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn site_replaces_dead_connections() {
    let outage = Outage::beginning(Way::To).await;
    outage.send_until_stored(Uuid::now_v7());
    until(|| outage.site.is_ready());
    outage.lead(Way::Swallowing(outage.server.clone())).await;
    outage.send_until_stored(Uuid::now_v7());
    until(|| outage.site.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn site_continues_with_a_replacement_server() {
    let outage = Outage::beginning(Way::To).await;
    let key = Uuid::now_v7();
    let first = outage.send_until_stored(key);
    let home = std::env::temp_dir().join(format!("npoc-standby-{}", Uuid::new_v4()));
    let standby = Embedded::start(&home, Durability::Disposable).unwrap();
    database::copy(&outage.database, &outage.server, standby.socket_dir());
    outage.lead(Way::To(standby.socket_dir().to_owned())).await;
    outage.assert_recovers(key);
    assert_eq!(
        outage.send_until_stored(key).location,
        first.location,
        "the receipt stays the same"
    );
}
