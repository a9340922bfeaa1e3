//! What surrounds every page, and the style sheet that each carries in itself: a page is complete
//! in one request.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::page::Page;
use super::static_file::{ICON, PREVIEW, TOUCH_ICON};

/// The one style sheet.
const STYLE: &str = include_str!("../../static/site.css");

/// What all pages of a site say of it.
#[derive(Debug)]
pub struct Frame {
    /// How the world reaches the site, without a slash at the end.
    pub public_url: String,
    /// NPOC's own pages elsewhere, in social networks.
    pub profiles: Vec<Url>,
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

    /// The icon in shapes.
    #[must_use]
    #[expect(clippy::unused_self, reason = "templates reach it through the layout")]
    pub fn icon(&self) -> &'static str {
        &ICON.path
    }

    /// The icon of a telephone's home screen.
    #[must_use]
    #[expect(clippy::unused_self, reason = "templates reach it through the layout")]
    pub fn touch_icon(&self) -> &'static str {
        &TOUCH_ICON.path
    }

    /// The picture beside a link to us.
    #[must_use]
    #[expect(clippy::unused_self, reason = "templates reach it through the layout")]
    pub fn preview(&self) -> &'static str {
        &PREVIEW.path
    }
}

/// How a page elsewhere is called in a sentence: its address without the scheme.
#[must_use]
pub fn profile_name(profile: &Url) -> String {
    let host = profile.host_str().unwrap_or_default();
    format!(
        "{}{}",
        host.trim_start_matches("www."),
        profile.path().trim_end_matches('/')
    )
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
