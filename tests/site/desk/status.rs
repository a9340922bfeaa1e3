//! The status page: the applicant sees where the application stands, answers, appeals and withdraws. The secret address is
//! the only key.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::staff::Role;

use crate::support::desk::Browser;
use crate::support::{Reply, TestSite, encode, send_body};

async fn post(site: &TestSite, path: &str, fields: &[(&str, &str)]) -> Reply {
    site.post_raw(path, encode(fields)).await
}

/// Brings an application into a state, as staff would. Returns the path of its page.
async fn asked(site: &TestSite, reference: &str) -> String {
    let dora = site.member("Dora", Role::Decider).await;
    let path = format!("/desk/applications/{reference}/ask");
    let reply = dora
        .post(&path, &[("version", "1"), ("question", "What is your purpose?")])
        .await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    site.status_path(reference).await
}

fn state(page: &Reply) -> String {
    page.attributes("[data-state]", "data-state").join(" ")
}

#[tokio::test]
async fn withdrawal_is_undone_from_the_page_and_told_each_time() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = site.status_path(&reference).await;
    let page = site.get(&path).await;
    assert_eq!(state(&page), "received");
    assert_eq!(
        page.attributes("form.application", "action"),
        [format!("{path}/withdraw"), format!("{path}/change")]
    );
    // A scanner that presses the button without a tick changes nothing.
    let scanned = post(&site, &format!("{path}/withdraw"), &[("version", "1")]).await;
    assert_eq!(scanned.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(scanned.text_of(".problem"), "Error: Tick the box first");
    assert_eq!(state(&site.get(&path).await), "received");
    for (action, version, now) in [
        ("withdraw", "1", "withdrawn"),
        ("undo", "2", "received"),
        ("withdraw", "3", "withdrawn"),
        ("undo", "4", "received"),
    ] {
        let done = post(
            &site,
            &format!("{path}/{action}"),
            &[("version", version), ("yes", "yes")],
        )
        .await;
        assert_eq!(
            (done.status, done.location()),
            (StatusCode::SEE_OTHER, path.as_str()),
            "{action}"
        );
        assert_eq!(state(&site.get(&path).await), now);
    }
    // Twice at most.
    let left = site.get(&path).await.attributes("form.application", "action");
    assert_eq!(left, [format!("{path}/change")]);
    let third = post(&site, &format!("{path}/withdraw"), &[("version", "5"), ("yes", "yes")]).await;
    assert_eq!(third.status, StatusCode::CONFLICT);
    site.deliver_all().await;
    for (version, subject) in [
        (2, "is withdrawn"),
        (3, "continues"),
        (4, "is withdrawn"),
        (5, "continues"),
    ] {
        let mail = site.update(&reference, version, "applicant").unwrap();
        assert!(mail.subject.contains(subject), "{}", mail.subject);
        assert!(mail.text.contains(&path));
        assert!(site.update(&reference, version, "staff").is_some());
    }
}

