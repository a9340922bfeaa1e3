//! Answers, parsed as a browser parses them.

use axum::http::{HeaderMap, StatusCode, header};
use npoc::membership::Field;
use scraper::{Html, Selector};
use uuid::Uuid;

use super::{folded, process};

/// A complete answer.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    /// Converts an answer from the network, without its headers.
    pub fn of(answer: process::Answer) -> Self {
        Self {
            status: StatusCode::from_u16(answer.status).unwrap(),
            headers: HeaderMap::new(),
            body: answer.body,
        }
    }

    pub fn html(&self) -> Html {
        Html::parse_document(&self.body)
    }

    /// Returns the text of the first matching element, with white space folded.
    pub fn text_of(&self, selector: &str) -> String {
        self.all(selector).into_iter().next().unwrap_or_default()
    }

    /// Returns the text of each matching element.
    pub fn all(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        self.html()
            .select(&selector)
            .map(|element| folded(&element.text().collect::<String>()))
            .collect()
    }

    /// Returns an attribute of each matching element.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        let html = self.html();
        html.select(&selector)
            .filter_map(|element| element.attr(name))
            .map(str::to_owned)
            .collect()
    }

    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn submission_key(&self) -> Uuid {
        self.attributes("input[name=submission_key]", "value")[0]
            .parse()
            .unwrap()
    }

    /// Returns the values of a field on the form page or the check page.
    pub fn kept(&self, name: &str) -> Vec<String> {
        let mut kept = self.attributes(
            &format!("input[type=text][name={name}], input[type=hidden][name={name}], input[name={name}][checked]"),
            "value",
        );
        kept.extend(self.attributes(&format!("select[name={name}] option[selected]"), "value"));
        // Parsers and browsers drop the first line break of a textarea.
        let textarea = Selector::parse(&format!("textarea[name={name}]")).unwrap();
        kept.extend(
            self.html()
                .select(&textarea)
                .map(|area| area.text().collect::<String>()),
        );
        kept
    }

    /// Asserts that the page contains all of these answers.
    pub fn assert_keeps(&self, typed: &[(&str, &str)]) {
        for (name, value) in typed
            .iter()
            .filter(|(name, value)| Field::named(name).is_some() && !value.is_empty())
        {
            assert_eq!(self.kept(name), [*value], "{name}");
        }
    }
}
