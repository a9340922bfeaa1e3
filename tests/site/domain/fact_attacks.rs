//! Wrong facts, and facts at the cost of strangers.

use std::sync::Arc;

use hickory_resolver::proto::rr::RecordType;
use tokio::sync::Semaphore;

use npoc::staff::Role;
use tokio::sync::watch;

use super::{DOMAIN, World};
use crate::desk::corrections::correct;
use crate::support::delivery::wait_until;
use crate::support::name_server::Answer;
use crate::support::web_server::{Answer as Page, CLOSED, Certificate};

async fn world() -> World {
    World::with(&[("NPOC_RDAP", "off")]).await
}

#[tokio::test]
async fn old_check_writes_no_fact_of_the_old_domain() {
    let world = world().await;
    world.host(DOMAIN);
    world.host("kilimomitaani.org");
    let gate = Arc::new(Semaphore::new(0));
    let octets = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    world.web.answer(DOMAIN, "/", Page::Held(Arc::clone(&gate), octets));
    world.web.answer("kilimomitaani.org", "/", Page::page("new"));
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    let link = world.site.link_to_correct(&application.reference).await;
    world.site.checks.as_ref().unwrap().survey().await.unwrap();
    let running = world.check_beside(2);
    wait_until("the old website is visited", async || !world.web.received().is_empty()).await;
    correct(&world.site, &link, &[("domain_name", "kilimomitaani.org")]).await;
    world.check().await;
    gate.add_permits(5);
    for one in running {
        one.await.unwrap();
    }
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("https://kilimomitaani.org/ answers"), "{desk}");
    assert!(!desk.contains("https://afyabora.or.ke/ answers"), "{desk}");
}

#[tokio::test]
async fn failure_of_another_address_is_not_taken_over() {
    let world = world().await;
    world.host("victim.example.org");
    world.web.answer("victim.example.org", "/", Page::page("fine"));
    let rita = world.site.member("Rita", Role::Reviewer).await;
    for website in ["https://victim.example.org:8443/", "https://victim.example.org/nowhere"] {
        world.apply(&[("website", website)]).await;
        world.survey().await;
    }
    let website = ("website", "https://victim.example.org/");
    let application = world.apply(&[("domain_name", "victim.example.org"), website]).await;
    world.survey().await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(
        desk.contains("https://victim.example.org/ answers (status 200"),
        "{desk}"
    );
}

#[tokio::test]
async fn host_is_visited_for_five_applications_a_day() {
    let world = world().await;
    world.host("victim.example.org");
    for path in 0..9 {
        let website = format!("https://victim.example.org/{path}");
        world.apply(&[("website", &website)]).await;
    }
    world.survey().await;
    assert_eq!(world.web.received().len(), 5);
}

#[tokio::test]
async fn failure_of_another_application_is_asked_again() {
    let world = world().await;
    world.host(DOMAIN);
    world.web.answer(DOMAIN, "/", Page::head("503 Service Unavailable"));
    world.apply(&[]).await;
    world.survey().await;
    world.web.answer(DOMAIN, "/", Page::page("fine"));
    let application = world.apply(&[]).await;
    world.survey().await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("answers (status 200"), "{desk}");
}

#[tokio::test]
async fn missing_name_of_another_application_is_asked_again() {
    let world = world().await;
    world.apply(&[]).await;
    world.survey().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    world.survey().await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("The name exists."), "{desk}");
}