#[tokio::test]
async fn scanner_that_opens_and_presses_everything_changes_nothing() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    for action in ["answer", "appeal", "withdraw", "undo"] {
        assert_eq!(site.get(&format!("{path}/{action}")).await.location(), path);
        for fields in [
            &[][..],
            &[("version", "2")],
            &[("version", "2"), ("text", "")],
            &[("yes", "")],
        ] {
            let pressed = post(&site, &format!("{path}/{action}"), fields).await;
            assert!(
                pressed.status.is_client_error(),
                "{action} {fields:?}: {}",
                pressed.status
            );
        }
    }
    assert_eq!(state(&site.get(&path).await), "asked");
    assert_eq!(site.get(&format!("{path}/other")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        post(&site, &format!("{path}/other"), &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn answer_too_short_or_too_long_is_kept_with_a_sentence() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    let long = "界".repeat(4001);
    for (text, sentence) in [
        ("", "Write a longer text. It needs at least 2 characters"),
        ("a", "Write a longer text. It needs at least 2 characters"),
        (&long, "Write a shorter text. It can have 4000 characters; it has 4001"),
    ] {
        let refused = post(&site, &format!("{path}/answer"), &[("version", "2"), ("text", text)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.text_of(".problem"), format!("Error: {sentence}"));
        assert_eq!(refused.kept("text"), [text]);
        assert_eq!(
            refused.attributes("textarea", "aria-describedby"),
            ["answer-hint answer-problem"]
        );
    }
}

#[tokio::test]
async fn answer_sent_twice_is_stored_once() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    let fields = [("version", "2"), ("text", "Health for all.")];
    let answer = format!("{path}/answer");
    let (first, second) = tokio::join!(post(&site, &answer, &fields), post(&site, &answer, &fields));
    assert_eq!([first.status, second.status], [StatusCode::SEE_OTHER; 2]);
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM entries WHERE kind = 'answer'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(stored, 1);
    // Another answer from the old page is not lost, and not sent.
    let other = post(&site, &answer, &[("version", "2"), ("text", "Another answer")]).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    let notice = other.text_of(".notice--warning");
    assert!(notice.contains("Your application has changed in the meantime.") && notice.contains("Another answer"));
}

#[tokio::test]
async fn late_answer_and_late_appeal_are_taken() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    site.sql("UPDATE applications SET answer_until = '2020-01-01'").await;
    let fields = [("version", "2"), ("text", "Sorry, we were away.")];
    assert_eq!(
        post(&site, &format!("{path}/answer"), &fields).await.status,
        StatusCode::SEE_OTHER
    );
    let dora = Browser::new(&site).sign_in("dora@npoc.test").await;
    let no = [
        ("version", "3"),
        ("decision", "not_accept"),
        ("reason", "Your purpose is commercial, we think."),
    ];
    dora.post(&format!("/desk/applications/{reference}/decide"), &no).await;
    site.sql("UPDATE applications SET appeal_until = '2020-01-01'").await;
    let fields = [("version", "4"), ("text", "Our purpose is health, see article 2.")];
    assert_eq!(
        post(&site, &format!("{path}/appeal"), &fields).await.status,
        StatusCode::SEE_OTHER
    );
    let desk = dora.get(&format!("/desk/applications/{reference}")).await;
    assert!(desk.text_of(".facts").contains("The appeal came late."));
    site.deliver_all().await;
    assert!(
        site.update(&reference, 5, "staff")
            .unwrap()
            .text
            .contains("after the last day for an appeal")
    );
}

#[tokio::test]
async fn page_names_no_person_and_shows_no_answer() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    post(
        &site,
        &format!("{path}/answer"),
        &[("version", "2"), ("text", "Marker answer")],
    )
    .await;
    let page = site.get(&path).await;
    for marker in ["Marker answer", "Afya Bora", "afyabora", "Wanjik", "Dora", "+254"] {
        assert!(!page.body.contains(marker), "{marker}");
    }
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-robots-tag"), "noindex");
    assert_eq!(header("cache-control"), "private, no-store");
}

#[tokio::test]
async fn form_from_another_site_is_shown_the_page() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = site.status_path(&reference).await;
    let request = Request::post(format!("{path}/withdraw"))
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("version=1&yes=yes"))
        .unwrap();
    assert_eq!(site.ask(request).await.location(), path);
    assert_eq!(state(&site.get(&path).await), "received");
}

#[tokio::test]
async fn page_and_emails_are_in_the_language_of_the_application() {
    let site = TestSite::new().await;
    let sent = site.post_raw("/ar/membership", send_body(uuid::Uuid::now_v7())).await;
    let path = sent.location().to_owned();
    let reference = site.get(&path).await.text_of(".reference");
    asked(&site, &reference).await;
    let page = site.get(&path).await;
    assert_eq!(page.attributes("html", "lang"), ["ar"]);
    assert_eq!(page.attributes("html", "dir"), ["rtl"]);
    post(&site, &format!("{path}/language"), &[("language", "fr")]).await;
    let page = site.get(&path).await;
    assert_eq!(page.text_of("h1"), "La NPOC a une question à vous poser");
    post(
        &site,
        &format!("{path}/answer"),
        &[("version", "2"), ("text", "Oui, pour la santé.")],
    )
    .await;
    site.deliver_all().await;
    let language = |version| {
        site.update(&reference, version, "applicant")
            .unwrap()
            .header("Content-Language")
    };
    assert_eq!(
        (language(2).as_deref(), language(3).as_deref()),
        (Some("ar"), Some("fr"))
    );
}

#[tokio::test]
async fn text_comes_back_while_the_database_is_away() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    crate::support::database::take_away(&site.pool).await;
    let fields = [("version", "2"), ("text", "Our long answer"), ("language", "es")];
    let refused = post(&site, &format!("{path}/answer"), &fields).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.kept("text"), ["Our long answer"]);
    assert_eq!(refused.kept("version"), ["2"]);
    assert_eq!(refused.attributes("html", "lang"), ["es"]);
    assert_eq!(
        refused.attributes("form.application", "action"),
        [format!("{path}/answer")]
    );
}

#[tokio::test]
async fn form_that_is_too_large_is_refused() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    let large = "a".repeat(300 * 1024);
    let refused = post(&site, &format!("{path}/answer"), &[("version", "2"), ("text", &large)]).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn page_says_when_an_email_came_back() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let path = asked(&site, &reference).await;
    assert!(site.get(&path).await.all(".notice--warning").is_empty());
    site.sql("UPDATE outbox SET bounced_at = now(), sent_at = now() WHERE purpose = 'update'")
        .await;
    let notice = site.get(&path).await.text_of(".notice--warning");
    assert!(notice.starts_with("An email to you came back"), "{notice}");
}
