//! Pages that are the same for all visitors: made and compressed once, at start, and answered as it is.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::encoding::Coding;
use super::conditions::{Wish, wish};

/// Those of a site, by path.
pub type Constants = HashMap<Arc<str>, Constant>;

/// One answer, in every coding that makes it smaller.
#[derive(Debug)]
pub struct Constant {
    representations: Vec<(Coding, Representation)>,
    /// What every answer says, also that it is not sent again.
    common: HeaderMap,
}

/// What goes over the wire (RFC 9110, 3.2).
#[derive(Debug)]
struct Representation {
    body: Bytes,
    etag: HeaderValue,
    headers: HeaderMap,
}

impl Constant {
    /// Content of a type, for caches to keep as `cache_control` says, under the headers that every answer
    /// of the site has.
    ///
    /// # Errors
    /// None that memory does not cause.
    pub fn new(
        content: &[u8],
        content_type: &'static str,
        cache_control: &'static str,
        every: &HeaderMap,
    ) -> anyhow::Result<Self> {
        let mut common = every.clone();
        common.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        common.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let mut representations = Vec::new();
        for coding in Coding::ALL {
            if coding != Coding::Identity && content_type == "image/png" {
                continue; // It is compressed already.
            }
            let body = coding.encode(content)?;
            if coding == Coding::Identity || body.len() < content.len() {
                representations.push((coding, Representation::new(body, coding, content_type, &common)?));
            }
        }
        Ok(Self {
            representations,
            common,
        })
    }

    /// Answers a GET or a HEAD.
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
        let representation = self.representation(Coding::wanted(request.headers()));
        match wish(request, &representation.etag, representation.body.len()) {
            Wish::Whole => representation.whole(request.method()),
            Wish::Part(part) => representation.part(part),
            Wish::Nothing => self.without_content(StatusCode::NOT_MODIFIED, representation),
            Wish::Another => self.without_content(StatusCode::PRECONDITION_FAILED, representation),
            Wish::Beyond => {
                let mut response = self.without_content(StatusCode::RANGE_NOT_SATISFIABLE, representation);
                let length = format!("bytes */{}", representation.body.len());
                response.headers_mut().extend(content_range(&length));
                response
            }
        }
    }

    fn without_content(&self, status: StatusCode, representation: &Representation) -> Response {
        let mut response = status.into_response();
        response.headers_mut().clone_from(&self.common);
        response.headers_mut().insert(header::ETAG, representation.etag.clone());
        response
    }

    /// The one in this coding; as it is, where that would not make it smaller.
    fn representation(&self, coding: Coding) -> &Representation {
        let place = self.representations.iter().position(|(one, _)| *one == coding);
        &self.representations[place.unwrap_or(self.representations.len() - 1)].1
    }
}

impl Representation {
    fn new(body: Vec<u8>, coding: Coding, content_type: &'static str, common: &HeaderMap) -> anyhow::Result<Self> {
        let etag = HeaderValue::from_str(&format!("\"{}\"", digest(&body)))?;
        let mut headers = common.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::ETAG, etag.clone());
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if coding != Coding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.token()));
        }
        Ok(Self {
            body: body.into(),
            etag,
            headers,
        })
    }

    /// To a HEAD its headers alone, with the length that the body would have.
    fn whole(&self, method: &Method) -> Response {
        let body = if method == Method::HEAD {
            Bytes::new()
        } else {
            self.body.clone()
        };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().clone_from(&self.headers);
        response
    }

    fn part(&self, part: Range<usize>) -> Response {
        let told = format!("bytes {}-{}/{}", part.start, part.end - 1, self.body.len());
        let mut response = Response::new(Body::from(self.body.slice(part.clone())));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().clone_from(&self.headers);
        response.headers_mut().insert(header::CONTENT_LENGTH, part.len().into());
        response.headers_mut().extend(content_range(&told));
        response
    }
}

fn content_range(told: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((header::CONTENT_RANGE, told.parse().ok()?))
}

/// Sixteen characters that tell content apart.
pub fn digest(content: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..12])
}
