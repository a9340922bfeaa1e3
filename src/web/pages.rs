//! The pages of the site, one row each. To add a page, add a row and its template.

use super::layout::{Page, template};

/// Paths of npoc.org before this site, without a slash at the end, and the pages that replace them.
pub(super) const FORMER_PATHS: [(&str, &str); 3] = [
    ("/get-involved/how-to-join", "/join"),
    ("/faq-for-newcomers", "/join"),
    ("/what-is-npoc", "/who-we-are"),
];

impl Page {
    /// The home page.
    pub const HOME: Self = Self {
        path: "/",
        label: "home",
        title: "NPOC: not-for-profit organizations constituency",
        description: "NPOC is the home for not-for-profit and nongovernmental organizations wishing to participate in ICANN's policymaking processes.",
        is_in_menu: false,
        render: Some(template!("pages/home.html")),
    };

    /// The application form, which is rendered for each visitor.
    pub const MEMBERSHIP: Self = Self {
        path: "/membership",
        label: "NPOC membership",
        title: "NPOC membership: the application form",
        description: "Apply for your organization to become a member of NPOC. One page, about twenty minutes.",
        is_in_menu: false,
        render: None,
    };

    /// Every page, in reading order. Labels are lower case, like the leaflet.
    pub const ALL: &[Self] = &[
        Self::HOME,
        Self {
            path: "/who-we-are",
            label: "who we are",
            title: "who we are – NPOC",
            description: "What NPOC, the Not-for-Profit Organizations Constituency, is, and which operational concerns it addresses.",
            is_in_menu: true,
            render: Some(template!("pages/who-we-are.html")),
        },
        Self {
            path: "/our-goals",
            label: "our goals",
            title: "our goals – NPOC",
            description: "NPOC represents the operational concerns of civil society organizations within the ICANN Internet governance ecosystem.",
            is_in_menu: true,
            render: Some(template!("pages/our-goals.html")),
        },
        Self {
            path: "/join",
            label: "who can join",
            title: "who can join NPOC, why and how – NPOC",
            description: "Which organizations can join NPOC, why they should, and how an application goes.",
            is_in_menu: true,
            render: Some(template!("pages/join.html")),
        },
        Self {
            path: "/about-icann",
            label: "about ICANN",
            title: "about ICANN – NPOC",
            description: "What ICANN does, and how its multistakeholder model makes policy.",
            is_in_menu: true,
            render: Some(template!("pages/about-icann.html")),
        },
        Self::MEMBERSHIP,
        Self {
            path: "/privacy",
            label: "privacy",
            title: "privacy – NPOC",
            description: "What this site asks, why, and who sees it.",
            is_in_menu: false,
            render: Some(template!("pages/privacy.html")),
        },
        Self {
            path: "/accessibility",
            label: "accessibility",
            title: "accessibility – NPOC",
            description: "How this site is built for every reader, and how to report what does not work.",
            is_in_menu: false,
            render: Some(template!("pages/accessibility.html")),
        },
    ];

    /// Returns the pages of the main navigation. The form is beside it, as a button.
    pub fn menu() -> impl Iterator<Item = &'static Self> {
        Self::ALL.iter().filter(|page| page.is_in_menu)
    }
}
