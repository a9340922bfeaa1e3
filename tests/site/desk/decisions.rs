//! Decisions: staff ask and decide, and each change is told in its threads.

use axum::http::StatusCode;
use npoc::staff::Role;

use super::sign_in::number;
use crate::support::TestSite;
use crate::support::desk::{Browser, REASON, act, done, path, refused_and_appealed, state};

async fn events(site: &TestSite, reference: &str) -> Vec<(String, String)> {
    sqlx::query_as("SELECT event, coalesce(actor, '') FROM application_history WHERE reference = $1 ORDER BY id")
        .bind(reference)
        .fetch_all(&site.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_route_and_role_is_in_one_table() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let mut members = Vec::new();
    for (name, role) in [
        ("Rae", Role::Reader),
        ("Rita", Role::Reviewer),
        ("Dora", Role::Decider),
        ("Ada", Role::Administrator),
    ] {
        members.push((role, site.member(name, role).await));
    }
    // 8.2.1: the least role for each route. None of these posts is complete, so that nothing changes.
    for (action, least) in [
        ("review", Role::Reviewer),
        ("ask", Role::Reviewer),
        ("answered", Role::Reviewer),
        ("note", Role::Reviewer),
        ("assign", Role::Reviewer),
        ("decide", Role::Decider),
        ("dismiss", Role::Decider),
        ("reopen", Role::Decider),
    ] {
        for (role, browser) in &members {
            let fields = [
                ("question", "What is your purpose?"),
                ("answer", "Our purpose"),
                ("decision", "not_accept"),
                ("reason", REASON),
                ("as", "spam"),
                ("to", "999999"),
            ];
            let reply = browser.post(&path(&reference, action), &fields).await;
            let is_refused = reply.status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, *role < least, "{action} {role:?}: {}", reply.status);
            assert_ne!(reply.status, StatusCode::SEE_OTHER, "{action} {role:?}");
        }
    }
    assert_eq!(state(&site, &reference).await, ("received".to_owned(), 1));
    // 16.3.2: refusals are logged.
    let refused: i64 = sqlx::query_scalar("SELECT count(*) FROM desk_log WHERE outcome = 'refused' AND subject = $1")
        .bind(&reference)
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(refused, 8 + 3, "eight for the reader, three for the reviewer");
}

#[tokio::test]
async fn nobody_acts_without_a_session() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.add_staff("Ada", "ada@npoc.test", Role::Administrator).await;
    let outsider = Browser::new(&site);
    for (action, fields) in [
        ("review", &[("version", "1")][..]),
        ("ask", &[("version", "1"), ("question", "What is your purpose?")]),
        ("dismiss", &[("version", "1"), ("as", "spam")]),
        ("opinion", &[("verdict", "approve")]),
        ("conflict", &[]),
        ("note", &[("text", "A note")]),
        ("assign", &[("to", "1")]),
        ("representative", &[("version", "1"), ("address", "x@evil.example")]),
        ("send-link", &[]),
    ] {
        let refused = outsider.post(&path(&reference, action), fields).await;
        let is_refused = refused.status == StatusCode::FORBIDDEN || refused.location() == "/desk/sign-in";
        assert!(is_refused, "{action}");
    }
    let done =
        "SELECT (SELECT count(*) FROM opinions) + (SELECT count(*) FROM conflicts) + (SELECT count(*) FROM entries)";
    assert_eq!(number(&site, done).await, 0);
    assert_eq!(state(&site, &reference).await, ("received".to_owned(), 1));
}

#[tokio::test]
async fn application_is_asked_answered_and_accepted() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("ncsg_status", "member")]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "ask", &[("question", "Who pays for your work?")]).await;
    assert_eq!(state(&site, &reference).await, ("asked".to_owned(), 2));
    let status = site.status_path(&reference).await;
    let page = site.get(&status).await;
    assert_eq!(page.text_of("blockquote"), "Who pays for your work?");
    let answered = site
        .post_raw(
            &format!("{status}/answer"),
            "version=2&text=Members+and+two+foundations.",
        )
        .await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let desk = dora.get(&format!("/desk/applications/{reference}")).await;
    assert_eq!(
        desk.all(".entries blockquote"),
        ["Who pays for your work?", "Members and two foundations."]
    );
    let early = act(&dora, &reference, "decide", &[("decision", "accept")]).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY);
    let accept = [
        ("decision", "accept"),
        ("reason", "All three of us agree."),
        ("region", "europe"),
    ];
    done(&dora, &reference, "decide", &accept).await;
    site.deliver_all().await;

    check_thread(&site, &reference);
    check_accepted(&site, &reference, &dora).await;
}

/// Checks the pages of an application that was asked, answered and accepted.
async fn check_accepted(site: &TestSite, reference: &str, dora: &Browser<'_>) {
    let status = site.status_path(reference).await;
    let page = site.get(&status).await;
    assert_eq!(page.attributes("[data-state]", "data-state"), ["accepted"]);
    assert_eq!(
        page.all(".events dd"),
        [
            "Your application arrived",
            "NPOC asked a question",
            "You answered",
            "NPOC accepted your application"
        ]
    );
    let desk = dora.get(&format!("/desk/applications/{reference}")).await;
    assert!(desk.text_of(".facts").contains("Kenya, Europe (set by a decider)"));
    let known = events(site, reference).await;
    let known: Vec<_> = known
        .iter()
        .map(|(event, actor)| (event.as_str(), actor.as_str()))
        .collect();
    assert_eq!(
        known,
        [
            ("received", ""),
            ("asked", "staff"),
            ("answered", "applicant"),
            ("accepted", "staff")
        ]
    );
}

