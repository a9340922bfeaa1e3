//! Who is asking, as far as it matters: the network, behind proxies that are trusted, and how many
//! applications it sent. Kept in memory for a minute and never with an application.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::{IpNet, Ipv6Net};

/// Counts what each network sends.
#[derive(Debug)]
pub struct Limit {
    trusted_proxies: Vec<IpNet>,
    limiter: Option<RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>>,
}

impl Limit {
    /// So many a minute for one network; 0 is no limit.
    #[must_use]
    pub fn new(per_minute: u32, trusted_proxies: Vec<IpNet>) -> Self {
        let limiter = NonZeroU32::new(per_minute).map(|limit| RateLimiter::hashmap(Quota::per_minute(limit)));
        Self {
            trusted_proxies,
            limiter,
        }
    }

    /// The networks whose word on who is behind them is taken.
    pub fn trusted_proxies(&self) -> &[IpNet] {
        &self.trusted_proxies
    }

    /// Counts one, and says whether it is within the limit.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        let (Some(limiter), Some(client)) = (&self.limiter, self.client_of(headers, extensions)) else {
            return true;
        };
        // Forgets networks that have not sent for a while, so that memory is bounded by a minute's.
        if limiter.len() > 10_000 {
            limiter.retain_recent();
        }
        limiter.check_key(&network(client)).is_ok()
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

/// One subscriber's network: an IPv4 address, or the /64 of an IPv6 one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Net::new(v6, 64).map_or(IpAddr::V6(v6), |net| IpAddr::V6(net.network())),
        v4 @ IpAddr::V4(_) => v4,
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

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        assert_eq!(
            network("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(),
            "2001:db8:1:2::"
        );
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }
}
