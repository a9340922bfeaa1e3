//! Pictures and the files that programs look for: icons, robots.txt, sitemap.xml, security.txt.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::layout::{Alternate, Page, SiteInfo};
use crate::http::prepared::{Prepared, PreparedAnswers, digest};

/// A picture, compiled into the program. Its path contains a digest, so that caches may keep it forever.
#[derive(Debug)]
pub struct Picture {
    /// Its path.
    pub path: String,
    content: &'static [u8],
    content_type: &'static str,
    cache_control: &'static str,
}

const FOREVER: &str = "max-age=31536000, immutable";
const ONE_DAY: &str = "max-age=86400";
const ONE_HOUR: &str = "max-age=3600";

/// The icon as SVG.
pub static ICON: LazyLock<Picture> = LazyLock::new(|| {
    let content = include_bytes!("../../static/icon.svg");
    Picture::with_digest("icon", "svg", "image/svg+xml; charset=utf-8", content)
});

/// The icon on the home screen of a telephone.
pub static TOUCH_ICON: LazyLock<Picture> = LazyLock::new(|| {
    let content = include_bytes!("../../static/touch-icon.png");
    Picture::with_digest("touch-icon", "png", "image/png", content)
});

/// The preview beside a link to the site, 1200 by 630 pixels.
pub static PREVIEW: LazyLock<Picture> = LazyLock::new(|| {
    let content = include_bytes!("../../static/preview.png");
    Picture::with_digest("preview", "png", "image/png", content)
});

/// The icon at the path that browsers request by default.
static FAVICON: LazyLock<Picture> = LazyLock::new(|| Picture {
    path: "/favicon.ico".into(),
    content: include_bytes!("../../static/favicon.ico"),
    content_type: "image/x-icon",
    cache_control: ONE_DAY,
});

impl Picture {
    fn with_digest(stem: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        Self {
            path: format!("/static/{stem}.{}.{extension}", digest(content)),
            content,
            content_type,
            cache_control: FOREVER,
        }
    }
}

/// Prepares every picture, robots.txt and sitemap.xml.
pub fn prepare(site: &SiteInfo, security_headers: &HeaderMap) -> PreparedAnswers {
    let mut prepared = PreparedAnswers::new();
    // Other sites may show a picture beside a link.
    let mut shared = security_headers.clone();
    let anywhere = HeaderValue::from_static("cross-origin");
    shared.insert("cross-origin-resource-policy", anywhere);
    for file in [&ICON, &TOUCH_ICON, &PREVIEW, &FAVICON] {
        let answer = Prepared::new(file.content, file.content_type, file.cache_control, &shared);
        prepared.insert(file.path.as_str().into(), answer);
    }
    for (path, content_type, content) in [
        ("/robots.txt", "text/plain; charset=utf-8", robots(&site.public_url)),
        ("/sitemap.xml", "application/xml", sitemap(site)),
    ] {
        let answer = Prepared::new(content, content_type, ONE_HOUR, security_headers);
        prepared.insert(path.into(), answer);
    }
    prepared
}

/// Allows every path: receipts have a noindex header of their own.
fn robots(public_url: &str) -> String {
    format!("User-agent: *\nAllow: /\n\nSitemap: {public_url}/sitemap.xml\n")
}

/// Lists every page in every language, each with its translations.
fn sitemap(site: &SiteInfo) -> String {
    let mut urls = String::new();
    for page in Page::ALL {
        for language in &site.languages {
            let address = page.address(*language);
            _ = write!(urls, "<url><loc>{}{address}</loc>", site.public_url);
            for Alternate { tag, address } in site.alternates(page) {
                let href = format!("{}{address}", site.public_url);
                _ = write!(
                    urls,
                    "<xhtml:link rel=\"alternate\" hreflang=\"{tag}\" href=\"{href}\"/>"
                );
            }
            urls += "</url>\n";
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n{urls}</urlset>\n"
    )
}

/// Returns the contact for vulnerability reports (RFC 9116), valid for half a year from now.
pub async fn security(State(info): State<SiteInfo>) -> String {
    let expires = (OffsetDateTime::now_utc() + Duration::days(180)).replace_time(time::Time::MIDNIGHT);
    let expires = expires.format(&Rfc3339).unwrap_or_default();
    let url = &info.public_url;
    format!(
        "Contact: mailto:info@npoc.org\nExpires: {expires}\nPreferred-Languages: en\nCanonical: {url}/.well-known/security.txt\n"
    )
}
