//! How many emails are sent at a time, and to whom: enough to be quick, as few connections as the relay asks for, and
//! always a place for what is urgent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Connections at a time, at most.
pub const MOST_CONNECTIONS: usize = 10;

/// Connections at once when work begins, and how long each further one waits: a few emails need no ten connections.
const AT_FIRST: usize = 3;
const NEXT_AFTER: Duration = Duration::from_millis(100);

/// Emails beyond those at a time, for as many that take long: the slowness of some holds no place of the others.
const EXTRA: usize = 10;

/// An email that takes longer takes long.
const LONG: Duration = Duration::from_secs(3);

/// A relay that took an email within this time serves, even if it refuses one more connection.
const SERVES: Duration = Duration::from_secs(10);

/// After this time without a refused connection one more is tried.
const RAISE_AFTER: Duration = Duration::from_secs(30);

/// For how long a domain counts as slow after it was.
const SLOW_FOR: Duration = Duration::from_mins(10);

/// Slow domains that are remembered.
const SLOW_DOMAINS: usize = 1_000;

/// Unclear failures in a row after which the relay itself is the likely reason.
const UNCLEAR_IN_A_ROW: u32 = 3;

/// The places, with what was learned from the emails in them.
#[derive(Debug)]
pub struct Places {
    limit: usize,
    changed_at: Option<Instant>,
    taken_at: Option<Instant>,
    /// The same by the database's clock.
    sent_at: Option<OffsetDateTime>,
    is_failing: bool,
    unclear: u32,
    /// Since when emails have been sent without a pause.
    busy_since: Option<Instant>,
    under_way: HashMap<i64, UnderWay>,
    slow_domains: HashMap<String, Instant>,
}

#[derive(Debug)]
struct UnderWay {
    domain: String,
    since: Instant,
}

/// Which places are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// For an urgent email.
    pub urgent: bool,
    /// For any other.
    pub other: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            limit: MOST_CONNECTIONS,
            changed_at: None,
            taken_at: None,
            sent_at: None,
            is_failing: false,
            unclear: 0,
            busy_since: None,
            under_way: HashMap::new(),
            slow_domains: HashMap::new(),
        }
    }
}

impl Places {
    /// Takes a place for an email to this domain.
    pub fn enter(&mut self, id: i64, domain: &str) {
        let (domain, since) = (domain.to_owned(), Instant::now());
        self.busy_since.get_or_insert(since);
        self.under_way.insert(id, UnderWay { domain, since });
    }

    /// Gives the place back; remembers a domain that took long.
    pub fn leave(&mut self, id: i64) {
        let Some(left) = self.under_way.remove(&id) else { return };
        if left.since.elapsed() > LONG {
            self.remember_slow(left.domain);
        }
    }

    /// Whether nothing is being sent. Nothing is due either when this is asked, so the next work begins with few.
    pub fn are_empty(&mut self) -> bool {
        let are_empty = self.under_way.is_empty();
        if are_empty {
            self.busy_since = None;
        }
        are_empty
    }

    /// What may be claimed now. While the relay fails, one email at a time asks it.
    pub fn free(&self) -> Free {
        let most = if self.is_failing {
            1
        } else {
            self.limit.min(self.at_present())
        };
        let free = most.saturating_sub(self.under_way.len() - self.beside());
        Free {
            urgent: free > 0,
            other: free > 1 || (free == 1 && most == 1),
        }
    }

    /// When there may be another place, though none was given back.
    pub fn next_change(&self) -> Option<Duration> {
        if self.at_present() < self.limit {
            return Some(NEXT_AFTER);
        }
        let ages = self.under_way.values().map(|one| one.since.elapsed());
        let oldest_young = ages.filter(|age| *age <= LONG).max();
        oldest_young.map(|age| LONG.saturating_sub(age) + Duration::from_millis(1))
    }

    /// How many connections the work that goes on has come to.
    fn at_present(&self) -> usize {
        let busy = self.busy_since.map_or(Duration::ZERO, |since| since.elapsed());
        let more = busy.as_millis() / NEXT_AFTER.as_millis();
        AT_FIRST.saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
    }

    /// Domains that hold all the places they may: all but one, and few if they are slow.
    pub fn busy_domains(&self) -> Vec<String> {
        let mut held: HashMap<&str, usize> = HashMap::new();
        for one in self.under_way.values() {
            *held.entry(&one.domain).or_default() += 1;
        }
        let most = |domain: &str| {
            if self.is_slow(domain) {
                self.limit / 5
            } else {
                self.limit - 1
            }
        };
        let busy = held.into_iter().filter(|(domain, held)| *held >= most(domain).max(1));
        busy.map(|(domain, _)| domain.to_owned()).collect()
    }

    /// Whether emails to this domain took long lately, or one does now.
    pub fn is_slow(&self, domain: &str) -> bool {
        let was = self
            .slow_domains
            .get(domain)
            .is_some_and(|since| since.elapsed() < SLOW_FOR);
        was || self
            .under_way
            .values()
            .any(|one| one.domain == domain && one.since.elapsed() > LONG)
    }

    /// Remembers that a domain is slow.
    pub fn remember_slow(&mut self, domain: String) {
        if self.slow_domains.len() >= SLOW_DOMAINS {
            self.slow_domains.retain(|_, since| since.elapsed() < SLOW_FOR);
        }
        if self.slow_domains.len() < SLOW_DOMAINS {
            self.slow_domains.insert(domain, Instant::now());
        }
    }

    /// Whether the relay took any email after this one failed, by the database's clock.
    pub fn took_any_since(&self, failed_at: Option<OffsetDateTime>) -> bool {
        failed_at.is_some_and(|failed_at| self.sent_at.is_some_and(|sent_at| sent_at > failed_at))
    }

