//! Finds the client's address: the peer, or X-Forwarded-For if the peer is a trusted proxy. `Forwarded` (RFC 7239) is not
//! read: a proxy that writes only one of the two headers passes the other on from its client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::{IpNet, Ipv6Net};
use prometheus_client::metrics::counter::Counter;

/// The proxies whose X-Forwarded-For is trusted.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    unnamed: Counter,
}

/// Why a trusted proxy names no client. Contains no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// The header is missing or empty.
    Missing,
    /// The entry is `unknown`.
    Unknown,
    /// The entry is an obfuscated name such as `_hidden` (RFC 7239, 6.3).
    Hidden,
    /// The entry is no address.
    Unreadable,
}

impl Proxies {
    /// Trusts these networks. `unnamed` counts requests whose client they do not name.
    pub fn new(trusted: Vec<IpNet>, unnamed: Counter) -> Self {
        Self { trusted, unnamed }
    }

    /// Returns the trusted networks.
    pub fn trusted(&self) -> &[IpNet] {
        &self.trusted
    }

    /// Returns the number of requests whose client a proxy did not name.
    pub fn unnamed(&self) -> u64 {
        self.unnamed.get()
    }

    /// Returns the client's address, or `None` if the request came by no network or a proxy does not name its client.
    /// Otherwise all clients of that proxy would share one rate limit. Counts such requests, and logs the first one.
    pub fn client(&self, head: &Parts) -> Option<IpAddr> {
        let ConnectInfo(peer) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
        self.client_of(peer.ip(), &head.headers)
            .inspect_err(|reason| self.count_unnamed(*reason))
            .ok()
    }

    fn count_unnamed(&self, reason: Unnamed) {
        if self.unnamed.inc() == 0 {
            tracing::warn!(
                ?reason,
                "trusted proxy names no client in X-Forwarded-For; its clients have no rate limit (logged once)"
            );
        }
    }

    /// Returns the first address, from the nearest hop outwards, that is no trusted proxy. A trusted proxy wrote every entry
    /// up to there; a client may have forged those further out.
    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, Unnamed> {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','));
        let mut entries = entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty());
        let mut client = peer.to_canonical();
        let mut is_named = false;
        while self.trusts(client) {
            match entries.next() {
                Some(entry) => client = address(entry).ok_or_else(|| reason(entry))?,
                // The client is within a trusted network itself.
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

/// Parses an address as proxies write it: in quotes, in brackets, with a port or a zone, or IPv4 mapped into IPv6.
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
    // An IPv6 address without brackets has a port only if all eight groups are there.
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

fn reason(entry: &[u8]) -> Unnamed {
    match entry.trim_ascii_start() {
        name if name.eq_ignore_ascii_case(b"unknown") => Unnamed::Unknown,
        [b'_', ..] => Unnamed::Hidden,
        _ => Unnamed::Unreadable,
    }
}

/// Returns the network of one subscriber: an IPv4 address, or the /64 of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(prefix(v6, 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Returns the /48 of an IPv6 address.
pub fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(v6) => Some(IpAddr::V6(prefix(v6, 48))),
        IpAddr::V4(_) => None,
    }
}

fn prefix(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    Ipv6Net::new(address, length).map_or(address, |net| net.network())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[&[u8]]) -> Result<String, Unnamed> {
        let trusted = ["10.0.0.0/8", "2001:db8:a::/48"].map(|network| network.parse().unwrap());
        let proxies = Proxies::new(trusted.to_vec(), Counter::default());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        proxies
            .client_of(peer.parse().unwrap(), &headers)
            .map(|client| client.to_string())
    }

    #[test]
    fn an_address_is_read_in_every_notation_of_proxies() {
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
                assert_eq!(client_of(peer, &[entry.as_bytes()]).as_deref(), Ok(client), "{entry}");
            }
        }
    }

    #[test]
    fn only_a_trusted_proxy_names_a_client() {
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
            assert_eq!(client_of(peer, &lines).as_deref(), Ok(client), "{lines:?}");
        }
        assert_eq!(
            client_of("10.0.0.1", &[b"\xff, 203.0.113.9"]).as_deref(),
            Ok("203.0.113.9")
        );
    }

    #[test]
    fn a_client_without_a_name_from_its_proxy_is_unknown() {
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
            assert_eq!(client_of("10.0.0.1", &lines), Err(found), "{lines:?}");
        }
    }

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
