//! An application from the form to the receipt.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use npoc::membership::QUESTIONS;
use uuid::Uuid;

use crate::support::{GOOD, TestSite, encode, good_with, send_body, stored_key};

#[tokio::test]
async fn organization_applies_and_gets_a_receipt() {
    let site = TestSite::new().await;
    let form = site.get("/membership").await;
    for question in QUESTIONS {
        assert!(
            !form.attributes(&format!("[name={}]", question.name), "id").is_empty(),
            "{} is asked",
            question.name
        );
    }

    let checked = site.check(&[]).await;
    assert_eq!(checked.status, StatusCode::OK);
    assert!(checked.text_of("main").contains("Nothing has been sent yet"));
    assert_eq!(site.count("applications").await, 0);

    let sent = site.send(&[], checked.submission_key()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let receipt = site.get(sent.location()).await;
    assert_eq!(receipt.status, StatusCode::OK);
    let reference = receipt.text_of(".reference");
    assert!(receipt.text_of("title").contains(&reference));
    let stored: String = sqlx::query_scalar("SELECT reference FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(stored, reference);
    let counts = (
        site.count("applications").await,
        site.count("outbox").await,
        site.count("application_history").await,
    );
    assert_eq!(counts, (1, 2, 1), "the application, both emails and the first event");
}

#[tokio::test]
async fn receipt_names_the_ncsg_unless_it_is_a_member() {
    let site = TestSite::new().await;
    for (status, is_named) in [
        ("member", false),
        ("applied", true),
        ("not-yet", true),
        ("unsure", true),
    ] {
        let sent = site.send(&[("ncsg_status", status)], Uuid::new_v4()).await;
        let receipt = site.get(sent.location()).await;
        assert_eq!(receipt.text_of("h1"), "Thank you. We have your application.");
        assert_eq!(!receipt.all("#ncsg").is_empty(), is_named, "{status}");
    }
}

#[tokio::test]
async fn change_page_has_a_button_after_the_question() {
    let site = TestSite::new().await;
    let fields = |change: &'static str| [&good_with(&[])[..], &[("change", change)]].concat();
    for question in [
        "organization_name",
        "country",
        "ncsg_status",
        "not_eligible",
        "mailing_list",
    ] {
        let page = site.post(&fields(question)).await;
        assert_eq!(page.text_of("h1"), "Change your answer", "{question}");
        let beside = format!(".question:has([name={question}]) + button[type=submit]");
        assert_eq!(page.all(&beside), ["Check your answers"], "{question}");
    }
    assert_eq!(
        site.get("/membership").await.all("main button:not([formaction])").len(),
        1
    );
}

#[tokio::test]
async fn receipt_shows_no_personal_data_and_is_private() {
    let site = TestSite::new().await;
    let sent = site.send_until_stored(&[], Uuid::now_v7()).await;
    let receipt = site.get(sent.location()).await;
    for (name, value) in GOOD.iter().filter(|(_, value)| value.len() > 3) {
        assert!(!receipt.body.contains(value), "{name}");
    }
    assert_eq!(receipt.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(receipt.headers["x-robots-tag"], "noindex");
    assert_eq!(receipt.attributes("meta[name=robots]", "content"), ["noindex"]);
    assert!(
        receipt.headers[header::CACHE_CONTROL]
            .to_str()
            .unwrap()
            .contains("private")
    );
}

#[tokio::test]
async fn application_sent_twice_is_stored_once() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let first = site.send(&[], key).await;
    let again = site.send(&[], key).await;
    assert_eq!(
        (again.status, again.location()),
        (StatusCode::SEE_OTHER, first.location())
    );
    assert_eq!((site.count("applications").await, site.count("outbox").await), (1, 2));
}

#[tokio::test]
async fn twenty_concurrent_sends_with_one_key_store_one() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let sent = futures_util::future::join_all((0..20).map(|_| site.send(&[], key))).await;
    for reply in &sent {
        assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::SEE_OTHER, sent[0].location())
        );
    }
    let counts = (
        site.count("applications").await,
        site.count("outbox").await,
        site.count("application_history").await,
    );
    assert_eq!(counts, (1, 2, 1));
}

