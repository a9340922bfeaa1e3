//! Answers that are the same for every client: encoded once, at start.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::encoding::Encoding;

/// Prepared answers by path.
pub type PreparedAnswers = HashMap<Arc<str>, Prepared>;

/// One answer, in every encoding that makes it smaller.
#[derive(Debug)]
pub struct Prepared {
    /// The plain one is the last.
    representations: Vec<(Encoding, Representation)>,
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
    /// Encodes content. Each answer has `headers`, and `cache_control` for caches.
    ///
    /// # Errors
    /// Returns an error if an encoder fails.
    pub fn new(
        content: &[u8],
        content_type: &'static str,
        cache_control: &'static str,
        headers: &HeaderMap,
    ) -> anyhow::Result<Self> {
        let mut common = headers.clone();
        common.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        common.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let mut representations = Vec::new();
        for encoding in Encoding::ALL {
            if encoding != Encoding::Identity && content_type == "image/png" {
                continue; // PNG is compressed already.
            }
            let body = encoding.encode(content)?;
            if encoding == Encoding::Identity || body.len() < content.len() {
                representations.push((encoding, Representation::new(body, encoding, content_type, &common)?));
            }
        }
        Ok(Self {
            representations,
            common,
        })
    }

    /// Answers a GET or HEAD: 304 if the client has the content, otherwise all of it.
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
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
        response.headers_mut().insert(header::ETAG, representation.etag.clone());
        response
    }

    /// Returns the content in this encoding, or plain if the encoding does not make it smaller.
    fn representation(&self, encoding: Encoding) -> &Representation {
        let index = self.representations.iter().position(|(one, _)| *one == encoding);
        &self.representations[index.unwrap_or(self.representations.len() - 1)].1
    }
}

impl Representation {
    fn new(body: Vec<u8>, encoding: Encoding, content_type: &'static str, common: &HeaderMap) -> anyhow::Result<Self> {
        let etag = HeaderValue::from_str(&format!("\"{}\"", digest(&body)))?;
        let mut headers = common.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::ETAG, etag.clone());
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if encoding != Encoding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        Ok(Self {
            body: body.into(),
            etag,
            headers,
        })
    }
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
        let prepared = Prepared::new(b"content", "text/plain", "no-cache", &HeaderMap::new()).unwrap();
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
