//! The pages: what stands on them, and that every way leads somewhere.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::web::Page;

use crate::support::{TestSite, folded};

#[tokio::test]
async fn every_page_has_one_h1_and_a_title_and_description_of_its_own() {
    let site = TestSite::new().await;
    let mut titles = BTreeSet::new();
    for page in Page::ALL {
        let reply = site.get(page.path()).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", page.path());
        assert_eq!(reply.all("h1").len(), 1, "{}", page.path());
        assert_eq!(reply.all("head title"), [page.title()]);
        assert_eq!(
            reply.attributes("meta[name=description]", "content"),
            [page.description()]
        );
        assert_eq!(reply.attributes("html", "lang"), ["en"]);
        assert_eq!(
            reply.attributes("link[rel=canonical]", "href"),
            [format!("http://127.0.0.1:8080{}", page.path())]
        );
        titles.insert(page.title());
    }
    assert_eq!(titles.len(), Page::ALL.len());
}

#[tokio::test]
async fn every_sentence_of_the_brochure_stands_on_its_page() {
    let site = TestSite::new().await;
    let mut pages = HashMap::new();
    for page in Page::ALL {
        let text = folded(&site.get(page.path()).await.all("main").join(" "));
        pages.insert(page.path(), text.replace(" .", "."));
    }
    let mut sentences = 0;
    for line in include_str!("brochure.tsv").lines() {
        let (path, sentence) = line.split_once('\t').unwrap();
        assert!(
            pages[path].contains(sentence),
            "{path} lacks: {sentence}\n\n{}",
            pages[path]
        );
        sentences += 1;
    }
    assert_eq!(sentences, 34, "no sentence fell out of the list");
}

#[tokio::test]
async fn every_internal_link_leads_to_a_page_and_every_fragment_to_a_place() {
    let site = TestSite::new().await;
    let mut seen = BTreeSet::new();
    for page in Page::ALL {
        let reply = site.get(page.path()).await;
        let mut links = reply.attributes("a[href]", "href");
        links.extend(reply.attributes("link[href]", "href"));
        for link in links.iter().filter(|link| link.starts_with(['/', '#'])) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = site.get(if path.is_empty() { page.path() } else { path }).await;
            assert_eq!(target.status, StatusCode::OK, "{link} on {}", page.path());
            let is_there = fragment.is_empty() || !target.attributes(&format!("[id='{fragment}']"), "id").is_empty();
            assert!(is_there, "{link} on {}", page.path());
            seen.insert(link.clone());
        }
    }
    assert!(seen.len() > Page::ALL.len(), "links were found: {seen:?}");
}

#[tokio::test]
async fn npoc_membership_is_one_step_from_every_page_and_the_current_page_is_marked() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path()).await;
        assert!(
            reply
                .all("header a[href='/membership']")
                .contains(&"NPOC membership".into()),
            "{}",
            page.path()
        );
        let marked = reply.attributes("header nav a[aria-current=page]", "href");
        let expected: &[&str] = if Page::MENU.contains(&page) {
            &[page.path()]
        } else {
            &[]
        };
        assert_eq!(marked, expected, "{}", page.path());
    }
}

#[tokio::test]
async fn no_page_needs_a_script_or_anything_from_elsewhere() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path()).await;
        assert!(reply.all("script").is_empty());
        assert!(reply.headers.get(header::SET_COOKIE).is_none());
        let policy = reply.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(
            reply.attributes("[style]", "style"),
            Vec::<String>::new(),
            "{}",
            page.path()
        );
        assert_eq!(reply.all("style").len(), 1);
    }
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let site = TestSite::new().await;
    let etag = site.get("/who-we-are").await.headers[header::ETAG].clone();
    let again = Request::get("/who-we-are")
        .header(header::IF_NONE_MATCH, etag)
        .body(Body::empty())
        .unwrap();
    let reply = site.ask(again).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn programs_find_what_they_look_for() {
    let site = TestSite::new().await;
    let sitemap = site.get("/sitemap.xml").await.body;
    for page in Page::ALL {
        assert!(sitemap.contains(&format!("<loc>http://127.0.0.1:8080{}</loc>", page.path())));
    }
    assert!(
        site.get("/robots.txt")
            .await
            .body
            .contains("Sitemap: http://127.0.0.1:8080/sitemap.xml")
    );
    assert!(
        site.get("/.well-known/security.txt")
            .await
            .body
            .contains("Contact: mailto:info@npoc.org")
    );
    for path in ["/favicon.ico", "/static/icon.svg", "/health/live", "/health/ready"] {
        assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
    }
}
