//! The pages of the site. One list feeds routes, navigation, sitemap and tests: to add a page, add
//! a variant, its row in each `match`, and its template.

use askama::Template;
use axum::http::HeaderMap;
use time::Date;
use time::macros::date;

use crate::http::prepared::{Constant, Constants};
use super::layout::{Frame, Layout};

/// Long enough for a visit, short enough that a correction is soon seen; and when the site is away,
/// what a cache has is better than nothing.
const A_VISIT: &str = "max-age=300, stale-while-revalidate=3600, stale-if-error=86400";

/// A page that is the same for all visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their titles say it")]
pub enum Page {
    Home,
    WhoWeAre,
    OurGoals,
    Join,
    AboutIcann,
    Membership,
    Privacy,
    Accessibility,
}

impl Page {
    /// Every page, in reading order.
    pub const ALL: [Self; 8] = [
        Self::Home,
        Self::WhoWeAre,
        Self::OurGoals,
        Self::Join,
        Self::AboutIcann,
        Self::Membership,
        Self::Privacy,
        Self::Accessibility,
    ];

    /// Those in the main navigation.
    pub const MENU: [Self; 5] = [
        Self::WhoWeAre,
        Self::OurGoals,
        Self::Join,
        Self::AboutIcann,
        Self::Membership,
    ];

    /// Its path.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::WhoWeAre => "/who-we-are",
            Self::OurGoals => "/our-goals",
            Self::Join => "/join",
            Self::AboutIcann => "/about-icann",
            Self::Membership => "/membership",
            Self::Privacy => "/privacy",
            Self::Accessibility => "/accessibility",
        }
    }

    /// What the navigation calls it. The leaflet's voice: lower case.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::WhoWeAre => "who we are",
            Self::OurGoals => "our goals",
            Self::Join => "join",
            Self::AboutIcann => "about ICANN",
            Self::Membership => "NPOC membership",
            Self::Privacy => "privacy",
            Self::Accessibility => "accessibility",
        }
    }

    /// The title of the document.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Home => "NPOC: not-for-profit organizations constituency",
            Self::WhoWeAre => "who we are – NPOC",
            Self::OurGoals => "our goals – NPOC",
            Self::Join => "who can join, why and how – NPOC",
            Self::AboutIcann => "about ICANN – NPOC",
            Self::Membership => "NPOC membership: the application form",
            Self::Privacy => "privacy – NPOC",
            Self::Accessibility => "accessibility – NPOC",
        }
    }

    /// The day on which its words last changed, for the sitemap. A test fails when they are others than on
    /// that day.
    #[must_use]
    pub fn changed_on(self) -> Date {
        match self {
            Self::Home
            | Self::WhoWeAre
            | Self::OurGoals
            | Self::Join
            | Self::AboutIcann
            | Self::Privacy
            | Self::Accessibility => date!(2026 - 11 - 25),
            Self::Membership => date!(2026 - 11 - 26),
        }
    }

    /// One sentence for search results.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Home => {
                "NPOC is the home for not-for-profit and nongovernmental organizations wishing to participate in ICANN's policymaking processes."
            }
            Self::WhoWeAre => {
                "What NPOC, the Not-for-Profit Organizations Constituency, is, and which operational concerns it addresses."
            }
            Self::OurGoals => {
                "NPOC represents the operational concerns of civil society organizations within the ICANN Internet governance ecosystem."
            }
            Self::Join => "Which organizations can join NPOC, why they should, and how an application goes.",
            Self::AboutIcann => "What ICANN does, and how its multistakeholder model makes policy.",
            Self::Membership => {
                "Apply for your organization to become a member of NPOC. One page, about twenty minutes."
            }
            Self::Privacy => "What this site asks, why, and who sees it.",
            Self::Accessibility => "How this site is built for every reader, and how to report what does not work.",
        }
    }
}

/// Every page of the list but the form, which is each visitor's own.
///
/// # Errors
/// A template that cannot be rendered.
pub fn all(frame: &Frame, every: &HeaderMap) -> anyhow::Result<Constants> {
    let constant = |page: Page| {
        let html = ContentPage {
            layout: Layout::of(page, frame),
            page,
        }
        .render()?;
        let constant = Constant::new(html.as_bytes(), "text/html; charset=utf-8", A_VISIT, every)?;
        Ok((page.path().into(), constant))
    };
    let is_constant = |page: &Page| *page != Page::Membership;
    Page::ALL.into_iter().filter(is_constant).map(constant).collect()
}

/// A page of the brochure, or one like it.
#[derive(Template)]
#[template(path = "pages/page.html")]
pub struct ContentPage<'a> {
    /// What surrounds it.
    pub layout: Layout<'a>,
    /// Which.
    pub page: Page,
}