#[tokio::test]
async fn missing_or_malformed_key_returns_the_check_page() {
    let site = TestSite::new().await;
    for key in [
        &[][..],
        &[("submission_key", "")],
        &[("submission_key", "not-a-key")],
        &[("submission_key", "1' OR 1=1")],
    ] {
        let reply = site.post(&[&good_with(&[("step", "send")])[..], key].concat()).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.submission_key();
    }
    assert_eq!(site.count("applications").await, 0);
}

/// Builds a request that sends the form with these headers.
fn sent_with(headers: &[(&str, &str)], key: Uuid) -> Request<Body> {
    let body = send_body(key);
    let request = Request::post("/membership").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let named = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    named.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn form_posted_by_another_site_gets_the_check_page() {
    let site = TestSite::with(&[("NPOC_PUBLIC_URL", "https://npoc.org")]).await;
    let evil = ("origin", "https://evil.example");
    let key = Uuid::now_v7();
    for headers in [
        &[evil, ("sec-fetch-site", "cross-site")][..],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[evil],
    ] {
        let reply = site.ask(sent_with(headers, key)).await;
        assert_eq!(reply.status, StatusCode::OK, "{headers:?}");
        assert_eq!(reply.text_of("h1"), "Check your answers, then send them");
        reply.assert_keeps(&good_with(&[]));
    }
    assert_eq!((site.count("applications").await, site.count("outbox").await), (0, 0));
    for headers in [
        &[("origin", "https://npoc.org"), ("sec-fetch-site", "same-origin")][..],
        &[("origin", "https://npoc.org")],
        &[("sec-fetch-site", "none")],
        &[],
    ] {
        let reply = site.ask(sent_with(headers, key)).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{headers:?}");
    }
    assert_eq!(site.count("applications").await, 1, "one key, one application");
    let checked = site.check(&[("form_key", &key.to_string())]).await;
    let kept = checked.submission_key().to_string();
    let key = key.to_string();
    let form = [("step", "send"), ("form_key", &*key), ("submission_key", &*kept)];
    let renamed = Request::post("/membership")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("origin", "https://name-of-a-proxy.example")
        .body(Body::from(encode(&good_with(&form))))
        .unwrap();
    let reply = site.ask(renamed).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "an old browser on our check page");
}

#[tokio::test]
async fn submission_key_belongs_to_its_answers() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let first = site.send_until_stored(&[], key).await;
    let others = [("organization_name", "Another Network")];
    let second = site.send_until_stored(&others, key).await;
    assert_ne!(first.location(), second.location(), "other answers get another receipt");
    assert_eq!(site.send_until_stored(&[], key).await.location(), first.location());
    assert_eq!(site.send_until_stored(&others, key).await.location(), second.location());
    assert_eq!(site.count("applications").await, 2);
}

#[tokio::test]
async fn submission_key_changes_with_the_answers() {
    let site = TestSite::new().await;
    let form_key = site.get("/membership").await.kept("form_key").remove(0);
    let form = ("form_key", form_key.as_str());
    let first = site.check(&[form]).await;
    assert_eq!(first.kept("form_key"), [form_key.as_str()]);
    assert_eq!(
        site.check(&[form]).await.submission_key(),
        first.submission_key(),
        "reloading keeps the key"
    );
    let refused = site.check(&[form, ("country", "")]).await;
    assert_eq!(
        refused.kept("form_key"),
        [form_key.as_str()],
        "a rejected form keeps its key"
    );
    let changed = site.check(&[form, ("representative_role", "Treasurer")]).await;
    assert_ne!(changed.submission_key(), first.submission_key());
    let another = site.get("/membership").await.kept("form_key").remove(0);
    assert_ne!(
        site.check(&[("form_key", &another)]).await.submission_key(),
        first.submission_key()
    );
    assert_ne!(
        site.check(&[]).await.submission_key(),
        site.check(&[]).await.submission_key(),
        "without a form key, each check makes a new key"
    );
}