    /// Notes that the relay answered for an email, yes or no: it serves. Returns whether it had failed before.
    pub fn note_answered(&mut self) -> bool {
        self.unclear = 0;
        std::mem::take(&mut self.is_failing)
    }

    /// Notes that the relay took an email. Returns the limit if it changed.
    pub fn note_taken(&mut self, sent_at: Option<OffsetDateTime>) -> Option<usize> {
        self.taken_at = Some(Instant::now());
        self.sent_at = sent_at.max(self.sent_at);
        let is_calm = self.changed_at.is_none_or(|at| at.elapsed() > RAISE_AFTER);
        (self.limit < MOST_CONNECTIONS && is_calm).then(|| self.set_limit(self.limit + 1))
    }

    /// Notes that the relay refused a connection. Returns the new limit if it serves others meanwhile and one fewer may
    /// do; `None` where it serves nobody.
    pub fn note_refused(&mut self) -> Option<usize> {
        let serves = self.taken_at.is_some_and(|at| at.elapsed() < SERVES);
        let fewer = self.limit.min(self.under_way.len()).saturating_sub(1);
        (serves && fewer > 0).then(|| self.set_limit(fewer))
    }

    /// Notes that the relay fails, until it takes an email.
    pub fn note_failing(&mut self) {
        self.is_failing = true;
    }

    /// Notes a conversation that broke within an email. Returns whether it is one of many in a row.
    pub fn note_unclear(&mut self) -> bool {
        self.unclear = self.unclear.saturating_add(1);
        self.unclear >= UNCLEAR_IN_A_ROW
    }

    /// Begins with what the relay bore before.
    pub fn begin_with(&mut self, connections: usize) {
        if connections < MOST_CONNECTIONS {
            self.set_limit(connections.max(1));
        }
    }

    fn set_limit(&mut self, limit: usize) -> usize {
        self.changed_at = Some(Instant::now());
        self.limit = limit;
        limit
    }

    /// Emails that take long and hold no place. A relay that bears few connections has no room beside them.
    fn beside(&self) -> usize {
        if self.limit < MOST_CONNECTIONS {
            return 0;
        }
        let long = self.under_way.values().filter(|one| one.since.elapsed() > LONG);
        long.count().min(EXTRA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(domains: &[(&str, usize)]) -> Places {
        let mut places = Places::default();
        let all = domains
            .iter()
            .flat_map(|(domain, times)| std::iter::repeat_n(domain, *times));
        for (id, domain) in (0..).zip(all) {
            places.enter(id, domain);
        }
        places.busy_since = Instant::now().checked_sub(LONG);
        places
    }

    /// As if everything had begun so much earlier.
    fn grown_old(mut places: Places) -> Places {
        for one in places.under_way.values_mut() {
            one.since = one.since.checked_sub(LONG * 2).unwrap();
        }
        places
    }

    #[test]
    fn the_last_place_is_kept_for_what_is_urgent() {
        let free = |places: &Places| (places.free().urgent, places.free().other);
        assert_eq!(free(&with(&[])), (true, true));
        assert_eq!(free(&with(&[("a.example", 8)])), (true, true));
        assert_eq!(free(&with(&[("a.example", 9)])), (true, false));
        assert_eq!(free(&with(&[("a.example", 10)])), (false, false));
    }

    #[test]
    fn a_few_emails_need_few_connections() {
        let mut places = with(&[("a.example", AT_FIRST)]);
        places.busy_since = Some(Instant::now());
        assert!(!places.free().urgent);
        places.busy_since = Instant::now().checked_sub(NEXT_AFTER);
        assert!(places.free().urgent, "one more");
    }

    #[test]
    fn one_domain_never_holds_all_places() {
        assert!(with(&[("a.example", 8), ("b.example", 1)]).busy_domains().is_empty());
        assert_eq!(with(&[("a.example", 9)]).busy_domains(), ["a.example"]);
        assert_eq!(grown_old(with(&[("a.example", 2)])).busy_domains(), ["a.example"]);
    }

    #[test]
    fn what_takes_long_holds_no_place_of_the_others() {
        assert!(grown_old(with(&[("a.example", 10)])).free().other);
        assert!(!grown_old(with(&[("a.example", 20)])).free().urgent, "within bounds");
        let mut few = grown_old(with(&[("a.example", 2)]));
        few.limit = 2;
        assert!(!few.free().urgent, "a relay that bears two gets no third");
    }

    #[test]
    fn a_domain_that_was_slow_gets_few_places() {
        let mut places = grown_old(with(&[("a.example", 2)]));
        places.leave(0);
        places.leave(1);
        places.enter(2, "a.example");
        places.enter(3, "a.example");
        assert_eq!(places.busy_domains(), ["a.example"]);
        assert!(!places.is_slow("b.example"));
    }

    #[test]
    fn a_relay_that_refuses_connections_and_serves_others_gets_fewer() {
        let mut places = with(&[("a.example", 6)]);
        assert_eq!(places.note_refused(), None, "it has served nobody yet");
        places.note_taken(None);
        assert_eq!(places.note_refused(), Some(5));
        assert_eq!(places.note_refused(), Some(4));
        assert_eq!(places.note_taken(None), None, "not more at once");
        let mut alone = with(&[("a.example", 1)]);
        alone.note_taken(None);
        assert_eq!(alone.note_refused(), None, "none is left to wait for");
    }

    #[test]
    fn while_the_relay_fails_one_email_asks_it() {
        let mut places = with(&[("a.example", 1)]);
        places.leave(0);
        places.note_failing();
        assert!(places.free().other);
        places.enter(1, "a.example");
        assert!(!places.free().urgent);
        assert!(places.note_answered());
        assert!(places.free().urgent);
    }
}
