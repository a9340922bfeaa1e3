//! A page with one message for an applicant, and a text that was not sent.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::secret::with_secret_headers;
use crate::locale::{Language, Sentence, Words};
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;

#[derive(Template)]
#[template(path = "membership/message.html")]
struct MessagePage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    message: Message<'a>,
}

/// A message.
pub struct Message<'a> {
    /// Its heading.
    pub heading: &'static str,
    /// What it says.
    pub text: Sentence<'static>,
    /// The secret of the status page, if the reader may know it.
    pub secret: Option<Uuid>,
    /// A text that was not sent.
    pub unsent: Option<&'a str>,
}

impl Message<'_> {
    /// Returns a message with a link to the status page, if its secret is given.
    pub fn new(heading: &'static str, text: impl Into<Sentence<'static>>, secret: Option<Uuid>) -> Self {
        Self {
            heading,
            text: text.into(),
            secret,
            unsent: None,
        }
    }
}

/// Renders the page of a message.
pub fn message_page(
    site: &Site,
    status: StatusCode,
    language: Language,
    message: Message<'_>,
) -> Result<Response, WebError> {
    let layout = Layout::unlisted(&site.info, language);
    let page = MessagePage {
        layout,
        words: layout.words,
        message,
    };
    Ok(with_secret_headers(private_page(status, language, page.render()?)))
}
