//! Detects a form that a page of another site posted, which must not act in the name of its visitors.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tower_http::csrf::CsrfLayer;
use url::Url;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns whether a browser says that a page of another site posted the form.
///
/// Programs other than browsers send neither header, and old browsers only the origin. An empty header says nothing: privacy
/// filters blank headers. `null` says nothing: privacy settings send it from our own pages too. The origin counts only against
/// a form that no check page made, since a proxy may give the site another name than its visitors use.
pub fn is_cross_site(headers: &HeaderMap, public_url: &str, has_valid_key: bool) -> bool {
    let is_present = |value: &&HeaderValue| !value.as_bytes().trim_ascii().is_empty();
    let value = |name: &HeaderName| {
        headers
            .get(name)
            .filter(is_present)
            .map(|value| value.to_str().unwrap_or_default())
    };
    match value(&SEC_FETCH_SITE) {
        Some(site) => !["same-origin", "none"].contains(&site.trim().to_ascii_lowercase().as_str()),
        None if has_valid_key => false,
        None => value(&ORIGIN).is_some_and(|origin| {
            let host = value(&HOST).unwrap_or_default();
            origin != "null" && !is_ours(&origin.to_ascii_lowercase(), host, public_url)
        }),
    }
}

/// Returns the layer that refuses forms from other sites. Our own origin is trusted, since a proxy may change the host.
///
/// # Errors
/// Returns an error if the public address has no origin.
pub fn same_origin(public_url: &str) -> anyhow::Result<CsrfLayer> {
    let origin = Url::parse(public_url)?.origin().ascii_serialization();
    Ok(CsrfLayer::new().add_trusted_origin(origin)?)
}

/// Returns whether an origin is the public address, or the host that the request names.
fn is_ours(origin: &str, host: &str, public_url: &str) -> bool {
    let of_host = origin
        .split_once("://")
        .is_some_and(|(_, named)| named == host.to_ascii_lowercase());
    of_host || origin == public_url.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_from_another_site_is_detected_by_its_headers() {
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
            let detected = |has_valid_key| is_cross_site(&headers, "https://npoc.org", has_valid_key);
            assert_eq!(detected(false), is_foreign, "{site:?} {origin:?}");
            let is_stated = is_foreign && site.is_some_and(|site| !site.trim().is_empty());
            assert_eq!(detected(true), is_stated, "with a valid key: {site:?} {origin:?}");
        }
    }
}
