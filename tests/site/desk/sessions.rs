//! Sessions, cookies and the guards around the desk. Numbers in comments name sections of OWASP ASVS 5.0.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::outbox::DeliveryOutcome;
use npoc::staff::Role;

use super::sign_in::{number, site};
use crate::support::TestSite;
use crate::support::desk::Browser;

const SESSION: &str = "__Host-npoc-desk";

#[tokio::test]
async fn cookies_are_for_this_host_and_no_script() {
    let site = TestSite::with(&[("NPOC_PUBLIC_URL", "https://npoc.test")]).await;
    site.add_staff("Ann", "ann@npoc.test", Role::Reader).await;
    let browser = Browser::new(&site);
    let asked = browser.post("/desk/sign-in", &[("address", "ann@npoc.test")]).await;
    let cookie = asked.headers[header::SET_COOKIE].to_str().unwrap();
    // 3.3.1 to 3.3.4.
    assert!(cookie.starts_with("__Host-npoc-asking="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"),
        "{cookie}"
    );
    // The same browser keeps its token.
    let again = browser.post("/desk/sign-in", &[("address", "ann@npoc.test")]).await;
    assert_eq!(again.headers[header::SET_COOKIE], asked.headers[header::SET_COOKIE]);
}

#[tokio::test]
async fn visitors_and_applicants_get_no_cookie() {
    let site = site().await;
    let reference = site.apply(&[]).await;
    let status = site.status_path(&reference).await;
    for path in ["/", "/fr/join", "/membership", "/privacy", &status] {
        assert!(!site.get(path).await.headers.contains_key(header::SET_COOKIE), "{path}");
    }
}

#[tokio::test]
async fn sign_out_ends_the_session_and_removes_its_cookie() {
    let site = site().await;
    let browser = Browser::new(&site).sign_in("ann@npoc.test").await;
    let before = browser.cookies.borrow().clone();
    let out = browser.post("/desk/sign-out", &[]).await;
    let removed = out.headers[header::SET_COOKIE].to_str().unwrap();
    assert_eq!(
        removed,
        "__Host-npoc-desk=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
    );
    // 7.4.1: the session ends in the database too.
    browser.cookies.replace(before);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn session_ends_when_idle_and_after_its_longest_time() {
    let site = site().await;
    site.add_staff("Bob", "bob@npoc.test", Role::Reviewer).await;
    let ann = Browser::new(&site).sign_in("ann@npoc.test").await;
    let bob = Browser::new(&site).sign_in("bob@npoc.test").await;
    // 7.3.1: eight idle hours.
    site.sql("UPDATE desk_sessions SET seen_at = now() - interval '7 hours 59 minutes'")
        .await;
    assert!(ann.is_signed_in().await && bob.is_signed_in().await);
    site.sql("UPDATE desk_sessions SET seen_at = now() - interval '8 hours 1 minute'")
        .await;
    assert!(!ann.is_signed_in().await && !bob.is_signed_in().await);
    // 7.3.2: twelve hours for people who decide, 72 for others.
    site.sql("UPDATE desk_sessions SET seen_at = now(), created_at = now() - interval '12 hours 1 minute'")
        .await;
    assert!(!ann.is_signed_in().await && bob.is_signed_in().await);
    site.sql("UPDATE desk_sessions SET created_at = now() - interval '72 hours 1 minute'")
        .await;
    assert!(!bob.is_signed_in().await);
    // A session from a clock that was ahead.
    site.sql(
        "UPDATE desk_sessions SET created_at = now() + interval '400 days', seen_at = now() + interval '400 days'",
    )
    .await;
    assert!(!bob.is_signed_in().await);
}

#[tokio::test]
async fn use_of_a_session_is_noted_once_a_minute() {
    let site = site().await;
    let ann = Browser::new(&site).sign_in("ann@npoc.test").await;
    let seen = "SELECT extract(epoch FROM now() - seen_at)::bigint FROM desk_sessions";
    site.sql("UPDATE desk_sessions SET seen_at = now() - interval '50 seconds'")
        .await;
    ann.get("/desk").await;
    assert!(number(&site, seen).await >= 50);
    site.sql("UPDATE desk_sessions SET seen_at = now() - interval '61 minutes'")
        .await;
    ann.get("/desk").await;
    assert!(number(&site, seen).await < 60);
}

#[tokio::test]
async fn form_from_another_site_is_refused() {
    let site = site().await;
    let ann = Browser::new(&site).sign_in("ann@npoc.test").await;
    let session = ann.cookies.borrow()[SESSION].clone();
    let post = async |headers: &[(&str, &str)]| {
        let mut request = Request::post("/desk/sign-out")
            .header(header::COOKIE, format!("{SESSION}={session}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        site.ask(request.body(Body::empty()).unwrap()).await
    };
    // 3.5.1.
    for foreign in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:8080.evil.example")],
        &[("origin", "")],
        &[],
    ] {
        let refused = post(foreign).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{foreign:?}");
        assert_eq!(refused.text_of("h1"), "This form did not come from the desk");
        assert!(ann.is_signed_in().await, "{foreign:?}");
    }
    // A browser that does not know Sec-Fetch-Site, behind a proxy that changes the host.
    let own = post(&[("origin", "http://127.0.0.1:8080"), ("host", "backend:8080")]).await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    assert!(!ann.is_signed_in().await);
}

#[tokio::test]
async fn answers_of_the_desk_are_private() {
    let site = site().await;
    let ann = Browser::new(&site).sign_in("ann@npoc.test").await;
    for path in [
        "/desk",
        "/desk/applications",
        "/desk/sign-in",
        "/desk/sign-in/x",
        "/desk/applications/x",
    ] {
        let page = ann.get(path).await;
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        // 14.3.2, 3.4.
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("x-robots-tag"), "noindex", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            header("content-security-policy").contains("default-src 'none'"),
            "{path}"
        );
        assert!(page.all("script").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn housekeeping_deletes_old_requests_and_sessions() {
    let site = site().await;
    Browser::new(&site).sign_in("ann@npoc.test").await;
    site.run_housekeeping(None).await;
    assert_eq!(number(&site, "SELECT count(*) FROM sign_in_requests").await, 1);
    site.sql("UPDATE sign_in_requests SET expires_at = now() - interval '25 hours'")
        .await;
    site.sql("DELETE FROM sign_in_limits WHERE ctid <> (SELECT min(ctid) FROM sign_in_limits)")
        .await;
    site.sql("UPDATE sign_in_limits SET minute = now() - interval '2 hours'")
        .await;
    site.sql("UPDATE desk_sessions SET ended_at = now() - interval '25 hours'")
        .await;
    site.run_housekeeping(None).await;
    for table in [
        "SELECT count(*) FROM sign_in_requests",
        "SELECT count(*) FROM desk_sessions",
        "SELECT count(*) FROM sign_in_limits",
    ] {
        assert_eq!(number(&site, table).await, 0, "{table}");
    }
    // The log stays.
    assert_eq!(
        number(&site, "SELECT count(*) FROM desk_log WHERE action = 'sign-in'").await,
        1
    );
}

#[tokio::test]
async fn log_of_the_desk_is_only_added_to() {
    let site = site().await;
    for change in [
        "UPDATE desk_log SET action = 'x'",
        "DELETE FROM desk_log",
        "TRUNCATE desk_log",
    ] {
        let refused = sqlx::query(change).execute(&site.pool).await;
        assert!(refused.unwrap_err().to_string().contains("only added"), "{change}");
    }
}

#[tokio::test]
async fn expired_email_is_not_sent_and_raises_no_alarm() {
    let site = site().await;
    let browser = Browser::new(&site);
    browser.post("/desk/sign-in", &[("address", "ann@npoc.test")]).await;
    site.sql("UPDATE outbox SET expires_at = now(), owed_at = now() - interval '1 hour'")
        .await;
    assert_eq!(site.outbox.deliver_next().await.unwrap(), DeliveryOutcome::Nothing);
    let stats = npoc::outbox::queue_stats(&site.connections).await.unwrap();
    assert_eq!((stats.waiting, stats.oldest_waits), (0, time::Duration::ZERO));
    site.run_housekeeping(None).await;
    let stats = npoc::outbox::queue_stats(&site.connections).await.unwrap();
    assert_eq!((stats.waiting, stats.given_up, stats.held), (0, 0, 0));
    let erased = "SELECT count(*) FROM outbox WHERE recipient = '' AND body_text = '' AND last_error = 'expired'";
    assert_eq!(number(&site, erased).await, 1);
    assert!(site.sign_in_emails().is_empty());
}

#[tokio::test]
async fn operators_link_works_in_any_browser_once() {
    let site = site().await;
    let printed = site.command(&["staff", "sign-in", "ann@npoc.test"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    let link = printed.trim().trim_start_matches("http://127.0.0.1:8080");
    let browser = Browser::new(&site);
    assert_eq!(browser.get(link).await.text_of("main button"), "Sign in as Ann");
    assert_eq!(browser.post(link, &[]).await.location(), "/desk");
    assert!(browser.is_signed_in().await);
    assert_eq!(
        Browser::new(&site).post(link, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}
