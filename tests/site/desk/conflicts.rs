//! Two people at once, old pages, killed processes: an application is decided once, by people who may.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::delivery::wait_until;
use crate::support::desk::{REASON, done, path, state};
use crate::support::process::Process;
use crate::support::{TestSite, encode};
use npoc::membership::review::{Actor, Change, Key, NotChanged, Refusal, store};

#[tokio::test]
async fn two_deciders_at_once_decide_once() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let emil = site.member("Emil", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    let no = [("version", "2"), ("decision", "not_accept"), ("reason", REASON)];
    let yes = [("version", "2"), ("decision", "accept"), ("reason", "I know them.")];
    let decide = path(&reference, "decide");
    let (first, second) = tokio::join!(dora.post(&decide, &no), emil.post(&decide, &yes));
    let mut statuses = [first.status, second.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::CONFLICT]);
    let told = "SELECT count(*) FROM outbox WHERE purpose = 'update'";
    let told: i64 = sqlx::query_scalar(told).fetch_one(&site.pool).await.unwrap();
    assert_eq!((told, state(&site, &reference).await.1), (1, 3));
}

#[tokio::test]
async fn process_killed_within_a_decision_decides_nothing() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    let url = crate::support::database::url(&site.pool.connect_options());
    let process = Process::start(&[("DATABASE_URL", &url), ("NPOC_MAIL", "folder")]).ready();
    let (address, decide) = (process.address, path(&reference, "decide"));
    let cookie = format!("__Host-npoc-desk={}", dora.cookies.borrow()["__Host-npoc-desk"]);
    // The decision waits for the table of emails, after it has changed the application.
    let mut lock = site.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE outbox IN EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let body = encode(&[("version", "2"), ("decision", "not_accept"), ("reason", REASON)]);
    let deciding = std::thread::spawn(move || Process::post_to(address, &decide, &cookie, &body));
    let blocked = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO outbox%')";
    wait_until("the decision waits", async || {
        sqlx::query_scalar(blocked).fetch_one(&site.pool).await.unwrap()
    })
    .await;
    process.kill();
    assert!(deciding.join().unwrap().is_none());
    lock.rollback().await.unwrap();
    let gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE 'INSERT INTO outbox%' AND state <> 'idle' AND pid <> pg_backend_pid())";
    wait_until("the server has noticed", async || {
        sqlx::query_scalar(gone).fetch_one(&site.pool).await.unwrap()
    })
    .await;
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 2));
    done(
        &dora,
        &reference,
        "decide",
        &[("decision", "not_accept"), ("reason", REASON)],
    )
    .await;
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE purpose = 'update'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!((told, state(&site, &reference).await.1), (1, 3));
}

#[tokio::test]
async fn button_pressed_twice_decides_once() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    let no = [("version", "2"), ("decision", "not_accept"), ("reason", REASON)];
    let decide = path(&reference, "decide");
    let (first, second) = tokio::join!(dora.post(&decide, &no), dora.post(&decide, &no));
    assert_eq!([first.status, second.status], [StatusCode::SEE_OTHER; 2]);
    assert_eq!(state(&site, &reference).await.1, 3);
}

#[tokio::test]
async fn page_from_before_a_change_decides_nothing_and_keeps_the_text() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "ask", &[("question", "What is your purpose?")]).await;
    let status = site.status_path(&reference).await;
    site.post_raw(&format!("{status}/answer"), "version=2&text=Health+for+all.")
        .await;
    let no = [("version", "2"), ("decision", "not_accept"), ("reason", REASON)];
    for step in ["", "preview"] {
        let late = dora
            .post(&path(&reference, "decide"), &[&no[..], &[("step", step)]].concat())
            .await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        assert!(
            late.text_of(".summary")
                .contains("The application changed since you opened this page.")
        );
        assert!(late.all(".entries blockquote").contains(&"Health for all.".to_owned()));
        assert_eq!(late.kept("reason")[0], REASON);
        assert_eq!(late.attributes("details[open] input[name=version]", "value"), ["3"]);
    }
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 3));
}

#[tokio::test]
async fn note_and_assignment_stop_nobody() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    let rita = site.member("Rita", Role::Reviewer).await;
    done(&rita, &reference, "review", &[]).await;
    let page = dora.get(&format!("/desk/applications/{reference}")).await;
    let version = &page.attributes("input[name=version]", "value")[0];
    done(&rita, &reference, "note", &[("text", "I called them.")]).await;
    let id: i64 = sqlx::query_scalar("SELECT id FROM staff WHERE name = 'Rita'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    done(&rita, &reference, "assign", &[("to", &id.to_string())]).await;
    assert!(
        rita.get("/desk")
            .await
            .all("h2")
            .contains(&"Assigned to you".to_owned())
    );
    let no = [
        ("version", version.as_str()),
        ("decision", "not_accept"),
        ("reason", REASON),
    ];
    assert_eq!(
        dora.post(&path(&reference, "decide"), &no).await.status,
        StatusCode::SEE_OTHER
    );
    // The applicant sees neither.
    let status = site.get(&site.status_path(&reference).await).await;
    assert!(!status.body.contains("I called them.") && !status.body.contains("Rita"));
    assert!(
        dora.get(&format!("/desk/applications/{reference}"))
            .await
            .body
            .contains("I called them.")
    );
    let nobody = rita.post(&path(&reference, "assign"), &[("to", "999999")]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    done(&rita, &reference, "assign", &[("to", "")]).await;
}

#[tokio::test]
async fn disabled_decider_decides_nothing_any_more() {
    let site = TestSite::new().await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "review", &[]).await;
    // Between the check of the session and the lock.
    let member = npoc::staff::StaffMember {
        id: sqlx::query_scalar("SELECT id FROM staff WHERE name = 'Dora'")
            .fetch_one(&site.pool)
            .await
            .unwrap(),
        name: "Dora".to_owned(),
        address: npoc::values::EmailAddress::parse("dora@npoc.test").unwrap(),
        former_addresses: Vec::new(),
        role: Role::Decider,
    };
    site.sql("UPDATE staff SET disabled_at = now() WHERE name = 'Dora'")
        .await;
    let change = Change::NotAccept(REASON.to_owned());
    let key = Key::Reference(&reference);
    let refused = store(&site.connections, &site.review, key, 2, &change, Actor::Staff(&member)).await;
    assert!(matches!(refused, Err(NotChanged::Refused(Refusal::NotPermitted))));
}
