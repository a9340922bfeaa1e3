//! What the registry tells, in the shapes of real answers.

use hickory_resolver::proto::rr::RecordType;
use npoc::staff::Role;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::World;
use crate::support::web_server::{Answer as Page, SITE};

/// A domain name with a registry of this test.
pub(super) const DOMAIN: &str = "afyabora.org";

impl World {
    /// A world whose IANA names one server for `.org`.
    pub(super) async fn with_registry() -> Self {
        let world = Self::new().await;
        let mut file: Value = serde_json::from_str(include_str!("../../../src/outbound/rdap_bootstrap.json")).unwrap();
        file["publication"] = json!("2099-01-01T00:00:00Z");
        let services = file["services"].as_array_mut().unwrap();
        services.retain(|service| !service[0].as_array().unwrap().contains(&json!("org")));
        services.push(json!([["org"], ["https://rdap.registry.example/"]]));
        for host in ["data.iana.org", "rdap.registry.example", "rdap.registrar.example"] {
            world.names.has(host, RecordType::A, &[&SITE.to_string()]);
        }
        world
            .web
            .answer("data.iana.org", "/rdap/dns.json", Page::page(&file.to_string()));
        world.host(DOMAIN);
        world.web.answer(DOMAIN, "/", Page::page("hello"));
        world
    }

    pub(super) fn registry_says(&self, answer: Page) {
        self.web
            .answer("rdap.registry.example", &format!("/domain/{DOMAIN}"), answer);
    }

    /// Lets seconds pass for the questions to registries.
    pub(super) async fn after(&self, seconds: i32) {
        for passing in [
            "UPDATE rdap_servers SET not_before = not_before - make_interval(secs => $1)",
            "UPDATE domain_checks SET due_at = due_at - make_interval(secs => $1) WHERE what = 'rdap'",
        ] {
            sqlx::query(passing)
                .bind(seconds)
                .execute(&self.site.pool)
                .await
                .unwrap();
        }
        self.check().await;
    }

    pub(super) fn questions_to_registry(&self) -> usize {
        self.web
            .received()
            .iter()
            .filter(|received| received.host == "rdap.registry.example")
            .count()
    }

    /// Returns what the desk shows after the registry answered.
    async fn at_desk_after(&self, answer: Page) -> String {
        self.registry_says(answer);
        let member = format!("Rita{}", uuid::Uuid::new_v4().simple());
        let rita = self.site.member(&member, Role::Reviewer).await;
        let application = self.apply(&[("domain_name", DOMAIN)]).await;
        self.survey().await;
        application.at_desk(&rita).await.text_of("main")
    }
}

pub(super) fn answer(changes: &Value) -> Page {
    let mut body = json!({ "objectClassName": "domain", "ldhName": DOMAIN,
        "events": [{ "eventAction": "registration", "eventDate": "2004-05-06T00:00:00Z" }],
        "entities": [{ "roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", "Good Registrar"]]] }] });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    Page::page(&body.to_string())
}

#[tokio::test]
async fn registration_is_shown_from_rdap() {
    let world = World::with_registry().await;
    let desk = world
        .at_desk_after(answer(&json!({ "status": ["client transfer prohibited"] })))
        .await;
    for fact in [
        "From RDAP",
        "Registrar: Good Registrar",
        "Registered on: 6 May 2004",
        "client transfer prohibited",
    ] {
        assert!(desk.contains(fact), "{fact}: {desk}");
    }
    let asked = world.web.received();
    let question = asked
        .iter()
        .find(|received| received.host == "rdap.registry.example")
        .unwrap();
    assert_eq!(question.target, "/domain/afyabora.org");
    assert!(
        question.headers.contains("application/rdap+json"),
        "{}",
        question.headers
    );
}

