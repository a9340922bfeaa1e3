//! What goes wrong on the way to an answer, and the one layer that draws every error page.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::Site;
use super::coding::Coding;
use super::layout::Layout;

/// Why a handler gives no page of its own. Answers a bare status; [`draw`] makes the page.
#[derive(Debug)]
pub enum Failure {
    /// 404.
    NotFound,
    /// 400: what came is no body of HTTP, or broke off.
    Unreadable,
    /// 413: a form that is larger than any answers.
    TooLarge,
    /// 415: a form that is not urlencoded, so its answers cannot be read.
    UnsupportedMediaType,
    /// 415: a form that is compressed. A small one may unpack to more than memory holds, and no browser sends one.
    Compressed,
    /// 429: this network has as many large forms under way as it may.
    TooMany,
    /// 503: everybody has.
    Busy,
    /// 503: the database is away. No client learns more than that.
    Unavailable(anyhow::Error),
    /// 500: a fault of ours. No client learns more than that.
    Internal(anyhow::Error),
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Unreadable => StatusCode::BAD_REQUEST.into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
            Self::Compressed => {
                let accepted = [(header::ACCEPT_ENCODING, Coding::Identity.token())];
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, accepted).into_response()
            }
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS.into_response(),
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::Unavailable(error) => {
                tracing::error!(error = format!("{error:#}"), "the database cannot answer");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
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

/// Draws the page of every status from 400 that is not yet a page: unknown paths, wrong methods,
/// time-outs, panics, bodies too large.
pub async fn draw(State(site): State<Arc<Site>>, response: Response) -> Response {
    let status = response.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    if !is_failure || is_page(&response) {
        response
    } else {
        page(&site, status, response)
    }
}

fn is_page(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

fn page(site: &Site, status: StatusCode, response: Response) -> Response {
    let page = ErrorPage {
        layout: Layout::apart(&site.frame),
        status: status.as_u16(),
    };
    // A template that cannot be rendered must not hide the status.
    let html = page
        .render()
        .unwrap_or_else(|_| format!("<!doctype html><title>Error {status}</title><h1>Error {status}</h1>"));
    // What fails now may work in a moment, and a page may come to be.
    let mut drawn = (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::ACCEPT_ENCODING] {
        if let Some(value) = response.headers().get(&name) {
            drawn.headers_mut().insert(name, value.clone());
        }
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        drawn
            .headers_mut()
            .entry(header::RETRY_AFTER)
            .or_insert(HeaderValue::from_static("30"));
    }
    *drawn.extensions_mut() = response.extensions().clone();
    drop::<Body>(response.into_body());
    drawn
}
