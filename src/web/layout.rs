//! What surrounds every page, and the style sheet that each carries in itself: a page is complete
//! in one request.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::pages::Page;

/// The one style sheet.
const STYLE: &str = include_str!("../../static/site.css");

/// What all pages of a site say of it.
#[derive(Debug)]
pub struct Frame {
    /// How the world reaches the site, without a slash at the end.
    pub public_url: String,
    /// NPOC's own pages elsewhere, in social networks.
    pub profiles: Vec<Url>,
    /// How long applications are kept, in days, where that is set.
    pub retention_days: Option<u16>,
}

/// What the base template needs.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// What all pages say.
    pub frame: &'a Frame,
    /// The style sheet.
    pub css: &'static str,
    /// The page, if it is one of the list.
    pub page: Option<Page>,
}

impl<'a> Layout<'a> {
    /// Around a page of the list.
    #[must_use]
    pub fn of(page: Page, frame: &'a Frame) -> Self {
        Self {
            page: Some(page),
            ..Self::apart(frame)
        }
    }

    /// Around anything else: an answer to one person, an error.
    #[must_use]
    pub fn apart(frame: &'a Frame) -> Self {
        Self {
            frame,
            css: STYLE,
            page: None,
        }
    }

    /// The main navigation.
    #[must_use]
    #[expect(clippy::unused_self, reason = "templates reach it through the layout")]
    pub fn menu(&self) -> [Page; 5] {
        Page::MENU
    }

    /// Whether this is the page that is shown.
    #[must_use]
    pub fn is_here(&self, page: Page) -> bool {
        self.page == Some(page)
    }
}

/// How a page elsewhere is called: its address without what goes without saying.
#[must_use]
pub fn profile_name(profile: &Url) -> &str {
    let name = profile
        .as_str()
        .trim_start_matches(profile.scheme())
        .trim_start_matches("://");
    name.trim_start_matches("www.").trim_end_matches('/')
}

/// The policy under which browsers show our pages: our own style sheet, by its hash, our own
/// icons, and forms to ourselves. No script at all. Connections to ourselves are for checkers that read
/// robots.txt from within a page.
#[must_use]
pub fn content_security_policy() -> String {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}
