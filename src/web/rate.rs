//! How many applications a network sends: within a minute, and within a day. In memory, and never with an application.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::Ipv6Net;

/// Applications of one network within a day that are confirmed by mail. Enough for a school behind one address.
const NETWORK_A_DAY: u32 = 100;

/// The same for an IPv6 /48, which one customer of a provider may have.
const SITE_A_DAY: u32 = 200;

/// How many networks are remembered at a time: some 10 MB.
const REMEMBERED: usize = 100_000;

/// How often those that have not sent for a while are looked for while that is reached.
const FORGET_EVERY: Duration = Duration::from_secs(10);

/// What follows from how much a network has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within every limit.
    Within,
    /// Stored, but not confirmed by mail: more than a network sends within a day.
    Unconfirmed,
    /// Not now: more than a network may send within a minute.
    TooMany,
}

/// Counts what each network sends.
#[derive(Debug)]
pub struct Rates {
    minute: [Rate; 2],
    day: [Rate; 2],
}

/// Counts by network or by /48, in one period.
#[derive(Debug)]
struct Rate {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    remembered: usize,
    forgot_at: Mutex<Instant>,
}

impl Rates {
    /// This many a minute for a network, and twice as many for a /48. `None` where it is 0: no limit.
    pub fn new(per_minute: u32) -> Option<Self> {
        let per_minute = NonZeroU32::new(per_minute)?;
        let of_site = per_minute.saturating_add(per_minute.get());
        Some(Self {
            minute: [per_minute, of_site].map(|most| Rate::new(Quota::per_minute(most))),
            day: [NETWORK_A_DAY, SITE_A_DAY].map(|most| Rate::new(a_day(most))),
        })
    }

    /// Counts one of this client.
    pub fn judge(&self, client: IpAddr) -> Verdict {
        let within = |rates: &[Rate; 2]| {
            let [of_network, of_site] = rates;
            of_network.allows(network(client)) && site(client).is_none_or(|site| of_site.allows(site))
        };
        match (within(&self.minute), &self.day) {
            (false, _) => Verdict::TooMany,
            (true, day) if within(day) => Verdict::Within,
            _ => Verdict::Unconfirmed,
        }
    }
}

/// This many at once, and then as many in a day.
fn a_day(most: u32) -> Quota {
    let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
    let one = Duration::from_hours(24) / most.get();
    Quota::with_period(one).map_or(Quota::per_hour(NonZeroU32::MIN), |quota| quota.allow_burst(most))
}

impl Rate {
    fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::hashmap(quota),
            remembered: REMEMBERED,
            forgot_at: Mutex::new(Instant::now()),
        }
    }

    /// Counts one, and says whether it is within the limit. Where too many networks send to be remembered, a new one is not
    /// counted: then the ceilings for all together, in the database, are what bounds the mails.
    fn allows(&self, key: IpAddr) -> bool {
        if self.limiter.len() >= self.remembered && !self.makes_room() {
            return true;
        }
        self.limiter.check_key(&key).is_ok()
    }

    /// Forgets networks whose count has run out, and says whether there is room.
    fn makes_room(&self) -> bool {
        let mut forgot_at = self.forgot_at.lock().unwrap_or_else(PoisonError::into_inner);
        if forgot_at.elapsed() < FORGET_EVERY {
            return false;
        }
        self.limiter.retain_recent();
        *forgot_at = Instant::now();
        self.limiter.len() < self.remembered
    }
}

/// One subscriber's network: an IPv4 address, or the /64 of an IPv6 one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(prefix(v6, 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The /48 of an IPv6 address.
fn site(address: IpAddr) -> Option<IpAddr> {
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
    use super::*;

    /// What 400 posts lead to that come from these addresses in turn, at this many a minute.
    fn verdicts(per_minute: u32, addresses: &[IpAddr]) -> [usize; 3] {
        let rates = Rates::new(per_minute).unwrap();
        let all: Vec<_> = addresses
            .iter()
            .cycle()
            .take(400)
            .map(|one| rates.judge(*one))
            .collect();
        [Verdict::Within, Verdict::Unconfirmed, Verdict::TooMany]
            .map(|verdict| all.iter().filter(|one| **one == verdict).count())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_subscriber_is_one_network() {
        let network = |text| network(address(text)).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn one_network_has_a_limit_a_minute_and_a_day() {
        for one in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let [within, unconfirmed, too_many] = verdicts(30, &[address(one)]);
            assert!((30..200).contains(&within), "{one}: {within}");
            assert_eq!((unconfirmed, too_many), (0, 400 - within));
            let [within, unconfirmed, too_many] = verdicts(400, &[address(one)]);
            assert_eq!((within, unconfirmed, too_many), (100, 300, 0), "{one}");
        }
    }

    #[test]
    fn the_networks_of_a_48_share_twice_as_much() {
        let of_48: Vec<IpAddr> = (0..400).map(|n| address(&format!("2001:db8:1:{n:x}::1"))).collect();
        let [within, unconfirmed, too_many] = verdicts(30, &of_48);
        assert!((60..200).contains(&within), "{within}");
        assert_eq!((unconfirmed, too_many), (0, 400 - within));
        assert_eq!(verdicts(400, &of_48), [200, 200, 0]);
    }

    #[test]
    fn other_networks_share_nothing() {
        let apart = |n: u32| [format!("2001:db8:{n:x}::1"), format!("192.0.2.{}", n % 256)];
        let others: Vec<IpAddr> = (0..200).flat_map(apart).map(|text| address(&text)).collect();
        assert_eq!(verdicts(30, &others), [400, 0, 0]);
    }

    #[test]
    fn no_flood_of_networks_takes_more_memory() {
        let mut rate = Rate::new(a_day(100));
        rate.remembered = 1000;
        let allowed = (0..5000_u32).filter(|n| rate.allows(IpAddr::V4((*n).into()))).count();
        assert_eq!((allowed, rate.limiter.len()), (5000, 1000));
        rate.forgot_at = Mutex::new(Instant::now().checked_sub(FORGET_EVERY).unwrap());
        assert!(!rate.makes_room(), "all are recent");
    }
}
