//! What is the same for everybody: made and compressed once, at start, and answered as it is.

use std::collections::HashMap;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use axum::response::Response;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use futures_util::stream;
use sha2::{Digest as _, Sha256};

use super::coding::Coding;

/// Those of a site, by path.
pub type Constants = HashMap<String, Constant>;

/// One answer, in every coding that makes it smaller.
#[derive(Debug)]
pub struct Constant {
    representations: Vec<(Coding, Representation)>,
    /// What every answer says, also that it is not sent again.
    common: HeaderMap,
}

/// What goes over the wire (RFC 9110, 3.2).
#[derive(Clone, Debug)]
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

    /// Answers a GET or a HEAD (RFC 9110, 13 and 14).
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
        let representation = self.representation(Coding::wanted(request.headers()));
        if is_plain(request.headers()) {
            return representation.whole(request.method());
        }
        let mut response = http_serve::serve(representation.clone(), request).map(Body::new);
        response.headers_mut().extend(self.common.clone());
        response
    }

    /// The one in this coding; as it is, where that would not make it smaller.
    fn representation(&self, coding: Coding) -> &Representation {
        let mut all = self.representations.iter();
        let last = self.representations.len() - 1;
        all.find(|(one, _)| *one == coding)
            .map_or(&self.representations[last].1, |(_, found)| found)
    }
}

/// Whether nothing is asked but the whole: no condition and no range.
fn is_plain(headers: &HeaderMap) -> bool {
    const CONDITIONS: [HeaderName; 6] = [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
        header::RANGE,
    ];
    !CONDITIONS.iter().any(|name| headers.contains_key(name))
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
}

/// For conditions and ranges.
impl http_serve::Entity for Representation {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn len(&self) -> u64 {
        self.body.len() as u64
    }

    fn get_range(
        &self,
        range: std::ops::Range<u64>,
    ) -> std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, axum::BoxError>> + Send + Sync>> {
        let octet = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.body.len());
        let part = self.body.slice(octet(range.start)..octet(range.end));
        Box::pin(stream::iter([Ok(part)]))
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            headers.extend(self.headers.get(&name).map(|value| (name, value.clone())));
        }
    }

    fn etag(&self) -> Option<HeaderValue> {
        Some(self.etag.clone())
    }

    fn last_modified(&self) -> Option<std::time::SystemTime> {
        None
    }
}

/// Sixteen characters that tell content apart.
pub fn digest(content: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..12])
}
