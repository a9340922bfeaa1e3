//! False proofs, double work and wrong clocks, tried on looks for a token.

use std::sync::Arc;

use hickory_resolver::proto::rr::RecordType;
use tokio::sync::Semaphore;

use super::{DOMAIN, World};
use crate::support::delivery::wait_until;
use crate::support::name_server::Answer;
use crate::support::web_server::Answer as Page;

/// An answer that waits for the test.
fn held(gate: &Arc<Semaphore>, head: &str) -> Page {
    let octets = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    Page::Held(Arc::clone(gate), octets)
}

impl World {
    /// Returns the emails about an application whose names go on like this.
    pub(super) fn emails(&self, reference: &str, start: &str) -> Vec<String> {
        let start = format!("{reference}.{start}");
        let files = std::fs::read_dir(&self.site.folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(&start)).collect()
    }

    pub(super) async fn sql(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&self.site.pool).await.unwrap();
    }

    /// Runs checks beside each other, in the background.
    pub(super) fn check_beside(&self, processes: usize) -> Vec<tokio::task::JoinHandle<()>> {
        let run = |_| {
            let checks = self.site.checks.clone().unwrap();
            tokio::spawn(async move { while checks.check_next().await.unwrap() {} })
        };
        (0..processes).map(run).collect()
    }
}

#[tokio::test]
async fn both_ways_at_once_are_told_once() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [name, text, token] = application.tokens().await;
    world.publish(&name, &[&text]);
    let gate = Arc::new(Semaphore::new(0));
    let octets = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{token}", token.len());
    world.serve(DOMAIN, Page::Held(Arc::clone(&gate), octets.into_bytes()));
    application.post("check", &[]).await;
    let running = world.check_beside(2);
    wait_until("the domain is proved by DNS", async || application.is_proved().await).await;
    gate.add_permits(5);
    for one in running {
        one.await.unwrap();
    }
    world.site.deliver_all().await;
    let emails = world.emails(&application.reference, "domain-");
    assert_eq!(emails.len(), 2, "one to the applicant, one to staff: {emails:?}");
    assert_eq!(world.count("domain_checks WHERE done_at IS NULL").await, 0);
}

#[tokio::test]
async fn failed_look_beside_a_proof_ends_too() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.publish(&name, &[&text]);
    let gate = Arc::new(Semaphore::new(0));
    world.serve(DOMAIN, held(&gate, "404 Not Found"));
    application.post("check", &[]).await;
    let running = world.check_beside(2);
    wait_until("the domain is proved by DNS", async || application.is_proved().await).await;
    gate.add_permits(5);
    for one in running {
        one.await.unwrap();
    }
    assert_eq!(world.count("domain_checks WHERE done_at IS NULL").await, 0);
}

#[tokio::test]
async fn withdrawn_application_is_not_looked_for() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.publish(&name, &[&text]);
    world.sql("UPDATE applications SET state = 'withdrawn'").await;
    world.pass_time().await;
    world.check().await;
    assert_eq!(world.names.count(&name, RecordType::TXT), 0);
    world.sql("UPDATE applications SET state = 'in-review'").await;
    world.pass_time().await;
    world.check().await;
    assert!(application.is_proved().await, "the withdrawal was undone");
}

#[tokio::test]
async fn name_servers_of_an_alias_prove_nothing() {
    let (world, stranger) = World::with_zone_server().await;
    // An alias to a domain of another person.
    world
        .names
        .has("app.example.org", RecordType::CNAME, &["stranger.example."]);
    world
        .names
        .has("stranger.example", RecordType::NS, &["ns.stranger.example."]);
    world.names.has("ns.stranger.example", RecordType::A, &["127.0.0.2"]);
    let application = world.apply(&[("domain_name", "app.example.org")]).await;
    let [name, text, _] = application.tokens().await;
    stranger.answer(&name, RecordType::TXT, Answer::texts(&[&[&text]]));
    application.look().await;
    assert!(!application.is_proved().await);
    assert!(stranger.questions().is_empty());
}

#[tokio::test]
async fn token_from_a_clock_that_was_ahead_is_no_busy_loop() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, _, _] = application.tokens().await;
    world
        .sql(
            "UPDATE domain_proofs SET made_at = now() + interval '20 days', ends_at = now() + interval '30 days';
            UPDATE domain_checks SET due_at = now() + interval '400 days'",
        )
        .await;
    world.check().await;
    assert_eq!(world.names.count(&name, RecordType::TXT), 1);
    world
        .sql("UPDATE domain_proofs SET ends_at = now() + interval '400 days'")
        .await;
    let [_, new, _] = application.tokens().await;
    assert_eq!(
        world
            .count("domain_proofs WHERE ends_at > now() + interval '31 days'")
            .await,
        0,
        "{new}"
    );
}

#[tokio::test]
async fn request_from_a_clock_that_was_ahead_stops_no_other() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    application.post("check", &[]).await;
    world
        .sql("UPDATE domain_requests SET asked_at = now() + interval '3 hours'")
        .await;
    assert_eq!(application.post("check", &[]).await.location(), application.page);
}

#[tokio::test]
async fn redirect_writes_no_words_to_staff() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [_, _, token] = application.tokens().await;
    let path = "/Dear-staff-accept-this-application";
    world.serve(DOMAIN, Page::redirect(&format!("https://www.{DOMAIN}{path}")));
    world.web.answer(&format!("www.{DOMAIN}"), path, Page::page(&token));
    application.look().await;
    assert!(!application.is_proved().await);
}

#[tokio::test]
async fn www_of_a_shared_domain_proves_nothing() {
    let world = World::new().await;
    world.host("grupo.github.io");
    let application = world.apply(&[("domain_name", "grupo.github.io")]).await;
    let [_, _, token] = application.tokens().await;
    world.serve("www.grupo.github.io", Page::page(&token));
    application.look().await;
    assert!(!application.is_proved().await);
    world.serve("grupo.github.io", Page::page(&token));
    application.look().await;
    assert!(application.is_proved().await);
}

#[tokio::test]
async fn one_name_is_looked_for_ten_times_an_hour() {
    let world = World::new().await;
    for _ in 0..14 {
        world.apply(&[]).await.post("check", &[]).await;
    }
    world.check().await;
    let asked = world.names.count("_npoc-challenge.afyabora.or.ke", RecordType::TXT);
    assert_eq!(asked, 10);
}

#[tokio::test]
async fn parallel_codes_get_five_tries() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    application.post("email", &[]).await;
    let codes: Vec<String> = (0..30).map(|number| format!("BBBB-BB{}", number % 10)).collect();
    let typed = codes
        .iter()
        .map(|code| async { application.post("code", &[("code", code)]).await.status });
    futures_util::future::join_all(typed).await;
    assert_eq!(world.count("domain_proofs WHERE way = 'mail' AND tries = 5").await, 1);
}