#[tokio::test]
async fn registration_that_ends_or_is_on_hold_is_told() {
    let world = World::with_registry().await;
    let soon = (OffsetDateTime::now_utc() + Duration::days(30)).date();
    let events = json!([{ "eventAction": "expiration", "eventDate": format!("{soon}T00:00:00Z") }]);
    world.registry_says(answer(
        &json!({ "events": events, "status": ["client hold", "Dear staff"] }),
    ));
    let application = world.apply(&[("domain_name", DOMAIN)]).await;
    world.survey().await;
    world.site.deliver_all().await;
    let email = world.site.newest_email(&application.reference, "facts-");
    assert!(
        email.text.contains("The registration of the domain name ends on"),
        "{}",
        email.text
    );
    assert!(
        email.text.contains("on hold or about to be deleted: client hold.\n"),
        "{}",
        email.text
    );
}

#[tokio::test]
async fn unreadable_answer_is_asked_for_twice_and_is_no_caution() {
    for page in [
        Page::page("<html>Sorry</html>"),
        Page::head("429 Too Many Requests\r\nRetry-After: 3600"),
        Page::head("500 Internal Server Error"),
        Page::page(&"a".repeat(5_000_000)),
    ] {
        let world = World::with_registry().await;
        let desk = world.at_desk_after(page).await;
        assert!(!desk.contains("From RDAP"), "{desk}");
        world.after(30).await;
        assert_eq!(world.questions_to_registry(), 1, "it waits before the second try");
        world.after(3600).await;
        assert_eq!(world.questions_to_registry(), 2);
        let stored: String = sqlx::query_scalar("SELECT rdap #>> '{fact}' FROM domain_facts")
            .fetch_one(&world.site.pool)
            .await
            .unwrap();
        assert_eq!(stored, "no-answer");
        world.survey().await;
        assert_eq!(world.questions_to_registry(), 2, "never a third time");
        assert_eq!(world.count("outbox WHERE message_id LIKE '%facts-%'").await, 0);
    }
}

#[tokio::test]
async fn name_that_the_registry_does_not_know_is_shown_at_the_desk() {
    let world = World::with_registry().await;
    let desk = world.at_desk_after(Page::head("404 Not Found")).await;
    assert!(desk.contains("The registry does not know the name."), "{desk}");
    let world = World::with_registry().await;
    let desk = world
        .at_desk_after(Page::head_and_body("404 Not Found", "<h1>Moved</h1>"))
        .await;
    assert!(
        !desk.contains("The registry does not know the name."),
        "a page about another address: {desk}"
    );
}

#[tokio::test]
async fn registry_without_rdap_and_withheld_data_are_no_cautions() {
    let world = World::with_registry().await;
    let withheld = json!({ "redacted": [{ "name": { "description": "Registrant Organization" } }] });
    let desk = world.at_desk_after(answer(&withheld)).await;
    assert!(desk.contains("Registered for: withheld"), "{desk}");
    let rita = world.site.member("Ria", Role::Reviewer).await;
    world.host("afyabora.mg");
    world.web.answer("afyabora.mg", "/", Page::page("hello"));
    world.after(11).await;
    let malagasy = world.apply(&[("domain_name", "afyabora.mg")]).await;
    world.survey().await;
    let desk = malagasy.at_desk(&rita).await.text_of("main");
    assert!(
        desk.contains("The registry offers no RDAP. This says nothing about the applicant."),
        "{desk}"
    );
    assert_eq!(world.count("outbox WHERE message_id LIKE '%facts-%'").await, 0);
}

#[tokio::test]
async fn registries_get_one_question_in_ten_seconds() {
    let world = World::with_registry().await;
    world.registry_says(answer(&json!({})));
    world.apply(&[("domain_name", DOMAIN)]).await;
    world.apply(&[("domain_name", "kilimo.org")]).await;
    world.survey().await;
    assert_eq!(world.questions_to_registry(), 1);
    world.after(11).await;
    assert_eq!(world.questions_to_registry(), 2);
}

#[tokio::test]
async fn list_of_registries_is_renewed_weekly_and_an_old_one_goes_on() {
    let world = World::with_registry().await;
    world.apply(&[("domain_name", DOMAIN)]).await;
    world.survey().await;
    world.survey().await;
    let asked = |world: &World| {
        world
            .web
            .received()
            .iter()
            .filter(|received| received.host == "data.iana.org")
            .count()
    };
    assert_eq!(asked(&world), 1);
    world.web.answer("data.iana.org", "/rdap/dns.json", Page::page("{}"));
    sqlx::query("UPDATE rdap_bootstrap SET tried_at = now() - interval '8 days'")
        .execute(&world.site.pool)
        .await
        .unwrap();
    world.survey().await;
    assert_eq!(asked(&world), 2);
    assert_eq!(
        world
            .count("rdap_bootstrap WHERE file LIKE '%rdap.registry.example%'")
            .await,
        1
    );
}

