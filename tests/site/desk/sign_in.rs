//! Sign-in: by an emailed link and code, in the browser that asked. Numbers in comments name sections of OWASP ASVS 5.0.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::Browser;
use crate::support::process::{Process, until};

const SESSION: &str = "__Host-npoc-desk";
const ASKING: &str = "__Host-npoc-asking";
const KNOWN: &str = "__Host-npoc-known";

/// A site with an administrator, which asks for no second factor.
pub async fn site() -> TestSite {
    let site = TestSite::with(&[("NPOC_SECOND_FACTOR", "none")]).await;
    site.add_staff("Ann", "ann@npoc.test", Role::Administrator).await;
    site
}

pub async fn number(site: &TestSite, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(&site.pool).await.unwrap()
}

#[tokio::test]
async fn without_staff_there_is_no_desk() {
    let site = TestSite::new().await;
    let browser = Browser::new(&site);
    for path in ["/desk", "/desk/sign-in", "/desk/sign-in/confirm", "/desk/applications"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    // 6.3.2: there is no default account.
    assert_eq!(
        browser
            .post("/desk/sign-in", &[("address", "info@npoc.org")])
            .await
            .status,
        404
    );
    site.add_staff("Ann", "ann@npoc.test", Role::Reader).await;
    assert_eq!(browser.get("/desk/sign-in").await.status, StatusCode::OK);
}

#[tokio::test]
async fn code_signs_in_the_browser_that_asked() {
    let site = site().await;
    let browser = Browser::new(&site);
    assert_eq!(browser.get("/desk").await.location(), "/desk/sign-in");
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    let asking = browser.cookies.borrow()[ASKING].clone();
    let typed = format!(" {} ", mail.code.to_lowercase().replace('-', " "));
    let entered = browser.post("/desk/sign-in/confirm", &[("code", &typed)]).await;
    assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/desk"));
    // 7.2.4: the session has a new token, and the one that asked is gone.
    let cookies = browser.cookies.borrow().clone();
    assert!(!cookies.contains_key(ASKING) && cookies.contains_key(KNOWN));
    assert_ne!(cookies[SESSION], asking);
    let desk = browser.get("/desk").await;
    assert_eq!(desk.text_of(".desk-header p"), "Ann, administrator");
    // 7.4.4: every page can sign out.
    assert_eq!(desk.attributes("header form", "action"), ["/desk/sign-out"]);
}

#[tokio::test]
async fn link_signs_in_with_one_click() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    let page = browser.get(&mail.link).await;
    // 7.6.2: opening the link signs nobody in.
    assert!(!browser.is_signed_in().await);
    assert_eq!(page.attributes("main form", "action"), [mail.link.as_str()]);
    assert_eq!(page.text_of("main button"), "Sign in as Ann");
    assert_eq!(browser.post(&mail.link, &[]).await.location(), "/desk");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn another_browser_can_use_neither_link_nor_code() {
    let site = site().await;
    let mail = Browser::new(&site).ask_to_sign_in("ann@npoc.test").await;
    let other = Browser::new(&site);
    // 6.6.2: both are bound to the browser that asked.
    let page = other.get(&mail.link).await;
    assert!(page.all("main form").is_empty());
    assert_eq!(page.text_of("h1"), "This link does not work here");
    assert_eq!(
        other.post(&mail.link, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let without_asking = other.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
    assert_eq!(without_asking.status, StatusCode::UNPROCESSABLE_ENTITY);
    other.ask_to_sign_in("ann@npoc.test").await;
    let with_other_code = other.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
    assert_eq!(with_other_code.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!other.is_signed_in().await);
}

#[tokio::test]
async fn link_and_code_work_once() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    let asking = browser.cookies.borrow().clone();
    let browsers: Vec<_> = (0..20)
        .map(|_| {
            let same = Browser::new(&site);
            same.cookies.replace(asking.clone());
            same
        })
        .collect();
    // 6.5.1: of 40 at once, by link and by code, one signs in.
    let by_code = browsers.iter().map(|browser| async {
        browser
            .post("/desk/sign-in/confirm", &[("code", &mail.code)])
            .await
            .status
            == StatusCode::SEE_OTHER
    });
    let by_link = browsers
        .iter()
        .map(|browser| async { browser.post(&mail.link, &[]).await.status == StatusCode::SEE_OTHER });
    let (by_code, by_link) = tokio::join!(
        futures_util::future::join_all(by_code),
        futures_util::future::join_all(by_link)
    );
    let entered = by_code.into_iter().chain(by_link).filter(|entered| *entered).count();
    assert_eq!(entered, 1);
    assert_eq!(number(&site, "SELECT count(*) FROM desk_sessions").await, 1);
}

#[tokio::test]
async fn five_wrong_codes_end_a_request() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    for wrong in ["", "BBBB-BBBB", "CCCC-CCCC", &mail.code[..8], "ß", "BBBB-BBBB"] {
        let refused = browser.post("/desk/sign-in/confirm", &[("code", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused
                .text_of(".problem")
                .starts_with("Error: This code does not work here.")
        );
    }
    // 6.6.3: the right one comes too late, and so does the link.
    let late = browser.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        browser.post(&mail.link, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    // 16.3.1: refusals are logged, five of codes and one of the link.
    let logged =
        "SELECT count(*) FROM desk_log WHERE action = 'sign-in' AND outcome = 'refused' AND staff_id IS NOT NULL";
    assert_eq!(number(&site, logged).await, 6);
}

#[tokio::test]
async fn link_and_code_expire_after_ten_minutes() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    // 6.5.5.
    let lasting = "SELECT count(*) FROM sign_in_requests WHERE expires_at - requested_at = interval '10 minutes'";
    assert_eq!(number(&site, lasting).await, 1);
    site.sql("UPDATE sign_in_requests SET expires_at = now()").await;
    assert!(browser.get(&mail.link).await.all("main form").is_empty());
    assert_eq!(
        browser.post(&mail.link, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let late = browser.post("/desk/sign-in/confirm", &[("code", &mail.code)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn both_of_two_emails_work_in_their_browser() {
    let site = site().await;
    for chosen in [0, 1] {
        let browser = Browser::new(&site);
        let emails = [
            browser.ask_to_sign_in("ann@npoc.test").await,
            browser.ask_to_sign_in("ann@npoc.test").await,
        ];
        let entered = browser
            .post("/desk/sign-in/confirm", &[("code", &emails[chosen].code)])
            .await;
        assert_eq!(entered.location(), "/desk");
        // The other one ends with it.
        assert_eq!(
            browser.post(&emails[1 - chosen].link, &[]).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        site.sql("DELETE FROM sign_in_limits").await;
    }
}

#[tokio::test]
async fn unknown_address_gets_the_same_answer_and_statements() {
    let site = site().await;
    site.add_staff("Old", "old@npoc.test", Role::Reader).await;
    site.sql("UPDATE staff SET disabled_at = now() WHERE name = 'Old'")
        .await;
    let url = crate::support::database::url(&site.pool.connect_options());
    let process = Process::start(&[
        ("DATABASE_URL", &url),
        ("NPOC_LOG", "info,sqlx::query=debug"),
        ("NPOC_MAIL", "folder"),
    ]);
    let process = process.ready();
    let finished = || process.log().matches("finished processing request").count();
    let mut answers = Vec::new();
    // The first request also finds out that there are staff.
    for address in [
        "",
        "ann%40npoc.test",
        "nobody%40npoc.test",
        "old%40npoc.test",
        "no address",
        "",
    ] {
        let before = finished();
        let body = format!("address={address}");
        answers.push(Process::post_to(process.address, "/desk/sign-in", "", &body).unwrap());
        until(|| finished() > before);
    }
    let log = process.log();
    let lines = log.lines().filter(|line| line.contains("route=\"/desk/sign-in\""));
    let (mut statements, mut each) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some((_, rest)) = line.split_once("sqlx::query: summary=") {
            statements.push(rest.split(" rows_affected").next().unwrap().to_owned());
        } else if line.contains("finished processing request") {
            // A new connection has statements of its own before these.
            let all = std::mem::take(&mut statements).into_iter();
            each.push(
                all.skip_while(|one: &String| !one.contains("FROM site_key"))
                    .collect::<Vec<_>>(),
            );
        }
    }
    // 6.3.8.
    assert!(each.len() == 6 && each[1].len() > 5, "{log}");
    for (index, statements) in each.iter().enumerate().skip(2) {
        assert_eq!(*statements, each[1], "{index}");
    }
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (303, &answers[0].body));
    }
    let sent: i64 = number(&site, "SELECT count(*) FROM outbox").await;
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn many_requests_at_once_send_three_emails() {
    let site = site().await;
    let browsers: Vec<_> = (0..25).map(|_| Browser::new(&site)).collect();
    let asking = browsers
        .iter()
        .map(|browser| browser.post("/desk/sign-in", &[("address", "ann@npoc.test")]));
    let answers = futures_util::future::join_all(asking).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.location() == "/desk/sign-in/confirm")
    );
    site.deliver_all().await;
    assert_eq!(site.sign_in_emails().len(), 3);
    site.sql("UPDATE sign_in_limits SET minute = minute - interval '15 minutes'")
        .await;
    Browser::new(&site).ask_to_sign_in("ann@npoc.test").await;
    assert_eq!(site.sign_in_emails().len(), 4);
}

#[tokio::test]
async fn network_is_limited_to_thirty_requests() {
    let site = site().await;
    for number in 0..15 {
        site.add_staff("A colleague", &format!("c{number}@npoc.test"), Role::Reader)
            .await;
    }
    // A committee of fifteen signs in from one network within a minute.
    for number in 0..15 {
        let address = format!("c{number}@npoc.test");
        Browser::new(&site)
            .post("/desk/sign-in", &[("address", &address)])
            .await;
    }
    for _ in 15..30 {
        Browser::new(&site)
            .post("/desk/sign-in", &[("address", "nobody@npoc.test")])
            .await;
    }
    Browser::new(&site)
        .post("/desk/sign-in", &[("address", "ann@npoc.test")])
        .await;
    site.deliver_all().await;
    assert_eq!(site.sign_in_emails().len(), 15);
}

#[tokio::test]
async fn known_browser_has_emails_of_its_own() {
    let site = site().await;
    let own = Browser::new(&site).sign_in("ann@npoc.test").await;
    for _ in 0..5 {
        Browser::new(&site)
            .post("/desk/sign-in", &[("address", "ann@npoc.test")])
            .await;
    }
    site.deliver_all().await;
    let before = site.sign_in_emails().len();
    assert_eq!(before, 3);
    own.post("/desk/sign-out", &[]).await;
    let own = own.sign_in("ann@npoc.test").await;
    assert_eq!(site.sign_in_emails().len(), before + 1);
    // A made-up cookie gives nothing.
    let forged = Browser::new(&site);
    let known = own.cookies.borrow()[KNOWN].clone();
    let (start, proof) = known.rsplit_once('.').unwrap();
    let first = if proof.starts_with('A') { "B" } else { "A" };
    let made_up = format!("{start}.{first}{}", &proof[1..]);
    forged.cookies.borrow_mut().insert(KNOWN.to_owned(), made_up);
    forged.post("/desk/sign-in", &[("address", "ann@npoc.test")]).await;
    site.deliver_all().await;
    assert_eq!(site.sign_in_emails().len(), before + 1);
}

#[tokio::test]
async fn only_the_exact_address_gets_the_email() {
    let site = TestSite::new().await;
    site.add_staff("Jane", "j.doe@npoc.test", Role::Reader).await;
    site.add_staff("Jim", "Jim@npoc.test", Role::Reader).await;
    for other in [
        "jdoe@npoc.test",
        "j.doe+x@npoc.test",
        "ｊ.doe@npoc.test",
        "jİm@npoc.test",
        "jım@npoc.test",
        "j.doe@npoc.test, evil@evil.example",
        "j.doe@npoc.test.evil.example",
    ] {
        Browser::new(&site).post("/desk/sign-in", &[("address", other)]).await;
    }
    site.deliver_all().await;
    assert_eq!(site.sign_in_emails().len(), 0);
    // The email goes to the address as it is stored.
    let mail = Browser::new(&site).ask_to_sign_in(" JIM@NPOC.TEST ").await;
    assert_eq!(mail.mail.header("To").as_deref(), Some("Jim@npoc.test"));
    assert_eq!(mail.mail.subject, "Sign in at the NPOC desk");
}

#[tokio::test]
async fn scanner_that_follows_every_link_signs_nobody_in() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    let scanner = Browser::new(&site);
    scanner.get(&mail.link).await;
    scanner.post(&mail.link, &[]).await;
    scanner.get("/desk/sign-in/confirm").await;
    scanner.post("/desk/sign-in/confirm", &[("code", "")]).await;
    assert_eq!(number(&site, "SELECT count(*) FROM desk_sessions").await, 0);
    // The link still works where it was asked for.
    assert_eq!(browser.post(&mail.link, &[]).await.location(), "/desk");
}

#[tokio::test]
async fn sent_email_and_database_keep_no_secret() {
    let site = site().await;
    let browser = Browser::new(&site);
    let mail = browser.ask_to_sign_in("ann@npoc.test").await;
    assert_eq!(
        number(
            &site,
            "SELECT count(*) FROM outbox WHERE body_text <> '' OR body_html <> ''"
        )
        .await,
        0
    );
    let token = mail.link.rsplit('/').next().unwrap();
    let browser_token = browser.cookies.borrow()[ASKING].clone();
    // 6.5.2: a copy of the table signs nobody in.
    let rows: Vec<String> = sqlx::query_scalar("SELECT sign_in_requests::text FROM sign_in_requests")
        .fetch_all(&site.pool)
        .await
        .unwrap();
    for secret in [token, &mail.code, &browser_token] {
        assert!(rows.iter().all(|row| !row.contains(secret)));
    }
}
