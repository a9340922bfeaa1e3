//! Who is asking, as far as it matters: the network, behind proxies that are trusted, and whether it sent more than it
//! may. Kept in memory and never with an application.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

use super::rate::Rates;
pub use super::rate::{Verdict, network};

/// Counts what each network sends.
#[derive(Debug)]
pub struct Limit {
    trusted_proxies: Vec<IpNet>,
    rates: Option<Rates>,
}

impl Limit {
    /// This many a minute for one network; 0 is no limit.
    #[must_use]
    pub fn new(per_minute: u32, trusted_proxies: Vec<IpNet>) -> Self {
        Self {
            trusted_proxies,
            rates: Rates::new(per_minute),
        }
    }

    /// The networks whose word on who is behind them is taken.
    pub fn trusted_proxies(&self) -> &[IpNet] {
        &self.trusted_proxies
    }

    /// Counts one, and says what follows.
    #[must_use]
    pub fn judge(&self, headers: &HeaderMap, extensions: &Extensions) -> Verdict {
        match (&self.rates, self.client_of(headers, extensions)) {
            (Some(rates), Some(client)) => rates.judge(client),
            _ => Verdict::Within,
        }
    }

    /// Who asks, as far as proxies that are trusted tell; nobody, where it came by no network.
    pub fn client_of(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(self.client(peer.ip(), headers))
    }

    /// The first address, from the nearest hop outwards, that is not a trusted proxy: anything
    /// further out is what the client says of itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
        let mut client = peer;
        for hop in hops.iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Ok(address) = hop.trim().parse() else { break };
            client = address;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str, trusted: &str) -> String {
        let limit = Limit::new(1, vec![trusted.parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        network(limit.client(peer.parse().unwrap(), &headers)).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_who_is_behind_it() {
        assert_eq!(client("198.51.100.7", "203.0.113.9", "10.0.0.0/8"), "198.51.100.7");
        assert_eq!(client("10.0.0.1", "203.0.113.9", "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1", "192.0.2.1, 203.0.113.9, 10.0.0.2", "10.0.0.0/8"),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1", "not an address", "10.0.0.0/8"), "10.0.0.1");
    }
}
