//! What programs look for at fixed places.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{Page, Site};

const A_DAY: (axum::http::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=86400");

/// Everything may be indexed but the receipts.
pub async fn robots(State(site): State<Arc<Site>>) -> String {
    format!(
        "User-agent: *\nDisallow: /membership/received/\n\nSitemap: {}/sitemap.xml\n",
        site.public_url
    )
}

/// Every page of the list.
pub async fn sitemap(State(site): State<Arc<Site>>) -> impl IntoResponse {
    let url = |page: &Page| format!("<url><loc>{}{}</loc></url>", site.public_url, page.path());
    let urls = Page::ALL.iter().map(url).collect::<Vec<_>>().join("\n");
    let sitemap = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}\n</urlset>\n"
    );
    ([(CONTENT_TYPE, "application/xml")], sitemap)
}

/// Whom to tell of a weakness (RFC 9116). Always good for another half year.
pub async fn security(State(site): State<Arc<Site>>) -> String {
    let expires = (OffsetDateTime::now_utc() + Duration::days(180)).replace_time(time::Time::MIDNIGHT);
    let expires = expires.format(&Rfc3339).unwrap_or_default();
    let url = &site.public_url;
    format!(
        "Contact: mailto:info@npoc.org\nExpires: {expires}\nPreferred-Languages: en\nCanonical: {url}/.well-known/security.txt\n"
    )
}

/// The icon that browsers ask for unasked.
pub async fn favicon() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "image/x-icon"), A_DAY],
        include_bytes!("../../static/favicon.ico"),
    )
}

/// The icon for those who take shapes.
pub async fn icon() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "image/svg+xml"), A_DAY],
        include_bytes!("../../static/icon.svg"),
    )
}
