//! What programs look for at fixed places.

use std::sync::Arc;

use axum::extract::State;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{Page, Site};

/// Everything may be read: receipts say themselves that they are not to be indexed.
pub fn robots(public_url: &str) -> String {
    format!("User-agent: *\nAllow: /\n\nSitemap: {public_url}/sitemap.xml\n")
}

/// Every page of the list, with the day on which its words last changed.
pub fn sitemap(public_url: &str) -> String {
    let url = |page: &Page| {
        let (path, day) = (page.path(), page.changed_on());
        format!("<url><loc>{public_url}{path}</loc><lastmod>{day}</lastmod></url>\n")
    };
    let urls: String = Page::ALL.iter().map(url).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}</urlset>\n"
    )
}

/// Whom to tell of a weakness (RFC 9116). Always good for another half year.
pub async fn security(State(site): State<Arc<Site>>) -> String {
    let expires = (OffsetDateTime::now_utc() + Duration::days(180)).replace_time(time::Time::MIDNIGHT);
    let expires = expires.format(&Rfc3339).unwrap_or_default();
    let url = &site.frame.public_url;
    format!(
        "Contact: mailto:info@npoc.org\nExpires: {expires}\nPreferred-Languages: en\nCanonical: {url}/.well-known/security.txt\n"
    )
}
