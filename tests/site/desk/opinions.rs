//! Opinions and conflicts of interest.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::{Browser, REASON, act, done, path, state};

const OBJECTION: [(&str, &str); 2] = [("verdict", "object"), ("reason", "Marker: they sell domain names.")];
const APPROVAL: [(&str, &str); 1] = [("verdict", "approve")];
const MEMBER: [(&str, &str); 1] = [("ncsg_status", "member")];

async fn page(browser: &Browser<'_>, reference: &str) -> crate::support::Reply {
    browser.get(&format!("/desk/applications/{reference}")).await
}

#[tokio::test]
async fn approval_of_all_reviewers_needs_no_reason_and_no_waiting() {
    let site = TestSite::new().await;
    let reference = site.apply(&MEMBER).await;
    let dora = site.member("Dora", Role::Decider).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    site.member("Rae", Role::Reader).await;
    done(&rita, &reference, "opinion", &APPROVAL).await;
    // The first opinion begins the review.
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 2));
    let accept = [("decision", "accept")];
    assert_eq!(
        act(&dora, &reference, "decide", &accept).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let shown = page(&dora, &reference).await;
    assert!(
        shown.text_of(".record .events").contains("Doranone yet"),
        "{}",
        shown.text_of(".record .events")
    );
    done(&dora, &reference, "opinion", &APPROVAL).await;
    done(&dora, &reference, "decide", &accept).await;
    assert_eq!(state(&site, &reference).await.0, "accepted");
}

#[tokio::test]
async fn opinion_stops_nobody_and_can_be_changed() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "ask", &[("question", "What is your purpose?")]).await;
    let status = site.status_path(&reference).await;
    // While the applicant types an answer.
    done(&rita, &reference, "opinion", &OBJECTION).await;
    let answered = site
        .post_raw(&format!("{status}/answer"), "version=2&text=Health.")
        .await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    done(&rita, &reference, "opinion", &APPROVAL).await;
    let shown = page(&dora, &reference).await.text_of(".record .events");
    assert!(shown.contains("RitaApproves") && !shown.contains("Marker"), "{shown}");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM opinions")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn objection_after_the_page_was_shown_stops_the_decision() {
    let site = TestSite::new().await;
    let reference = site.apply(&MEMBER).await;
    let dora = site.member("Dora", Role::Decider).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    done(&dora, &reference, "review", &[]).await;
    done(&rita, &reference, "opinion", &OBJECTION).await;
    let old_page = [
        ("version", "2"),
        ("objections", ""),
        ("decision", "accept"),
        ("reason", "We know them."),
    ];
    for step in ["preview", ""] {
        let fields = [&old_page[..], &[("step", step)]].concat();
        let refused = dora.post(&path(&reference, "decide"), &fields).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(
            refused
                .text_of(".summary")
                .contains("Somebody objected since you opened this page.")
        );
        assert_eq!(refused.kept("reason")[0], "We know them.");
    }
    let shown = page(&dora, &reference).await;
    let seen = shown.attributes("input[name=objections]", "value").remove(0);
    let without = [("version", "2"), ("objections", seen.as_str()), ("decision", "accept")];
    let refused = dora.post(&path(&reference, "decide"), &without).await;
    assert!(refused.text_of(".summary").contains("Somebody objects. Give a reason."));
    let with = [&without[..], &[("reason", "The objection is wrong.")]].concat();
    assert_eq!(
        dora.post(&path(&reference, "decide"), &with).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn wrong_opinion_gets_a_sentence_and_keeps_the_text() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let rae = site.member("Rae", Role::Reader).await;
    for (fields, sentence) in [
        (&[][..], "Say whether you approve or object."),
        (
            &[("verdict", "object"), ("reason", "No")],
            "Write at least 10 characters.",
        ),
        (&[("verdict", "object")], "Write a text."),
    ] {
        let refused = act(&rita, &reference, "opinion", fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.text_of(".summary").contains(sentence),
            "{}",
            refused.text_of(".summary")
        );
    }
    assert_eq!(
        act(&rae, &reference, "opinion", &APPROVAL).await.status,
        StatusCode::FORBIDDEN
    );
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "dismiss", &[("as", "spam")]).await;
    assert_eq!(
        act(&rita, &reference, "opinion", &APPROVAL).await.status,
        StatusCode::CONFLICT
    );
}

