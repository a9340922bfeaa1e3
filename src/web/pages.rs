//! The pages of the site, one row each. To add a page, add a row, its template and its words.

use super::layout::{Page, template};
use crate::locale::{Element, Language, Words};

/// Paths of npoc.org before this site, without a slash at the end, and the pages that replace them.
pub(super) const FORMER_PATHS: [(&str, Page); 3] = [
    ("/get-involved/how-to-join", Page::JOIN),
    ("/faq-for-newcomers", Page::JOIN),
    ("/what-is-npoc", Page::WHO),
];

impl Page {
    /// The home page.
    pub const HOME: Self = Self {
        path: "/",
        label: |words| words.page_home_label,
        title: |words| words.page_home_title,
        description: |words| words.page_home_description,
        is_in_menu: false,
        render: Some(template!("pages/home.html")),
    };

    /// Who we are.
    pub const WHO: Self = Self {
        path: "/who-we-are",
        label: |words| words.page_who_label,
        title: |words| words.page_who_title,
        description: |words| words.page_who_description,
        is_in_menu: true,
        render: Some(template!("pages/who-we-are.html")),
    };

    /// Our goals.
    pub const GOALS: Self = Self {
        path: "/our-goals",
        label: |words| words.page_goals_label,
        title: |words| words.page_goals_title,
        description: |words| words.page_goals_description,
        is_in_menu: true,
        render: Some(template!("pages/our-goals.html")),
    };

    /// Who can join.
    pub const JOIN: Self = Self {
        path: "/join",
        label: |words| words.page_join_label,
        title: |words| words.page_join_title,
        description: |words| words.page_join_description,
        is_in_menu: true,
        render: Some(template!("pages/join.html")),
    };

    /// About ICANN.
    pub const ICANN: Self = Self {
        path: "/about-icann",
        label: |words| words.page_icann_label,
        title: |words| words.page_icann_title,
        description: |words| words.page_icann_description,
        is_in_menu: true,
        render: Some(template!("pages/about-icann.html")),
    };

    /// The application form, which is rendered for each visitor.
    pub const MEMBERSHIP: Self = Self {
        path: "/membership",
        label: |words| words.page_membership_label,
        title: |words| words.page_membership_title,
        description: |words| words.page_membership_description,
        is_in_menu: false,
        render: None,
    };

    /// Privacy.
    pub const PRIVACY: Self = Self {
        path: "/privacy",
        label: |words| words.page_privacy_label,
        title: |words| words.page_privacy_title,
        description: |words| words.page_privacy_description,
        is_in_menu: false,
        render: Some(template!("pages/privacy.html")),
    };

    /// Accessibility.
    pub const ACCESSIBILITY: Self = Self {
        path: "/accessibility",
        label: |words| words.page_accessibility_label,
        title: |words| words.page_accessibility_title,
        description: |words| words.page_accessibility_description,
        is_in_menu: false,
        render: Some(template!("pages/accessibility.html")),
    };

    /// Every page, in reading order.
    pub const ALL: &[Self] = &[
        Self::HOME,
        Self::WHO,
        Self::GOALS,
        Self::JOIN,
        Self::ICANN,
        Self::MEMBERSHIP,
        Self::PRIVACY,
        Self::ACCESSIBILITY,
    ];

    /// Returns the pages of the main navigation. The form is beside it, as a button.
    pub fn menu() -> impl Iterator<Item = &'static Self> {
        Self::ALL.iter().filter(|page| page.is_in_menu)
    }
}
