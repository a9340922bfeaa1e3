//! The second factor: codes of an authenticator app. Numbers in comments name sections of OWASP ASVS 5.0.

use axum::http::StatusCode;
use npoc::staff::Role;

use super::sign_in::number;
use crate::support::TestSite;
use crate::support::desk::{Browser, SECOND};

/// Gives the first factor.
async fn first_factor<'a>(site: &'a TestSite, address: &str) -> Browser<'a> {
    let browser = Browser::new(site);
    let mail = browser.ask_to_sign_in(address).await;
    let passed = browser.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
    assert_eq!(passed.location(), SECOND);
    browser
}

async fn site() -> TestSite {
    let site = TestSite::new().await;
    site.add_staff("Dora", "dora@npoc.test", Role::Decider).await;
    site
}

fn account_emails(site: &TestSite) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&site.folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("account.") {
            found.push(crate::support::Mail::read(&std::fs::read(entry.path()).unwrap()).text);
        }
    }
    found
}

#[tokio::test]
async fn decider_sets_up_an_app_at_the_first_sign_in() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    // 6.3.3: the first factor alone opens nothing.
    assert!(!dora.is_signed_in().await);
    let page = dora.get(SECOND).await;
    assert_eq!(page.text_of("h1"), "Set up your authenticator app");
    assert_eq!(page.attributes("svg.qr", "role"), ["img"]);
    assert_eq!(page.all("code.key")[0].replace(' ', "").len(), 32);
    // The key stays the same while the page is open.
    assert_eq!(dora.get(SECOND).await.all("code.key"), page.all("code.key"));
    let between = dora.cookies.borrow()["__Host-npoc-second"].clone();
    dora.give_second_factor().await;
    assert!(dora.is_signed_in().await);
    // 7.2.4.
    let cookies = dora.cookies.borrow().clone();
    assert!(!cookies.contains_key("__Host-npoc-second"));
    assert_ne!(cookies["__Host-npoc-desk"], between);
    site.deliver_all().await;
    let told = account_emails(&site);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("An authenticator app was set up for your account at the NPOC desk."),
        "{}",
        told[0]
    );
    // The next sign-in asks for a code, and shows no key.
    let again = first_factor(&site, "dora@npoc.test").await;
    let page = again.get(SECOND).await;
    assert_eq!(page.text_of("h1"), "Enter the code of your authenticator app");
    assert!(page.all("code.key").is_empty() && page.all("svg").is_empty());
    again.give_second_factor().await;
    site.deliver_all().await;
    assert_eq!(account_emails(&site).len(), 1);
}

#[tokio::test]
async fn each_rule_asks_those_whom_it_names() {
    for (rule, role, is_asked) in [
        ("deciders", Role::Reviewer, false),
        ("deciders", Role::Administrator, true),
        ("all", Role::Reader, true),
        ("none", Role::Administrator, false),
    ] {
        let site = TestSite::with(&[("NPOC_SECOND_FACTOR", rule)]).await;
        site.add_staff("Ann", "ann@npoc.test", role).await;
        let browser = Browser::new(&site);
        let mail = browser.ask_to_sign_in("ann@npoc.test").await;
        let passed = browser.post(&mail.link, &[]).await;
        let expected = if is_asked { SECOND } else { "/desk" };
        assert_eq!(passed.location(), expected, "{rule} {role:?}");
    }
}

#[tokio::test]
async fn code_of_the_app_works_once() {
    let site = site().await;
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
    let (first, second) = (
        first_factor(&site, "dora@npoc.test").await,
        first_factor(&site, "dora@npoc.test").await,
    );
    // 6.5.1: forty at once sign in once.
    let code = first.app_code().await;
    let fields = [("code", code.as_str())];
    let posts = (0..20).flat_map(|_| [first.post(SECOND, &fields), second.post(SECOND, &fields)]);
    let replies = futures_util::future::join_all(posts).await;
    let entered = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::SEE_OTHER && reply.location() == "/desk");
    assert_eq!(entered.count(), 1);
    let open = "SELECT count(*) FROM desk_sessions WHERE ended_at IS NULL";
    assert_eq!(number(&site, open).await, 2);
}

