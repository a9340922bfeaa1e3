//! The page that gives a text back: to somebody who is signed out, or while the database is away.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::application::{TEXTS, Typed};
use super::layout::{Desk, desk_page, with_status};
use crate::web::error::WebError;

/// Gives the text of a form back, with a button to try again.
#[derive(Template)]
#[template(path = "desk/given_back.html")]
pub struct GivenBackPage<'a> {
    desk: Desk<'a>,
    why: Why,
    reference: &'a str,
    action: &'a str,
    texts: Vec<&'a str>,
    typed: Vec<(&'a str, &'a str)>,
}

/// Why a text is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The session ended while somebody wrote.
    SignedOut,
    /// The database is unavailable.
    NoDatabase,
}

impl<'a> GivenBackPage<'a> {
    /// Returns the page; `None` if the form has no text.
    pub fn of(reference: &'a str, action: &'a str, typed: &'a Typed, why: Why) -> Option<Self> {
        let texts = TEXTS.iter().filter_map(|field| typed.get(*field));
        let texts: Vec<&str> = texts
            .map(String::as_str)
            .filter(|text| !text.trim().is_empty())
            .collect();
        (!texts.is_empty()).then(|| Self {
            desk: Desk::signed_out(),
            why,
            reference,
            action,
            texts,
            typed: typed
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        })
    }
}

/// Gives the text back to somebody whose session ended while they wrote, or cannot be found now. A form without a text gets
/// the plain answer.
pub fn without_session(reference: &str, action: &str, typed: &Typed, answer: Response) -> Result<Response, WebError> {
    let (why, status) = match answer.status() {
        StatusCode::SERVICE_UNAVAILABLE => (Why::NoDatabase, StatusCode::SERVICE_UNAVAILABLE),
        _ => (Why::SignedOut, StatusCode::FORBIDDEN),
    };
    match GivenBackPage::of(reference, action, typed, why) {
        Some(page) => Ok(with_status(status, desk_page(&page)?)),
        None => Ok(answer),
    }
}
