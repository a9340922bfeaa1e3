//! What a reviewer tried in order to break the desk.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::membership::review::{NotChanged, Refusal, add_note, assign};
use npoc::staff::{Role, StaffMember};
use npoc::values::EmailAddress;

use crate::support::desk::{Browser, REASON, act, done, path, refused_and_appealed, state};
use crate::support::{Reply, TestSite};

/// The fields of a form.
type Fields = &'static [(&'static str, &'static str)];

async fn number(site: &TestSite, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(&site.pool).await.unwrap()
}

#[tokio::test]
async fn member_disabled_while_a_form_arrives_writes_nothing() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.member("Rita", Role::Reviewer).await;
    let rita = StaffMember {
        id: number(&site, "SELECT id FROM staff").await,
        name: "Rita".to_owned(),
        address: EmailAddress::parse("rita@npoc.test").unwrap(),
        former_addresses: Vec::new(),
        role: Role::Reviewer,
    };
    for change in [
        "UPDATE staff SET role = 'reader'",
        "UPDATE staff SET role = 'reviewer', disabled_at = now()",
    ] {
        site.sql(change).await;
        let note = add_note(&site.connections, &reference, &rita, "A note").await;
        assert!(
            matches!(note, Err(NotChanged::Refused(Refusal::NotPermitted))),
            "{change}"
        );
        let assigned = assign(&site.connections, &reference, &rita, None).await;
        assert!(
            matches!(assigned, Err(NotChanged::Refused(Refusal::NotPermitted))),
            "{change}"
        );
    }
    assert_eq!(number(&site, "SELECT count(*) FROM entries").await, 0);
}

#[tokio::test]
async fn first_decider_cannot_reopen_after_the_appeal_was_decided() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let emil = site.member("Emil", Role::Decider).await;
    let reference = refused_and_appealed(&site, &dora).await;
    done(
        &emil,
        &reference,
        "decide",
        &[("decision", "accept"), ("reason", "They are right.")],
    )
    .await;
    let reopened = act(&dora, &reference, "reopen", &[("version", "5"), ("reason", REASON)]).await;
    assert_eq!(reopened.status, StatusCode::FORBIDDEN);
    assert_eq!(state(&site, &reference).await.0, "accepted");
    done(&emil, &reference, "reopen", &[("reason", REASON)]).await;
}

#[tokio::test]
async fn another_decision_from_an_old_page_is_never_reported_as_done() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let changes: [(&str, Fields, Fields); 4] = [
        ("dismiss", &[("as", "spam")], &[("as", "duplicate")]),
        (
            "ask",
            &[("question", "Who pays?"), ("until", "")],
            &[("question", "Who pays?"), ("until", "2027-02-01")],
        ),
        (
            "decide",
            &[
                ("decision", "accept"),
                ("reason", "We know."),
                ("region", "asia-pacific"),
            ],
            &[("decision", "accept"), ("reason", "We know."), ("region", "europe")],
        ),
        (
            "decide",
            &[("decision", "accept"), ("reason", "We know.")],
            &[("decision", "accept"), ("reason", "")],
        ),
    ];
    for (index, (action, first, other)) in changes.into_iter().enumerate() {
        let domain = format!("org{index}.or.ke");
        let email = format!("a@{domain}");
        let reference = site
            .apply(&[("domain_name", &domain), ("representative_email", &email)])
            .await;
        if action == "decide" {
            done(&dora, &reference, "review", &[]).await;
        }
        let version = state(&site, &reference).await.1.to_string();
        let old = [("version", version.as_str())];
        let post = async |fields: &[(&str, &str)]| {
            dora.post(&path(&reference, action), &[&old[..], fields].concat())
                .await
                .status
        };
        assert_eq!(post(first).await, StatusCode::SEE_OTHER, "{action}");
        assert_eq!(post(other).await, StatusCode::CONFLICT, "{action} {other:?}");
        // A note in between changes nothing about the same form sent twice.
        done(&dora, &reference, "note", &[("text", "A note")]).await;
        assert_eq!(post(first).await, StatusCode::SEE_OTHER, "{action} {first:?}");
    }
}