#[tokio::test]
async fn five_wrong_codes_of_the_app_end_a_sign_in() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    // 6.6.3.
    for wrong in ["000000", "", "12345", "1234567", "ABCDEF"] {
        let reply = dora.post(SECOND, &[("code", wrong)]).await;
        let is_last = wrong == "ABCDEF";
        assert_eq!(reply.status == StatusCode::UNPROCESSABLE_ENTITY, !is_last, "{wrong}");
        if !is_last {
            let problem = reply.text_of("#code-problem");
            assert!(
                problem.contains("The server’s clock shows") && problem.contains("UTC"),
                "{problem}"
            );
        }
    }
    assert_eq!(dora.get(SECOND).await.location(), "/desk/sign-in");
    let refused = "SELECT count(*) FROM desk_log WHERE action = 'second-factor-set' AND outcome = 'refused'";
    assert_eq!(number(&site, refused).await, 5);
}

#[tokio::test]
async fn after_twenty_wrong_codes_in_a_day_no_code_is_right() {
    let site = site().await;
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
    site.sql(
        "INSERT INTO desk_log (staff_id, action, outcome)
        SELECT id, 'second-factor', 'refused' FROM staff, generate_series(1, 20)",
    )
    .await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    let code = dora.app_code().await;
    assert_eq!(
        dora.post(SECOND, &[("code", &code)]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    // The next day it is.
    site.change_log(
        "desk_log",
        "UPDATE desk_log SET happened_at = now() - interval '25 hours'",
    )
    .await;
    dora.give_second_factor().await;
}

#[tokio::test]
async fn second_step_ends_after_twenty_minutes() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    let code = dora.app_code().await;
    site.sql("UPDATE second_steps SET expires_at = now()").await;
    assert_eq!(dora.post(SECOND, &[("code", &code)]).await.location(), "/desk/sign-in");
    assert!(!dora.is_signed_in().await);
    site.sql("UPDATE second_steps SET expires_at = now() - interval '25 hours'")
        .await;
    site.run_housekeeping(None).await;
    assert_eq!(number(&site, "SELECT count(*) FROM second_steps").await, 0);
}

#[tokio::test]
async fn second_factor_is_bound_to_the_browser() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    let code = dora.app_code().await;
    let other = Browser::new(&site);
    assert_eq!(other.get(SECOND).await.location(), "/desk/sign-in");
    assert_eq!(other.post(SECOND, &[("code", &code)]).await.location(), "/desk/sign-in");
    assert!(!other.is_signed_in().await);
}

#[tokio::test]
async fn account_disabled_between_email_and_app_stays_out() {
    let site = site().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    let code = dora.app_code().await;
    let disabled = site.command(&["staff", "disable", "dora@npoc.test"]);
    assert!(disabled.status.success());
    assert_eq!(dora.post(SECOND, &[("code", &code)]).await.location(), "/desk/sign-in");
    assert!(!dora.is_signed_in().await);
}

#[tokio::test]
async fn two_browsers_cannot_both_set_up_an_app() {
    let site = site().await;
    let (first, second) = (
        first_factor(&site, "dora@npoc.test").await,
        first_factor(&site, "dora@npoc.test").await,
    );
    let codes = (first.app_code().await, second.app_code().await);
    assert_eq!(first.post(SECOND, &[("code", &codes.0)]).await.location(), "/desk");
    // The other one would replace the app of the first.
    assert_eq!(
        second.post(SECOND, &[("code", &codes.1)]).await.location(),
        "/desk/sign-in"
    );
    assert!(first.is_signed_in().await && !second.is_signed_in().await);
}

