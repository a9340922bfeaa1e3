//! What the standard asks of a request beyond what hyper checks: its target, its host and its transfer coding
//! (RFC 9112, 3.2 and 6.1). Two readers that differ here take one message for two.

use std::net::Ipv6Addr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

/// Why a request is refused before its route is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: no host, several, or something that is no host.
    Host,
    /// 400: a target that its method cannot have.
    Target,
    /// 400: `chunked` more than once.
    ChunkedTwice,
    /// 405: a method for another server, or for the server as a whole. The site has none.
    Method,
    /// 501: a coding of the message that this site cannot read.
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

/// Lets a request through that has no [`Fault`].
pub async fn demand(request: Request<Body>) -> Result<Request<Body>, Fault> {
    fault(&request).map_or(Ok(request), Err)
}

/// Returns what is wrong with a request.
pub fn fault<B>(request: &Request<B>) -> Option<Fault> {
    if !has_one_host(request) {
        return Some(Fault::Host);
    }
    target_fault(request).or_else(|| coding_fault(request))
}

/// Only HTTP/1.0 may leave it out. The host of an absolute target counts too (RFC 9112, 3.2.2).
fn has_one_host<B>(request: &Request<B>) -> bool {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let is_host = match (lines.next(), lines.next()) {
        (Some(line), None) => is_authority(line.as_bytes()),
        (None, _) => request.version() == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    };
    let named = request.uri().authority().map(Authority::as_str);
    is_host && named.is_none_or(|named| is_authority(named.as_bytes()))
}

fn target_fault<B>(request: &Request<B>) -> Option<Fault> {
    let (method, uri) = (request.method(), request.uri());
    let is_ours = matches!(uri.scheme_str(), None | Some("http" | "https"));
    match uri.path() {
        path if path.starts_with('/') && is_ours => None,
        "*" if method == Method::OPTIONS => Some(Fault::Method),
        "" if method == Method::CONNECT => Some(Fault::Method),
        _ => Some(Fault::Target),
    }
}

/// hyper has seen that the last coding is `chunked`, and undoes that one alone.
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

/// A host with or without a port, and without a user (RFC 9110, 4.2.1 and 4.2.4).
fn is_authority(text: &[u8]) -> bool {
    let place = |octet| text.iter().position(|one| *one == octet);
    let end = match text.first() {
        Some(b'[') => place(b']').map_or(0, |place| place + 1),
        _ => place(b':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end);
    is_host(host) && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port))
}

/// An IPv6 address in brackets, or a name. A comma, which names may have, would make of two hosts one.
fn is_host(host: &[u8]) -> bool {
    if let Some(address) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_escape = |at: usize| {
        let digits = host.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let may_be = |(at, octet): (usize, &u8)| match octet {
        b'%' => is_escape(at),
        octet => octet.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(octet),
    };
    !host.is_empty() && host.iter().enumerate().all(may_be)
}

/// None at all is the usual one (RFC 3986, 3.2.3).
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
    fn a_host_is_one_name_or_address_and_perhaps_a_port() {
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