#[tokio::test]
async fn odd_versions_and_references_are_refused() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let status = site.status_path(&reference).await;
    for version in ["2147483647", "-2147483648", "99999999999", "x", "0", "-1"] {
        let fields = [("version", version), ("yes", "yes")];
        let body = format!("version={version}&yes=yes");
        assert_eq!(
            site.post_raw(&format!("{status}/withdraw"), body).await.status,
            StatusCode::CONFLICT
        );
        assert_eq!(
            dora.post(&path(&reference, "review"), &fields).await.status,
            StatusCode::CONFLICT
        );
    }
    let rae = site.member("Rae", Role::Reader).await;
    let logged = number(&site, "SELECT count(*) FROM desk_log").await;
    for odd in [
        "%00",
        &format!("%0A{reference}"),
        &format!("%20{reference}"),
        &format!("{reference}%20marker"),
        "NPOC-AAAA-AAAA",
        &"a".repeat(6000),
    ] {
        assert_eq!(
            rae.get(&format!("/desk/applications/{odd}")).await.status,
            StatusCode::NOT_FOUND,
            "{odd}"
        );
        for action in ["ask", "note", "assign", "opinion"] {
            let fields = [("question", "Who pays?"), ("text", "A note"), ("verdict", "approve")];
            let reply = rae.post(&path(odd, action), &fields).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{odd} {action}");
        }
    }
    assert_eq!(number(&site, "SELECT count(*) FROM desk_log").await, logged);
    // In lower case it is the same application.
    let lower = dora
        .get(&format!("/desk/applications/{}", reference.to_lowercase()))
        .await;
    assert_eq!(lower.status, StatusCode::OK);
}

#[tokio::test]
async fn longest_text_in_any_script_is_stored() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let long = format!("q{}", "\u{301}".repeat(10)).repeat(4000);
    done(&dora, &reference, "note", &[("text", &long)]).await;
}

#[tokio::test]
async fn forgotten_address_leaves_the_queue_of_emails_too() {
    let site = TestSite::new().await;
    site.add_staff("Mallory", "mallory@npoc.test", Role::Reader).await;
    Browser::new(&site).ask_to_sign_in("mallory@npoc.test").await;
    Browser::new(&site)
        .post("/desk/sign-in", &[("address", "mallory@npoc.test")])
        .await;
    site.sql("UPDATE outbox SET given_up_at = now(), last_error = 'mallory@npoc.test' WHERE sent_at IS NULL")
        .await;
    site.sql("UPDATE outbox SET expires_at = now()").await;
    site.run_housekeeping(None).await;
    assert_eq!(
        number(&site, "SELECT count(*) FROM outbox WHERE outbox::text LIKE '%mallory%'").await,
        0
    );
    assert_eq!(
        number(&site, "SELECT count(*) FROM outbox WHERE purpose = 'sign-in'").await,
        2
    );
}

#[tokio::test]
async fn known_browser_signs_in_from_a_network_that_is_full() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Reader).await;
    let own = Browser::new(&site).sign_in("ann@npoc.test").await;
    for _ in 0..40 {
        Browser::new(&site)
            .post("/desk/sign-in", &[("address", "nobody@npoc.test")])
            .await;
    }
    own.post("/desk/sign-out", &[]).await;
    own.sign_in("ann@npoc.test").await;
}

#[tokio::test]
async fn signing_in_again_ends_the_session_before() {
    let site = TestSite::new().await;
    let ann = site.member("Ann", Role::Reader).await;
    let before = ann.cookies.borrow().clone();
    let ann = ann.sign_in("ann@npoc.test").await;
    assert!(ann.is_signed_in().await);
    let old = Browser::new(&site);
    old.cookies.replace(before);
    assert!(!old.is_signed_in().await);
}

#[tokio::test]
async fn cookie_of_another_page_signs_nobody_out() {
    let site = TestSite::new().await;
    let ann = site.member("Ann", Role::Reader).await;
    let session = ann.cookies.borrow()["__Host-npoc-desk"].clone();
    let mut line = b"theme=caf\xe9; __Host-npoc-desk=".to_vec();
    line.extend(session.bytes());
    let request = Request::get("/desk")
        .header(header::COOKIE, line)
        .body(Body::empty())
        .unwrap();
    let reply: Reply = site.ask(request).await;
    assert_eq!(reply.status, StatusCode::OK);
}