#[tokio::test]
async fn new_role_needs_its_second_factor_at_once() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    assert!(rita.is_signed_in().await);
    assert!(
        site.command(&["staff", "role", "rita@npoc.test", "decider"])
            .status
            .success()
    );
    // 8.3.2.
    assert!(!rita.is_signed_in().await);
    site.deliver_all().await;
    assert!(account_emails(&site)[0].starts_with("Your role at the NPOC desk is now: decider."));
}

#[tokio::test]
async fn operator_resets_the_second_factor() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    dora.give_second_factor().await;
    assert!(
        site.command(&["staff", "reset-second-factor", "dora@npoc.test"])
            .status
            .success()
    );
    assert!(!dora.is_signed_in().await);
    let again = first_factor(&site, "dora@npoc.test").await;
    assert_eq!(again.get(SECOND).await.text_of("h1"), "Set up your authenticator app");
    site.deliver_all().await;
    let told = account_emails(&site);
    assert!(told.iter().any(|text| text.contains("was removed")), "{told:?}");
}

#[tokio::test]
async fn printed_link_asks_for_the_second_factor_too() {
    let site = site().await;
    let printed = site.command(&["staff", "sign-in", "dora@npoc.test"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    let browser = Browser::new(&site);
    let link = printed.trim().trim_start_matches("http://127.0.0.1:8080");
    assert_eq!(browser.post(link, &[]).await.location(), SECOND);
    browser.give_second_factor().await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn new_app_ends_with_the_session_that_began_it() {
    let site = site().await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    dora.give_second_factor().await;
    let office = Browser::new(&site).sign_in("dora@npoc.test").await;
    let begin = async |browser: &Browser<'_>| {
        let begun = browser.post("/desk/me/second-factor", &[]).await;
        assert_eq!(begun.location(), SECOND);
        browser.app_code().await
    };
    // Somebody has this session, and Dora ends it elsewhere.
    let code = begin(&dora).await;
    office.post("/desk/me/end-sessions", &[]).await;
    assert_eq!(dora.post(SECOND, &[("code", &code)]).await.location(), "/desk/sign-in");
    // Dora signs out, and somebody comes to this browser.
    let code = begin(&office).await;
    let before = office.cookies.borrow().clone();
    office.post("/desk/sign-out", &[]).await;
    assert!(!office.cookies.borrow().contains_key("__Host-npoc-second"));
    office.cookies.replace(before);
    assert_eq!(office.get(SECOND).await.location(), "/desk/sign-in");
    assert_eq!(
        office.post(SECOND, &[("code", &code)]).await.location(),
        "/desk/sign-in"
    );
    assert!(!office.is_signed_in().await);
}

#[tokio::test]
async fn reset_lifts_the_limit_of_wrong_codes() {
    let site = site().await;
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
    site.sql(
        "INSERT INTO desk_log (staff_id, action, outcome)
        SELECT id, 'second-factor', 'refused' FROM staff, generate_series(1, 20)",
    )
    .await;
    assert!(
        site.command(&["staff", "reset-second-factor", "dora@npoc.test"])
            .status
            .success()
    );
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
}

#[tokio::test]
async fn wrong_codes_from_a_clock_that_was_ahead_do_not_count() {
    let site = site().await;
    first_factor(&site, "dora@npoc.test").await.give_second_factor().await;
    site.sql(
        "INSERT INTO desk_log (staff_id, action, outcome, happened_at)
        SELECT id, 'second-factor', 'refused', now() + interval '400 days' FROM staff, generate_series(1, 20)",
    )
    .await;
    let dora = first_factor(&site, "dora@npoc.test").await;
    dora.give_second_factor().await;
    // Nor does a step from then work.
    let waiting = first_factor(&site, "dora@npoc.test").await;
    site.sql("UPDATE second_steps SET expires_at = now() + interval '400 days' WHERE used_at IS NULL")
        .await;
    assert_eq!(waiting.get(SECOND).await.location(), "/desk/sign-in");
}
