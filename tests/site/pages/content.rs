//! The contents, links and metadata of the pages.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::locale::Language;
use npoc::web::Page;

use crate::support::{TestSite, folded};

#[tokio::test]
async fn pages_have_one_h1_and_their_own_title() {
    let site = TestSite::new().await;
    let mut titles = BTreeSet::new();
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", page.path);
        assert_eq!(reply.all("h1").len(), 1, "{}", page.path);
        assert_eq!(reply.all("head title"), [page.title(Language::En)]);
        assert_eq!(
            reply.attributes("meta[name=description]", "content"),
            [page.description(Language::En)]
        );
        assert_eq!(reply.attributes("html", "lang"), ["en"]);
        assert_eq!(
            reply.attributes("link[rel=canonical]", "href"),
            [format!("http://127.0.0.1:8080{}", page.path)]
        );
        titles.insert(page.title(Language::En));
    }
    assert_eq!(titles.len(), Page::ALL.len());
}

#[tokio::test]
async fn every_brochure_sentence_is_on_its_page() {
    let site = TestSite::new().await;
    let mut pages = HashMap::new();
    for page in Page::ALL {
        let text = folded(&site.get(page.path).await.all("main").join(" "));
        pages.insert(page.path, with_plain_quotes(&text.replace(" .", ".")));
    }
    let mut sentences = 0;
    for line in include_str!("brochure.tsv").lines() {
        let (path, sentence) = line.split_once('\t').unwrap();
        assert!(
            pages[path].contains(&with_plain_quotes(sentence)),
            "{path} lacks: {sentence}\n\n{}",
            pages[path]
        );
        sentences += 1;
    }
    assert_eq!(sentences, 34, "number of sentences in brochure.tsv");
}

/// The text of the leaflet was typed with plain quotes.
fn with_plain_quotes(text: &str) -> String {
    text.replace('’', "'").replace(['“', '”'], "\"")
}

#[tokio::test]
async fn external_links_use_https() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let links = site.get(page.path).await.attributes("body a", "href");
        let elsewhere: Vec<_> = links.iter().filter(|link| link.starts_with("http")).collect();
        assert!(!elsewhere.is_empty(), "{}", page.path);
        assert!(
            elsewhere.iter().all(|link| link.starts_with("https://")),
            "{elsewhere:?}"
        );
    }
}

#[tokio::test]
async fn internal_links_and_fragments_resolve() {
    let site = TestSite::new().await;
    let mut seen = BTreeSet::new();
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        let mut links = reply.attributes("a[href]", "href");
        links.extend(reply.attributes("link[href]", "href"));
        for link in links.iter().filter(|link| link.starts_with(['/', '#'])) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = site.get(if path.is_empty() { page.path } else { path }).await;
            assert_eq!(target.status, StatusCode::OK, "{link} on {}", page.path);
            let is_there = fragment.is_empty() || !target.attributes(&format!("[id='{fragment}']"), "id").is_empty();
            assert!(is_there, "{link} on {}", page.path);
            seen.insert(link.clone());
        }
    }
    assert!(seen.len() > Page::ALL.len(), "too few links: {seen:?}");
}

#[tokio::test]
async fn every_page_links_to_membership_and_marks_itself() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        assert!(
            reply
                .all("header a[href='/membership']")
                .contains(&"NPOC membership".into()),
            "{}",
            page.path
        );
        let marked = reply.attributes("header a[aria-current=page]", "href");
        let is_linked = page.is_in_menu || *page == Page::MEMBERSHIP;
        let expected: &[&str] = if is_linked { &[page.path] } else { &[] };
        assert_eq!(marked, expected, "{}", page.path);
    }
}

#[tokio::test]
async fn pages_need_no_script_and_no_other_host() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path).await;
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
            page.path
        );
        assert_eq!(reply.all("style").len(), 1);
    }
}

