//! The site in a real browser: keyboard, assistive technology, widths, colors and print.
//!
//! The tests drive Chromium through `ChromeDriver`. `bin/browser` installs both.

mod assistive;
mod desk;
mod domain;
mod journey;
mod languages;
mod looks;
mod reader;
mod unstyled;
mod widths;

use npoc::web::Page;
use uuid::Uuid;

use crate::support::browser::Browser;
use crate::support::good_with;

/// A page, or the answer to a posted form.
struct State {
    name: String,
    path: String,
    posted: Option<Vec<(&'static str, &'static str)>>,
}

impl State {
    fn page(path: &str) -> Self {
        Self {
            name: path.to_owned(),
            path: path.to_owned(),
            posted: None,
        }
    }

    fn posted(name: &str, path: &str, fields: Vec<(&'static str, &'static str)>) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            posted: Some(fields),
        }
    }

    async fn show(&self, browser: &Browser) {
        match &self.posted {
            None => browser.open_page(&self.path).await,
            Some(fields) => browser.post(&self.path, fields).await,
        }
    }
}

/// Returns every page and every state of the form.
async fn every_state(browser: &Browser) -> Vec<State> {
    let form = |name, changes: &[_]| State::posted(name, "/membership", good_with(changes));
    let mut states: Vec<State> = Page::ALL.iter().map(|page| State::page(page.path)).collect();
    states.extend([
        State::posted("refused, empty", "/membership", vec![("step", "check")]),
        form("refused, filled", &[("representative_email", "a b"), ("country", "")]),
        form("changing an answer", &[("change", "kind_of_work")]),
        form("check page", ARABIC),
        form("check page with questions", QUESTIONABLE),
        form(
            "check page near its own domain",
            &[("representative_email", "ann@afyabora.co.ke")],
        ),
        State::page(browser.site.send(&[], Uuid::now_v7()).await.location()),
        State::page("/no-such-page"),
        State::posted("wrong method", "/join", vec![("step", "check")]),
    ]);
    states
}

/// Long and short answers from right to left, mixed with answers from left to right.
const ARABIC: &[(&str, &str)] = &[
    ("organization_name", "مؤسسة النور الخيرية"),
    ("organization_name_latin", "Al Noor (مؤسسة النور) 1985"),
    (
        "statement",
        "نعمل في التعليم والصحة منذ عام ٢٠٠٥ في جميع أنحاء البلاد، مع أكثر من مئة متطوع.\n\nنريد أن يُسمع صوتنا.",
    ),
    ("representative_name", "ليلى حسن"),
    ("representative_email", "ليلى@مثال.إختبار"),
];

/// Answers that the check page asks about.
const QUESTIONABLE: &[(&str, &str)] = &[
    ("representative_email", "ann@gmial.com"),
    ("registered", "no"),
    ("not_eligible", "commercial"),
    (
        "domain_name",
        "averylongnameofanorganizationthathasnohyphenationatall.github.io",
    ),
];
