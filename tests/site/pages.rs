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
        let reply = site.get(page.path).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", page.path);
        assert_eq!(reply.all("h1").len(), 1, "{}", page.path);
        assert_eq!(reply.all("head title"), [page.title]);
        assert_eq!(
            reply.attributes("meta[name=description]", "content"),
            [page.description]
        );
        assert_eq!(reply.attributes("html", "lang"), ["en"]);
        assert_eq!(
            reply.attributes("link[rel=canonical]", "href"),
            [format!("http://127.0.0.1:8080{}", page.path)]
        );
        titles.insert(page.title);
    }
    assert_eq!(titles.len(), Page::ALL.len());
}

#[tokio::test]
async fn every_sentence_of_the_brochure_stands_on_its_page() {
    let site = TestSite::new().await;
    let mut pages = HashMap::new();
    for page in Page::ALL {
        let text = folded(&site.get(page.path).await.all("main").join(" "));
        pages.insert(page.path, text.replace(" .", "."));
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
async fn every_link_to_another_site_is_encrypted() {
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
async fn every_internal_link_leads_to_a_page_and_every_fragment_to_a_place() {
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
    assert!(seen.len() > Page::ALL.len(), "links were found: {seen:?}");
}

#[tokio::test]
async fn npoc_membership_is_one_step_from_every_page_and_the_current_page_is_marked() {
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
        let marked = reply.attributes("header nav a[aria-current=page]", "href");
        let expected: &[&str] = if page.is_in_menu { &[page.path] } else { &[] };
        assert_eq!(marked, expected, "{}", page.path);
    }
}

#[tokio::test]
async fn no_page_needs_a_script_or_anything_from_elsewhere() {
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
async fn programs_find_what_they_look_for() {
    let site = TestSite::new().await;
    let sitemap = site.get("/sitemap.xml").await.body;
    for page in Page::ALL {
        let url = format!("<loc>http://127.0.0.1:8080{}</loc>", page.path);
        assert!(sitemap.contains(&url), "{url}");
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
async fn a_link_to_a_page_can_be_shown_with_its_title_sentence_and_picture() {
    let site = TestSite::new().await;
    for page in Page::ALL {
        let reply = site.get(page.path).await;
        let property = |name: &str| reply.attributes(&format!("meta[property='og:{name}']"), "content");
        assert_eq!(property("title"), [page.title]);
        assert_eq!(property("description"), [page.description]);
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
async fn search_engines_read_who_npoc_is_and_where_else_it_is() {
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
    assert_eq!(reply.all("[itemprop=sameAs]"), ["x.com/NPOC_ICANN", "example.org/npoc"]);
}

#[tokio::test]
async fn every_drawing_says_in_words_what_it_shows() {
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
            "{}: what is no drawing is hidden from those who hear the page",
            page.path
        );
    }
    assert_eq!(drawings, 2);
}

#[tokio::test]
async fn a_page_is_found_with_a_slash_at_its_end_and_so_are_the_answers_sent_there() {
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
