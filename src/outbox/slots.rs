//! Delivery slots: how many emails are sent at a time, and to which domains. Uses no more connections than the relay
//! accepts, and keeps a slot for urgent emails.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::relay_health::RelayHealth;
use super::slow_domains::{SLOW_AFTER, SlowDomains};
use crate::mailer::Purpose;

/// The most connections at a time.
pub const MAX_CONNECTIONS: usize = 10;

/// Connections when work begins, and the pause before each further one. A few emails do not need ten connections.
const FIRST_CONNECTIONS: usize = 3;
const NEXT_CONNECTION_AFTER: Duration = Duration::from_millis(100);

/// The most slow emails that are sent beyond [`MAX_CONNECTIONS`], so that they take no slot from the others.
const EXTRA: usize = 10;

/// The time without a refused connection after which the limit is raised by one.
const RAISE_AFTER: Duration = Duration::from_secs(30);

/// The slots, the emails in them, and what those emails showed of the relay.
#[derive(Debug)]
pub struct DeliverySlots {
    pub relay: RelayHealth,
    slow: SlowDomains,
    limit: usize,
    limit_changed_at: Option<Instant>,
    /// Since when emails have been sent without a pause.
    busy_since: Option<Instant>,
    in_flight: HashMap<i64, InFlight>,
}

/// An email that is being sent.
#[derive(Debug)]
struct InFlight {
    /// The registered domain of the recipient: subdomains share its slots.
    domain: String,
    purpose: Purpose,
    since: Instant,
}

/// Which emails may take a slot now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSlots {
    /// An email to staff, whatever its domain. Emails to staff fill all slots but one.
    pub staff: bool,
    /// An urgent email.
    pub urgent: bool,
    /// Any other email.
    pub other: bool,
}

impl Default for DeliverySlots {
    fn default() -> Self {
        Self {
            relay: RelayHealth::default(),
            slow: SlowDomains::default(),
            limit: MAX_CONNECTIONS,
            limit_changed_at: None,
            busy_since: None,
            in_flight: HashMap::new(),
        }
    }
}

impl DeliverySlots {
    /// Takes a slot for an email to this domain.
    pub fn take(&mut self, id: i64, domain: &str, purpose: Purpose) {
        let since = Instant::now();
        self.busy_since.get_or_insert(since);
        let domain = registered_domain(domain).to_owned();
        let email = InFlight { domain, purpose, since };
        self.in_flight.insert(id, email);
    }

    /// Releases the slot of an email, and records how long the email took. Does nothing if it was released before.
    pub fn release(&mut self, id: i64) {
        if let Some(email) = self.in_flight.remove(&id) {
            self.slow.record(&email.domain, email.since.elapsed());
        }
    }

    /// Returns whether no email is being sent. If so, the next work begins with few connections again.
    pub fn reset_if_idle(&mut self) -> bool {
        let is_idle = self.in_flight.is_empty();
        if is_idle {
            self.busy_since = None;
        }
        is_idle
    }

    /// Returns which emails may take a slot. While the relay fails, one email at a time tests it.
    pub fn free(&self) -> FreeSlots {
        let most = if self.relay.is_failing() {
            1
        } else {
            self.limit.min(self.connections_by_now())
        };
        let free = most.saturating_sub(self.in_flight.len() - self.extra());
        let to_staff = self
            .in_flight
            .values()
            .filter(|email| email.purpose.is_to_staff())
            .count();
        FreeSlots {
            staff: free > 0 && (to_staff + 1 < most || most == 1),
            urgent: free > 0,
            other: free > 1 || (free == 1 && most == 1),
        }
    }

    /// Returns when a further slot may become free although no email ends.
    pub fn next_change(&self) -> Option<Duration> {
        if self.connections_by_now() < self.limit {
            return Some(NEXT_CONNECTION_AFTER);
        }
        let ages = self.in_flight.values().map(|email| email.since.elapsed());
        let oldest_quick = ages.filter(|age| *age <= SLOW_AFTER).max();
        oldest_quick.map(|age| SLOW_AFTER.saturating_sub(age) + Duration::from_millis(1))
    }

    /// Returns the number of connections that the present work has grown to.
    fn connections_by_now(&self) -> usize {
        let busy = self.busy_since.map_or(Duration::ZERO, |since| since.elapsed());
        let more = busy.as_millis() / NEXT_CONNECTION_AFTER.as_millis();
        FIRST_CONNECTIONS.saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
    }