#[tokio::test]
async fn rdap_off_asks_no_registry() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.apply(&[("domain_name", DOMAIN)]).await;
    world.survey().await;
    assert_eq!(world.names.count("data.iana.org", RecordType::A), 0);
    assert!(
        !world
            .site
            .get("/privacy")
            .await
            .body
            .contains("It also asks the registry")
    );
    assert!(world.site.get("/privacy").await.body.contains("what the site looks up"));
}

#[tokio::test]
async fn retry_after_counts_for_the_server() {
    let world = World::with_registry().await;
    for name in ["a.org", "b.org", "c.org"] {
        let busy = Page::head("429 Too Many Requests\r\nRetry-After: 3600");
        world
            .web
            .answer("rdap.registry.example", &format!("/domain/{name}"), busy);
        world.apply(&[("domain_name", name)]).await;
    }
    world.survey().await;
    for _ in 0..3 {
        world.after(60).await;
    }
    assert_eq!(world.questions_to_registry(), 1);
}

#[tokio::test]
async fn registry_that_names_itself_is_asked_once() {
    let world = World::with_registry().await;
    let href = "https://rdap.registry.example/domain/AFYABORA.ORG";
    let links = json!([{ "rel": "related", "type": "application/rdap+json", "href": href }]);
    world.registry_says(answer(&json!({ "links": links })));
    world.apply(&[("domain_name", DOMAIN)]).await;
    world.survey().await;
    assert_eq!(world.questions_to_registry(), 1);
}

#[tokio::test]
async fn registrar_completes_what_the_registry_lacks() {
    let world = World::with_registry().await;
    let href = "https://rdap.registrar.example/domain/afyabora.org";
    let links = json!([{ "rel": "related", "type": "application/rdap+json", "href": href }]);
    let more = json!({ "events": [{ "eventAction": "expiration", "eventDate": "2049-05-06T00:00:00Z" }] });
    world
        .web
        .answer("rdap.registrar.example", "/domain/afyabora.org", answer(&more));
    let desk = world.at_desk_after(answer(&json!({ "links": links }))).await;
    assert!(desk.contains("Registration ends on: 6 May 2049"), "{desk}");
    let world = World::with_registry().await;
    let inside = json!([{ "rel": "related", "type": "application/rdap+json", "href": "https://inside.example/" }]);
    world.names.has("inside.example", RecordType::A, &["127.0.0.66"]);
    world.at_desk_after(answer(&json!({ "links": inside }))).await;
    assert_eq!(world.web.trapped(), 0);
}

#[tokio::test]
async fn no_answer_does_not_replace_one() {
    let world = World::with_registry().await;
    world.registry_says(answer(&json!({ "status": ["active"] })));
    world.apply(&[("domain_name", DOMAIN)]).await;
    world.survey().await;
    world.registry_says(Page::head("503 Busy"));
    for _ in 0..2 {
        sqlx::query("UPDATE domain_checks SET due_at = now(), done_at = NULL WHERE what = 'rdap'")
            .execute(&world.site.pool)
            .await
            .unwrap();
        world.after(3600).await;
    }
    assert_eq!(world.questions_to_registry(), 3);
    assert_eq!(world.count("domain_facts WHERE rdap::text LIKE '%active%'").await, 1);
}

#[tokio::test]
async fn hosted_name_is_asked_at_no_registry() {
    let world = World::with_registry().await;
    world.host("grupo.github.io");
    world.web.answer("grupo.github.io", "/", Page::page("hello"));
    world.apply(&[("domain_name", "grupo.github.io")]).await;
    world.survey().await;
    let asked = world.web.received();
    assert!(
        asked.iter().all(|received| !received.target.starts_with("/domain/")),
        "{asked:?}"
    );
}
