//! A member's own account. Numbers in comments name sections of OWASP ASVS 5.0.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::{Browser, SECOND};

#[tokio::test]
async fn member_lists_and_ends_own_sessions() {
    let site = TestSite::new().await;
    let office = site.member("Rita", Role::Reviewer).await;
    let home = Browser::new(&site).sign_in("rita@npoc.test").await;
    let train = Browser::new(&site).sign_in("rita@npoc.test").await;
    let rob = site.member("Rob", Role::Reviewer).await;
    // 7.5.2.
    let page = office.get("/desk/me").await;
    assert_eq!(page.all(".sessions li").len(), 3);
    assert_eq!(page.text_of("dl.facts div:nth-of-type(2) dd"), "rita@npoc.test");
    let own = page.attributes("input[name=session]", "value");
    assert_eq!(own.len(), 2);
    office.post("/desk/me/end-sessions", &[("session", &own[0])]).await;
    let left = [home.is_signed_in().await, train.is_signed_in().await];
    assert_eq!(left.iter().filter(|left| **left).count(), 1);
    // Nobody ends the sessions of somebody else.
    let others = rob.get("/desk/me").await.all(".sessions li").len();
    rob.post("/desk/me/end-sessions", &[("session", &own[1])]).await;
    assert_eq!(others, 1);
    assert_eq!(office.get("/desk/me").await.all(".sessions li").len(), 2);
    office.post("/desk/me/end-sessions", &[]).await;
    assert!(office.is_signed_in().await && rob.is_signed_in().await);
    assert!(!home.is_signed_in().await && !train.is_signed_in().await);
    for wrong in ["x", "9999999999999999999999"] {
        let reply = office.post("/desk/me/end-sessions", &[("session", wrong)]).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(office.post("/desk/me/x", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn member_sets_up_another_app() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let other = Browser::new(&site).sign_in("dora@npoc.test").await;
    // 7.5.1: an old proof is asked for again.
    site.sql("UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'")
        .await;
    let asked = dora.post("/desk/me/second-factor", &[]).await;
    assert_eq!(
        (asked.status, asked.text_of("h1").as_str()),
        (StatusCode::FORBIDDEN, "Confirm that it is you")
    );
    let code = site.app_code_of("dora@npoc.test").await;
    let begun = dora.post("/desk/me/second-factor", &[("confirm_code", &code)]).await;
    assert_eq!(begun.location(), SECOND);
    // The old app works until the new one is set up.
    let before = site.app_code_of("dora@npoc.test").await;
    let still = dora.post("/desk/export.csv", &[("confirm_code", &before)]).await;
    assert_eq!(still.location(), "/desk/export.csv");
    dora.give_second_factor().await;
    assert!(dora.is_signed_in().await && !other.is_signed_in().await);
    site.sql("UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'")
        .await;
    site.forget_used_codes().await;
    let refused = dora.post("/desk/me/second-factor", &[("confirm_code", &before)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn reviewer_may_set_up_an_app_and_needs_it_from_then_on() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let other = Browser::new(&site).sign_in("rita@npoc.test").await;
    assert_eq!(rita.post("/desk/me/second-factor", &[]).await.location(), SECOND);
    rita.give_second_factor().await;
    assert!(rita.is_signed_in().await && !other.is_signed_in().await);
    let again = Browser::new(&site);
    let mail = again.ask_to_sign_in("rita@npoc.test").await;
    assert_eq!(again.post(&mail.link, &[]).await.location(), SECOND);
}

#[tokio::test]
async fn five_wrong_codes_sign_out() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    site.sql("UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'")
        .await;
    for _ in 0..4 {
        let wrong = dora.post("/desk/export.csv", &[("confirm_code", "000000")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let last = dora.post("/desk/export.csv", &[("confirm_code", "000000")]).await;
    assert_eq!(last.location(), "/desk/sign-in");
    assert!(!dora.is_signed_in().await);
}

#[tokio::test]
async fn member_without_an_app_signs_in_again() {
    let site = TestSite::with(&[("NPOC_SECOND_FACTOR", "none")]).await;
    let dora = site.member("Dora", Role::Decider).await;
    assert_eq!(dora.get("/desk/export.csv").await.status, StatusCode::OK);
    site.sql("UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'")
        .await;
    let asked = dora.get("/desk/export.csv").await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN);
    assert_eq!(asked.attributes("main form", "action"), ["/desk/sign-in"]);
    assert_eq!(asked.attributes("main input", "value"), ["dora@npoc.test"]);
    // No code is right without an app.
    let tried = dora.post("/desk/export.csv", &[("confirm_code", "000000")]).await;
    assert_eq!(tried.status, StatusCode::FORBIDDEN);
    let again = Browser::new(&site).sign_in("dora@npoc.test").await;
    assert_eq!(again.get("/desk/export.csv").await.status, StatusCode::OK);
}
