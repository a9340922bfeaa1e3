//! The language of an application, which its applicant can change.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::secret::{parse, redirect_to, with_time_limit};
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::locale::Language;
use crate::membership;
use crate::web::error::WebError;
use crate::web::origin::is_cross_site;
use crate::web::site::Site;

/// The most octets of a form that chooses a language.
const LONGEST_CHOICE: usize = 1024;

/// Changes the language of an application.
pub async fn change_language(
    State(site): State<Arc<Site>>,
    Path(secret): Path<String>,
    request: Request,
) -> Result<Response, WebError> {
    let secret = parse(&secret)?;
    if !is_urlencoded(request.headers()) {
        return Err(WebError::UnsupportedMediaType);
    }
    if is_encoded(request.headers()) {
        return Err(WebError::Compressed);
    }
    let is_foreign = is_cross_site(request.headers(), &site.info.public_url, false);
    let Ok(body) = to_bytes(request.into_body(), LONGEST_CHOICE).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let chosen = chosen(&body).filter(|language| site.info.languages.contains(language) && !is_foreign);
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