#[tokio::test]
async fn change_returns_to_the_field_and_keeps_every_answer() {
    let site = TestSite::new().await;
    let names = site.check(&[]).await.attributes("dd button[name=change]", "value");
    assert!(names.iter().eq(QUESTIONS.iter().map(|question| question.name)));
    for question in QUESTIONS {
        let form = site.post(&good_with(&[("change", question.name)])).await;
        assert_eq!(form.status, StatusCode::OK);
        assert_eq!(form.attributes("[autofocus]", "name"), [question.name]);
        form.assert_keeps(&good_with(&[]));
        assert!(form.all(".problem").is_empty(), "going back shows no problem");
    }
}

#[tokio::test]
async fn check_page_shows_normalized_answers() {
    let site = TestSite::new().await;
    let page = site
        .check(&[
            ("organization_name", "  Fundacio\u{301}n \u{202e}Uno\0 "),
            ("domain_name", "HTTPS://www.XN--R8JZ45G.xn--zckzah/about"),
            ("representative_email", " hanako@例え。テスト "),
            ("country", "jp"),
        ])
        .await;
    assert_eq!(page.kept("organization_name"), ["Fundación Uno"]);
    assert_eq!(page.kept("domain_name"), ["例え.テスト"]);
    assert_eq!(page.kept("representative_email"), ["hanako@例え.テスト"]);
    assert_eq!(page.kept("country"), ["JP"]);
    assert!(page.all("dl.answers dd").contains(&"Japan".to_owned()));
    assert_eq!(page.all("dl.answers dt").len(), QUESTIONS.len());
}

#[tokio::test]
async fn unregistered_organization_is_not_rejected() {
    let site = TestSite::new().await;
    site.apply(&[
        ("registered", "no"),
        ("not_eligible", "government"),
        ("not_eligible", "commercial"),
    ])
    .await;
    let row: (bool, Vec<String>) = sqlx::query_as("SELECT registered, not_eligible FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(row, (false, vec!["commercial".into(), "government".into()]));
}

#[tokio::test]
async fn rate_limited_network_gets_its_answers_back() {
    let site = TestSite::with(&[("NPOC_RATE_LIMIT", "2")]).await;
    let mut statuses = Vec::new();
    for from in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let key = Uuid::now_v7();
        let body = send_body(key);
        let mut request = Request::post("/membership")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(from.parse().unwrap(), 1)));
        let reply = site.ask(request).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(reply.submission_key(), stored_key(&[], key));
            reply.assert_keeps(&good_with(&[]));
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [303, 303, 429, 303]);
}

#[tokio::test]
async fn unknown_choice_is_quoted_in_its_problem() {
    let site = TestSite::new().await;
    for (name, given) in [
        ("kind_of_work", "astrology"),
        ("not_eligible", "<b>else"),
        ("country", "Kenia"),
    ] {
        let refused = site.check(&[(name, given)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let problem = refused.text_of(&format!("#{name}-problem"));
        assert!(problem.contains(&format!("“{given}” is not on it")), "{problem}");
    }
}

#[tokio::test]
async fn form_opened_a_month_ago_is_accepted() {
    let site = TestSite::new().await;
    let month_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(24 * 31);
    let since_epoch = month_ago.duration_since(std::time::UNIX_EPOCH).unwrap();
    let opened = uuid::Timestamp::from_unix(uuid::NoContext, since_epoch.as_secs(), 0);
    let form_key = Uuid::new_v7(opened).to_string();
    let checked = site.check(&[("form_key", &form_key)]).await;
    assert_eq!(checked.kept("form_key"), [form_key.as_str()]);
    let sent = site.send(&[("form_key", &form_key)], checked.submission_key()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn repeated_application_is_accepted_and_known_to_staff_alone() {
    let site = TestSite::new().await;
    let first = site.apply(&[]).await;
    let checked = site.check(&[]).await;
    assert!(!checked.body.contains(&first) && checked.all(".notice--warning").is_empty());
    let second = site.apply(&[]).await;
    assert_ne!(first, second);
    site.deliver_all().await;
    let (staff, applicant) = site.emails(&second);
    assert!(
        staff
            .text
            .contains(&format!("The same domain applied before\n    YES: {first}"))
    );
    assert!(!applicant.raw.contains(&first));
}
