//! Accounts at the desk, the log, and the export. Numbers in comments name sections of OWASP ASVS 5.0.

use axum::http::{StatusCode, header};
use npoc::staff::Role;

use super::sign_in::number;
use crate::support::TestSite;
use crate::support::desk::{Browser, done};

/// Returns the address of a form on the page of staff.
async fn form(browser: &Browser<'_>, name: &str, action: &str) -> String {
    let page = browser.get("/desk/staff").await;
    let names = page.all("section.account h2");
    let position = names.iter().position(|listed| listed == name).unwrap();
    let forms = page.attributes(&format!("section.account:nth-of-type({}) form", position + 1), "action");
    forms.into_iter().find(|form| form.ends_with(action)).unwrap()
}

#[tokio::test]
async fn administrator_manages_staff() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    let new = [("name", "Dora Ñ."), ("address", "dora@npoc.test"), ("role", "reviewer")];
    assert_eq!(ada.post("/desk/staff", &new).await.location(), "/desk/staff");
    let dora = Browser::new(&site).sign_in("dora@npoc.test").await;
    ada.post(&form(&ada, "Dora Ñ.", "role").await, &[("role", "decider")])
        .await;
    // 8.3.2: the role counts at once, with its second factor.
    assert!(!dora.is_signed_in().await);
    let dora = Browser::new(&site).sign_in("dora@npoc.test").await;
    assert_eq!(dora.get("/desk").await.text_of(".desk-header p"), "Dora Ñ., decider");
    // 7.4.5.
    ada.post(&form(&ada, "Dora Ñ.", "end-sessions").await, &[]).await;
    assert!(!dora.is_signed_in().await);
    let reset = form(&ada, "Dora Ñ.", "reset-second-factor").await;
    assert_eq!(ada.post(&reset, &[]).await.location(), "/desk/staff");
    let moved = [("address", "dora@new.test")];
    ada.post(&form(&ada, "Dora Ñ.", "address").await, &moved).await;
    site.deliver_all().await;
    let told =
        "SELECT count(*) FROM outbox WHERE purpose = 'account' AND sent_at IS NOT NULL AND recipient LIKE 'dora@%'";
    // Role, an app, its removal, and the address: to the old one and the new one.
    assert_eq!(number(&site, told).await, 5);
    ada.post(&form(&ada, "Dora Ñ.", "disable").await, &[]).await;
    let out = Browser::new(&site);
    out.post("/desk/sign-in", &[("address", "dora@new.test")]).await;
    site.deliver_all().await;
    let asked = "SELECT count(*) FROM sign_in_requests WHERE used_at IS NULL";
    assert_eq!(number(&site, asked).await, 0);
    ada.post(&form(&ada, "Dora Ñ.", "forget").await, &[]).await;
    let page = ada.get("/desk/staff").await;
    assert!(!page.body.contains("dora@") && page.body.contains("A forgotten account"));
    let log = ada.get("/desk/log").await.all("tbody td:nth-of-type(2)");
    for action in [
        "Added an account",
        "Changed a role",
        "Signed somebody out everywhere",
        "Removed an authenticator app",
        "Changed an address",
        "Disabled an account",
        "Erased name and address of an account",
        "Signed in",
    ] {
        assert!(log.iter().any(|logged| logged == action), "{action}: {log:?}");
    }
}

