//! Content codings (RFC 9110, 8.4.1): which one a client gets, and how it is made.

use std::io::{self, Read as _};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

/// How well a page is compressed at start. A step more would cost several times as long for a few
/// octets in a hundred.
const BROTLI: i32 = 9;
const ZSTD: i32 = 19;

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

    /// As it stands in headers.
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
        let accepted = || {
            let values = headers.get_all(header::ACCEPT_ENCODING).into_iter();
            let values = values.filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(','))
        };
        let better = |best: (Self, f32), coding: Self| {
            let weight = coding.weight(accepted());
            if weight > best.1 { (coding, weight) } else { best }
        };
        Self::ALL.into_iter().fold((Self::Identity, 0.0), better).0
    }

    /// From 0, not wanted, to 1 (RFC 9110, 12.5.3). `identity` may be sent to whoever does not say otherwise.
    fn weight<'a>(self, accepted: impl Iterator<Item = &'a str>) -> f32 {
        let mut weight = if self == Self::Identity { f32::MIN_POSITIVE } else { 0.0 };
        let mut is_named = false;
        for one in accepted {
            let (name, parameter) = one.split_once(';').unwrap_or((one, ""));
            let names = name.trim().eq_ignore_ascii_case(self.token());
            if names || (name.trim() == "*" && !is_named) {
                weight = quality(parameter);
                is_named |= names;
            }
        }
        weight
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

/// The weight in `q=0.5`; 1 without one, and 0 where it cannot be read.
fn quality(parameter: &str) -> f32 {
    match parameter.trim().split_once('=') {
        None => 1.0,
        Some((_, value)) => value.trim().parse().unwrap_or(0.0),
    }
}

/// Decides once for a request, so that prepared answers and those that are compressed on the way out
/// agree.
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
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(Coding::wanted(&headers).token(), token, "{accepted}");
        }
        assert_eq!(Coding::wanted(&HeaderMap::new()), Coding::Identity);
    }
}
