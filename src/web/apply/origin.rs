//! Where a form was posted from: a page of another site must not apply in the name of its visitors.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns whether a browser says that a page of another site posted the form. Programs that are no browsers say nothing,
/// and old browsers name only the origin. A header without a value says nothing either: a privacy filter blanks what it does
/// not remove. `null` names none: a privacy setting sends it from our own page too. An origin counts only against a form
/// that no check page made, since a proxy may give the site another name than its visitors know.
pub fn is_of_another_site(headers: &HeaderMap, public_url: &str, is_of_check_page: bool) -> bool {
    let said = |value: &&HeaderValue| !value.as_bytes().trim_ascii().is_empty();
    let value = |name: &HeaderName| {
        headers
            .get(name)
            .filter(said)
            .map(|value| value.to_str().unwrap_or_default())
    };
    match value(&SEC_FETCH_SITE) {
        Some(site) => !["same-origin", "none"].contains(&site.trim().to_ascii_lowercase().as_str()),
        None if is_of_check_page => false,
        None => value(&ORIGIN).is_some_and(|origin| {
            let host = value(&HOST).unwrap_or_default();
            origin != "null" && !is_ours(&origin.to_ascii_lowercase(), host, public_url)
        }),
    }
}

/// Whether an origin is that of the public address, or of the host that the request names.
fn is_ours(origin: &str, host: &str, public_url: &str) -> bool {
    let of_host = origin
        .split_once("://")
        .is_some_and(|(_, it)| it == host.to_ascii_lowercase());
    of_host || origin == public_url.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_site_is_known_by_what_its_browser_says() {
        for (site, origin, is_foreign) in [
            (Some("cross-site"), Some("https://evil.example"), true),
            (Some("cross-site"), Some("https://npoc.org"), true),
            (Some("same-site"), Some("https://blog.npoc.org"), true),
            (Some("Cross-Site"), None, true),
            (Some(""), None, false),
            (Some(" "), Some(""), false),
            (Some(""), Some("https://evil.example"), true),
            (Some("same-origin, cross-site"), None, true),
            (Some("same-origin"), Some("https://npoc.org"), false),
            (Some("same-origin"), Some("null"), false),
            (Some("none"), None, false),
            (None, Some("https://evil.example"), true),
            (None, Some("https://npoc.org.evil.example"), true),
            (None, Some("http://npoc.org"), true),
            (None, Some("https://npoc.org"), false),
            (None, Some("HTTPS://NPOC.ORG"), false),
            (None, Some("http://127.0.0.1:8080"), false),
            (None, Some("null"), false),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, "127.0.0.1:8080".parse().unwrap())]);
            headers.extend(site.map(|site| (SEC_FETCH_SITE, site.parse().unwrap())));
            headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
            let said = |is_of_check_page| is_of_another_site(&headers, "https://npoc.org", is_of_check_page);
            assert_eq!(said(false), is_foreign, "{site:?} {origin:?}");
            let says_so_itself = is_foreign && site.is_some_and(|site| !site.trim().is_empty());
            assert_eq!(said(true), says_so_itself, "of a check page: {site:?} {origin:?}");
        }
    }
}
