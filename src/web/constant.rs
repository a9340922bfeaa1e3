//! Pages that are the same for everybody: rendered once, at start.

use std::collections::HashMap;

use askama::Template as _;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::Site;
use super::layout::Layout;
use super::page::{ContentPage, Page};

/// Long enough for a visit, short enough that a correction is soon seen.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A rendered page.
#[derive(Debug)]
pub struct Constant {
    body: Bytes,
    etag: HeaderValue,
}

/// Renders every page of the list but the form, which is each visitor's own.
pub fn render_all(public_url: &str) -> anyhow::Result<HashMap<Page, Constant>> {
    Page::ALL
        .into_iter()
        .filter(|page| *page != Page::Membership)
        .map(|page| Ok((page, Constant::of(render(page, public_url)?)?)))
        .collect()
}

fn render(page: Page, public_url: &str) -> askama::Result<String> {
    ContentPage {
        layout: Layout::of(page, public_url),
        page,
    }
    .render()
}

impl Constant {
    fn of(html: String) -> anyhow::Result<Self> {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&html)[..12]);
        // Weak: the layers in front may compress it.
        Ok(Self {
            body: html.into(),
            etag: format!("W/\"{hash}\"").parse()?,
        })
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let caching = [
            (header::CACHE_CONTROL, CACHE_CONTROL),
            (header::ETAG, self.etag.clone()),
        ];
        if is_known(&self.etag, headers) {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        let content_type = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        )];
        (caching, content_type, self.body.clone()).into_response()
    }
}

fn is_known(etag: &HeaderValue, headers: &HeaderMap) -> bool {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    known
        .split(',')
        .any(|one| one.trim() == "*" || one.trim().as_bytes() == etag.as_bytes())
}

/// Answers with one page of the list.
pub fn show(page: Page, site: &Site, headers: &HeaderMap) -> Response {
    match site.constants.get(&page) {
        Some(constant) => constant.answer(headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