#[tokio::test]
async fn correction_of_the_website_keeps_the_other_facts_and_sends_no_second_email() {
    let world = world().await;
    let application = world.apply(&[("domain_name", "gone.example.org")]).await;
    for _ in 0..3 {
        world.survey().await;
        world.pass_time().await;
    }
    let link = world.site.link_to_correct(&application.reference).await;
    let website = ("website", "https://www.gone.example.org/new");
    correct(&world.site, &link, &[("domain_name", "gone.example.org"), website]).await;
    let questions = world.names.questions().len();
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.emails(&application.reference, "facts-").len(), 1);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("The domain name does not exist in DNS."), "{desk}");
    assert!(desk.contains("https://www.gone.example.org/new"), "{desk}");
    let asked = world.names.questions().split_off(questions);
    assert!(
        asked.iter().all(|question| question.name.starts_with("www.")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn unfinished_facts_keep_no_others_from_staff() {
    let world = world().await;
    for _ in 0..50 {
        world.apply(&[]).await;
    }
    world
        .sql("INSERT INTO domain_checks (reference, what, name, due_at, attempts, last_at)
            SELECT reference, what, 'x.example', now() + interval '20 hours', 1, now() - interval '1 hour'
            FROM applications, (VALUES ('website'), ('facts'), ('rdap')) AS new (what);
            INSERT INTO domain_facts (reference, taken_at) SELECT reference, now() - interval '1 hour' FROM applications")
        .await;
    let gone = world.apply(&[("domain_name", "gone.example.org")]).await;
    world.survey().await;
    sqlx::query("UPDATE domain_checks SET due_at = now(), attempts = 2 WHERE reference = $1 AND what = 'facts'")
        .bind(&gone.reference)
        .execute(&world.site.pool)
        .await
        .unwrap();
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.emails(&gone.reference, "facts-").len(), 1);
}

#[tokio::test]
async fn fault_of_our_resolver_is_no_caution() {
    let world = world().await;
    let refused = hickory_resolver::proto::op::ResponseCode::Refused;
    world.names.answer_others(Answer::Code(refused));
    let application = world.apply(&[]).await;
    for _ in 0..3 {
        world.survey().await;
        world.pass_a_day().await;
    }
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.emails(&application.reference, "facts-"), [""; 0]);
}

#[tokio::test]
async fn one_failure_after_good_answers_is_no_caution() {
    let world = world().await;
    world.host(DOMAIN);
    world.web.answer(DOMAIN, "/", Page::page("fine"));
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    world.survey().await;
    for answer in [
        Page::page("fine"),
        Page::head("503 Service Unavailable"),
        Page::head("503 Again"),
    ] {
        world.web.answer(DOMAIN, "/", answer);
        world
            .sql("UPDATE domain_checks SET due_at = now(), done_at = NULL")
            .await;
        world.check().await;
    }
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("status 503") && !desk.contains("since"), "{desk}");
}

#[tokio::test]
async fn alias_to_nowhere_exists() {
    let world = world().await;
    world
        .names
        .has("org.example.org", RecordType::CNAME, &["gone.example.net."]);
    let application = world.apply(&[("domain_name", "org.example.org")]).await;
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.emails(&application.reference, "facts-"), [""; 0]);
}

#[tokio::test]
async fn website_without_https_answers() {
    let world = world().await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    for certificate in [Certificate::ForAnotherName, Certificate::Expired] {
        let name = format!("{}.example.org", uuid::Uuid::new_v4().simple());
        world.host(&name);
        world.web.certify(&name, certificate);
        world.web.answer(&name, "/", Page::page("fine"));
        let application = world.apply(&[("domain_name", &name)]).await;
        world.survey().await;
        let desk = application.at_desk(&rita).await.text_of("main");
        assert!(desk.contains("answers, but only without https (status 200"), "{desk}");
    }
    world
        .names
        .has("closed.example.org", RecordType::A, &[&CLOSED.to_string()]);
    let application = world.apply(&[("domain_name", "closed.example.org")]).await;
    world.survey().await;
    assert!(
        application
            .at_desk(&rita)
            .await
            .text_of("main")
            .contains("has not answered yet")
    );
}

#[tokio::test]
async fn survey_beside_a_correction_takes_the_new_domain() {
    let world = world().await;
    world.apply(&[]).await;
    let mut correcting = world.site.pool.begin().await.unwrap();
    sqlx::query("UPDATE applications SET domain_name = 'kilimo.org', domain_name_ascii = 'kilimo.org'")
        .execute(&mut *correcting)
        .await
        .unwrap();
    let checks = world.site.checks.clone().unwrap();
    let survey = tokio::spawn(async move { checks.survey().await.unwrap() });
    crate::support::database::await_blocked(&world.site.pool).await;
    correcting.commit().await.unwrap();
    survey.await.unwrap();
    assert_eq!(world.count("domain_checks WHERE name = 'kilimo.org'").await, 3);
}

#[tokio::test]
async fn frozen_claim_of_another_process_stops_nobody() {
    let world = world().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.publish(&name, &[&text]);
    let mut frozen = world.site.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock('domain_checks'::regclass::integer::bigint) IS NULL")
        .execute(&mut *frozen)
        .await
        .unwrap();
    world.pass_time().await;
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(world.site.checks.clone().unwrap().run(stopping));
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    let count = async || {
        sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&world.site.pool)
            .await
            .unwrap()
    };
    wait_until("the claim waits", async || count().await > 0).await;
    wait_until("the claim gives up", async || count().await == 0).await;
    frozen.rollback().await.unwrap();
    world.site.checks.as_ref().unwrap().wake();
    wait_until("the domain is proved", async || application.is_proved().await).await;
    stop.send_replace(true);
    running.await.unwrap();
}
