//! Limits requests of each network by the minute and by the day. Counts stay in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::{network, site};

/// Requests of one network within a day before [`RateVerdict::OverDailyLimit`]. Enough for a school behind one address.
const NETWORK_A_DAY: u32 = 100;

/// The same for an IPv6 /48, the network of one customer of a provider.
const SITE_A_DAY: u32 = 200;

/// Networks that are remembered at the same time, in about 10 MB. A network beyond them is not counted: callers need another
/// limit for all networks together.
const CAPACITY: usize = 100_000;

/// Minimum time between two searches of a full memory for expired networks.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(10);

/// How many requests a network has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateVerdict {
    /// Fewer than every limit.
    WithinLimits,
    /// More than a network may send within a day.
    OverDailyLimit,
    /// More than a network may send within a minute.
    OverMinuteLimit,
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// The counts of each network.
#[derive(Debug)]
pub struct RateLimits {
    network_a_minute: SteadyLimit,
    site_a_minute: WindowLimit,
    network_a_day: WindowLimit,
    site_a_day: WindowLimit,
}

/// A limit that refills steadily, so that a network at its limit never waits long.
#[derive(Debug)]
struct SteadyLimit {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    cleaned_at: Mutex<Instant>,
}

/// A limit within a window of time that begins with the first request.
#[derive(Debug)]
struct WindowLimit {
    limit: u32,
    duration: Duration,
    capacity: usize,
    open: Mutex<OpenWindows>,
}

/// The start and the count of each open window.
#[derive(Debug)]
struct OpenWindows {
    windows: HashMap<IpAddr, (Instant, u32)>,
    cleaned_at: Instant,
}

impl RateLimits {
    /// Allows this many requests a minute for a network, and twice as many for a /48. Returns `None` for 0: no limit.
    pub fn new(per_minute: u32) -> Option<Self> {
        Some(Self {
            network_a_minute: SteadyLimit::new(NonZeroU32::new(per_minute)?),
            site_a_minute: WindowLimit::new(per_minute.saturating_mul(2), MINUTE),
            network_a_day: WindowLimit::new(NETWORK_A_DAY, DAY),
            site_a_day: WindowLimit::new(SITE_A_DAY, DAY),
        })
    }

    /// Counts one request of this client.
    pub fn count(&self, client: IpAddr) -> RateVerdict {
        let (network, site) = (network(client), site(client));
        let within = |windows: &WindowLimit| site.is_none_or(|site| windows.allows(site));
        if !self.network_a_minute.allows(network) || !within(&self.site_a_minute) {
            RateVerdict::OverMinuteLimit
        } else if !self.network_a_day.allows(network) || !within(&self.site_a_day) {
            RateVerdict::OverDailyLimit
        } else {
            RateVerdict::WithinLimits
        }
    }
}

impl SteadyLimit {
    fn new(per_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::hashmap(Quota::per_minute(per_minute)),
            cleaned_at: Mutex::new(Instant::now()),
        }
    }

    /// Counts one request, and returns whether it is within the limit.
    fn allows(&self, key: IpAddr) -> bool {
        if self.limiter.len() >= CAPACITY && !self.make_room() {
            return true;
        }
        self.limiter.check_key(&key).is_ok()
    }

    fn make_room(&self) -> bool {
        let mut cleaned_at = self.cleaned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if cleaned_at.elapsed() < CLEANUP_INTERVAL {
            return false;
        }
        self.limiter.retain_recent();
        *cleaned_at = Instant::now();
        self.limiter.len() < CAPACITY
    }
}

impl WindowLimit {
    fn new(limit: u32, duration: Duration) -> Self {
        Self {
            limit,
            duration,
            capacity: CAPACITY,
            open: Mutex::new(OpenWindows {
                windows: HashMap::new(),
                cleaned_at: Instant::now(),
            }),
        }
    }