    /// Returns the domains that hold as many slots as one domain may: all but one, or a fifth if the domain is slow. Slow
    /// domains together hold at most half.
    pub fn busy_domains(&self) -> Vec<String> {
        let mut held: HashMap<&str, usize> = HashMap::new();
        for email in self.in_flight.values().filter(|email| !email.purpose.is_to_staff()) {
            *held.entry(&email.domain).or_default() += 1;
        }
        let mut busy = Vec::new();
        let mut held_by_slow = 0;
        for (domain, held) in held {
            let is_slow = self.is_slow(domain);
            let most = if is_slow { self.limit / 5 } else { self.limit - 1 };
            if held >= most.max(1) {
                busy.push(domain.to_owned());
            }
            held_by_slow += if is_slow { held } else { 0 };
        }
        if held_by_slow >= (self.limit / 2).max(1) {
            busy.extend(self.slow.names());
        }
        busy
    }

    /// Returns how long the relay may take over a recipient of this domain.
    pub fn recipient_timeout(&self, domain: &str) -> RecipientTimeout {
        // If the relay is slow for every domain, a short timeout lets no other email go first.
        if self.is_slow(domain) || !self.slow.is_relay_quick() {
            RecipientTimeout::Full
        } else {
            RecipientTimeout::Short
        }
    }

    /// Returns whether emails to this domain were slow lately, or one is slow now.
    pub fn is_slow(&self, domain: &str) -> bool {
        let domain = registered_domain(domain);
        let is_slow_now = |email: &InFlight| email.domain == domain && email.since.elapsed() > SLOW_AFTER;
        self.slow.contains(domain) || (self.slow.is_relay_quick() && self.in_flight.values().any(is_slow_now))
    }

    /// Remembers a slow domain.
    pub fn remember_slow(&mut self, domain: &str) {
        self.slow.add(registered_domain(domain));
    }

    /// Returns the emails that are being sent.
    pub fn ids(&self) -> Vec<i64> {
        self.in_flight.keys().copied().collect()
    }

    /// Records that the relay took an email. Returns the connection limit if it changed.
    pub fn record_taken(&mut self, sent_at: Option<OffsetDateTime>) -> Option<usize> {
        self.relay.record_taken(sent_at);
        let is_calm = self.limit_changed_at.is_none_or(|at| at.elapsed() > RAISE_AFTER);
        (self.limit < MAX_CONNECTIONS && is_calm).then(|| self.set_limit(self.limit + 1))
    }

    /// Records that the relay refused a connection. Returns the lower limit, or `None` if the relay serves no other
    /// connection: then it fails.
    pub fn record_refused_connection(&mut self) -> Option<usize> {
        let fewer = self.limit.min(self.in_flight.len()).saturating_sub(1);
        (self.relay.serves() && fewer > 0).then(|| self.set_limit(fewer))
    }

    /// Begins with the connection limit of an earlier run.
    pub fn restore_limit(&mut self, connections: usize) {
        if connections < MAX_CONNECTIONS {
            self.set_limit(connections.max(1));
        }
    }

    fn set_limit(&mut self, limit: usize) -> usize {
        self.limit_changed_at = Some(Instant::now());
        self.limit = limit;
        limit
    }

    /// Returns how many slow emails take no slot. A relay that accepts few connections gets no extra ones.
    fn extra(&self) -> usize {
        if self.relay.is_failing() || self.limit < MAX_CONNECTIONS {
            return 0;
        }
        let slow = self
            .in_flight
            .values()
            .filter(|email| email.since.elapsed() > SLOW_AFTER);
        slow.count().min(EXTRA)
    }
}

/// How long the relay may take over the recipient of an email.
#[derive(Clone, Copy, Debug)]
pub enum RecipientTimeout {
    /// As long as over the whole email.
    Full,
    /// Ten seconds, so that other emails can go first.
    Short,
}

