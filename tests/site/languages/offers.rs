//! The English home page offers the language that its reader prefers, and redirects nobody.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::support::{Reply, TestSite};

async fn home(site: &TestSite, accepted: &str) -> Reply {
    let request = Request::get("/").header(header::ACCEPT_LANGUAGE, accepted);
    site.ask(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn home_page_offers_the_preferred_language_of_its_reader() {
    let site = TestSite::new().await;
    let mut etags = Vec::new();
    let garbage = "\u{1F600}x;q=,".repeat(1_000);
    for (accepted, offer) in [
        ("fr-CA,fr;q=0.9", Some("/fr/")),
        ("es-419", Some("/es/")),
        ("ar", Some("/ar/")),
        ("zh-CN", Some("/zh/")),
        ("ru,en;q=0.5", Some("/ru/")),
        ("en-US,en;q=0.9,fr;q=0.8", None),
        ("*", None),
        ("ar;q=0", None),
        ("zh-TW", None),
        ("de", None),
        ("", None),
        (garbage.as_str(), None),
    ] {
        let reply = home(&site, accepted).await;
        assert_eq!(reply.status, StatusCode::OK, "{accepted}");
        assert_eq!(reply.attributes("html", "lang"), ["en"], "{accepted}");
        assert_eq!(
            reply.attributes(".offer a", "href"),
            offer.into_iter().collect::<Vec<_>>(),
            "{accepted}"
        );
        let vary = reply.headers[header::VARY].to_str().unwrap();
        assert_eq!(vary, "accept-encoding, accept-language", "{accepted}");
        etags.push(reply.headers[header::ETAG].clone());
    }
    etags.dedup();
    assert_eq!(etags.len(), 6, "one for each offer, and one for none");
    let french = home(&site, "fr").await;
    assert_eq!(french.all(".offer"), ["Cette page existe en français"]);
    assert_eq!(french.attributes(".offer", "lang"), ["fr"]);
}

#[tokio::test]
async fn only_the_english_home_page_depends_on_the_reader() {
    let site = TestSite::new().await;
    for path in ["/fr/", "/join", "/ar/join", "/sitemap.xml"] {
        let ask = |accepted| {
            Request::get(path)
                .header(header::ACCEPT_LANGUAGE, accepted)
                .body(Body::empty())
        };
        let [russian, none] = [site.ask(ask("ru").unwrap()).await, site.ask(ask("").unwrap()).await];
        assert_eq!(russian.headers[header::VARY], "accept-encoding", "{path}");
        assert_eq!(russian.body, none.body, "{path}");
    }
}

#[tokio::test]
async fn a_cached_home_page_is_checked_by_language() {
    let site = TestSite::new().await;
    let french = home(&site, "fr").await;
    for (accepted, status) in [("fr", StatusCode::NOT_MODIFIED), ("es", StatusCode::OK)] {
        let request = Request::get("/")
            .header(header::ACCEPT_LANGUAGE, accepted)
            .header(header::IF_NONE_MATCH, &french.headers[header::ETAG]);
        let reply = site.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, status, "{accepted}");
        assert_eq!(reply.headers[header::VARY], "accept-encoding, accept-language");
    }
}
