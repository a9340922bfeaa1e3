//! The proof by DNS and by a file.

use std::sync::Arc;

use axum::http::StatusCode;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use npoc::staff::Role;
use tokio::sync::Semaphore;

use super::{DOMAIN, World};
use crate::desk::corrections::correct;
use crate::support::Mail;
use crate::support::delivery::wait_until;
use crate::support::name_server::Answer;
use crate::support::web_server::{Answer as Page, Certificate};

#[tokio::test]
async fn page_shows_the_whole_record_and_the_file() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let status = application.page.trim_end_matches("/domain").to_owned();
    let receipt = world.site.get(&status).await;
    assert!(receipt.attributes("main a", "href").contains(&application.page));
    let page = application.open().await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers["cache-control"], "private, no-store");
    assert_eq!(page.headers["x-robots-tag"], "noindex");
    let [name, text, file] = application.tokens().await;
    assert_eq!(name, "_npoc-challenge.afyabora.or.ke");
    let token = text.strip_prefix("npoc-verification=").unwrap();
    assert_ne!(token, file, "each way has a token of its own");
    for token in [token, &file] {
        assert!(
            token.len() == 26 && token.chars().all(|c| matches!(c, 'a'..='z' | '2'..='7')),
            "{token}"
        );
    }
    assert!(
        page.body
            .contains("https://afyabora.or.ke/.well-known/npoc-challenge.txt")
    );
    assert_eq!(
        application.tokens().await,
        [name, text, file],
        "reloading makes no new token"
    );
    assert!(world.names.questions().is_empty(), "no request looks anything up");
}

#[tokio::test]
async fn page_shows_the_part_that_a_form_of_a_provider_takes() {
    let world = World::new().await;
    for (domain, label, shown) in [
        ("afyabora.or.ke", "_npoc-challenge", "afyabora.or.ke"),
        ("health.example.org", "_npoc-challenge.health", "health.example.org"),
        ("例え.テスト", "_npoc-challenge", "例え.テスト (xn--r8jz45g.xn--zckzah)"),
    ] {
        let application = world.apply(&[("domain_name", domain)]).await;
        let page = application.open().await;
        assert!(
            page.text_of(".answer .hint").ends_with(&format!("type only {label}.")),
            "{domain}"
        );
        assert!(page.text_of(".lead").contains(shown), "{}", page.text_of(".lead"));
    }
}

#[tokio::test]
async fn only_the_exact_record_is_a_proof() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, text, file] = application.tokens().await;
    let other = world.apply(&[]).await.tokens().await[1].clone();
    let upper = text.to_uppercase();
    let quoted = format!("\"{text}\"");
    let longer = format!("{text}a");
    let of_file = format!("npoc-verification={file}");
    let wrong = [
        &upper,
        &text[..text.len() - 1],
        &quoted,
        &longer,
        &other,
        &of_file,
        &file,
        "<b>x</b>",
        "",
    ];
    world.publish(&name, &wrong);
    let page = application.look().await;
    let shown = page.all("p.said");
    assert_eq!(shown, wrong, "the page shows what it found");
    assert!(page.body.contains("None of them is the right one") && !page.body.contains("<b>x</b>"));
    assert!(!application.is_proved().await);
    let (start, end) = text.split_at(9);
    let records: [&[&str]; 3] = [&["v=spf1 -all"], &[start, end], &["other"]];
    world.names.answer(&name, RecordType::TXT, Answer::texts(&records));
    let page = application.look().await;
    assert_eq!(page.text_of("h1"), "Your domain name is proved");
    assert!(
        page.all("form").is_empty() || !page.body.contains("domain/check"),
        "nothing is left to do"
    );
}

#[tokio::test]
async fn zone_proves_what_the_resolver_does_not_know_yet() {
    let (world, zone) = World::with_zone_server().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    let page = application.look().await;
    assert!(page.body.contains("We found no TXT record at this name."));
    world.names.has(DOMAIN, RecordType::NS, &["ns.afyabora.or.ke."]);
    world.names.has("ns.afyabora.or.ke", RecordType::A, &["127.0.0.2"]);
    // An old record in the resolver's cache hides the new one as well.
    world.publish(&name, &["npoc-verification=old"]);
    zone.answer(&name, RecordType::TXT, Answer::texts(&[&[text.as_str()]]));
    application.look().await;
    assert!(application.is_proved().await);
    assert_eq!(zone.count(&name, RecordType::TXT), 1);
}

