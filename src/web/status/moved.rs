//! The page in place of one whose secret address is another one now. It shows nothing of the application, and gives back what
//! was typed.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::forms::Posted;
use super::secret::with_secret_headers;
use crate::locale::{Language, Words};
use crate::membership;
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;

#[derive(Template)]
#[template(path = "membership/change_note.html")]
struct MovedPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    heading: &'static str,
    text: &'static str,
    secret: Option<Uuid>,
    unsent: Option<&'a str>,
}

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
    let layout = Layout::unlisted(&site.info, language);
    let page = MovedPage {
        layout,
        words: layout.words,
        heading: layout.words.change_moved_heading,
        text: layout.words.change_moved_text,
        secret: None,
        unsent,
    };
    let html = page.render()?;
    Ok(with_secret_headers(private_page(StatusCode::NOT_FOUND, language, html)))
}
