//! The links to correct answers: each works once, and few are sent.

use axum::http::StatusCode;

use super::corrections::{ask, correct};
use super::sign_in::number;
use crate::support::desk::state;
use crate::support::{TestSite, encode, good_with};

#[tokio::test]
async fn link_to_correct_works_once_and_for_a_day() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let first = site.link_to_correct(&reference).await;
    // Programs that check emails open links.
    for _ in 0..3 {
        assert_eq!(site.get(&first).await.status, StatusCode::OK);
    }
    let changed = [("organization_name", "Kilimo Mpya Trust")];
    assert_eq!(correct(&site, &first, &changed).await.status, StatusCode::SEE_OTHER);
    // Pressed twice: nothing more is stored.
    let again = site
        .post_raw(
            &first,
            encode(&[&good_with(&changed)[..], &[("version", "1")]].concat()),
        )
        .await;
    assert_eq!(again.location(), first);
    // Another correction needs another link, and its answers come back.
    let other = good_with(&[("organization_name", "Kilimo Kipya")]);
    let late = site
        .post_raw(&first, encode(&[&other[..], &[("version", "2")]].concat()))
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    late.assert_keeps(&other);
    assert_eq!(state(&site, &reference).await.1, 2);
    let second = site.link_to_correct(&reference).await;
    site.sql("UPDATE change_links SET expires_at = now()").await;
    let dead = site.get(&second).await;
    assert_eq!(
        (dead.status, dead.text_of("h1").as_str()),
        (StatusCode::NOT_FOUND, "This link does not work")
    );
    assert!(!dead.body.contains("Afya Bora"));
    let typed = site.post_raw(&second, encode(&other)).await;
    assert_eq!(typed.status, StatusCode::CONFLICT);
    typed.assert_keeps(&other);
    for wrong in [
        "/membership/change/x",
        "/membership/change/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(site.get(wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn three_links_a_day_and_twenty_in_all() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    for _ in 0..3 {
        assert_eq!(ask(&site, &reference).await.status, StatusCode::OK);
    }
    let limited = ask(&site, &reference).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.text_of("h1"), "We send no more links now");
    site.sql(
        "INSERT INTO change_links (token_hash, reference, address, asked_at, expires_at)
        SELECT sha256(n::text::bytea), reference, '', now() - interval '2 days', now() FROM applications, generate_series(1, 17) AS n",
    )
    .await;
    site.sql("UPDATE change_links SET asked_at = now() - interval '25 hours'")
        .await;
    assert_eq!(ask(&site, &reference).await.status, StatusCode::TOO_MANY_REQUESTS);
    let queued = "SELECT count(*) FROM outbox WHERE purpose = 'change-link'";
    assert_eq!(number(&site, queued).await, 3);
}

#[tokio::test]
async fn forty_requests_for_a_link_at_once_send_three() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let requests = (0..40).map(|_| ask(&site, &reference));
    futures_util::future::join_all(requests).await;
    let queued = "SELECT count(*) FROM outbox WHERE purpose = 'change-link'";
    assert_eq!(number(&site, queued).await, 3);
}

#[tokio::test]
async fn erased_application_leaves_no_link() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    correct(&site, &link, &[("organization_name", "Kilimo Mpya Trust")]).await;
    site.deliver_all().await;
    let body = "SELECT count(*) FROM outbox WHERE purpose = 'change-link' AND body_text <> ''";
    assert_eq!(number(&site, body).await, 0, "a sent link is not kept");
    let erased = site.command(&["applications", "erase", &reference, "--yes"]);
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    assert_eq!(number(&site, "SELECT count(*) FROM change_links").await, 0);
    let left = "SELECT count(*) FROM outbox WHERE recipient <> '' AND reference IS NOT NULL";
    assert_eq!(number(&site, left).await, 0);
    assert_eq!(site.get(&link).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn held_confirmation_sends_no_link_either() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE outbox SET is_held = true, given_up_at = now() WHERE purpose = 'arrival'")
        .await;
    assert_eq!(ask(&site, &reference).await.status, StatusCode::TOO_MANY_REQUESTS);
}