/// Returns the part of a name that is registered, by the Public Suffix List.
fn registered_domain(domain: &str) -> &str {
    psl::domain_str(domain).unwrap_or(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(domains: &[(&str, usize)]) -> DeliverySlots {
        let mut slots = DeliverySlots::default();
        let all = domains
            .iter()
            .flat_map(|(domain, times)| std::iter::repeat_n(domain, *times));
        for (id, domain) in (0..).zip(all) {
            slots.take(id, domain, Purpose::Confirmation);
        }
        slots.slow.quick_at = Some(Instant::now());
        slots.busy_since = Instant::now().checked_sub(SLOW_AFTER);
        slots
    }

    /// Makes every email in flight slow.
    fn all_slow(mut slots: DeliverySlots) -> DeliverySlots {
        for email in slots.in_flight.values_mut() {
            email.since = email.since.checked_sub(SLOW_AFTER * 2).unwrap();
        }
        slots
    }

    #[test]
    fn the_last_slot_is_kept_for_urgent_emails() {
        let free = |slots: &DeliverySlots| (slots.free().urgent, slots.free().other);
        assert_eq!(free(&with(&[])), (true, true));
        assert_eq!(free(&with(&[("a.example", 8)])), (true, true));
        assert_eq!(free(&with(&[("a.example", 9)])), (true, false));
        assert_eq!(free(&with(&[("a.example", 10)])), (false, false));
    }

    #[test]
    fn a_few_emails_need_few_connections() {
        let mut slots = with(&[("a.example", FIRST_CONNECTIONS)]);
        slots.busy_since = Some(Instant::now());
        assert!(!slots.free().urgent);
        slots.busy_since = Instant::now().checked_sub(NEXT_CONNECTION_AFTER);
        assert!(slots.free().urgent, "one more");
    }

    #[test]
    fn one_domain_never_holds_all_slots() {
        assert!(with(&[("a.example", 8), ("b.example", 1)]).busy_domains().is_empty());
        assert_eq!(with(&[("a.example", 9)]).busy_domains(), ["a.example"]);
        assert_eq!(all_slow(with(&[("a.example", 2)])).busy_domains(), ["a.example"]);
    }

    #[test]
    fn slow_emails_take_no_slot_from_others() {
        assert!(all_slow(with(&[("a.example", 10)])).free().other);
        assert!(!all_slow(with(&[("a.example", 20)])).free().urgent, "at most ten extra");
        let mut few = all_slow(with(&[("a.example", 2)]));
        few.limit = 2;
        assert!(!few.free().urgent, "a relay that accepts two gets no third");
    }

    #[test]
    fn a_slow_domain_gets_few_slots() {
        let mut slots = all_slow(with(&[("a.example", 2)]));
        slots.release(0);
        slots.release(1);
        slots.take(2, "a.example", Purpose::Confirmation);
        slots.take(3, "a.example", Purpose::Confirmation);
        assert_eq!(slots.busy_domains(), ["a.example"]);
        assert!(!slots.is_slow("b.example"));
    }

    #[test]
    fn subdomains_count_together_and_slow_domains_hold_half() {
        let mut slots = with(&[("a.slow.example", 1), ("b.slow.example", 1)]);
        slots.remember_slow("c.slow.example");
        assert_eq!(slots.busy_domains(), ["slow.example"]);
        let mut slots = with(&[
            ("a.example", 1),
            ("b.example", 1),
            ("c.example", 1),
            ("d.example", 1),
            ("e.example", 1),
        ]);
        for domain in [
            "a.example",
            "b.example",
            "c.example",
            "d.example",
            "e.example",
            "f.example",
        ] {
            slots.remember_slow(domain);
        }
        assert!(
            slots.busy_domains().contains(&"f.example".to_owned()),
            "no further slow domain"
        );
    }

    #[test]
    fn a_domain_is_not_slow_if_the_relay_is_or_it_was_quick_again() {
        let mut slots = all_slow(with(&[("a.example", 1)]));
        slots.slow.quick_at = None;
        assert!(!slots.is_slow("a.example"));
        slots.release(0);
        assert!(!slots.is_slow("a.example"));
        slots.remember_slow("a.example");
        slots.take(1, "a.example", Purpose::Confirmation);
        slots.release(1);
        assert!(!slots.is_slow("a.example"));
    }

    #[test]
    fn email_to_staff_gets_a_slot_whatever_its_domain_holds() {
        let mut slots = with(&[("npoc.org", 9)]);
        assert!(slots.free().staff);
        for id in 100..109 {
            slots.release(id - 100);
            slots.take(id, "npoc.org", Purpose::Application);
        }
        assert!(!slots.free().staff && slots.free().urgent, "one slot stays for others");
    }

    #[test]
    fn a_relay_that_serves_and_refuses_connections_gets_fewer() {
        let mut slots = with(&[("a.example", 6)]);
        assert_eq!(slots.record_refused_connection(), None, "it has taken no email yet");
        slots.record_taken(None);
        assert_eq!(slots.record_refused_connection(), Some(5));
        assert_eq!(slots.record_refused_connection(), Some(4));
        assert_eq!(slots.record_taken(None), None, "not raised at once");
        let mut alone = with(&[("a.example", 1)]);
        alone.record_taken(None);
        assert_eq!(alone.record_refused_connection(), None, "no other connection is left");
    }

    #[test]
    fn while_the_relay_fails_one_email_tests_it() {
        let mut slots = with(&[("a.example", 1)]);
        slots.release(0);
        slots.relay.record_failing();
        assert!(slots.free().other);
        slots.take(1, "a.example", Purpose::Confirmation);
        assert!(!slots.free().urgent);
        assert!(slots.relay.record_answer());
        assert!(slots.free().urgent);
    }
}
