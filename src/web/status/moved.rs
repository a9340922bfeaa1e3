//! The page in place of one whose secret address is another one now. It shows nothing of the application, and gives back what
//! was typed.

use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::forms::Posted;
use super::message::{Message, message_page};
use crate::locale::{Language, Words};
use crate::membership;
use crate::web::error::WebError;
use crate::web::site::Site;

/// Answers for a secret that no application has: 404, or this page if one had it before.
pub async fn moved(site: &Site, secret: Uuid, posted: Option<&Posted>) -> Result<Response, WebError> {
    let mut session = site.pool.session().await?;
    let language = membership::language_of_former_secret(&mut *session, secret).await?;
    session.end().await?;
    let unsent = posted
        .map(|posted| posted.text.as_str())
        .filter(|text| !text.is_empty());
    match (language, posted.and_then(|posted| posted.language)) {
        (Some(language), _) => page(site, language, unsent),
        // The text is the poster's own, whatever the secret is.
        (None, Some(language)) if unsent.is_some() => page(site, language, unsent),
        (None, _) => Err(WebError::NotFound),
    }
}

fn page(site: &Site, language: Language, unsent: Option<&str>) -> Result<Response, WebError> {
    let words = Words::of(language);
    let message = Message::new(words.change_moved_heading, words.change_moved_text, None);
    message_page(site, StatusCode::NOT_FOUND, language, Message { unsent, ..message })
}
