//! The guards of the desk: there must be staff, a form must come from the desk, and no cache keeps an answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::layout::error_page;
use crate::staff;
use crate::web::error::{WebError, keep_headers};
use crate::web::site::Site;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers with 404 while there are no staff. Rows of staff are never deleted, so one look that finds some is enough.
pub async fn require_staff(State(site): State<Arc<Site>>, request: Request, next: Next) -> Result<Response, WebError> {
    if !site.has_staff.load(Ordering::Relaxed) {
        let mut session = site.pool.session().await?;
        if !staff::is_any(&mut *session).await? {
            return Err(WebError::NotFound);
        }
        site.has_staff.store(true, Ordering::Relaxed);
    }
    Ok(next.run(request).await)
}

/// Refuses a form that names neither its site nor its origin. Every browser names at least one of them.
pub async fn require_origin(request: Request, next: Next) -> Response {
    let is_reading = [Method::GET, Method::HEAD].contains(request.method());
    if is_reading || names_its_origin(request.headers()) {
        next.run(request).await
    } else {
        refusal()
    }
}

fn names_its_origin(headers: &HeaderMap) -> bool {
    let names = [SEC_FETCH_SITE, header::ORIGIN];
    let mut values = names.iter().filter_map(|name| headers.get(name));
    values.any(|value| !value.as_bytes().trim_ascii().is_empty())
}

/// Returns the page for a form that did not come from the desk.
pub fn refusal() -> Response {
    error_page(
        StatusCode::FORBIDDEN,
        "This form did not come from the desk",
        "Nothing was changed. Open the desk in this browser, and try again there.",
    )
    .unwrap_or_else(|_| StatusCode::FORBIDDEN.into_response())
}

/// Renders a page of the desk for every error that has none.
pub async fn render_errors(response: Response) -> Response {
    let status = response.status();
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind != "text/plain; charset=utf-8");
    if is_page || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (heading, text) = match status {
        StatusCode::FORBIDDEN => ("Your role does not allow this", "Nothing was changed."),
        StatusCode::NOT_FOUND => ("There is no such page", "The application may have been erased."),
        StatusCode::SERVICE_UNAVAILABLE => ("The database is not available", "Wait a minute, then try again."),
        StatusCode::PAYLOAD_TOO_LARGE => ("The text is too long", "Nothing was changed. Go back, and shorten it."),
        status if status.is_server_error() => ("Something went wrong", "Go back, and try again."),
        _ => ("This is not possible", "Nothing was changed. Go back, and try again."),
    };
    let Ok(mut page) = error_page(status, heading, text) else {
        return response;
    };
    keep_headers(&response, &mut page);
    page
}

/// Keeps answers out of caches and search engines, and addresses from other sites. Forms need the origin: with
/// `no-referrer`, browsers would hide it from ourselves.
pub async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
