//! Reads a posted form of the desk.

use axum::body::to_bytes;
use axum::extract::Request;

use super::application::Typed;
use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::web::error::WebError;

/// The most octets of a posted form: 4,000 characters in any script, percent-encoded.
const LONGEST_FORM: usize = 256 * 1024;

/// Reads the fields of a form. Of fields with one name, the last one counts.
pub async fn read(request: Request) -> Result<Typed, WebError> {
    if !is_urlencoded(request.headers()) {
        return Err(WebError::UnsupportedMediaType);
    }
    if is_encoded(request.headers()) {
        return Err(WebError::Compressed);
    }
    let body = to_bytes(request.into_body(), LONGEST_FORM).await;
    let body = body.map_err(|_| WebError::TooLarge)?;
    Ok(form_urlencoded::parse(&body).into_owned().collect())
}
