//! The language of an application, which its applicant can change.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::secret::{NotRead, parse, read_form, redirect_to};
use crate::locale::Language;
use crate::membership;
use crate::web::error::WebError;
use crate::web::site::Site;
use crate::web::time_limit::with_time_limit;

/// The most octets of a form that chooses a language.
const LONGEST_CHOICE: usize = 1024;

/// Changes the language of an application.
pub async fn change_language(
    State(site): State<Arc<Site>>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    let body = match read_form(&site, request, LONGEST_CHOICE).await {
        Ok(body) => body,
        Err(NotRead::Foreign) => return Ok(redirect_to(secret)),
        Err(NotRead::TooLarge) => return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(NotRead::Invalid(error)) => return Err(error),
    };
    let chosen = chosen(&body).filter(|language| site.info.languages.contains(language));
    if let Some(language) = chosen
        && !with_time_limit(store_language(&site, secret, language)).await?
    {
        return Err(WebError::NotFound);
    }
    Ok(redirect_to(secret))
}

/// Redirects a reader who loads the address of the form for the language.
pub async fn return_to(Path(secret): Path<String>) -> Result<Response, WebError> {
    Ok(redirect_to(parse(&secret)?))
}

/// Returns the language that a button names.
fn chosen(body: &[u8]) -> Option<Language> {
    let mut fields = form_urlencoded::parse(body);
    let (_, code) = fields.find(|(name, _)| name == "language")?;
    Language::of_code(&code)
}

async fn store_language(site: &Site, secret: Uuid, language: Language) -> sqlx::Result<bool> {
    let mut session = site.pool.session().await?;
    let is_found = membership::set_language(&mut *session, secret, language).await?;
    session.end().await?;
    Ok(is_found)
}
