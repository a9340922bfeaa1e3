//! Content codings (RFC 9110, 8.4.1): which one a client gets, and how it is made.

use std::io::{self, Read as _};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

/// How well a page is compressed at start: for a few milliseconds each. Brotli's best would save another
/// tenth and take ten times as long.
const BROTLI: i32 = 7;
const BROTLI_WINDOW: i32 = 18;
const ZSTD: i32 = 15;

/// A way to write content on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Brotli,
    Zstd,
    Gzip,
    Identity,
}

impl Coding {
    /// Those that we speak, the smallest first: of several that a client likes as much, it gets the first.
    pub const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Identity];

    /// As headers name it.
    pub fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// The one that a client likes best of ours. One that refuses all, `identity` too, gets `identity`
    /// all the same: an answer that cannot be read is no better than one in a wrong coding.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let mut weights = [None; 4];
        let mut others = None;
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for one in value.as_bytes().split(|octet| *octet == b',') {
                let mut parts = one.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
                let name = parts.next().unwrap_or_default();
                let weight = Some(weight(parts));
                match Self::ALL.into_iter().position(|coding| coding.is_called(name)) {
                    Some(coding) => weights[coding] = weight,
                    None if name == b"*" => others = weight,
                    None => {}
                }
            }
        }
        Self::best(weights, others)
    }

    /// Of several that weigh as much, the first. `identity` may be sent to a client that does not say otherwise,
    /// and comes after all that is named.
    fn best(weights: [Option<u16>; 4], others: Option<u16>) -> Self {
        let mut best = (Self::Identity, 0);
        for (coding, weight) in Self::ALL.into_iter().zip(weights) {
            let weight = weight.or(others).unwrap_or(0);
            if weight > best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }

    fn is_called(self, name: &[u8]) -> bool {
        let name = name.strip_prefix(b"x-").filter(|_| self == Self::Gzip).unwrap_or(name);
        name.eq_ignore_ascii_case(self.token().as_bytes())
    }

    /// These octets in this coding.
    ///
    /// # Errors
    /// None that memory does not cause.
    pub fn encode(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut coded = Vec::new();
        match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI,
                    lgwin: BROTLI_WINDOW,
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*plain, &mut coded, &parameters)?;
            }
            Self::Zstd => coded = zstd::bulk::compress(plain, ZSTD)?,
            Self::Gzip => {
                flate2::read::GzEncoder::new(plain, flate2::Compression::best()).read_to_end(&mut coded)?;
            }
            Self::Identity => coded.extend_from_slice(plain),
        }
        Ok(coded)
    }
}

/// Whether content came in another coding than `identity`.
pub fn is_coded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    codings.any(|coding| {
        let coding = coding.trim_ascii();
        !coding.is_empty() && !Coding::Identity.is_called(coding)
    })
}

/// The weight among these parameters, in thousandths (RFC 9110, 12.4.2): 1,000 without one, and 0 where it
/// is none.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    let is_weight = |parameter: &&[u8]| parameter.len() > 1 && parameter[..2].eq_ignore_ascii_case(b"q=");
    let Some(parameter) = parameters.find(is_weight) else {
        return 1000;
    };
    let value = str::from_utf8(&parameter[2..])
        .ok()
        .and_then(|value| value.parse().ok());
    let is_possible = |value: &f32| (0.0..=1.0).contains(value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000")]
    value
        .filter(is_possible)
        .map_or(0, |value| (value * 1000.0).round() as u16)
}

/// Leaves one coding for the layer that compresses. Left to itself, it answers 406 where none is accepted,
/// also after an application was stored.
pub async fn settle(mut request: Request) -> Request {
    let coding = Coding::wanted(request.headers());
    let settled = HeaderValue::from_static(coding.token());
    request.headers_mut().insert(header::ACCEPT_ENCODING, settled);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_smallest_coding_of_those_it_likes_best() {
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
            assert_eq!(Coding::wanted(&headers).token(), token, "{accepted}");
        }
        assert_eq!(Coding::wanted(&HeaderMap::new()), Coding::Identity);
        let mut lines = HeaderMap::new();
        lines.append(header::ACCEPT_ENCODING, HeaderValue::from_bytes(b"gzip, \xff").unwrap());
        lines.append(header::ACCEPT_ENCODING, HeaderValue::from_static("zstd"));
        assert_eq!(Coding::wanted(&lines), Coding::Zstd);
    }
}
