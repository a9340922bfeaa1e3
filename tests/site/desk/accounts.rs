//! Accounts: an operator manages them with commands, and a change counts at once.

use axum::http::StatusCode;
use npoc::staff::{AccountChange, Role};

use crate::support::TestSite;
use crate::support::desk::Browser;

fn run(site: &TestSite, arguments: &[&str]) -> Result<String, String> {
    let output = site.command(&[&["staff"], arguments].concat());
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap().trim().to_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

#[tokio::test]
async fn operator_adds_and_lists_staff() {
    let site = TestSite::new().await;
    assert!(run(&site, &["list"]).unwrap().starts_with("There are no accounts."));
    run(&site, &["add", "Ann Lee", "Ann@NPOC.test", "--role", "administrator"]).unwrap();
    assert_eq!(
        run(&site, &["list"]).unwrap(),
        "administrator\tAnn Lee\tAnn@npoc.test\tsessions: 0"
    );
    let json: serde_json::Value = serde_json::from_str(&run(&site, &["list", "--json"]).unwrap()).unwrap();
    assert_eq!(json["role"], "administrator");
    let again = run(&site, &["add", "Ann", "ann@npoc.test", "--role", "reader"]);
    assert_eq!(
        again.unwrap_err(),
        "npoc: There is an account with this address; see npoc staff list"
    );
    for wrong in [
        &["add", "Ann", "ann", "--role", "reader"][..],
        &["add", "Ann", "ann@npoc.test", "--role", "chief"],
        &["add", "", "x@npoc.test", "--role", "reader"],
        &["add", "Ann", "ann@npoc.test"],
        &["role", "nobody@npoc.test", "reader"],
        &["sign-in", "nobody@npoc.test"],
        &["disable", "nobody@npoc.test"],
    ] {
        assert!(run(&site, wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn last_administrator_stays() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    site.add_staff("Bob", "bob@npoc.test", Role::Decider).await;
    for wrong in [
        &["disable", "ann@npoc.test"][..],
        &["role", "ann@npoc.test", "decider"],
        &["forget", "ann@npoc.test"],
    ] {
        assert!(run(&site, wrong).is_err(), "{wrong:?}");
    }
    run(&site, &["role", "bob@npoc.test", "administrator"]).unwrap();
    run(&site, &["disable", "ann@npoc.test"]).unwrap();
    assert!(
        run(&site, &["disable", "bob@npoc.test"])
            .unwrap_err()
            .contains("last administrator")
    );
}

#[tokio::test]
async fn two_administrators_cannot_disable_each_other_at_once() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    site.add_staff("Bob", "bob@npoc.test", Role::Administrator).await;
    let emails = site.identity.desk_emails();
    let manager = site.manager(&emails);
    let id = async |name| {
        let address = npoc::values::EmailAddress::parse(&format!("{name}@npoc.test")).unwrap();
        npoc::staff::id_of(&site.pool, &address).await.unwrap().unwrap()
    };
    let (ann, bob) = (id("ann").await, id("bob").await);
    let (first, second) = tokio::join!(
        manager.change(ann, &AccountChange::Disable),
        manager.change(bob, &AccountChange::Disable)
    );
    assert_eq!(
        [first.is_ok(), second.is_ok()].into_iter().filter(|done| *done).count(),
        1
    );
}

#[tokio::test]
async fn disabled_member_is_out_at_once() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    let bob = site.member("Bob", Role::Decider).await;
    let waiting = Browser::new(&site);
    let mail = waiting.ask_to_sign_in("bob@npoc.test").await;
    // 7.4.2.
    run(&site, &["disable", "bob@npoc.test"]).unwrap();
    assert!(!bob.is_signed_in().await);
    assert_eq!(
        waiting.post(&mail.link, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    run(&site, &["enable", "bob@npoc.test"]).unwrap();
    assert!(!bob.is_signed_in().await);
    Browser::new(&site).sign_in("bob@npoc.test").await;
}

#[tokio::test]
async fn operator_ends_all_sessions_of_a_member() {
    let site = TestSite::new().await;
    let ann = site.member("Ann", Role::Reader).await;
    assert!(run(&site, &["list"]).unwrap().ends_with("sessions: 1"));
    run(&site, &["end-sessions", "ann@npoc.test"]).unwrap();
    assert!(!ann.is_signed_in().await);
    assert!(run(&site, &["list"]).unwrap().ends_with("sessions: 0"));
}

#[tokio::test]
async fn forgotten_member_leaves_no_name_and_no_address() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    site.add_staff("Bob Ray", "bob@npoc.test", Role::Reader).await;
    assert!(
        run(&site, &["forget", "bob@npoc.test"])
            .unwrap_err()
            .contains("Disable the account first")
    );
    run(&site, &["disable", "bob@npoc.test"]).unwrap();
    run(&site, &["forget", "bob@npoc.test"]).unwrap();
    let listed = run(&site, &["list"]).unwrap();
    assert!(!listed.contains("bob") && !listed.contains("Bob"));
    // The address can be used again.
    run(&site, &["add", "Bob", "bob@npoc.test", "--role", "reader"]).unwrap();
}

#[tokio::test]
async fn role_counts_from_the_next_request_on() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    let bob = site.member("Bob", Role::Reader).await;
    let reference = site.apply(&[]).await;
    let note = format!("/desk/applications/{reference}/note");
    assert_eq!(
        bob.post(&note, &[("text", "Hello")]).await.status,
        StatusCode::FORBIDDEN
    );
    // 8.3.2.
    run(&site, &["role", "bob@npoc.test", "reviewer"]).unwrap();
    assert_eq!(
        bob.post(&note, &[("text", "Hello")]).await.status,
        StatusCode::SEE_OTHER
    );
    run(&site, &["role", "bob@npoc.test", "reader"]).unwrap();
    assert_eq!(
        bob.post(&note, &[("text", "Hello")]).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn decisions_from_before_the_desk_are_recorded_without_an_email() {
    let site = TestSite::new().await;
    let mut references = Vec::new();
    for number in 0..3 {
        let domain = format!("org{number}.or.ke");
        let email = format!("info@{domain}");
        references.push(
            site.apply(&[("domain_name", &domain), ("representative_email", &email)])
                .await,
        );
    }
    site.deliver_all().await;
    let dora = site.member("Dora", Role::Decider).await;
    let emails = site.count("outbox").await;
    let record = |decision: &str, reference: &str| {
        let output = site.command(&["applications", "record", decision, reference, "--by", "dora@npoc.test"]);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    for (decision, reference) in ["accepted", "not_accepted", "dismissed"].into_iter().zip(&references) {
        assert_eq!(record(decision, reference), (true, String::new()));
    }
    assert_eq!(site.count("outbox").await, emails);
    let closed = dora
        .get("/desk/applications?state=decided")
        .await
        .all("tbody td:nth-of-type(3)");
    assert_eq!(closed, ["Closed without review", "Not accepted", "Accepted"]);
    let (is_done, why) = record("accepted", &references[0]);
    assert!(
        !is_done && why.contains("is decided or being reviewed at the desk"),
        "{why}"
    );
    assert!(
        record("accepted", "NPOC-AAAA-AAAA")
            .1
            .contains("No application has the reference")
    );
    let exported = site.command(&["applications", "export", "--reference", &references[1]]);
    let exported = String::from_utf8(exported.stdout).unwrap();
    assert!(exported.lines().next().unwrap().ends_with(",language,review_state"));
    assert!(exported.trim_end().ends_with(",en,not-accepted"));
    let shown = site.command(&["applications", "show", &references[1]]);
    assert!(
        String::from_utf8(shown.stdout)
            .unwrap()
            .contains("Review: not-accepted")
    );
    // The time for an appeal begins with the record.
    let page = site.get(&site.status_path(&references[1]).await).await;
    assert_eq!(page.attributes("form.application", "action").len(), 1);
}

#[tokio::test]
async fn doctor_asks_for_a_second_decider() {
    let site = TestSite::new().await;
    let url = crate::support::database::url(&site.pool.connect_options());
    let doctor = || {
        let settings = [("DATABASE_URL", url.as_str()), ("NPOC_MAIL", "folder")];
        let output = crate::support::process::run(&["doctor", "--json"], &settings);
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!doctor().contains("\"Desk\""));
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    let alone = doctor();
    assert!(alone.contains("1 can sign in, and 1 of them can decide.") && alone.contains("cannot decide the appeal"));
    site.add_staff("Dora", "dora@npoc.test", Role::Decider).await;
    let together = doctor();
    assert!(
        together.contains("2 can sign in, and 2 of them can decide.") && !together.contains("cannot decide the appeal")
    );
}
