//! Proof of the domain name, and facts about it, against a name server and a web server on loopback.

mod attacks;
mod code;
mod fact_attacks;
mod facts;
mod looks;
mod proof;
mod registry;

use std::net::Ipv4Addr;

use hickory_resolver::proto::rr::RecordType;

use crate::support::desk::Browser;
use crate::support::name_server::{Answer, NameServer};
use crate::support::web_server::{SITE, WebServer};
use crate::support::{Reply, TestSite, encode};

/// The domain name of the good application.
const DOMAIN: &str = "afyabora.or.ke";

/// A site with a resolver and a web server of its own.
struct World {
    site: TestSite,
    names: NameServer,
    web: WebServer,
}

impl World {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let (names, web) = (NameServer::start().await, WebServer::start().await);
        let mut reach = web.reach();
        reach.dns_port = names.address.port();
        let resolver = names.address.to_string();
        let all = [settings, &[("NPOC_DNS", &resolver)]].concat();
        let site = TestSite::with_reach(reach, &all).await;
        Self { site, names, web }
    }

    /// Returns a second instance over the same database and servers.
    fn second(&self) -> TestSite {
        let mut reach = self.web.reach();
        reach.dns_port = self.names.address.port();
        let resolver = self.names.address.to_string();
        self.site.second_with_reach(reach, &[("NPOC_DNS", &resolver)])
    }

    /// Stores an application. Returns its reference and the page of its domain.
    async fn apply(&self, changes: &[(&str, &str)]) -> Application<'_> {
        let reference = self.site.apply(changes).await;
        let page = self.site.status_path(&reference).await + "/domain";
        Application {
            world: self,
            reference,
            page,
        }
    }

    /// Runs every due check.
    async fn check(&self) {
        while self.site.checks.as_ref().unwrap().check_next().await.unwrap() {}
    }

    /// Looks for new applications, runs every due check, and tells staff what matters.
    async fn survey(&self) {
        let checks = self.site.checks.as_ref().unwrap();
        checks.survey().await.unwrap();
        self.check().await;
        checks.survey().await.unwrap();
    }

    /// Gives the name and its `www.` the address of the web server.
    fn host(&self, name: &str) {
        for host in [name.to_owned(), format!("www.{name}")] {
            self.names.has(&host, RecordType::A, &[&SITE.to_string()]);
        }
    }

    /// Publishes TXT records, each of one string.
    fn publish(&self, name: &str, records: &[&str]) {
        let records: Vec<&[&str]> = records.iter().map(std::slice::from_ref).collect();
        self.names.answer(name, RecordType::TXT, Answer::texts(&records));
    }

    /// Serves the file with the token.
    fn serve(&self, host: &str, answer: crate::support::web_server::Answer) {
        self.web.answer(host, "/.well-known/npoc-challenge.txt", answer);
    }

    /// Returns a world with a second name server, at 127.0.0.2.
    async fn with_zone_server() -> (Self, NameServer) {
        let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];
        let [names, zone] = NameServer::start_at(addresses).await;
        let web = WebServer::start().await;
        let mut reach = web.reach();
        reach.dns_port = names.address.port();
        let resolver = names.address.to_string();
        let site = TestSite::with_reach(reach, &[("NPOC_DNS", &resolver)]).await;
        (Self { site, names, web }, zone)
    }

    /// Lets a day pass for websites that do not answer, and makes every waiting check due.
    async fn pass_a_day(&self) {
        sqlx::query(
            "UPDATE domain_facts SET website = jsonb_set(website, '{fact,failing_since}',
                to_jsonb((website #>> '{fact,failing_since}')::bigint - 86400))
            WHERE website #>> '{fact,failing_since}' IS NOT NULL",
        )
        .execute(&self.site.pool)
        .await
        .unwrap();
        self.pass_time().await;
    }

    /// Makes every waiting check due.
    async fn pass_time(&self) {
        sqlx::query("UPDATE domain_checks SET due_at = now() WHERE done_at IS NULL")
            .execute(&self.site.pool)
            .await
            .unwrap();
        sqlx::query("UPDATE domain_requests SET asked_at = asked_at - interval '2 minutes'")
            .execute(&self.site.pool)
            .await
            .unwrap();
    }

    async fn count(&self, table: &'static str) -> i64 {
        let question = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(question))
            .fetch_one(&self.site.pool)
            .await
            .unwrap()
    }
}

/// A stored application.
struct Application<'a> {
    world: &'a World,
    reference: String,
    page: String,
}

impl Application<'_> {
    async fn open(&self) -> Reply {
        self.world.site.get(&self.page).await
    }

    /// Returns the name of the record, its text and the content of the file, as the page shows them.
    async fn tokens(&self) -> [String; 3] {
        let shown = self.open().await.all("dd bdo");
        let [name, text, _, file] = shown.try_into().unwrap();
        [name, text, file]
    }

    async fn post(&self, action: &str, fields: &[(&str, &str)]) -> Reply {
        self.world
            .site
            .post_raw(&format!("{}/{action}", self.page), encode(fields))
            .await
    }

    /// Asks for a look and lets it happen. Returns the page.
    async fn look(&self) -> Reply {
        self.world.pass_time().await;
        assert_eq!(self.post("check", &[]).await.location(), self.page);
        self.world.check().await;
        self.open().await
    }

    async fn is_proved(&self) -> bool {
        self.open().await.text_of("h1") == "Your domain name is proved"
    }

    /// Returns the page of the application at the desk.
    async fn at_desk(&self, member: &Browser<'_>) -> Reply {
        member.get(&format!("/desk/applications/{}", self.reference)).await
    }
}
