//! How many emails are sent at a time, and to whom: enough to be quick, as few connections as the relay asks for, and
//! always a place for what is urgent.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::mailer::Enhanced;

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

/// For how long a domain counts as slow after it was, unless an email to it is quick.
const SLOW_FOR: Duration = Duration::from_mins(10);

/// Only beside a relay that was quick within this time can a domain be slow.
const QUICK_WITHIN: Duration = Duration::from_mins(1);

/// Slow domains that are remembered.
const SLOW_DOMAINS: usize = 1_000;

/// Emails in a row that failed without a word of their recipients, after which the relay is the likely reason: their
/// conversations broke, or the relay does not take them from us.
const BROKEN_IN_A_ROW: usize = 3;
const REFUSED_IN_A_ROW: usize = 5;

/// The places, with what was learned from the emails in them.
#[derive(Debug)]
pub struct Places {
    limit: usize,
    changed_at: Option<Instant>,
    taken_at: Option<Instant>,
    /// The same by the database's clock.
    sent_at: Option<OffsetDateTime>,
    is_failing: bool,
    broken: HashSet<i64>,
    refused: HashSet<i64>,
    refused_with: (Option<u16>, Option<Enhanced>),
    quick_at: Option<Instant>,
    /// Since when emails have been sent without a pause.
    busy_since: Option<Instant>,
    under_way: HashMap<i64, UnderWay>,
    slow_domains: HashMap<String, Instant>,
}

#[derive(Debug)]
struct UnderWay {
    /// The domain that somebody registered; names below it are theirs.
    domain: String,
    is_to_staff: bool,
    since: Instant,
}

/// Which places are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// For an email to staff, whose domain does not count. They hold all places but one.
    pub staff: bool,
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
            broken: HashSet::new(),
            refused: HashSet::new(),
            refused_with: (None, None),
            quick_at: None,
            busy_since: None,
            under_way: HashMap::new(),
            slow_domains: HashMap::new(),
        }
    }
}

impl Places {
    /// Takes a place for an email to this domain.
    pub fn enter(&mut self, id: i64, domain: &str, is_to_staff: bool) {
        let since = Instant::now();
        self.busy_since.get_or_insert(since);
        self.under_way.insert(
            id,
            UnderWay {
                domain: registered(domain).to_owned(),
                is_to_staff,
                since,
            },
        );
    }

    /// Gives the place back. A domain that took long is slow if the relay was quick for others; one that was quick is not.
    pub fn leave(&mut self, id: i64) {
        let Some(left) = self.under_way.remove(&id) else { return };
        if left.since.elapsed() <= LONG {
            self.quick_at = Some(Instant::now());
            self.slow_domains.remove(&left.domain);
        } else if self.is_quick() {
            self.remember_slow(&left.domain);
        }
    }