#[tokio::test]
async fn wrong_changes_of_staff_get_a_sentence() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    for (fields, problem) in [
        (
            [("name", ""), ("address", "x@npoc.test"), ("role", "reader")],
            "A name has 1 to 200 characters.",
        ),
        (
            [("name", "X"), ("address", "x"), ("role", "reader")],
            "Enter an email address, such as name@example.org",
        ),
        (
            [("name", "X"), ("address", "x@npoc.test"), ("role", "chief")],
            "Select a role",
        ),
        (
            [("name", "X"), ("address", "ADA@npoc.test"), ("role", "reader")],
            "There is an account with this address.",
        ),
    ] {
        let reply = ada.post("/desk/staff", &fields).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert_eq!(reply.text_of("#problem p"), problem);
        assert_eq!(reply.attributes("#name", "value"), [fields[0].1]);
        assert_eq!(reply.attributes("#address", "value"), [fields[1].1]);
    }
    for action in ["disable", "role"] {
        let path = form(&ada, "Ada", action).await;
        let reply = ada.post(&path, &[("role", "reader")]).await;
        assert!(reply.text_of("#problem p").contains("last administrator"), "{action}");
    }
    for path in ["/desk/staff/999/disable", "/desk/staff/1/x"] {
        assert_eq!(ada.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        ada.post("/desk/staff/x/disable", &[]).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn account_pages_are_for_administrators_and_the_export_for_deciders() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    let disable = form(&ada, "Ada", "disable").await;
    for (name, role) in [("Rae", Role::Reader), ("Rita", Role::Reviewer), ("Dora", Role::Decider)] {
        let member = site.member(name, role).await;
        // 8.2.1.
        for path in ["/desk/staff", "/desk/log"] {
            assert_eq!(member.get(path).await.status, StatusCode::FORBIDDEN, "{path} {role:?}");
        }
        let new = [("name", "X"), ("address", "x@npoc.test"), ("role", "administrator")];
        assert_eq!(member.post("/desk/staff", &new).await.status, StatusCode::FORBIDDEN);
        assert_eq!(member.post(&disable, &[]).await.status, StatusCode::FORBIDDEN);
        let exported = member.get("/desk/export.csv").await.status;
        assert_eq!(exported == StatusCode::OK, role == Role::Decider, "{role:?}");
    }
    // 16.3.2.
    let refused = "SELECT count(*) FROM desk_log WHERE outcome = 'refused' AND action IN ('staff', 'log', 'export')";
    assert_eq!(number(&site, refused).await, 3 * 4 + 2);
    assert_eq!(number(&site, "SELECT count(*) FROM staff").await, 4);
}

#[tokio::test]
async fn change_of_staff_asks_again_for_the_second_factor_and_keeps_the_form() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    site.sql("UPDATE desk_sessions SET confirmed_at = now() - interval '16 minutes'")
        .await;
    let new = [("name", "Dora"), ("address", "dora@npoc.test"), ("role", "decider")];
    let asked = ada.post("/desk/staff", &new).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN);
    assert_eq!(asked.attributes("main form", "action"), ["/desk/staff"]);
    for (name, value) in new {
        assert_eq!(asked.attributes(&format!("input[name={name}]"), "value"), [value]);
    }
    let code = site.app_code_of("ada@npoc.test").await;
    let confirmed = [&new[..], &[("confirm_code", &code)]].concat();
    assert_eq!(ada.post("/desk/staff", &confirmed).await.location(), "/desk/staff");
    // The proof counts for 15 minutes.
    let next = [("name", "Emil"), ("address", "emil@npoc.test"), ("role", "decider")];
    assert_eq!(ada.post("/desk/staff", &next).await.location(), "/desk/staff");
    assert_eq!(number(&site, "SELECT count(*) FROM staff").await, 3);
}

#[tokio::test]
async fn export_has_every_application_without_a_conflict() {
    let site = TestSite::new().await;
    let open = site.apply(&[]).await;
    let own = site
        .apply(&[("domain_name", "other.org"), ("representative_email", "dora@npoc.test")])
        .await;
    let dora = site.member("Dora", Role::Decider).await;
    let export = dora.get("/desk/export.csv").await;
    assert_eq!(export.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert_eq!(
        export.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"npoc-applications.csv\""
    );
    assert!(export.body.starts_with("\u{feff}reference,received_at,"));
    assert!(export.body.contains(&open) && !export.body.contains(&own));
    // It is the export of the command.
    let command = site.command(&["applications", "export", "--reference", &open]);
    assert_eq!(export.body, String::from_utf8(command.stdout).unwrap());
    let logged = "SELECT count(*) FROM desk_log WHERE action = 'export' AND outcome = 'done'";
    assert_eq!(number(&site, logged).await, 1);
}

#[tokio::test]
async fn log_hides_applications_with_a_conflict() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    let rae = site.member("Rae", Role::Reader).await;
    let reference = site.apply(&[]).await;
    rae.post(&format!("/desk/applications/{reference}/review"), &[]).await;
    assert!(ada.get("/desk/log").await.body.contains(&reference));
    done(&ada, &reference, "conflict", &[]).await;
    assert!(!ada.get("/desk/log").await.body.contains(&reference));
}

#[tokio::test]
async fn log_has_pages() {
    let site = TestSite::new().await;
    let ada = site.member("Ada", Role::Administrator).await;
    site.sql("INSERT INTO desk_log (action, outcome) SELECT 'test', 'done' FROM generate_series(1, 150)")
        .await;
    let first = ada.get("/desk/log").await;
    assert_eq!(first.all("tbody tr").len(), 100);
    let next = first.attributes("main p a", "href").pop().unwrap();
    let second = ada.get(&next).await;
    assert!(second.all("tbody tr").len() > 50 && second.all("main p a").is_empty());
    assert_eq!(ada.get("/desk/log?before=x").await.status, StatusCode::OK);
}