#[tokio::test]
async fn answer_that_cannot_be_verified_is_no_proof() {
    let (world, zone) = World::with_zone_server().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    let unverified = Answer::Code(ResponseCode::ServFail);
    world.names.answer(&name, RecordType::TXT, unverified);
    let page = application.look().await;
    assert!(
        page.body
            .contains("We could not verify the answer, or could not reach your name servers.")
    );
    // The zone's own server has the record, with a wrong signature.
    world.names.has(DOMAIN, RecordType::NS, &["ns.afyabora.or.ke."]);
    world.names.has("ns.afyabora.or.ke", RecordType::A, &["127.0.0.2"]);
    zone.answer(&name, RecordType::TXT, Answer::texts(&[&[text.as_str()]]));
    let page = application.look().await;
    assert!(
        page.body.contains("The DNSSEC signature is probably wrong."),
        "{}",
        page.text_of("main")
    );
    world.names.answer(&name, RecordType::TXT, Answer::Silent);
    let page = application.look().await;
    assert!(page.body.contains("We got no answer."));
    assert!(!application.is_proved().await);
}

#[tokio::test]
async fn alias_at_the_name_of_the_record_is_followed() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.names.has(&name, RecordType::CNAME, &["proofs.provider.example."]);
    world.publish("proofs.provider.example", &[&text]);
    application.look().await;
    assert!(application.is_proved().await);
}

#[tokio::test]
async fn only_the_file_with_the_token_alone_is_a_proof() {
    let world = World::new().await;
    world.host(DOMAIN);
    world.host("elsewhere.example");
    let application = world.apply(&[]).await;
    let [_, _, token] = application.tokens().await;
    world.serve("elsewhere.example", Page::page(&token));
    let longer = format!("{token}\n{}", " ".repeat(2000));
    for (answer, says) in [
        (
            Page::head("404 Not Found"),
            "does not have the file. Its answer had the status 404.",
        ),
        (Page::page("something else"), "does not contain exactly this text."),
        (Page::page(&longer), "does not contain exactly this text."),
        (
            Page::redirect("https://elsewhere.example/.well-known/npoc-challenge.txt"),
            "The address leads to another website, or to one without https.",
        ),
        (
            Page::redirect("http://afyabora.or.ke/.well-known/npoc-challenge.txt"),
            "The address leads to another website, or to one without https.",
        ),
    ] {
        world.serve(DOMAIN, answer.clone());
        world.serve("www.afyabora.or.ke", answer);
        let page = application.look().await;
        assert!(page.body.contains(says), "{says}: {}", page.text_of("main"));
        assert!(!application.is_proved().await, "{says}");
    }
    world.serve(DOMAIN, Page::page(&format!("  {token}\r\n")));
    application.look().await;
    assert!(application.is_proved().await);
    assert_eq!(world.web.trapped(), 0);
}

#[tokio::test]
async fn file_needs_a_valid_certificate_and_may_be_below_www() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [_, _, token] = application.tokens().await;
    world.serve(DOMAIN, Page::page(&token));
    world.web.certify(DOMAIN, Certificate::ForAnotherName);
    world.web.certify("www.afyabora.or.ke", Certificate::SelfSigned);
    let page = application.look().await;
    assert!(
        page.body
            .contains("The security certificate of the website is not valid.")
    );
    world.web.certify("www.afyabora.or.ke", Certificate::Valid);
    world.serve("www.afyabora.or.ke", Page::page(&token));
    application.look().await;
    assert!(application.is_proved().await);
}

#[tokio::test]
async fn redirect_between_the_name_and_www_is_followed() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [_, _, token] = application.tokens().await;
    world.serve(
        DOMAIN,
        Page::redirect("https://www.afyabora.or.ke/.well-known/npoc-challenge.txt"),
    );
    world.serve("www.afyabora.or.ke", Page::page(&token));
    application.look().await;
    assert!(application.is_proved().await);
}

