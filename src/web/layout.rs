//! The layout of every page. A page contains its style sheet, so that it is complete in one request.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use url::Url;

use crate::http::prepared::{Prepared, PreparedAnswers};

/// The style sheet.
pub const STYLE: &str = include_str!("../../static/site.css");

/// Long enough for a visit, short enough for a correction. A cache may show a page while the site is down.
const PAGE_CACHE: &str = "max-age=300, stale-while-revalidate=3600, stale-if-error=86400";

/// The settings of a site that its pages show.
#[derive(Clone, Debug)]
pub struct SiteInfo {
    /// The public address, without a slash at its end.
    pub public_url: String,
    /// NPOC's pages in social networks.
    pub profiles: Vec<Url>,
    /// The address of NPOC's charter, if it is set.
    pub charter_url: Option<Url>,
    /// Who leads NPOC, if that is set.
    pub leaders: Vec<String>,
    /// How long applications are kept, in days, if there is a limit.
    pub retention_days: Option<u16>,
}

/// A page of the site.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// Its name in the navigation.
    pub label: &'static str,
    /// The title of the document.
    pub title: &'static str,
    /// One sentence for search results.
    pub description: &'static str,
    /// Whether the main navigation shows it.
    pub is_in_menu: bool,
    /// Renders its template, or `None` for a page that has a handler.
    pub(super) render: Option<fn(&SiteInfo, &'static Page) -> askama::Result<String>>,
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// Returns the function that renders a page from this template.
macro_rules! template {
    ($path:tt) => {{
        #[derive(askama::Template)]
        #[template(path = $path)]
        struct Content<'a> {
            layout: crate::web::layout::Layout<'a>,
            page: &'static Page,
        }
        |site, page| {
            let layout = crate::web::layout::Layout::of(page, site);
            askama::Template::render(&Content { layout, page })
        }
    }};
}
pub(super) use template;

/// The values of the base template.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// The site.
    pub site: &'a SiteInfo,
    /// The style sheet.
    pub css: &'static str,
    /// The page, if it is in the list.
    pub page: Option<&'static Page>,
}

impl<'a> Layout<'a> {
    /// Builds the layout of a page in the list.
    #[must_use]
    pub fn of(page: &'static Page, site: &'a SiteInfo) -> Self {
        Self {
            page: Some(page),
            ..Self::unlisted(site)
        }
    }

    /// Builds the layout of any other page, such as an error page.
    #[must_use]
    pub fn unlisted(site: &'a SiteInfo) -> Self {
        Self {
            site,
            css: STYLE,
            page: None,
        }
    }

    /// Returns whether this is the current page.
    #[must_use]
    pub fn is_current(&self, page: &Page) -> bool {
        self.page == Some(page)
    }
}

/// Renders and encodes every page that has a template.
///
/// # Errors
/// Returns an error if a template cannot be rendered.
pub fn prepare(
    pages: &'static [Page],
    site: &SiteInfo,
    security_headers: &HeaderMap,
) -> anyhow::Result<PreparedAnswers> {
    let mut prepared = PreparedAnswers::new();
    for page in pages {
        if let Some(render) = page.render {
            let html = render(site, page)?;
            let answer = Prepared::new(
                html.as_bytes(),
                "text/html; charset=utf-8",
                PAGE_CACHE,
                security_headers,
            )?;
            prepared.insert(page.path.into(), answer);
        }
    }
    Ok(prepared)
}

/// Answers with a page for one person, which no shared cache keeps.
pub fn private_page(status: StatusCode, html: String) -> Response {
    (status, [(header::CACHE_CONTROL, "private, no-cache")], Html(html)).into_response()
}

/// Returns the words of a link to a profile: NPOC on the network, or the address without scheme, `www.` and final slash.
#[must_use]
pub fn profile_name(profile: &Url) -> String {
    let host = profile.host_str().unwrap_or_default().trim_start_matches("www.");
    let network = match host {
        "x.com" | "twitter.com" => "X",
        "facebook.com" => "Facebook",
        "linkedin.com" => "LinkedIn",
        _ => return format!("{host}{}", profile.path()).trim_end_matches('/').to_owned(),
    };
    format!("NPOC on {network}")
}
