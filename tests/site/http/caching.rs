//! Response sizes, encodings, caching and security headers.

use std::collections::BTreeSet;
use std::io::Read as _;

use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use npoc::web::Page;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{TestSite, send_body};

const CODINGS: [&str; 4] = ["br", "zstd", "gzip", "identity"];

fn get(path: &str, headers: &[(HeaderName, &str)]) -> Request<Body> {
    let request = Request::get(path);
    let with = |request: axum::http::request::Builder, (name, value): &(HeaderName, &str)| request.header(name, *value);
    headers.iter().fold(request, with).body(Body::empty()).unwrap()
}

fn decoded(head: &Parts, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match head
        .headers
        .get(header::CONTENT_ENCODING)
        .map(|coding| coding.to_str().unwrap())
    {
        Some("br") => drop(brotli::Decompressor::new(body, 4096).read_to_end(&mut plain).unwrap()),
        Some("zstd") => plain = zstd::decode_all(body).unwrap(),
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap()),
        coding => {
            assert_eq!(coding, None);
            plain.extend_from_slice(body);
        }
    }
    plain
}

/// Returns the paths of all responses that are equal for every visitor.
async fn prepared_paths(site: &TestSite) -> Vec<String> {
    let page = site.get("/").await;
    let mut paths = page.attributes("link[rel~=icon], link[rel=apple-touch-icon]", "href");
    paths.push(page.attributes("meta[property='og:image']", "content")[0].replace("http://127.0.0.1:8080", ""));
    let pages = Page::ALL.iter().filter(|page| **page != Page::MEMBERSHIP);
    paths.extend(pages.map(|page| page.path.to_owned()));
    paths.extend(["/robots.txt".into(), "/sitemap.xml".into()]);
    paths
}

#[tokio::test]
async fn first_view_is_one_response_of_at_most_14_000_octets() {
    let site = TestSite::new().await;
    let address = site.listen().await;
    for page in Page::ALL {
        let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap())
            .await
            .unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: npoc.test\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: close\r\n\r\n",
            page.path
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let limit = if *page == Page::MEMBERSHIP { 20_000 } else { 14_000 };
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", page.path);
        assert!(answer.len() <= limit, "{}: {}", page.path, answer.len());
        let reply = site.get(page.path).await;
        let needed =
            "link[rel=stylesheet], link[rel=preload], script, img, iframe, object, embed, video, svg image, svg use";
        assert!(reply.all(needed).is_empty(), "{}", page.path);
        assert!(
            !reply.body.contains("url(") && !reply.body.contains("@import"),
            "{}",
            page.path
        );
    }
}

#[tokio::test]
async fn encodings_hold_the_same_page_under_different_etags() {
    let site = TestSite::new().await;
    for path in prepared_paths(&site).await {
        let (head, plain) = site.octets(get(&path, &[])).await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert!(!head.headers.contains_key(header::CONTENT_ENCODING), "{path}");
        let mut sent = Vec::new();
        for coding in CODINGS {
            let accepted = [(header::ACCEPT_ENCODING, coding)];
            let (head, body) = site.octets(get(&path, &accepted)).await;
            assert_eq!(decoded(&head, &body), plain, "{path} in {coding}");
            let by_language = if path == "/" { ", accept-language" } else { "" };
            assert_eq!(head.headers[header::VARY], format!("accept-encoding{by_language}"));
            assert!(head.headers.contains_key(header::CACHE_CONTROL), "{path}");
            sent.push((head.headers[header::ETAG].clone(), body));
        }
        for (tag, body) in &sent {
            let mut same = sent.iter().filter(|(other, _)| other == tag);
            assert!(
                same.all(|(_, other)| other == body),
                "{path}: equal tags mean equal bodies"
            );
        }
        let tags: BTreeSet<&[u8]> = sent.iter().map(|(tag, _)| tag.as_bytes()).collect();
        let is_page = head.headers[header::CONTENT_TYPE] == "text/html; charset=utf-8";
        assert!(
            !is_page || tags.len() == CODINGS.len(),
            "{path} has a tag for each encoding"
        );
    }
}

