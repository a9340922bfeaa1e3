//! Each page has an address in each language, and says which.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::locale::Language;
use npoc::web::Page;

use crate::support::{Reply, TestSite};

/// The octets of a page that arrive before the first acknowledgement: ten segments of 1,460, less the headers.
const FIRST_FLIGHT: usize = 14_000;

/// The form is a little larger, since it lists 250 countries. It is compressed for each visitor, at a lower level.
const FORM: usize = 14 * 1024;

fn pages() -> impl Iterator<Item = (&'static Page, Language, String)> {
    let of_page = |page: &'static Page| Language::ALL.into_iter().map(move |language| (page, language));
    let pages = Page::ALL.iter().flat_map(of_page);
    pages.map(|(page, language)| (page, language, page.address(language).to_string()))
}

#[tokio::test]
async fn every_page_says_its_language_and_its_direction() {
    let site = TestSite::new().await;
    let mut titles = BTreeSet::new();
    for (page, language, path) in pages() {
        let reply = site.get(&path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert_eq!(reply.attributes("html", "lang"), [language.tag()], "{path}");
        let direction = if language == Language::Ar { "rtl" } else { "ltr" };
        assert_eq!(reply.attributes("html", "dir"), [direction], "{path}");
        assert_eq!(reply.headers[header::CONTENT_LANGUAGE], language.tag(), "{path}");
        assert_eq!(reply.all("head title").len(), 1, "{path}");
        assert_eq!(
            reply.attributes("meta[name=description]", "content"),
            [page.description(language)]
        );
        assert_eq!(
            reply.attributes("link[rel=canonical]", "href"),
            [format!("http://127.0.0.1:8080{path}")]
        );
        titles.insert(page.title(language));
    }
    assert_eq!(titles.len(), pages().count(), "each title is used once");
}

/// Returns the addresses of a page by language, without the site.
fn translations(reply: &Reply) -> BTreeMap<String, String> {
    let languages = reply.attributes("link[rel=alternate]", "hreflang");
    let addresses = reply.attributes("link[rel=alternate]", "href");
    let path = |href: String| href.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    languages.into_iter().zip(addresses.into_iter().map(path)).collect()
}

#[tokio::test]
async fn translations_are_complete_mutual_and_in_the_sitemap() {
    let site = TestSite::new().await;
    let sitemap = site.get("/sitemap.xml").await.body;
    for page in Page::ALL {
        let english = translations(&site.get(page.path).await);
        assert_eq!(english.len(), 7, "six languages and x-default: {english:?}");
        assert_eq!(english["x-default"], page.path);
        for path in english.values() {
            let reply = site.get(path).await;
            assert_eq!(reply.status, StatusCode::OK, "{path} answers itself");
            assert_eq!(translations(&reply), english, "{path}");
            let listed = format!("<loc>http://127.0.0.1:8080{path}</loc>");
            assert!(sitemap.contains(&listed), "{listed}");
        }
        for (language, path) in &english {
            let link = format!("hreflang=\"{language}\" href=\"http://127.0.0.1:8080{path}\"/>");
            assert_eq!(sitemap.matches(&link).count(), 6, "{link}");
        }
    }
    assert_eq!(sitemap.matches("<url>").count(), Page::ALL.len() * 6);
}

#[tokio::test]
async fn every_page_links_to_itself_in_other_languages() {
    let site = TestSite::new().await;
    for (page, language, path) in pages() {
        let reply = site.get(&path).await;
        let links = reply.attributes(".languages a", "href");
        let expected: Vec<String> = Language::ALL.map(|other| page.address(other).to_string()).to_vec();
        assert_eq!(links, expected, "{path}");
        assert_eq!(
            reply.all(".languages a"),
            Language::ALL.map(Language::own_name),
            "{path}"
        );
        assert_eq!(
            reply.attributes(".languages a", "lang"),
            Language::ALL.map(Language::tag),
            "{path}"
        );
        assert_eq!(reply.all(".languages [aria-current]"), [language.own_name()], "{path}");
        for link in reply.attributes("header a, main a, footer a", "href") {
            let is_in_another = link.starts_with('/') && !link.starts_with(&Page::HOME.address(language).to_string());
            assert!(!is_in_another || expected.contains(&link), "{link} on {path}");
        }
    }
}

#[tokio::test]
async fn pages_arrive_in_the_first_flight_in_every_language() {
    let site = TestSite::new().await;
    for (page, _, path) in pages() {
        let limit = if *page == Page::MEMBERSHIP { FORM } else { FIRST_FLIGHT };
        let request = Request::get(&path)
            .header(header::ACCEPT_ENCODING, "br")
            .body(Body::empty());
        let (_, body) = site.octets(request.unwrap()).await;
        assert!(body.len() <= limit, "{path}: {} octets ({page:?})", body.len());
    }
}

#[tokio::test]
async fn english_has_no_prefix_and_other_spellings_redirect() {
    let site = TestSite::new().await;
    for (from, to) in [
        ("/en", "/"),
        ("/en/", "/"),
        ("/en/join", "/join"),
        ("/en/join/?a=b", "/join?a=b"),
        ("/en/fr/join", "/fr/join"),
        ("/en/membership", "/membership"),
        ("/fr", "/fr/"),
        ("/fr/join/", "/fr/join"),
        ("/zh/membership/?a=b", "/zh/membership?a=b"),
    ] {
        let reply = site.get(from).await;
        assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::PERMANENT_REDIRECT, to),
            "{from}"
        );
    }
    for path in [
        "/en/nowhere",
        "/en//example.org",
        "/FR/join",
        "/fr//",
        "/fr/fr/",
        "/de/",
        "/fr/static/",
        "/zh-Hans/",
    ] {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_unpublished_language_is_not_found_and_not_linked() {
    let site = TestSite::with(&[("NPOC_LANGUAGES", "ru, EN,fr,fr")]).await;
    for path in ["/ar/", "/ar/membership", "/es/join", "/zh", "/zh/join/"] {
        let reply = site.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.attributes("html", "lang"), ["en"], "{path}");
    }
    let sitemap = site.get("/sitemap.xml").await.body;
    assert!(!sitemap.contains("/ar/") && sitemap.contains("/ru/join"));
    let home = site.get("/fr/").await;
    assert_eq!(home.all(".languages a"), ["English", "Français", "Русский"]);
    assert_eq!(translations(&home).len(), 4);
    let form = site.get("/fr/membership").await;
    assert_eq!(
        form.attributes("[formaction]", "formaction"),
        ["/membership", "/ru/membership"]
    );
    let alone = TestSite::with(&[("NPOC_LANGUAGES", "en")]).await;
    for page in Page::ALL {
        let reply = alone.get(page.path).await;
        assert!(
            reply.all(".languages, .other-languages, .offer").is_empty(),
            "{}",
            page.path
        );
        assert!(translations(&reply).is_empty(), "{}", page.path);
    }
}

#[tokio::test]
async fn error_pages_are_in_the_language_of_their_reader() {
    let site = TestSite::new().await;
    for (path, accepted, language) in [
        ("/fr/nowhere", "ru", "fr"),
        ("/nowhere", "ru", "ru"),
        ("/nowhere", "zh-TW", "en"),
        ("/nowhere", "", "en"),
        ("/ar/nowhere", "", "ar"),
        ("/membership/received/0", "es-MX,es;q=0.9", "es"),
    ] {
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, accepted);
        let reply = site.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.attributes("html", "lang"), [language], "{path} {accepted}");
        assert_eq!(reply.headers[header::CONTENT_LANGUAGE], language, "{path} {accepted}");
    }
    let typed = Request::post("/membership").header(header::ACCEPT_LANGUAGE, "fr");
    let reply = site.ask(typed.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(reply.attributes("html", "lang"), ["en"], "the address decides");
}
