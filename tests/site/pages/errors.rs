//! Errors are pages of the site and show nothing internal.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use uuid::Uuid;

use crate::support::{Reply, TestSite, database, stored_key};

fn assert_is_a_page_of_the_site(reply: &Reply) {
    assert_eq!(reply.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(reply.all("h1").len(), 1);
    assert!(reply.text_of("title").ends_with("NPOC"));
    assert!(!reply.attributes("main a[href='/membership']", "href").is_empty());
    for internal in ["sqlx", "panicked", "src/", "applications", "SELECT", "Error: "] {
        assert!(
            !reply.text_of("main").contains(internal),
            "{internal}: {}",
            reply.text_of("main")
        );
    }
}

#[tokio::test]
async fn every_error_is_a_page_of_the_site() {
    let site = TestSite::new().await;
    let post = |path: &str, content_type: &str, body: Vec<u8>| {
        Request::post(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap()
    };
    let form = "application/x-www-form-urlencoded";
    for (request, status) in [
        (
            Request::get("/nowhere").body(Body::empty()).unwrap(),
            StatusCode::NOT_FOUND,
        ),
        (
            Request::get("/membership/received/unknown")
                .body(Body::empty())
                .unwrap(),
            StatusCode::NOT_FOUND,
        ),
        (
            Request::get(format!("/membership/received/{}", Uuid::nil()))
                .body(Body::empty())
                .unwrap(),
            StatusCode::NOT_FOUND,
        ),
        (
            Request::delete("/who-we-are").body(Body::empty()).unwrap(),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            post("/membership", form, vec![b'a'; 5 * 1024 * 1024]),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            post("/membership", "application/json", b"{}".to_vec()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            Request::post("/membership").body(Body::from("a=b")).unwrap(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        let reply = site.ask(request).await;
        assert_eq!(reply.status, status);
        assert_is_a_page_of_the_site(&reply);
    }
    let refused = site
        .ask(Request::delete("/who-we-are").body(Body::empty()).unwrap())
        .await;
    assert!(refused.headers.contains_key(header::ALLOW));
}

#[tokio::test]
async fn failed_application_is_given_back_and_can_be_sent_again() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    site.sql("ALTER TABLE application_history RENAME TO away").await;
    let reply = site.send(&[], key).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(reply.submission_key(), stored_key(&[], key));
    for (name, value) in crate::support::GOOD.iter().filter(|(_, value)| !value.is_empty()) {
        assert_eq!(reply.kept(name), [*value], "{name}");
    }
    assert!(!reply.body.contains("application_history"));
    assert_eq!(
        (site.count("applications").await, site.count("outbox").await),
        (0, 0),
        "nothing is stored in part"
    );

    site.sql("ALTER TABLE away RENAME TO application_history").await;
    assert_eq!(site.send(&[], key).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.count("applications").await, 1);
}

#[tokio::test]
async fn pages_are_served_during_a_database_outage() {
    let site = TestSite::new().await;
    database::take_away(&site.pool).await;
    assert_eq!(site.get("/join").await.status, StatusCode::OK);
    assert_eq!(site.get("/membership").await.status, StatusCode::OK);
    assert_eq!(site.check(&[]).await.status, StatusCode::OK);
    assert_eq!(
        site.send(&[], Uuid::now_v7()).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let receipt = site.get(&format!("/membership/received/{}", Uuid::nil())).await;
    assert_eq!(receipt.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_is_a_page_of_the_site(&receipt);
    assert_eq!(site.get("/health/live").await.status, StatusCode::OK);
    let ready = site.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        ready.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
}
