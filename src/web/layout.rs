//! What surrounds every page, and the style sheet that each carries in itself: a page is complete
//! in one request.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::page::Page;

/// The one style sheet.
const STYLE: &str = include_str!("../../static/site.css");

/// What the base template needs.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// How the world reaches the site, without a slash at the end.
    pub public_url: &'a str,
    /// The style sheet.
    pub css: &'static str,
    /// The canonical path, for a page that has one.
    pub path: Option<&'static str>,
    here: Option<Page>,
}

impl<'a> Layout<'a> {
    /// Around a page of the list.
    #[must_use]
    pub fn of(page: Page, public_url: &'a str) -> Self {
        Self {
            path: Some(page.path()),
            here: Some(page),
            ..Self::apart(public_url)
        }
    }

    /// Around anything else: an answer to one person, an error.
    #[must_use]
    pub fn apart(public_url: &'a str) -> Self {
        Self {
            public_url,
            css: STYLE,
            path: None,
            here: None,
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
        self.here == Some(page)
    }
}

/// The policy under which browsers show our pages: our own style sheet, by its hash, our own
/// icons, and forms to ourselves. No script at all.
#[must_use]
pub fn content_security_policy() -> String {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}