/// Checks the emails of an application that was asked, answered and accepted: each is in its thread.
fn check_thread(site: &TestSite, reference: &str) {
    let (to_staff, to_applicant) = site.emails(reference);
    for (version, subject) in [
        (2, "NPOC has a question about your application: "),
        (3, "NPOC has received your answer: "),
        (4, "NPOC has accepted your application: "),
    ] {
        let mail = site.update(reference, version, "applicant").unwrap();
        assert_eq!(mail.subject, format!("{subject}{reference}"));
        assert_eq!(mail.header("In-Reply-To"), to_applicant.header("Message-ID"));
        assert_eq!(mail.header("References"), to_applicant.header("Message-ID"));
        assert_eq!(mail.header("To").as_deref(), Some("wanjiku@afyabora.or.ke"));
        assert_eq!(mail.header("Reply-To").as_deref(), Some("info@npoc.org"));
        assert_eq!(mail.header("X-NPOC-Reference").as_deref(), Some(reference));
        // The reason for accepting is for staff alone.
        assert!(!mail.text.contains("All three of us agree."));
    }
    assert!(site.update(reference, 2, "staff").is_none());
    let answer = site.update(reference, 3, "staff").unwrap();
    assert_eq!(answer.subject, format!("Re: {}", to_staff.subject));
    assert_eq!(answer.header("In-Reply-To"), to_staff.header("Message-ID"));
    assert_eq!(answer.header("Reply-To").as_deref(), Some("info@npoc.org"));
    assert!(answer.text.contains("    Members and two foundations."));
    let accepted = site.update(reference, 4, "staff").unwrap();
    assert!(accepted.text.contains("NPOC has accepted the application."));
    assert!(!accepted.text.contains("Dora") && !accepted.text.contains("All three of us agree."));
}

#[tokio::test]
async fn another_decider_decides_the_appeal() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let emil = site.member("Emil", Role::Decider).await;
    let reference = refused_and_appealed(&site, &dora).await;
    assert!(
        emil.get("/desk")
            .await
            .all("h2")
            .contains(&"Appeals to decide".to_owned())
    );
    assert!(
        !dora
            .get("/desk")
            .await
            .all("h2")
            .contains(&"Appeals to decide".to_owned())
    );
    let accept = [("decision", "accept"), ("reason", "They are right.")];
    refuse_first_decider(&dora, &reference).await;
    done(&emil, &reference, "decide", &accept).await;
    assert_eq!(state(&site, &reference).await.0, "accepted");
    site.deliver_all().await;
    let told = site.update(&reference, 5, "applicant").unwrap();
    assert_eq!(told.subject, format!("NPOC has decided your appeal: {reference}"));
    let thread = site.update(&reference, 4, "staff").unwrap().text;
    assert!(thread.contains("    Our statutes name it in article 2."));
}

/// Checks that the person who took the first decision gets no form for the second, and that a made-up one is refused.
async fn refuse_first_decider(dora: &Browser<'_>, reference: &str) {
    let own = dora.get(&format!("/desk/applications/{reference}")).await;
    assert!(
        own.attributes("form", "action")
            .iter()
            .all(|action| !action.ends_with("/decide"))
    );
    let accept = [("version", "4"), ("decision", "accept"), ("reason", "They are right.")];
    let refused = dora.post(&path(reference, "decide"), &accept).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused
            .text_of(".summary")
            .contains("a colleague must decide the appeal")
    );
}

#[tokio::test]
async fn review_that_is_over_is_ready_and_never_decided_by_the_clock() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("ncsg_status", "member")]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    assert!(
        !dora
            .get("/desk")
            .await
            .all("h2")
            .contains(&"Ready to decide".to_owned())
    );
    site.sql("UPDATE applications SET review_until = (now() AT TIME ZONE 'UTC')::date - 2")
        .await;
    assert!(
        dora.get("/desk")
            .await
            .all("h2")
            .contains(&"Ready to decide".to_owned())
    );
    site.run_housekeeping(None).await;
    assert_eq!(state(&site, &reference).await.0, "in-review");
    // Silence needs no reason.
    done(&dora, &reference, "decide", &[("decision", "accept")]).await;
}

#[tokio::test]
async fn answer_that_came_by_email_is_entered_by_staff() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    done(&rita, &reference, "ask", &[("question", "What is your purpose?")]).await;
    done(&rita, &reference, "answered", &[("answer", "They wrote: health.")]).await;
    site.deliver_all().await;
    assert!(site.update(&reference, 3, "applicant").is_some());
    // The mailbox has the answer already.
    assert!(site.update(&reference, 3, "staff").is_none());
    assert_eq!(state(&site, &reference).await.0, "in-review");
}

#[tokio::test]
async fn spam_is_closed_without_an_email_and_can_be_reopened() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let preview = act(&dora, &reference, "dismiss", &[("as", "spam"), ("step", "preview")]).await;
    assert!(preview.text_of("main").contains("No email is sent."));
    done(&dora, &reference, "dismiss", &[("as", "spam")]).await;
    let status = site.status_path(&reference).await;
    let page = site.get(&status).await;
    assert!(
        page.text_of("main")
            .contains("NPOC has closed this application without review.")
    );
    let why = "A colleague met them, they are real.";
    done(&dora, &reference, "reopen", &[("reason", why)]).await;
    let page = site.get(&status).await;
    assert_eq!(page.attributes("[data-state]", "data-state"), ["in-review"]);
    assert_eq!(page.text_of("blockquote"), why);
    done(&dora, &reference, "dismiss", &[("as", "duplicate")]).await;
    site.deliver_all().await;
    assert!(site.update(&reference, 2, "applicant").is_none());
    assert!(site.update(&reference, 3, "applicant").unwrap().text.contains(why));
    let duplicate = site.update(&reference, 4, "applicant").unwrap();
    assert!(
        duplicate
            .text
            .contains("There is another application of your organization")
    );
}
