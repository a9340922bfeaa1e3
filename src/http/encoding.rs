//! Content encodings (RFC 9110, 8.4.1): chooses one for a client, and encodes content.

use std::io::{self, Read as _};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

/// Compression levels for prepared content: a few milliseconds a page. Brotli at its best would save another tenth and take
/// ten times as long.
const BROTLI: i32 = 7;
const BROTLI_WINDOW: i32 = 18;
const ZSTD: i32 = 15;

/// An encoding of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Brotli,
    Zstd,
    Gzip,
    Identity,
}

impl Encoding {
    /// Every supported encoding, the smallest first. Among equal weights, the first wins.
    pub const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Identity];

    /// Returns the name in headers.
    pub fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// Returns the encoding that the client prefers. A client that refuses every encoding gets `identity`, since an answer
    /// of any kind is more useful to it than 406.
    pub fn preferred(headers: &HeaderMap) -> Self {
        let mut weights = [None; 4];
        let mut others = None;
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for one in value.as_bytes().split(|octet| *octet == b',') {
                let mut parts = one.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
                let name = parts.next().unwrap_or_default();
                let weight = Some(weight(parts));
                match Self::ALL.into_iter().position(|encoding| encoding.is_called(name)) {
                    Some(encoding) => weights[encoding] = weight,
                    None if name == b"*" => others = weight,
                    None => {}
                }
            }
        }
        Self::best(weights, others)
    }

    /// Returns the encoding of the greatest weight. `identity` without a weight is acceptable, but comes last.
    fn best(weights: [Option<u16>; 4], others: Option<u16>) -> Self {
        let mut best = (Self::Identity, 0);
        for (encoding, weight) in Self::ALL.into_iter().zip(weights) {
            let weight = weight.or(others).unwrap_or(0);
            if weight > best.1 {
                best = (encoding, weight);
            }
        }
        best.0
    }

    fn is_called(self, name: &[u8]) -> bool {
        let name = name.strip_prefix(b"x-").filter(|_| self == Self::Gzip).unwrap_or(name);
        name.eq_ignore_ascii_case(self.token().as_bytes())
    }

    /// Encodes content.
    ///
    /// # Errors
    /// Returns an error if the encoder fails.
    pub fn encode(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoded = Vec::new();
        match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI,
                    lgwin: BROTLI_WINDOW,
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*plain, &mut encoded, &parameters)?;
            }
            Self::Zstd => encoded = zstd::bulk::compress(plain, ZSTD)?,
            Self::Gzip => {
                flate2::read::GzEncoder::new(plain, flate2::Compression::best()).read_to_end(&mut encoded)?;
            }
            Self::Identity => encoded.extend_from_slice(plain),
        }
        Ok(encoded)
    }
}

/// Returns whether a request has a Content-Encoding other than `identity`.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut encodings = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    encodings.any(|encoding| {
        let encoding = encoding.trim_ascii();
        !encoding.is_empty() && !Encoding::Identity.is_called(encoding)
    })
}

/// Returns the weight among these parameters in thousandths (RFC 9110, 12.4.2): 1,000 by default, 0 if it is invalid.
pub(super) fn weight<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    let is_weight = |parameter: &&[u8]| parameter.len() > 1 && parameter[..2].eq_ignore_ascii_case(b"q=");
    let Some(parameter) = parameters.find(is_weight) else {
        return 1000;
    };
    let value = str::from_utf8(&parameter[2..])
        .ok()
        .and_then(|value| value.parse().ok());
    let is_valid = |value: &f32| (0.0..=1.0).contains(value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000")]
    value
        .filter(is_valid)
        .map_or(0, |value| (value * 1000.0).round() as u16)
}

/// Reduces Accept-Encoding to one encoding for the compression layer. Otherwise that layer answers 406 if none is accepted,
/// even after the handler has stored something.
pub async fn choose(mut request: Request) -> Request {
    let encoding = Encoding::preferred(request.headers());
    let chosen = HeaderValue::from_static(encoding.token());
    request.headers_mut().insert(header::ACCEPT_ENCODING, chosen);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_smallest_of_its_preferred_encodings() {
        for (accepted, token) in [
            ("", "identity"),
            ("gzip", "gzip"),
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, deflate, br;q=0.5", "gzip"),
            ("GZIP;Q=0.5 , zstd; q=0.7", "zstd"),
            ("*", "br"),
            ("br;q=0, *", "zstd"),
            ("*, br;q=0", "zstd"),
            ("*;q=0", "identity"),
            ("identity;q=0", "identity"),
            ("identity, gzip;q=0.3", "identity"),
            ("identity;q=0.2, gzip;q=0.3", "gzip"),
            ("gzip;q=0", "identity"),
            ("gzip;q=much", "identity"),
            ("deflate, compress", "identity"),
            ("br;q=2, gzip", "gzip"),
            ("br;q=inf, gzip", "gzip"),
            ("br;q=0.0001, identity;q=0", "identity"),
            ("br;level=5;q=0.4, gzip;q=0.3", "br"),
            ("x-gzip", "gzip"),
            ("x-br", "identity"),
            (";q=1,,", "identity"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(Encoding::preferred(&headers).token(), token, "{accepted}");
        }
        assert_eq!(Encoding::preferred(&HeaderMap::new()), Encoding::Identity);
        let mut lines = HeaderMap::new();
        lines.append(header::ACCEPT_ENCODING, HeaderValue::from_bytes(b"gzip, \xff").unwrap());
        lines.append(header::ACCEPT_ENCODING, HeaderValue::from_static("zstd"));
        assert_eq!(Encoding::preferred(&lines), Encoding::Zstd);
    }
}
