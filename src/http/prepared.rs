//! Answers that are the same for every client: rendered at start, and encoded once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::accept_language;
use super::encoding::Encoding;

/// Prepared answers by path.
pub type PreparedAnswers = HashMap<Arc<str>, Prepared>;

/// The answer at one path. A page may have another answer for readers of some languages.
#[derive(Debug)]
pub struct Prepared {
    answer: Variant,
    others: Option<Others>,
}

/// The answers for other languages.
#[derive(Debug)]
struct Others {
    /// The code of the main answer's language, then of the others.
    codes: Vec<&'static str>,
    variants: Vec<Variant>,
}

/// One answer, in every encoding that makes it smaller. Each is encoded when it is first needed.
#[derive(Debug)]
struct Variant {
    plain: Representation,
    encoded: [OnceLock<Option<Representation>>; Encoding::ALL.len()],
    is_compressible: bool,
    /// The headers of every answer, 304 too.
    common: HeaderMap,
}

/// The content in one encoding (RFC 9110, 3.2).
#[derive(Debug)]
struct Representation {
    body: Bytes,
    etag: HeaderValue,
    headers: HeaderMap,
}

impl Prepared {
    /// Prepares content. Each answer has `headers`, and `cache_control` for caches.
    pub fn new(
        content: impl Into<Bytes>,
        content_type: &'static str,
        cache_control: &'static str,
        headers: &HeaderMap,
    ) -> Self {
        let mut common = headers.clone();
        common.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        common.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        common.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        Self {
            answer: Variant::new(content.into(), content_type, common),
            others: None,
        }
    }

    /// Adds the answers for readers who prefer another language than `own`, by code.
    #[must_use]
    pub fn with_languages(self, own: &'static str, others: Vec<(&'static str, Self)>) -> Self {
        let (codes, others): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        let variants = others.into_iter().map(|other| other.answer.varying_by_language());
        Self {
            answer: self.answer.varying_by_language(),
            others: Some(Others {
                codes: [vec![own], codes].concat(),
                variants: variants.collect(),
            }),
        }
    }

    /// Answers a GET or HEAD: 304 if the client has the content, otherwise all of it.
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
        self.variant(request.headers()).answer(request)
    }

    fn variant(&self, headers: &HeaderMap) -> &Variant {
        let other = self.others.as_ref().and_then(|others| {
            let index = accept_language::preferred(headers, &others.codes)?;
            others.variants.get(index.checked_sub(1)?)
        });
        other.unwrap_or(&self.answer)
    }

    /// Encodes everything now, so that no client waits for it.
    pub fn encode_all(&self) {
        let others = self.others.iter().flat_map(|others| &others.variants);
        for variant in others.chain([&self.answer]) {
            for encoding in Encoding::ALL {
                variant.representation(encoding);
            }
        }
    }
}

impl Variant {
    fn new(content: Bytes, content_type: &str, common: HeaderMap) -> Self {
        Self {
            plain: Representation::new(content, Encoding::Identity, &common),
            encoded: Default::default(),
            // PNG is compressed already.
            is_compressible: content_type != "image/png",
            common,
        }
    }

    fn varying_by_language(self) -> Self {
        let mut common = self.common;
        common.insert(
            header::VARY,
            HeaderValue::from_static("accept-encoding, accept-language"),
        );
        Self {
            plain: Representation::new(self.plain.body, Encoding::Identity, &common),
            encoded: Default::default(),
            common,
            ..self
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response {
        let representation = self.representation(Encoding::preferred(request.headers()));
        if has_current(request.headers(), &representation.etag) {
            return self.not_modified(representation);
        }
        let body = if request.method() == Method::HEAD {
            Bytes::new()
        } else {
            representation.body.clone()
        };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().clone_from(&representation.headers);
        response
    }

    fn not_modified(&self, representation: &Representation) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().clone_from(&self.common);
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().insert(header::ETAG, representation.etag.clone());
        response
    }

    /// Returns the content in this encoding, or plain if the encoding does not make it smaller.
    fn representation(&self, encoding: Encoding) -> &Representation {
        let encoded = &self.encoded[encoding as usize];
        encoded
            .get_or_init(|| self.encode(encoding))
            .as_ref()
            .unwrap_or(&self.plain)
    }

    fn encode(&self, encoding: Encoding) -> Option<Representation> {
        if encoding == Encoding::Identity || !self.is_compressible {
            return None;
        }
        let encoded = encoding.encode(&self.plain.body);
        let body = encoded
            .inspect_err(|error| tracing::error!(%error, "page not compressed"))
            .ok()?;
        let is_smaller = body.len() < self.plain.body.len();
        is_smaller.then(|| Representation::new(body.into(), encoding, &self.common))
    }
}

impl Representation {
    fn new(body: Bytes, encoding: Encoding, common: &HeaderMap) -> Self {
        let etag = etag(&body);
        let mut headers = common.clone();
        headers.insert(header::ETAG, etag.clone());
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if encoding != Encoding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        Self { body, etag, headers }
    }
}

/// Returns the entity tag of content. Base64 is always a valid header value; without one, no tag would match.
fn etag(content: &[u8]) -> HeaderValue {
    let tag = format!("\"{}\"", digest(content));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static(""))
}

/// Returns whether If-None-Match lists this tag, weak or strong (RFC 9110, 13.1.2).
fn has_current(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let mut tags = values.flat_map(|value| value.as_bytes().split(|octet| *octet == b','));
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        let strong = tag.strip_prefix(b"W/").unwrap_or(tag);
        tag == b"*" || strong == etag.as_bytes()
    })
}

/// Returns 16 characters that identify content.
pub fn digest(content: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_compares_each_listed_tag_weakly() {
        let etag = HeaderValue::from_static("\"a\"");
        for (lines, expected) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&["*"], true),
            (&["\"b\" , \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            assert_eq!(has_current(&headers, &etag), expected, "{lines:?}");
        }
    }

    #[test]
    fn conditions_that_a_server_may_ignore_get_the_whole_content() {
        let prepared = Prepared::new(&b"content"[..], "text/plain", "no-cache", &HeaderMap::new());
        for (name, value) in [
            (header::RANGE, "bytes=0-0"),
            (header::IF_MATCH, "\"other\""),
            (header::IF_MODIFIED_SINCE, "Wed, 25 Nov 2099 00:00:00 GMT"),
        ] {
            let response = prepared.answer(&Request::get("/").header(&name, value).body(()).unwrap());
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            assert_eq!(response.headers()[header::CONTENT_LENGTH], "7", "{name}");
        }
    }
}
