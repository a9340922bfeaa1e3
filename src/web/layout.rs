//! The layout of every page. A page contains its style sheet, so that it is complete in one request.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use url::Url;

use super::address::Address;
use crate::http::prepared::{Prepared, PreparedAnswers};
use crate::locale::{Language, Words, is_unreviewed};

/// The style sheet: `static/site.css` without comments and spaces.
pub const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/site.css"));

/// The content type of a page.
const HTML: &str = "text/html; charset=utf-8";

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
    /// The languages in which the site can be read.
    pub languages: Vec<Language>,
    /// What it looks up about domain names.
    pub looks_up: LooksUp,
}

/// What the site looks up about the domain name of an application.
#[derive(Clone, Copy, Debug)]
pub struct LooksUp {
    /// DNS and the website.
    pub domain: bool,
    /// The registry.
    pub registry: bool,
}

/// The address of a page in one language, for search engines.
#[derive(Debug)]
pub struct Alternate {
    /// The language tag, or `x-default`.
    pub tag: &'static str,
    /// The address.
    pub address: Address,
}

impl SiteInfo {
    /// Returns the addresses of a page in every language, and the English one for all other readers; none if the site has
    /// one language.
    pub fn alternates(&self, page: &Page) -> impl Iterator<Item = Alternate> {
        let alternate = |tag, language| Alternate {
            tag,
            address: page.address(language),
        };
        let languages = self
            .languages
            .iter()
            .map(move |language| alternate(language.tag(), *language));
        let all = languages.chain([alternate("x-default", Language::En)]);
        all.filter(|_| self.languages.len() > 1)
    }
}

/// A page of the site.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its path in English.
    pub path: &'static str,
    /// Whether the main navigation shows it.
    pub is_in_menu: bool,
    pub(super) label: fn(&Words) -> &'static str,
    pub(super) title: fn(&Words) -> &'static str,
    pub(super) description: fn(&Words) -> &'static str,
    /// Renders its template, or `None` for a page that has a handler.
    pub(super) render: Option<fn(Layout<'_>, &'static Page) -> askama::Result<String>>,
}

impl Page {
    /// Returns its name in the navigation.
    #[must_use]
    pub fn label(&self, language: Language) -> &'static str {
        (self.label)(Words::of(language))
    }

    /// Returns the title of the document.
    #[must_use]
    pub fn title(&self, language: Language) -> &'static str {
        (self.title)(Words::of(language))
    }

    /// Returns one sentence for search results.
    #[must_use]
    pub fn description(&self, language: Language) -> &'static str {
        (self.description)(Words::of(language))
    }

    /// Returns its address in a language.
    #[must_use]
    pub fn address(&self, language: Language) -> Address {
        Address {
            language,
            path: self.path,
        }
    }
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
            words: &'static Words,
            page: &'static Page,
        }
        |layout, page| {
            let words = layout.words;
            askama::Template::render(&Content { layout, words, page })
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
    /// The language of the page.
    pub language: Language,
    /// The sentences of this language.
    pub words: &'static Words,
    /// The page, if it is in the list.
    pub page: Option<&'static Page>,
    /// The language in which the page is offered to its reader.
    pub offer: Option<Language>,
}

impl<'a> Layout<'a> {
    /// Builds the layout of a page in the list.
    #[must_use]
    pub fn of(page: &'static Page, site: &'a SiteInfo, language: Language) -> Self {
        Self {
            page: Some(page),
            ..Self::unlisted(site, language)
        }
    }

    /// Builds the layout of any other page, such as an error page.
    #[must_use]
    pub fn unlisted(site: &'a SiteInfo, language: Language) -> Self {
        Self {
            site,
            css: STYLE,
            language,
            words: Words::of(language),
            page: None,
            offer: None,
        }
    }

    /// Returns the address of a page in the language of this one; in English if the language is no longer published.
    #[must_use]
    pub fn to(&self, page: Page) -> Address {
        let is_published = self.site.languages.contains(&self.language);
        page.address(if is_published { self.language } else { Language::En })
    }

    /// Returns the address of this page in another language; of the home page if this page is not in the list.
    #[must_use]
    pub fn here(&self, language: Language) -> Address {
        self.page.unwrap_or(&Page::HOME).address(language)
    }

    /// Returns whether this is the current page.
    #[must_use]
    pub fn is_current(&self, page: &Page) -> bool {
        self.page == Some(page)
    }

    /// Returns whether NPOC has not reviewed the translation, or not all of it.
    #[must_use]
    pub fn is_unreviewed(&self) -> bool {
        is_unreviewed(self.language)
    }
}

/// Renders every page that has a template, in every language of the site.
///
/// # Errors
/// Returns an error if a template cannot be rendered.
pub fn prepare(
    pages: &'static [Page],
    site: &SiteInfo,
    security_headers: &HeaderMap,
) -> anyhow::Result<PreparedAnswers> {
    let mut prepared = PreparedAnswers::new();
    for language in &site.languages {
        for page in pages {
            let layout = Layout::of(page, site, *language);
            if let Some(answer) = prepare_one(layout, page, security_headers)? {
                prepared.insert(page.address(*language).to_string().into(), answer);
            }
        }
    }
    Ok(prepared)
}

/// Prepares one page. The home page in English also offers the language that its reader prefers.
fn prepare_one(layout: Layout<'_>, page: &'static Page, headers: &HeaderMap) -> anyhow::Result<Option<Prepared>> {
    let Some(render) = page.render else {
        return Ok(None);
    };
    let mut headers = headers.clone();
    let language = HeaderValue::from_static(layout.language.tag());
    headers.insert(header::CONTENT_LANGUAGE, language);
    let answer = |layout: Layout<'_>| Ok(Prepared::new(render(layout, page)?, HTML, PAGE_CACHE, &headers));
    if *page == Page::HOME && layout.language == Language::En {
        with_offers(layout, answer).map(Some)
    } else {
        answer(layout).map(Some)
    }
}

fn with_offers(
    layout: Layout<'_>,
    answer: impl Fn(Layout<'_>) -> anyhow::Result<Prepared>,
) -> anyhow::Result<Prepared> {
    let offer = |offer: Language| {
        Ok((
            offer.code(),
            answer(Layout {
                offer: Some(offer),
                ..layout
            })?,
        ))
    };
    let others = layout
        .site
        .languages
        .iter()
        .copied()
        .filter(|language| *language != Language::En);
    let offers = others.map(offer).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(answer(layout)?.with_languages(Language::En.code(), offers))
}

/// Answers with a page for one person, which no shared cache keeps.
pub fn private_page(status: StatusCode, language: Language, html: String) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::CONTENT_LANGUAGE, language.tag()),
    ];
    (status, headers, Html(html)).into_response()
}

/// Returns the words of a link to a profile: NPOC on the network, or the address without scheme, `www.` and final slash.
#[must_use]
pub fn profile_name(words: &Words, profile: &Url) -> String {
    let host = profile.host_str().unwrap_or_default().trim_start_matches("www.");
    let network = match host {
        "x.com" | "twitter.com" => "X",
        "facebook.com" => "Facebook",
        "linkedin.com" => "LinkedIn",
        _ => return format!("{host}{}", profile.path()).trim_end_matches('/').to_owned(),
    };
    words.site_profile(network)
}