    /// Whether the relay was quick lately.
    pub fn is_quick(&self) -> bool {
        self.quick_at.is_some_and(|at| at.elapsed() < QUICK_WITHIN)
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
        let to_staff = self.under_way.values().filter(|one| one.is_to_staff).count();
        Free {
            staff: free > 0 && (to_staff + 1 < most || most == 1),
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

    /// Domains that hold all the places they may: all but one, and few if they are slow. Slow domains together hold half.
    pub fn busy_domains(&self) -> Vec<String> {
        let mut held: HashMap<&str, usize> = HashMap::new();
        for one in self.under_way.values().filter(|one| !one.is_to_staff) {
            *held.entry(&one.domain).or_default() += 1;
        }
        let slow: usize = held
            .iter()
            .filter(|(domain, _)| self.is_slow(domain))
            .map(|(_, held)| held)
            .sum();
        let most = |domain: &str| {
            if self.is_slow(domain) {
                self.limit / 5
            } else {
                self.limit - 1
            }
        };
        let busy = held.into_iter().filter(|(domain, held)| *held >= most(domain).max(1));
        let mut busy: Vec<String> = busy.map(|(domain, _)| domain.to_owned()).collect();
        if slow >= (self.limit / 2).max(1) {
            busy.extend(self.slow_domains.keys().cloned());
        }
        busy
    }

    /// Whether emails to this domain took long lately, or one does now.
    pub fn is_slow(&self, domain: &str) -> bool {
        let domain = registered(domain);
        let was = self
            .slow_domains
            .get(domain)
            .is_some_and(|since| since.elapsed() < SLOW_FOR);
        let is = |one: &UnderWay| one.domain == domain && one.since.elapsed() > LONG;
        was || (self.is_quick() && self.under_way.values().any(is))
    }

    /// Remembers that a domain is slow.
    pub fn remember_slow(&mut self, domain: &str) {
        if self.slow_domains.len() >= SLOW_DOMAINS {
            self.slow_domains.clear();
        }
        self.slow_domains.insert(registered(domain).to_owned(), Instant::now());
    }

    /// Whether the relay took any email after this one failed, by the database's clock.
    pub fn took_any_since(&self, failed_at: Option<OffsetDateTime>) -> bool {
        failed_at.is_some_and(|failed_at| self.sent_at.is_some_and(|sent_at| sent_at > failed_at))
    }

    /// Notes that the relay answered for an email, yes or no: it serves. Returns whether it had failed before.
    pub fn note_answered(&mut self) -> bool {
        self.broken.clear();
        std::mem::take(&mut self.is_failing)
    }

    /// Notes that the relay took an email. Returns the limit if it changed.
    pub fn note_taken(&mut self, sent_at: Option<OffsetDateTime>) -> Option<usize> {
        self.taken_at = Some(Instant::now());
        self.sent_at = sent_at.max(self.sent_at);
        self.refused.clear();
        let is_calm = self.changed_at.is_none_or(|at| at.elapsed() > RAISE_AFTER);
        (self.limit < MOST_CONNECTIONS && is_calm).then(|| self.set_limit(self.limit + 1))
    }

    /// The emails that are being sent.
    pub fn ids(&self) -> Vec<i64> {
        self.under_way.keys().copied().collect()
    }

    /// Forgets when the relay took an email last by the database's clock, since that clock went back.
    pub fn forget_time(&mut self) {
        self.sent_at = None;
    }

    /// Notes that the relay refused a connection. Returns the new limit if it serves others meanwhile and one fewer may
    /// do; `None` where it serves nobody.
    pub fn note_refused(&mut self) -> Option<usize> {
        let serves = self.serves();
        let fewer = self.limit.min(self.under_way.len()).saturating_sub(1);
        (serves && fewer > 0).then(|| self.set_limit(fewer))
    }

    /// Notes that the relay fails, until it answers for an email.
    pub fn note_failing(&mut self) {
        self.is_failing = true;
    }

    /// Whether the relay took an email a moment ago.
    pub fn serves(&self) -> bool {
        self.taken_at.is_some_and(|at| at.elapsed() < SERVES)
    }

    /// Counts an email whose conversation broke. Returns whether three emails in a row did: then the relay is the reason.
    pub fn note_broken(&mut self, id: i64) -> bool {
        self.broken.insert(id);
        self.broken.len() >= BROKEN_IN_A_ROW
    }

    /// Counts an email that the relay does not take from us. Returns whether five emails in a row were refused with the
    /// same codes: then the relay takes none.
    pub fn note_refused_email(&mut self, id: i64, codes: (Option<u16>, Option<Enhanced>)) -> bool {
        if self.refused_with != codes {
            self.refused.clear();
            self.refused_with = codes;
        }
        self.refused.insert(id);
        self.refused.len() >= REFUSED_IN_A_ROW
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
        if self.is_failing || self.limit < MOST_CONNECTIONS {
            return 0;
        }
        let long = self.under_way.values().filter(|one| one.since.elapsed() > LONG);
        long.count().min(EXTRA)
    }
}

/// The part of a name that somebody registered, where the Public Suffix List tells it.
fn registered(domain: &str) -> &str {
    psl::domain_str(domain).unwrap_or(domain)
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
            places.enter(id, domain, false);
        }
        places.quick_at = Some(Instant::now());
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
        places.enter(2, "a.example", false);
        places.enter(3, "a.example", false);
        assert_eq!(places.busy_domains(), ["a.example"]);
        assert!(!places.is_slow("b.example"));
    }

    #[test]
    fn names_below_one_domain_are_one_domain_and_slow_domains_hold_half() {
        let mut places = with(&[("a.slow.example", 1), ("b.slow.example", 1)]);
        places.remember_slow("c.slow.example");
        assert_eq!(places.busy_domains(), ["slow.example"]);
        let mut places = with(&[
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
            places.remember_slow(domain);
        }
        assert!(
            places.busy_domains().contains(&"f.example".to_owned()),
            "no further slow one"
        );
    }

    #[test]
    fn a_domain_is_not_slow_where_the_relay_is_slow_for_all_or_after_it_was_quick() {
        let mut places = grown_old(with(&[("a.example", 1)]));
        places.quick_at = None;
        assert!(!places.is_slow("a.example"));
        places.leave(0);
        assert!(!places.is_slow("a.example"));
        places.remember_slow("a.example");
        places.enter(1, "a.example", false);
        places.leave(1);
        assert!(!places.is_slow("a.example"));
    }

    #[test]
    fn mail_to_staff_finds_a_place_whatever_its_domain_holds() {
        let mut places = with(&[("npoc.org", 9)]);
        assert!(places.free().staff);
        for id in 100..109 {
            places.leave(id - 100);
            places.enter(id, "npoc.org", true);
        }
        assert!(!places.free().staff && places.free().urgent, "and leaves one to others");
    }

    #[test]
    fn a_relay_that_refuses_many_in_the_same_way_takes_none() {
        let mut places = with(&[]);
        assert!((0..20).all(|id| !places.note_refused_email(id, (Some(550 + u16::try_from(id % 2).unwrap()), None))));
        let quota = (Some(450), None);
        assert!((0..4).all(|id| !places.note_refused_email(id, quota)) && places.note_refused_email(4, quota));
        places.note_taken(None);
        assert!(!places.note_refused_email(5, quota));
    }

    #[test]
    fn one_email_again_and_again_is_not_the_relays_fault() {
        let mut places = with(&[]);
        assert!((0..10).all(|_| !places.note_broken(1)));
        assert!(!places.note_broken(2) && places.note_broken(3));
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
        places.enter(1, "a.example", false);
        assert!(!places.free().urgent);
        assert!(places.note_answered());
        assert!(places.free().urgent);
    }
}
