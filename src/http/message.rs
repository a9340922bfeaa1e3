//! Validates what hyper leaves open: target, host and transfer coding (RFC 9112, 3.2 and 6.1). Two readers that differ here
//! could take one message for two.

use std::net::Ipv6Addr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

/// Why a request is rejected before routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: the host is missing, repeated or invalid.
    Host,
    /// 400: the target does not fit the method.
    Target,
    /// 400: `chunked` appears more than once.
    ChunkedTwice,
    /// 405: the method is for a proxy or for the server as a whole.
    Method,
    /// 501: the transfer coding is not supported.
    TransferCoding,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Self::Host | Self::Target | Self::ChunkedTwice => StatusCode::BAD_REQUEST.into_response(),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD, POST")]).into_response(),
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED.into_response(),
        }
    }
}

/// Rejects a request with a [`Fault`].
pub async fn validate(request: Request<Body>) -> Result<Request<Body>, Fault> {
    fault(&request).map_or(Ok(request), Err)
}

/// Returns the first fault of a request.
pub fn fault<B>(request: &Request<B>) -> Option<Fault> {
    if !has_one_host(request) {
        return Some(Fault::Host);
    }
    target_fault(request).or_else(|| coding_fault(request))
}

/// Returns whether the body has the content type of a web form.
pub fn is_urlencoded(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Checks the Host header, which only HTTP/1.0 may omit, and the host of an absolute target (RFC 9112, 3.2.2).
fn has_one_host<B>(request: &Request<B>) -> bool {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let is_host = match (lines.next(), lines.next()) {
        (Some(line), None) => is_authority(line.as_bytes()),
        (None, _) => request.version() == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    };
    let of_target = request.uri().authority().map(Authority::as_str);
    is_host && of_target.is_none_or(|host| is_authority(host.as_bytes()))
}

fn target_fault<B>(request: &Request<B>) -> Option<Fault> {
    let (method, uri) = (request.method(), request.uri());
    let is_web = matches!(uri.scheme_str(), None | Some("http" | "https"));
    match uri.path() {
        path if path.starts_with('/') && is_web => None,
        "*" if method == Method::OPTIONS => Some(Fault::Method),
        "" if method == Method::CONNECT => Some(Fault::Method),
        _ => Some(Fault::Target),
    }
}

/// Accepts `chunked` alone: hyper requires it as the last coding, and decodes only that one.
fn coding_fault<B>(request: &Request<B>) -> Option<Fault> {
    let lines = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    codings
        .next()
        .filter(|first| !is_chunked(first) || codings.next().is_some())
        .map(|first| {
            let is_known = is_chunked(first) && codings.all(is_chunked);
            if is_known {
                Fault::ChunkedTwice
            } else {
                Fault::TransferCoding
            }
        })
}

/// Returns whether this is a host with an optional port and without a user (RFC 9110, 4.2.1 and 4.2.4).
fn is_authority(text: &[u8]) -> bool {
    let position = |octet| text.iter().position(|one| *one == octet);
    let end = match text.first() {
        Some(b'[') => position(b']').map_or(0, |index| index + 1),
        _ => position(b':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end);
    is_host(host) && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port))
}

/// Returns whether this is an IPv6 address in brackets, or a name. Names may contain a comma, but it could join two hosts.
fn is_host(host: &[u8]) -> bool {
    if let Some(address) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_escape = |at: usize| {
        let digits = host.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_allowed = |(at, octet): (usize, &u8)| match octet {
        b'%' => is_escape(at),
        octet => octet.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(octet),
    };
    !host.is_empty() && host.iter().enumerate().all(is_allowed)
}

/// Returns whether this is a port. An empty one means the default (RFC 3986, 3.2.3).
fn is_port(digits: &[u8]) -> bool {
    let number = str::from_utf8(digits)
        .ok()
        .filter(|_| digits.iter().all(u8::is_ascii_digit));
    number.is_some_and(|digits| digits.is_empty() || digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_name_or_address_with_an_optional_port() {
        let names = "a.test A.TEST a.test. a_b xn--4ca.test %41.test localhost 192.0.2.1 [::1]";
        let ports = "a.test:80 a.test: a.test:65535 a.test:00080 [2001:db8::1]:443";
        for host in names.split(' ').chain(ports.split(' ')) {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
        let no_names = "u@a.test u:p@a.test a.test/x a.test,b.test a?b a#b a\\b a<b a\"b a|b a\u{7f} ä.test %4.test %zz http://a.test";
        let no_addresses = "[::1 ::1] [] [x] [::1]x [::1]:x ::1 [::1%eth0]";
        let no_ports = ":80 a.test:65536 a.test:x a.test:-1 a.test:+1 a.test:80:80";
        let all = [no_names, no_addresses, no_ports]
            .into_iter()
            .flat_map(|none| none.split(' '));
        for none in all.chain(["", "a b", "a.test, b.test"]) {
            assert!(!is_authority(none.as_bytes()), "{none}");
        }
        assert!(!is_authority(b"\xe4.test"));
    }
}
