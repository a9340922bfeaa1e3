//! The secret address of an application's page, which is the only key to it.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use crate::http::encoding::is_encoded;
use crate::http::message::is_urlencoded;
use crate::web::error::WebError;
use crate::web::origin::is_cross_site;
use crate::web::site::Site;

/// Parses the secret of an address.
pub fn parse(secret: &str) -> Result<Uuid, WebError> {
    Uuid::try_parse(secret).map_err(|_| WebError::NotFound)
}

/// Redirects to the page with this secret.
pub fn redirect_to(secret: Uuid) -> Response {
    redirect(format!("/membership/received/{secret}"))
}

/// Redirects to the page of the domain of the application with this secret.
pub fn redirect_to_domain(secret: Uuid) -> Response {
    redirect(format!("/membership/received/{secret}/domain"))
}

fn redirect(location: String) -> Response {
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())];
    with_secret_headers((StatusCode::SEE_OTHER, headers).into_response())
}

/// Why a posted form was not read.
pub enum NotRead {
    /// It comes from another site.
    Foreign,
    /// It is too large.
    TooLarge,
    /// It is not a form.
    Invalid(WebError),
}

/// Reads a posted form of at most this number of octets.
pub async fn read_form(site: &Site, request: Request, most: usize) -> Result<Bytes, NotRead> {
    if !is_urlencoded(request.headers()) {
        return Err(NotRead::Invalid(WebError::UnsupportedMediaType));
    }
    if is_encoded(request.headers()) {
        return Err(NotRead::Invalid(WebError::Compressed));
    }
    if is_cross_site(request.headers(), &site.info.public_url, false) {
        return Err(NotRead::Foreign);
    }
    to_bytes(request.into_body(), most).await.map_err(|_| NotRead::TooLarge)
}

/// Keeps an answer out of caches and search engines, and its address from other sites.
pub fn with_secret_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
