//! Errors of handlers, and the layer that renders every error page.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::address;
use super::layout::{Layout, Page};
use super::site::Site;
use crate::http::accept_language;
use crate::http::encoding::Encoding;
use crate::http::request_body::BodyError;
use crate::locale::{Element, Language, Words};

/// Why a handler has no page. Becomes a bare status, which [`render_page`] makes a page.
#[derive(Debug)]
pub enum WebError {
    /// 404: there is no such page.
    NotFound,
    /// 413: the form is too large.
    TooLarge,
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

impl From<sqlx::Error> for WebError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
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
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
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
    words: &'static Words,
    status: u16,
    heading: &'static str,
    text: &'static str,
}

/// Renders a page for every status from 400 that has none: unknown paths, wrong methods, timeouts, panics, bodies that are
/// too large.
pub async fn render_page(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let language = language(&site, request.uri().path(), request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_page(&response) {
        return response;
    }
    let mut page = error_page(&site, language, status);
    keep_headers(&response, &mut page);
    *page.extensions_mut() = response.extensions().clone();
    drop::<Body>(response.into_body());
    page
}

/// Returns the language of an error page: that of the address, or else the one that the reader prefers.
fn language(site: &Site, path: &str, headers: &HeaderMap) -> Language {
    let published = &site.info.languages;
    let (language, rest) = address::split(path);
    let is_english_page = Page::ALL.iter().any(|page| page.path == rest);
    if published.contains(&language) && (language != Language::En || is_english_page) {
        return language;
    }
    let codes: Vec<&str> = published.iter().map(|language| language.code()).collect();
    let preferred = accept_language::preferred(headers, &codes).and_then(|index| published.get(index));
    preferred.copied().unwrap_or(Language::En)
}

fn is_page(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

fn error_page(site: &Site, language: Language, status: StatusCode) -> Response {
    let layout = Layout::unlisted(&site.info, language);
    let (heading, text) = sentences(layout.words, status);
    let page = ErrorPage {
        layout,
        words: layout.words,
        status: status.as_u16(),
        heading,
        text,
    };
    // A template that fails must not hide the status.
    let html = page
        .render()
        .unwrap_or_else(|_| format!("<!doctype html><title>Error {status}</title><h1>Error {status}</h1>"));
    // The error may be gone in a moment.
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_LANGUAGE, language.tag()),
    ];
    (status, headers, Html(html)).into_response()
}

/// Returns the heading of an error page, and what went wrong. Each text says what became of an application.
fn sentences(words: &Words, status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        404 => (words.error_not_found, words.error_not_found_text),
        405 => (words.error_method, words.error_method_text),
        408 => (words.error_timeout, words.error_timeout_text),
        413 => (words.error_too_large, words.error_too_large_text),
        415 => (words.error_media_type, words.error_media_type_text),
        429 => (words.error_too_many, words.error_too_many_text),
        501 => (words.error_encoding, words.error_encoding_text),
        503 => (words.error_unavailable, words.error_unavailable_text),
        500.. => (words.error_internal, words.error_internal_text),
        _ => (words.error_request, words.error_request_text),
    }
}

/// Keeps the headers of an answer that say what the client can do.
pub(super) fn keep_headers(response: &Response, page: &mut Response) {
    for name in [
        header::ALLOW,
        header::RETRY_AFTER,
        header::ACCEPT_ENCODING,
        header::REFERRER_POLICY,
    ] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    if page.status() == StatusCode::SERVICE_UNAVAILABLE {
        let retry_after = page.headers_mut().entry(header::RETRY_AFTER);
        retry_after.or_insert(HeaderValue::from_static("30"));
    }
}