/// Asserts that a member sees of an application its reference, and nothing else that is protected.
async fn sees_nothing(member: &Browser<'_>, reference: &str) {
    let status = format!("/desk/applications/{reference}");
    for path in [
        "/desk",
        "/desk/applications",
        "/desk/applications?state=in-review",
        "/desk/applications?state=ready",
        "/desk/applications?q=afya",
        "/desk/applications?q=wanjiku%40afyabora.or.ke",
        "/desk/applications?country=KE",
        "/desk/applications?region=africa",
        "/desk/applications?assigned=me",
        &format!("/desk/applications?q={reference}"),
        &status,
    ] {
        let page = member.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        // The field of the search keeps what was typed.
        for marker in ["Marker", "Afya", "afyabora", "Wanjik", "+254", "Rita"] {
            assert!(path.contains(marker) || !page.body.contains(marker), "{path}: {marker}");
        }
        assert!(page.all("tbody tr").is_empty(), "{path}");
        assert!(page.all(".count").iter().all(|count| count == "0"), "{path}");
    }
    for action in [
        "review", "ask", "answered", "opinion", "decide", "dismiss", "reopen", "assign", "note",
    ] {
        let fields = [
            ("version", "2"),
            ("question", "What is it?"),
            ("answer", "It is"),
            ("verdict", "approve"),
            ("decision", "not_accept"),
            ("reason", REASON),
            ("as", "spam"),
            ("text", "A note"),
        ];
        let refused = member.post(&path(reference, action), &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{action}");
        assert!(
            !refused.body.contains("Afya") && !refused.body.contains("Marker"),
            "{action}"
        );
    }
}

#[tokio::test]
async fn member_named_in_the_application_sees_only_its_state_and_dates() {
    let site = TestSite::new().await;
    for (name, address) in [
        ("Wanda", "wanjiku@afyabora.or.ke"),
        ("Wilma", "wilma@mail.afyabora.or.ke"),
    ] {
        site.add_staff(name, address, Role::Administrator).await;
    }
    let reference = site.apply(&[]).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    done(&rita, &reference, "opinion", &OBJECTION).await;
    done(&rita, &reference, "note", &[("text", "Marker note")]).await;
    for address in ["wanjiku@afyabora.or.ke", "wilma@mail.afyabora.or.ke"] {
        let involved = Browser::new(&site).sign_in(address).await;
        sees_nothing(&involved, &reference).await;
        let shown = page(&involved, &reference).await;
        assert_eq!(shown.attributes("[data-state]", "data-state"), ["in-review"]);
        assert!(involved.get("/desk").await.all("main li a").contains(&reference));
    }
    // A member from elsewhere sees it, with the conflicts that the site found.
    let shown = page(&rita, &reference).await.text_of(".record .events");
    assert!(
        shown.contains("Wandahas a conflict of interest, which the site found"),
        "{shown}"
    );
    // The mailbox of all staff has nothing of it.
    site.deliver_all().await;
    let (to_staff, _) = site.emails(&reference);
    assert!(!to_staff.text.contains("Marker"));
}

#[tokio::test]
async fn alternate_and_shared_domains_are_told_apart() {
    let site = TestSite::new().await;
    site.add_staff("Alma", "alma@gmail.com", Role::Decider).await;
    site.add_staff("Gil", "gil@gmail.com", Role::Decider).await;
    let changes = [("alternate_name", "Alma"), ("alternate_email", "Alma@Gmail.com")];
    let reference = site.apply(&changes).await;
    let alma = Browser::new(&site).sign_in("alma@gmail.com").await;
    sees_nothing(&alma, &reference).await;
    let gil = Browser::new(&site).sign_in("gil@gmail.com").await;
    assert!(page(&gil, &reference).await.body.contains("Afya Bora"));
}

#[tokio::test]
async fn stated_conflict_silences_a_member_until_a_colleague_takes_it_back() {
    let site = TestSite::new().await;
    let reference = site.apply(&MEMBER).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let dora = site.member("Dora", Role::Decider).await;
    let emil = site.member("Emil", Role::Decider).await;
    done(&dora, &reference, "opinion", &OBJECTION).await;
    done(&rita, &reference, "opinion", &APPROVAL).await;
    done(&emil, &reference, "opinion", &APPROVAL).await;
    done(&dora, &reference, "conflict", &[]).await;
    sees_nothing(&dora, &reference).await;
    // The objection stops counting.
    let shown = page(&emil, &reference).await;
    assert_eq!(shown.attributes("input[name=objections]", "value"), [""]);
    let id: i64 = sqlx::query_scalar("SELECT id FROM staff WHERE name = 'Dora'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    let take_back = [("take_back", id.to_string())];
    let take_back = take_back.each_ref().map(|(name, id)| (*name, id.as_str()));
    for member in [&dora, &rita] {
        let refused = member.post(&path(&reference, "conflict"), &take_back).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    done(&emil, &reference, "conflict", &take_back).await;
    assert!(page(&dora, &reference).await.body.contains("Afya Bora"));
    let shown = page(&emil, &reference).await;
    assert_ne!(shown.attributes("input[name=objections]", "value"), [""]);
}

#[tokio::test]
async fn conflict_outlives_a_new_address_of_the_member() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@afyabora.or.ke", Role::Administrator).await;
    let ann = Browser::new(&site).sign_in("ann@afyabora.or.ke").await;
    let reference = site.apply(&[]).await;
    let page = format!("/desk/applications/{reference}");
    assert!(!ann.get(&page).await.body.contains("Afya Bora"));
    let moved = site.command(&["staff", "address", "ann@afyabora.or.ke", "ann@gmail.com"]);
    assert!(moved.status.success());
    let ann = Browser::new(&site).sign_in("ann@gmail.com").await;
    assert!(!ann.get(&page).await.body.contains("Afya Bora"));
    assert!(!ann.get("/desk/applications").await.body.contains("Afya Bora"));
}

#[tokio::test]
async fn opinion_of_a_disabled_member_with_a_conflict_does_not_count() {
    let site = TestSite::new().await;
    site.add_staff("Ada", "ada@npoc.test", Role::Administrator).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let dora = site.member("Dora", Role::Decider).await;
    let reference = site.apply(&[("ncsg_status", "member")]).await;
    let objection = [("verdict", "object"), ("reason", "I know them too well.")];
    done(&rita, &reference, "opinion", &objection).await;
    let page = format!("/desk/applications/{reference}");
    assert!(dora.get(&page).await.body.contains("I know them too well."));
    done(&rita, &reference, "conflict", &[]).await;
    for command in ["disable", "forget"] {
        assert!(
            !dora.get(&page).await.body.contains("I know them too well."),
            "before {command}"
        );
        assert!(site.command(&["staff", command, "rita@npoc.test"]).status.success());
    }
    assert!(!dora.get(&page).await.body.contains("I know them too well."));
}

#[tokio::test]
async fn only_a_conflict_that_exists_is_taken_back() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    site.add_staff("Rita", "rita@npoc.test", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    for made_up in ["0", "x", "2", "999999", "-1"] {
        let refused = act(&dora, &reference, "conflict", &[("take_back", made_up)]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{made_up}");
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM conflicts")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}