    /// Counts one request, and returns whether it is within the limit.
    fn allows(&self, key: IpAddr) -> bool {
        self.allows_at(key, Instant::now())
    }

    fn allows_at(&self, key: IpAddr, now: Instant) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = open.windows.len() >= self.capacity && !open.windows.contains_key(&key);
        if is_full && !self.make_room(&mut open, now) {
            return true;
        }
        let (began, count) = open.windows.entry(key).or_insert((now, 0));
        if now.saturating_duration_since(*began) >= self.duration {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.limit
    }

    fn make_room(&self, open: &mut OpenWindows, now: Instant) -> bool {
        if now.saturating_duration_since(open.cleaned_at) < CLEANUP_INTERVAL {
            return false;
        }
        open.windows
            .retain(|_, (began, _)| now.saturating_duration_since(*began) < self.duration);
        open.cleaned_at = now;
        open.windows.len() < self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the verdicts on 400 requests from these addresses in turn, at this limit a minute.
    fn verdicts(per_minute: u32, addresses: &[IpAddr]) -> [usize; 3] {
        let rates = RateLimits::new(per_minute).unwrap();
        let all: Vec<_> = addresses
            .iter()
            .cycle()
            .take(400)
            .map(|one| rates.count(*one))
            .collect();
        [
            RateVerdict::WithinLimits,
            RateVerdict::OverDailyLimit,
            RateVerdict::OverMinuteLimit,
        ]
        .map(|verdict| all.iter().filter(|one| **one == verdict).count())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_a_limit_by_minute_and_by_day() {
        for one in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let [within, over_day, over_minute] = verdicts(30, &[address(one)]);
            assert!((30..200).contains(&within), "{one}: {within}");
            assert_eq!((over_day, over_minute), (0, 400 - within));
            let [within, over_day, over_minute] = verdicts(400, &[address(one)]);
            assert_eq!((within, over_day, over_minute), (100, 300, 0), "{one}");
        }
    }

    #[test]
    fn the_networks_of_a_48_share_twice_the_limit() {
        let of_48: Vec<IpAddr> = (0..400).map(|n| address(&format!("2001:db8:1:{n:x}::1"))).collect();
        assert_eq!(verdicts(30, &of_48), [60, 0, 340]);
        assert_eq!(verdicts(400, &of_48), [200, 200, 0]);
    }

    #[test]
    fn other_networks_share_no_limit() {
        let apart = |n: u32| [format!("2001:db8:{n:x}::1"), format!("192.0.2.{}", n % 256)];
        let others: Vec<IpAddr> = (0..200).flat_map(apart).map(|text| address(&text)).collect();
        assert_eq!(verdicts(30, &others), [400, 0, 0]);
    }

    #[test]
    fn a_window_ends_and_the_next_begins() {
        let (windows, start) = (WindowLimit::new(2, DAY), Instant::now());
        let allowed = |hours: u64| windows.allows_at(address("192.0.2.1"), start + Duration::from_hours(hours));
        assert_eq!([0, 1, 2, 23].map(allowed), [true, true, false, false]);
        assert_eq!([24, 25, 26].map(allowed), [true, true, false]);
    }

    #[test]
    fn a_flood_of_networks_takes_no_more_memory() {
        let (mut windows, start) = (WindowLimit::new(1, MINUTE), Instant::now());
        windows.capacity = 1000;
        let allowed = |range: std::ops::Range<u32>, at: Duration| {
            let keys = range.map(|n| IpAddr::V4(n.into()));
            keys.filter(|key| windows.allows_at(*key, start + at)).count()
        };
        let remembered = || windows.open.lock().unwrap().windows.len();
        assert_eq!((allowed(0..5000, Duration::ZERO), remembered()), (5000, 1000));
        assert_eq!(allowed(0..1000, MINUTE / 2), 0, "remembered networks are counted");
        assert_eq!(
            (allowed(5000..5010, MINUTE), remembered()),
            (10, 10),
            "expired networks are removed"
        );
    }
}
