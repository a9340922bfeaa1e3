//! Counts the applications that a network sends within a minute and within a day. Counts are in memory, never with an
//! application.

use std::collections::HashMap;
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

/// How often a full memory is searched for networks that have not sent for a while.
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

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Counts what each network sends.
#[derive(Debug)]
pub struct Rates {
    network_a_minute: Flow,
    site_a_minute: Windows,
    network_a_day: Windows,
    site_a_day: Windows,
}

/// Regains what it may send little by little, so that a network at its limit never waits long.
#[derive(Debug)]
struct Flow {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    forgot_at: Mutex<Instant>,
}

/// No more than this in a span of time that begins with the first.
#[derive(Debug)]
struct Windows {
    most: u32,
    lasts: Duration,
    remembered: usize,
    open: Mutex<Open>,
}

/// When the window of each began, and how many it has had.
#[derive(Debug)]
struct Open {
    windows: HashMap<IpAddr, (Instant, u32)>,
    forgot_at: Instant,
}

impl Rates {
    /// Allows this many a minute for a network, and twice as many for a /48. `None` where it is 0: no limit.
    pub fn new(per_minute: u32) -> Option<Self> {
        Some(Self {
            network_a_minute: Flow::new(NonZeroU32::new(per_minute)?),
            site_a_minute: Windows::new(per_minute.saturating_mul(2), MINUTE),
            network_a_day: Windows::new(NETWORK_A_DAY, DAY),
            site_a_day: Windows::new(SITE_A_DAY, DAY),
        })
    }

    /// Counts one application of this client, and returns what follows.
    pub fn judge(&self, client: IpAddr) -> Verdict {
        let (network, site) = (network(client), site(client));
        let within = |windows: &Windows| site.is_none_or(|site| windows.allows(site));
        if !self.network_a_minute.allows(network) || !within(&self.site_a_minute) {
            Verdict::TooMany
        } else if !self.network_a_day.allows(network) || !within(&self.site_a_day) {
            Verdict::Unconfirmed
        } else {
            Verdict::Within
        }
    }
}

// Where too many networks send to be remembered, a new one is not counted: then the ceilings for all together, in the
// database, are what bounds the mails.

impl Flow {
    fn new(per_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::hashmap(Quota::per_minute(per_minute)),
            forgot_at: Mutex::new(Instant::now()),
        }
    }

    /// Counts one, and says whether it is within the limit.
    fn allows(&self, key: IpAddr) -> bool {
        if self.limiter.len() >= REMEMBERED && !self.makes_room() {
            return true;
        }
        self.limiter.check_key(&key).is_ok()
    }

    fn makes_room(&self) -> bool {
        let mut forgot_at = self.forgot_at.lock().unwrap_or_else(PoisonError::into_inner);
        if forgot_at.elapsed() < FORGET_EVERY {
            return false;
        }
        self.limiter.retain_recent();
        *forgot_at = Instant::now();
        self.limiter.len() < REMEMBERED
    }
}

impl Windows {
    fn new(most: u32, lasts: Duration) -> Self {
        Self {
            most,
            lasts,
            remembered: REMEMBERED,
            open: Mutex::new(Open {
                windows: HashMap::new(),
                forgot_at: Instant::now(),
            }),
        }
    }

    /// Counts one, and says whether it is within the limit.
    fn allows(&self, key: IpAddr) -> bool {
        self.allows_at(key, Instant::now())
    }

    fn allows_at(&self, key: IpAddr, now: Instant) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = open.windows.len() >= self.remembered && !open.windows.contains_key(&key);
        if is_full && !self.makes_room(&mut open, now) {
            return true;
        }
        let (began, count) = open.windows.entry(key).or_insert((now, 0));
        if now.saturating_duration_since(*began) >= self.lasts {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }

    fn makes_room(&self, open: &mut Open, now: Instant) -> bool {
        if now.saturating_duration_since(open.forgot_at) < FORGET_EVERY {
            return false;
        }
        open.windows
            .retain(|_, (began, _)| now.saturating_duration_since(*began) < self.lasts);
        open.forgot_at = now;
        open.windows.len() < self.remembered
    }
}

/// Returns one subscriber's network: an IPv4 address, or the /64 of an IPv6 one.
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
        assert_eq!(verdicts(30, &of_48), [60, 0, 340]);
        assert_eq!(verdicts(400, &of_48), [200, 200, 0]);
    }

    #[test]
    fn other_networks_share_nothing() {
        let apart = |n: u32| [format!("2001:db8:{n:x}::1"), format!("192.0.2.{}", n % 256)];
        let others: Vec<IpAddr> = (0..200).flat_map(apart).map(|text| address(&text)).collect();
        assert_eq!(verdicts(30, &others), [400, 0, 0]);
    }

    #[test]
    fn a_window_ends_and_the_next_begins() {
        let (windows, start) = (Windows::new(2, DAY), Instant::now());
        let allowed = |hours: u64| windows.allows_at(address("192.0.2.1"), start + Duration::from_hours(hours));
        assert_eq!([0, 1, 2, 23].map(allowed), [true, true, false, false]);
        assert_eq!([24, 25, 26].map(allowed), [true, true, false]);
    }

    #[test]
    fn no_flood_of_networks_takes_more_memory() {
        let (mut windows, start) = (Windows::new(1, MINUTE), Instant::now());
        windows.remembered = 1000;
        let allowed = |range: std::ops::Range<u32>, at: Duration| {
            let keys = range.map(|n| IpAddr::V4(n.into()));
            keys.filter(|key| windows.allows_at(*key, start + at)).count()
        };
        let remembered = || windows.open.lock().unwrap().windows.len();
        assert_eq!((allowed(0..5000, Duration::ZERO), remembered()), (5000, 1000));
        assert_eq!(allowed(0..1000, MINUTE / 2), 0, "those that are remembered are counted");
        assert_eq!(
            (allowed(5000..5010, MINUTE), remembered()),
            (10, 10),
            "and forgotten at their time"
        );
    }
}