#[tokio::test]
async fn proof_is_told_once_and_shown_at_the_desk() {
    let world = World::new().await;
    world.host(DOMAIN);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    let before = application.at_desk(&rita).await;
    assert!(before.text_of("main").contains("Not proved. A proof is not required."));
    let [name, text, token] = application.tokens().await;
    world.publish(&name, &[&text]);
    application.look().await;
    world.serve(DOMAIN, Page::page(&token));
    application.look().await;
    world.site.deliver_all().await;
    let emails = world.emails(&application.reference, "domain-");
    let to = |end: &str| emails.iter().filter(|name| name.ends_with(end)).count();
    assert_eq!((to(".applicant.eml"), to(".staff.eml")), (1, 1), "{emails:?}");
    let read = |end: &str| {
        let name = emails.iter().find(|name| name.ends_with(end)).unwrap();
        Mail::read(&std::fs::read(world.site.folder.join(name)).unwrap())
    };
    assert!(
        read(".applicant.eml")
            .subject
            .starts_with("Your domain name is proved: NPOC-")
    );
    assert!(read(".staff.eml").text.contains(&text));
    let after = application.at_desk(&rita).await.text_of("main");
    assert!(after.contains("by DNS (DNSSEC: not checked)"), "{after}");
}

#[tokio::test]
async fn correction_of_the_domain_ends_its_proof() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.publish(&name, &[&text]);
    application.look().await;
    assert!(application.is_proved().await);
    let link = world.site.link_to_correct(&application.reference).await;
    let changes = [
        (
            "statement",
            "We run health posts in five counties, and wish to be heard.",
        ),
        ("domain_name", DOMAIN),
    ];
    assert_eq!(
        correct(&world.site, &link, &changes).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(application.is_proved().await, "the domain is the same");
    let link = world.site.link_to_correct(&application.reference).await;
    let changes = [("domain_name", "kilimomitaani.org")];
    assert_eq!(
        correct(&world.site, &link, &changes).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(!application.is_proved().await);
    let [other, other_text, _] = application.tokens().await;
    assert_eq!(other, "_npoc-challenge.kilimomitaani.org");
    assert_ne!(other_text, text);
}

#[tokio::test]
async fn result_of_a_look_before_a_correction_does_not_count() {
    let world = World::new().await;
    world.host(DOMAIN);
    let application = world.apply(&[]).await;
    let [_, _, token] = application.tokens().await;
    let link = world.site.link_to_correct(&application.reference).await;
    let gate = Arc::new(Semaphore::new(0));
    let octets = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{token}", token.len());
    world.serve(DOMAIN, Page::Held(Arc::clone(&gate), octets.into_bytes()));
    application.post("check", &[]).await;
    let running = world.check_beside(2);
    wait_until("the file is asked for", async || !world.web.received().is_empty()).await;
    assert_eq!(
        correct(&world.site, &link, &[("domain_name", "kilimomitaani.org")])
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    gate.add_permits(5);
    for one in running {
        one.await.unwrap();
    }
    assert!(!application.is_proved().await);
    assert_eq!(world.count("domain_proofs WHERE proved_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn erasure_leaves_no_token_request_or_fact() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    application.look().await;
    application.post("email", &[]).await;
    world.survey().await;
    let tables = ["domain_proofs", "domain_checks", "domain_requests", "domain_facts"];
    for table in tables {
        assert!(world.count(table).await > 0, "{table}");
    }
    world.site.deliver_all().await;
    let output = world
        .site
        .command(&["applications", "erase", &application.reference, "--yes"]);
    assert!(output.status.success(), "{output:?}");
    for table in tables {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(application.open().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_asked_for_a_closed_application() {
    let world = World::new().await;
    let application = world.apply(&[]).await;
    let status = application.page.trim_end_matches("/domain").to_owned();
    let withdraw = crate::support::encode(&[("yes", "yes"), ("version", "1")]);
    world.site.post_raw(&format!("{status}/withdraw"), withdraw).await;
    assert!(
        !world
            .site
            .get(&status)
            .await
            .attributes("main a", "href")
            .contains(&application.page)
    );
    assert_eq!(application.open().await.text_of("h1"), "There is nothing to prove now");
    assert_eq!(application.post("check", &[]).await.location(), application.page);
    assert_eq!(world.count("domain_checks").await, 0);
}
