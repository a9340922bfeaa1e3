//! Finds who is behind a proxy, by the `X-Forwarded-For` of those that are trusted. `Forwarded` (RFC 7239) is not read: a proxy
//! that writes only one of the two passes the other on as its client wrote it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;
use prometheus_client::metrics::counter::Counter;

/// The networks whose word on who is behind them is taken.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    unnamed: Counter,
}

/// What a trusted proxy wrote in place of the address of its client. No address of anybody is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// Nothing.
    Missing,
    /// `unknown`.
    Unknown,
    /// A name of its own for a client, such as `_hidden` (RFC 7239, 6.3).
    Hidden,
    /// Something else.
    Unreadable,
}

impl Proxies {
    /// Trusts these networks, and counts here what they do not name.
    pub fn new(trusted: Vec<IpNet>, unnamed: Counter) -> Self {
        Self { trusted, unnamed }
    }

    /// Returns their networks.
    pub fn trusted(&self) -> &[IpNet] {
        &self.trusted
    }

    /// Returns how many posts came from clients that a proxy did not name.
    pub fn unnamed(&self) -> u64 {
        self.unnamed.get()
    }

    /// Returns who sends a post; `None` where it came by no network, and where a proxy does not name its client: all its
    /// clients would be one, and one of them would use up what all may send. Counts such posts, and warns of the first.
    pub fn client(&self, head: &Parts) -> Option<IpAddr> {
        let ConnectInfo(peer) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
        self.behind(peer.ip(), &head.headers)
            .inspect_err(|found| self.note(*found))
            .ok()
    }

    fn note(&self, found: Unnamed) {
        if self.unnamed.inc() == 0 {
            tracing::warn!(
                ?found,
                "a proxy of NPOC_TRUSTED_PROXIES names no client in X-Forwarded-For: NPOC_RATE_LIMIT does not hold for its \
                 clients; this is said once"
            );
        }
    }

    /// The first address, from the nearest hop outwards, that is not a trusted proxy: anything further out is what the
    /// client says of itself. Whatever is looked at was written by a proxy that is trusted.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Unnamed> {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','));
        let mut entries = entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty());
        let mut client = peer.to_canonical();
        let mut is_named = false;
        while self.trusts(client) {
            match entries.next() {
                Some(entry) => client = address(entry).ok_or_else(|| unnamed(entry))?,
                // An address of the proxies' own networks, and nobody behind it.
                None if is_named => break,
                None => return Err(Unnamed::Missing),
            }
            is_named = true;
        }
        Ok(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: in quotes, in brackets, with a port or a zone, an IPv4 address as an IPv6 one.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?;
    let entry = entry
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(entry);
    let text = match entry.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .filter(|(_, port)| port.is_empty() || is_port(port))
            .map(|(address, _)| address)?,
        None => entry,
    };
    let without_zone = text.split_once('%').map_or(text, |(address, _)| address);
    let whole = without_zone.parse();
    // The port of an IPv4 address; of an IPv6 one only where all of it is written, since it looks like a part of it.
    let address = whole.ok().or_else(|| {
        let (address, _) = text
            .rsplit_once(':')
            .filter(|(address, _)| is_port(&text[address.len()..]))?;
        address.parse().ok()
    });
    address.map(|address: IpAddr| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| port.bytes().all(|octet| octet.is_ascii_digit()))
}

fn unnamed(entry: &[u8]) -> Unnamed {
    match entry.trim_ascii_start() {
        name if name.eq_ignore_ascii_case(b"unknown") => Unnamed::Unknown,
        [b'_', ..] => Unnamed::Hidden,
        _ => Unnamed::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn behind(peer: &str, lines: &[&[u8]]) -> Result<String, Unnamed> {
        let trusted = ["10.0.0.0/8", "2001:db8:a::/48"].map(|network| network.parse().unwrap());
        let proxies = Proxies::new(trusted.to_vec(), Counter::default());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        proxies
            .behind(peer.parse().unwrap(), &headers)
            .map(|client| client.to_string())
    }

    #[test]
    fn an_address_is_read_however_a_proxy_writes_it() {
        for (entry, client) in [
            ("203.0.113.1", "203.0.113.1"),
            ("203.0.113.1:51001", "203.0.113.1"),
            ("\"203.0.113.1\"", "203.0.113.1"),
            ("\"203.0.113.1:80\"", "203.0.113.1"),
            ("\t203.0.113.1 , ,,", "203.0.113.1"),
            ("::ffff:203.0.113.1", "203.0.113.1"),
            ("[::FFFF:203.0.113.1]:443", "203.0.113.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8::A", "2001:db8::a"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("2001:db8:0:0:0:0:0:1:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
        ] {
            for peer in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8:a::1"] {
                assert_eq!(behind(peer, &[entry.as_bytes()]).as_deref(), Ok(client), "{entry}");
            }
        }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_who_is_behind_it() {
        for (peer, lines, client) in [
            ("198.51.100.7", &["203.0.113.9"][..], "198.51.100.7"),
            ("198.51.100.7", &[], "198.51.100.7"),
            ("10.0.0.1", &["192.0.2.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (
                "10.0.0.1",
                &["192.0.2.1", "203.0.113.9", "[2001:db8:a::2]:80,10.0.0.2:80,"],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["unknown, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["\u{e4}, [, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(behind(peer, &lines).as_deref(), Ok(client), "{lines:?}");
        }
        assert_eq!(
            behind("10.0.0.1", &[b"\xff, 203.0.113.9"]).as_deref(),
            Ok("203.0.113.9")
        );
    }

    #[test]
    fn a_client_that_a_trusted_proxy_does_not_name_is_nobody() {
        for (lines, found) in [
            (&[][..], Unnamed::Missing),
            (&[" , ,"], Unnamed::Missing),
            (&["203.0.113.9, unknown"], Unnamed::Unknown),
            (&["203.0.113.9", "UNKNOWN, 10.0.0.2"], Unnamed::Unknown),
            (&["_hidden"], Unnamed::Hidden),
            (&["client.example"], Unnamed::Unreadable),
            (&["203.0.113.256"], Unnamed::Unreadable),
            (&["203.0.113.1:x"], Unnamed::Unreadable),
            (&["[2001:db8::1"], Unnamed::Unreadable),
            (&["[2001:db8::1]x"], Unnamed::Unreadable),
            (&["for=203.0.113.1"], Unnamed::Unreadable),
            (&["\""], Unnamed::Unreadable),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(behind("10.0.0.1", &lines), Err(found), "{lines:?}");
        }
    }
}
