//! Who is asking, as far as it matters: the network, behind proxies that are trusted, and how many
//! applications it sent. Kept in memory for a minute and never with an application.

use std::net::IpAddr;
use std::num::NonZeroU32;

use axum::http::{Extensions, HeaderMap};
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::Ipv6Net;

use super::forwarded::Proxies;

/// Counts what each network sends.
#[derive(Debug)]
pub struct Limit {
    proxies: Proxies,
    limiter: Option<RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>>,
}

impl Limit {
    /// So many a minute for one network; 0 is no limit.
    #[must_use]
    pub fn new(per_minute: u32, proxies: Proxies) -> Self {
        let limiter = NonZeroU32::new(per_minute).map(|limit| RateLimiter::hashmap(Quota::per_minute(limit)));
        Self { proxies, limiter }
    }

    /// Who is behind whom.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Counts one, and says whether it is within the limit.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        let (Some(limiter), Some(client)) = (&self.limiter, self.proxies.client(headers, extensions)) else {
            return true;
        };
        // Forgets networks that have not sent for a while, so that memory is bounded by a minute's.
        if limiter.len() > 10_000 {
            limiter.retain_recent();
        }
        limiter.check_key(&network(client)).is_ok()
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

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        assert_eq!(
            network("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(),
            "2001:db8:1:2::"
        );
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }
}