#[tokio::test]
async fn well_known_files_are_served() {
    let site = TestSite::new().await;
    let sitemap = site.get("/sitemap.xml").await.body;
    for page in Page::ALL {
        assert!(sitemap.contains(&format!("<loc>http://127.0.0.1:8080{}</loc>", page.path)));
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
    for path in ["/favicon.ico", "/health/live", "/health/ready"] {
        assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn pages_have_open_graph_metadata() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        let property = |name: &str| reply.attributes(&format!("meta[property='og:{name}']"), "content");
        assert_eq!(property("title"), [page.title(Language::En)]);
        assert_eq!(property("description"), [page.description(Language::En)]);
        assert_eq!(property("url"), [format!("http://127.0.0.1:8080{}", page.path)]);
        let picture = property("image")[0].replace("http://127.0.0.1:8080", "");
        let (head, png) = site.octets(Request::get(picture).body(Body::empty()).unwrap()).await;
        assert_eq!(head.headers[header::CONTENT_TYPE], "image/png");
        let pixels = [&png[16..20], &png[20..24]].map(|octets| u32::from_be_bytes(octets.try_into().unwrap()));
        assert_eq!(
            pixels.map(|length| length.to_string()).to_vec(),
            [property("image:width"), property("image:height")].concat()
        );
    }
}

#[tokio::test]
async fn pages_have_structured_data_about_npoc() {
    let site = TestSite::with(&[(
        "NPOC_PROFILES",
        "https://x.com/NPOC_ICANN https://www.example.org/npoc/",
    )])
    .await;
    let reply = site.get("/privacy").await;
    assert_eq!(reply.attributes("[itemtype]", "itemtype"), ["https://schema.org/NGO"]);
    assert_eq!(reply.attributes("[itemprop=name]", "content"), ["NPOC"]);
    assert_eq!(reply.attributes("[itemprop=email]", "href"), ["mailto:info@npoc.org"]);
    assert_eq!(
        reply.attributes("[itemprop=sameAs]", "href"),
        ["https://x.com/NPOC_ICANN", "https://www.example.org/npoc/"]
    );
    assert_eq!(reply.all("[itemprop=sameAs]"), ["NPOC on X", "example.org/npoc"]);
}

#[tokio::test]
async fn drawings_have_text_alternatives() {
    let site = TestSite::new().await;
    let mut drawings = 0;
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        for named_by in reply.attributes("svg[role=img]", "aria-labelledby") {
            for id in named_by.split(' ') {
                assert!(reply.text_of(&format!("#{id}")).len() > 20, "{id} on {}", page.path);
            }
            drawings += 1;
        }
        assert_eq!(
            reply.all("svg").len(),
            reply.all("svg[role=img], svg[aria-hidden=true]").len(),
            "{}: decorative images are hidden from screen readers",
            page.path
        );
    }
    assert_eq!(drawings, 3);
}

#[tokio::test]
async fn former_addresses_redirect_for_good() {
    let charter = "https://example.org/charter";
    let site = TestSite::with(&[("NPOC_CHARTER_URL", charter)]).await;
    for (former, now) in [
        ("/get-involved/how-to-join", "/join"),
        ("/faq-for-newcomers", "/join"),
        ("/what-is-npoc", "/who-we-are"),
        ("/charter", charter),
    ] {
        for path in [former.to_owned(), format!("{former}/"), format!("{former}/?a=b")] {
            let reply = site.get(&path).await;
            assert_eq!(
                (reply.status, reply.location()),
                (StatusCode::PERMANENT_REDIRECT, now),
                "{path}"
            );
        }
    }
    let reply = TestSite::new().await.get("/charter/").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "without a charter");
}

#[tokio::test]
async fn leaders_and_charter_are_shown_if_they_are_set() {
    let unset = TestSite::new().await.get("/who-we-are").await.body;
    assert!(!unset.contains("who leads NPOC") && !unset.contains("charter"));
    let site = TestSite::with(&[
        ("NPOC_LEADERS", "Chair: Ann <Lee>; Vice chair: 李明;"),
        ("NPOC_CHARTER_URL", "https://example.org/charter?a=1&b=2"),
    ])
    .await;
    let page = site.get("/who-we-are").await;
    assert_eq!(page.all(".leaders li"), ["Chair: Ann <Lee>", "Vice chair: 李明"]);
    let links = page.attributes("main a[href*=charter], footer a[href*=charter]", "href");
    assert_eq!(links, ["https://example.org/charter?a=1&b=2"; 2]);
}

#[tokio::test]
async fn trailing_slash_redirects_pages_and_posted_forms() {
    let site = TestSite::new().await;
    for page in Page::ALL.iter().filter(|page| **page != Page::HOME) {
        let reply = site.get(&format!("{}/", page.path)).await;
        assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::PERMANENT_REDIRECT, page.path)
        );
    }
    let reply = site.post_raw("/membership/", "step=check").await;
    assert_eq!(
        (reply.status, reply.location()),
        (StatusCode::PERMANENT_REDIRECT, "/membership")
    );
    for path in ["//example.org/", "/nowhere/", "//", "/membership//example.org/"] {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
