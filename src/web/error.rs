//! Errors of handlers, and the layer that renders every error page.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::layout::Layout;
use super::site::Site;
use crate::http::encoding::Encoding;
use crate::http::request_body::BodyError;

/// Why a handler has no page. Becomes a bare status, which [`render_page`] makes a page.
#[derive(Debug)]
pub enum WebError {
    /// 404: there is no such page.
    NotFound,
    /// 415: the form is not urlencoded.
    UnsupportedMediaType,
    /// 415: the form is compressed. A small one could unpack to more than memory holds, and no browser sends one.
    Compressed,
    /// The body was not read.
    Body(BodyError),
    /// 503: the database is unavailable. The client learns nothing more.
    Unavailable(anyhow::Error),
    /// 500: the program failed. The client learns nothing more.
    Internal(anyhow::Error),
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<axum::Error> for WebError {
    fn from(error: axum::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<BodyError> for WebError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
            Self::Compressed => {
                let accepted = [(header::ACCEPT_ENCODING, Encoding::Identity.token())];
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted).into_response()
            }
            Self::Body(error) => error.into_response(),
            Self::Unavailable(error) => {
                tracing::error!(error = format!("{error:#}"), "database unavailable");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

#[derive(Template)]
#[template(path = "errors/error.html")]
struct ErrorPage<'a> {
    layout: Layout<'a>,
    status: u16,
}

/// Renders a page for every status from 400 that has none: unknown paths, wrong methods, timeouts, panics, bodies that are
/// too large.
pub async fn render_page(State(site): State<Arc<Site>>, response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_page(&response) {
        return response;
    }
    let mut page = error_page(&site, status);
    keep_headers(&response, &mut page);
    *page.extensions_mut() = response.extensions().clone();
    drop::<Body>(response.into_body());
    page
}

fn is_page(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

fn error_page(site: &Site, status: StatusCode) -> Response {
    let page = ErrorPage {
        layout: Layout::unlisted(&site.info),
        status: status.as_u16(),
    };
    // A template that fails must not hide the status.
    let html = page
        .render()
        .unwrap_or_else(|_| format!("<!doctype html><title>Error {status}</title><h1>Error {status}</h1>"));
    // The error may be gone in a moment.
    (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn keep_headers(response: &Response, page: &mut Response) {
    for name in [header::ALLOW, header::RETRY_AFTER, header::ACCEPT_ENCODING] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    if page.status() == StatusCode::SERVICE_UNAVAILABLE {
        let retry_after = page.headers_mut().entry(header::RETRY_AFTER);
        retry_after.or_insert(HeaderValue::from_static("30"));
    }
}