#[tokio::test]
async fn matching_etag_gets_304() {
    let site = TestSite::new().await;
    for path in prepared_paths(&site).await {
        let mut tags = Vec::new();
        for coding in CODINGS {
            let (head, _) = site.octets(get(&path, &[(header::ACCEPT_ENCODING, coding)])).await;
            tags.push(head.headers[header::ETAG].to_str().unwrap().to_owned());
        }
        let listed = format!("\"other\", {}, \"third\"", tags[0]);
        let weak = format!("W/{}", tags[0]);
        for (known, status) in [
            (&*tags[0], StatusCode::NOT_MODIFIED),
            (&listed, StatusCode::NOT_MODIFIED),
            (&weak, StatusCode::NOT_MODIFIED),
            ("*", StatusCode::NOT_MODIFIED),
            ("\"other\"", StatusCode::OK),
        ] {
            let asked = [(header::ACCEPT_ENCODING, "br"), (header::IF_NONE_MATCH, known)];
            let (head, body) = site.octets(get(&path, &asked)).await;
            assert_eq!(head.status, status, "{path}, {known}");
            assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED);
            assert_eq!(head.headers[header::ETAG], *tags[0]);
            assert!(head.headers.contains_key(header::CACHE_CONTROL) && head.headers.contains_key(header::VARY));
        }
    }
}

#[tokio::test]
async fn head_matches_get_without_a_body() {
    let site = TestSite::new().await;
    let mut paths = prepared_paths(&site).await;
    paths.push("/membership".into());
    for path in paths {
        for coding in CODINGS {
            let accepted = [(header::ACCEPT_ENCODING, coding)];
            let (got, body) = site.octets(get(&path, &accepted)).await;
            let mut request = get(&path, &accepted);
            *request.method_mut() = Method::HEAD;
            let (head, nothing) = site.octets(request).await;
            assert_eq!((head.status, nothing.len()), (got.status, 0), "{path}");
            let length = head
                .headers
                .get(header::CONTENT_LENGTH)
                .map(|length| length.to_str().unwrap());
            let is_made_each_time = path == "/membership";
            assert!(
                length == Some(&body.len().to_string()) || (is_made_each_time && length.is_none()),
                "{path} in {coding}: {length:?}"
            );
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::ETAG,
                header::CACHE_CONTROL,
            ] {
                assert_eq!(head.headers.get(&name), got.headers.get(&name), "{path}, {name}");
            }
        }
    }
}

#[tokio::test]
async fn images_have_hashed_names_and_are_immutable() {
    let site = TestSite::new().await;
    let mut pictures = 0;
    for path in prepared_paths(&site)
        .await
        .iter()
        .filter(|path| path.starts_with("/static/"))
    {
        let (head, _) = site.octets(get(path, &[])).await;
        assert_eq!(
            head.headers["cross-origin-resource-policy"], "cross-origin",
            "other sites may show it in a preview"
        );
        assert_eq!(head.headers[header::CACHE_CONTROL], "max-age=31536000, immutable");
        assert!(
            head.headers[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("image/")
        );
        let tag = head.headers[header::ETAG].to_str().unwrap().trim_matches('"');
        assert!(path.contains(tag), "{path}, {tag}");
        pictures += 1;
    }
    assert_eq!(pictures, 3);
}

#[tokio::test]
async fn personal_pages_are_compressed_and_never_shared() {
    let site = TestSite::new().await;
    for coding in CODINGS {
        let accepted = [(header::ACCEPT_ENCODING, coding)];
        let (head, body) = site.octets(get("/membership", &accepted)).await;
        assert_eq!(head.headers[header::CACHE_CONTROL], "private, no-cache");
        assert_eq!(
            head.headers.contains_key(header::CONTENT_ENCODING),
            coding != "identity",
            "{coding}"
        );
        assert!(
            String::from_utf8(decoded(&head, &body)).unwrap().contains("form_key"),
            "{coding}"
        );
    }
}

#[tokio::test]
async fn client_that_accepts_no_encoding_is_answered() {
    let site = TestSite::new().await;
    let body = send_body(Uuid::now_v7());
    let request = Request::post("/membership")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT_ENCODING, "identity;q=0")
        .body(Body::from(body))
        .unwrap();
    let (head, _) = site.octets(request).await;
    assert_eq!(head.status, StatusCode::SEE_OTHER);
    assert_eq!(site.count("applications").await, 1);
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let site = TestSite::with(&[("NPOC_PUBLIC_URL", "https://npoc.org")]).await;
    let paths = [
        "/",
        "/membership",
        "/nowhere",
        "/health/live",
        "/.well-known/security.txt",
    ];
    for path in paths {
        let (head, _) = site.octets(get(path, &[])).await;
        assert_kept(&head.headers, path);
    }
    let (head, _) = site.octets(get("/", &[(header::IF_NONE_MATCH, "*")])).await;
    assert_kept(&head.headers, "not modified");
}

fn assert_kept(headers: &HeaderMap, what: &str) {
    for (name, value) in [
        ("content-security-policy", "default-src 'none'"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=()"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        let sent = headers.get(name).map(|sent| sent.to_str().unwrap()).unwrap_or_default();
        assert!(sent.starts_with(value), "{what}: {name}: {sent}");
    }
    assert!(
        !headers.contains_key(header::SERVER) && !headers.contains_key("x-powered-by"),
        "{what}"
    );
}
