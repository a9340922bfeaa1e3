//! The database away, slow or elsewhere: pages are served, the form says so and keeps the answers,
//! and everything goes on when it returns, with no restart.

use std::path::PathBuf;
use std::time::Instant;

use npoc::database::Database;
use npoc::database::DatabaseChoice;
use npoc::database::embedded::{Durability, Embedded};
use uuid::Uuid;

use crate::support::gate::{Gate, Way};
use crate::support::process::{Answer, PATIENCE, Process, mails_in, until};
use crate::support::{Reply, database, good_with, send_body, stored_key};

/// A site in a process of its own, behind a gate to its database.
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

    /// No restart is needed: as soon as the database is there, it is stored.
    fn send_until_stored(&self, key: Uuid) -> Answer {
        Process::post_until_stored(self.site.address, &send_body(key))
    }

    /// The database is another one, or none, for all connections from now on.
    async fn lead(&self, way: Way) {
        self.gate.lead(way);
        self.gate.led().await;
    }

    /// Pages, and the answers given back with the key.
    fn assert_away(&self, key: Uuid) {
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

    /// As soon as the database is there; the time given is for a machine that is busy.
    fn assert_goes_on(&self, key: Uuid) {
        let stored = self.send_until_stored(key);
        let again = self.send_until_stored(key);
        assert_eq!(again.location, stored.location, "and it is stored once");
        until(|| self.site.is_ready());
        // And its mails go out.
        until(|| mails_in(&self.home) == 2);
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
    outage.assert_away(key);
    outage.lead(Way::To(outage.server.clone())).await;
    outage.assert_goes_on(key);
}

#[tokio::test(flavor = "multi_thread")]
async fn database_outage_loses_no_answer_and_needs_no_restart() {
    let outage = Outage::beginning(Way::To).await;
    outage.send_until_stored(Uuid::now_v7());
    for way in [Way::Closed, Way::Silent] {
        outage.lead(way).await;
        outage.assert_away(Uuid::now_v7());
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
    let deadline = Instant::now() + PATIENCE;
    while database.pool.session().await.is_err() {
        assert!(Instant::now() < deadline, "it has no others");
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
    outage.assert_goes_on(key);
    assert_eq!(
        outage.send_until_stored(key).location,
        first.location,
        "what was stored is there"
    );
}
