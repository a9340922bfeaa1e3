//! When the site looks for a token: limits, the queue, several instances, and a network that is gone.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use hickory_resolver::proto::rr::RecordType;

use super::{DOMAIN, World};
use crate::support::delivery::wait_until;
use crate::support::name_server::{Answer, NameServer};
use crate::support::process::Process;
use crate::support::{TestSite, database, encode};

#[tokio::test]
async fn page_says_when_it_looked_and_when_it_looks_again() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    assert!(
        application
            .open()
            .await
            .text_of("form[action$=check] [role=status]")
            .starts_with("Next check: ")
    );
    world.pass_time().await;
    application.post("check", &[]).await;
    assert!(
        application
            .open()
            .await
            .text_of("form[action$=check] [role=status]")
            .starts_with("We will check within a minute.")
    );
    world.check().await;
    let page = application.open().await;
    assert!(page.text_of("main").contains("Last check: ") && page.text_of("main").contains("We found no TXT record"));
    assert!(
        page.text_of("form[action$=check] [role=status]")
            .starts_with("Next check: ")
    );
}

#[tokio::test]
async fn one_look_a_minute_and_twenty_a_day_can_be_asked_for() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    for press in 1..=20 {
        assert_eq!(application.post("check", &[]).await.location(), application.page);
        let soon = application.post("check", &[]).await;
        assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(soon.body.contains("You asked less than a minute ago."), press < 20);
        world.pass_time().await;
    }
    let many = application.post("check", &[]).await;
    assert_eq!(many.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(many.body.contains("You have asked 20 times today."));
    assert_eq!(
        world.apply(&[]).await.post("check", &[]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn form_of_another_site_or_another_type_does_nothing() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    application.open().await;
    let path = format!("{}/check", application.page);
    let foreign = Request::post(&path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let reply = world.site.ask(foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.location(), application.page);
    let json = Request::post(&path).header(header::CONTENT_TYPE, "application/json");
    let reply = world.site.ask(json.body("{}".into()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(world.count("domain_requests").await, 0);
    assert_eq!(world.site.get(&path).await.location(), application.page);
    assert_eq!(application.post("other", &[]).await.status, StatusCode::NOT_FOUND);
    for secret in ["x", "00000000-0000-4000-8000-000000000000"] {
        let path = format!("/membership/received/{secret}/domain");
        assert_eq!(world.site.get(&path).await.status, StatusCode::NOT_FOUND, "{secret}");
    }
}

#[tokio::test]
async fn token_is_looked_for_by_itself_until_it_ends() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.check().await;
    assert_eq!(world.names.count(&name, RecordType::TXT), 0, "nothing is due at once");
    world.pass_time().await;
    world.check().await;
    assert_eq!(world.names.count(&name, RecordType::TXT), 1);
    sqlx::query("UPDATE domain_proofs SET made_at = now() - interval '31 days', ends_at = now() - interval '1 day'")
        .execute(&world.site.pool)
        .await
        .unwrap();
    world.pass_time().await;
    world.publish(&name, &[&text]);
    world.check().await;
    assert_eq!(
        world.names.count(&name, RecordType::TXT),
        1,
        "an old token is not looked for"
    );
    let [_, new, _] = application.tokens().await;
    assert_ne!(new, text, "the page gives a new one");
}

#[tokio::test]
async fn two_instances_make_each_look_once() {
    let world = World::new().await;
    let second = world.second();
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(world.apply(&[]).await.tokens().await[0].clone());
    }
    world.pass_time().await;
    let run = |site: &TestSite| {
        let checks = site.checks.clone().unwrap();
        async move { while checks.check_next().await.unwrap() {} }
    };
    tokio::join!(run(&world.site), run(&second), run(&world.site), run(&second));
    assert_eq!(
        world.names.count(&names[0], RecordType::TXT),
        6,
        "one for each application"
    );
    assert_eq!(world.count("domain_checks WHERE attempts <> 1").await, 0);
}

#[tokio::test]
async fn look_of_a_killed_process_is_made_by_another() {
    let options = database::fresh_options().await;
    let url = database::url(&options);
    let names = NameServer::start().await;
    let resolver = names.address.to_string();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_DNS", &resolver),
        ("NPOC_RDAP", "off"),
    ];
    let home = std::env::temp_dir().join(format!("npoc-test-{}", uuid::Uuid::new_v4()));
    let settings = [&settings[..], &[("NPOC_DATA_DIR", home.to_str().unwrap())]].concat();
    let site = TestSite::on(&options, &settings).await;
    let reference = site.apply(&[]).await;
    let page = site.status_path(&reference).await + "/domain";
    let shown = site.get(&page).await.all("dd bdo");
    names.answer(&shown[0], RecordType::TXT, Answer::Silent);
    site.post_raw(&format!("{page}/check"), "").await;
    let process = Process::start(&settings).ready();
    wait_until("the process asks", async || names.count(&shown[0], RecordType::TXT) > 0).await;
    drop(process);
    names.answer(&shown[0], RecordType::TXT, Answer::texts(&[&[&shown[1]]]));
    // The lease of a minute ends.
    let ending = "UPDATE domain_checks SET due_at = now(), leased_until = now() WHERE done_at IS NULL";
    sqlx::query(ending).execute(&site.pool).await.unwrap();
    let process = Process::start(&settings).ready();
    wait_until("the domain is proved", async || {
        site.get(&page).await.text_of("h1") == "Your domain name is proved"
    })
    .await;
    wait_until("the log says so", async || process.log().contains("domain proved")).await;
    let log = process.log();
    assert!(log.contains(&reference), "{log}");
    assert!(!log.contains(DOMAIN), "the log names no domain: {log}");
    drop(std::fs::remove_dir_all(home));
}

#[tokio::test]
async fn silent_network_delays_no_request_and_loses_no_look() {
    let world = World::new().await;
    world.names.answer_others(Answer::Silent);
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    application.post("check", &[]).await;
    let checks = world.site.checks.clone().unwrap();
    let checking = tokio::spawn(async move { checks.check_next().await.unwrap() });
    wait_until("the resolver is asked", async || !world.names.questions().is_empty()).await;
    // While the look waits for an answer, applications are stored and pages are shown.
    world.apply(&[]).await;
    assert_eq!(application.open().await.status, StatusCode::OK);
    assert!(!checking.is_finished());
    assert!(checking.await.unwrap());
    world.publish(&name, &[&text]);
    application.look().await;
    assert!(application.is_proved().await, "the next look finds it");
}

#[tokio::test]
async fn off_sends_no_packet_and_offers_nothing() {
    let (names, web) = (
        NameServer::start().await,
        crate::support::web_server::WebServer::start().await,
    );
    let site = TestSite::with_reach(web.reach(), &[("NPOC_DNS", "off")]).await;
    assert!(site.checks.is_none(), "there is nothing that could ask");
    let reference = site.apply(&[]).await;
    let status = site.status_path(&reference).await;
    assert!(!site.get(&status).await.body.contains("/domain"));
    assert_eq!(
        site.get(&format!("{status}/domain")).await.status,
        StatusCode::NOT_FOUND
    );
    let check = site.post_raw(&format!("{status}/domain/check"), encode(&[])).await;
    assert_eq!(check.status, StatusCode::NOT_FOUND);
    assert!(!site.get("/privacy").await.body.contains("what the site looks up"));
    let on = World::new().await;
    assert!(on.site.get("/privacy").await.body.contains("what the site looks up"));
    let output = site.command(&["domain", "check", &reference]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("NPOC_DNS"));
    assert!(names.questions().is_empty() && web.received().is_empty());
}

#[tokio::test]
async fn time_of_a_wrong_clock_does_not_stop_a_look() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, _, _] = application.tokens().await;
    let ahead =
        "UPDATE domain_checks SET due_at = now() + interval '400 days', leased_until = now() + interval '400 days'";
    sqlx::query(ahead).execute(&world.site.pool).await.unwrap();
    world.check().await;
    assert_eq!(world.names.count(&name, RecordType::TXT), 1);
}
