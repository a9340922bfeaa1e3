//! Domains whose mail servers are slow, so that emails to them do not delay the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// An email that takes longer than this is slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(3);

/// How long a domain counts as slow, unless an email to it is quick.
const SLOW_FOR: Duration = Duration::from_mins(10);

/// A domain is slow only if the relay was quick for another domain within this time.
const QUICK_WITHIN: Duration = Duration::from_mins(1);

/// The most domains that are remembered.
const MAX_DOMAINS: usize = 1_000;

/// The slow domains, and when the relay was quick last.
#[derive(Debug, Default)]
pub struct SlowDomains {
    pub(super) quick_at: Option<Instant>,
    domains: HashMap<String, Instant>,
}

impl SlowDomains {
    /// Records how long the relay took over an email to this domain. If it is slow for every domain, none counts as slow.
    pub fn record(&mut self, domain: &str, took: Duration) {
        if took <= SLOW_AFTER {
            self.quick_at = Some(Instant::now());
            self.domains.remove(domain);
        } else if self.is_relay_quick() {
            self.add(domain);
        }
    }

    /// Returns whether the relay was quick within the last minute.
    pub fn is_relay_quick(&self) -> bool {
        self.quick_at.is_some_and(|at| at.elapsed() < QUICK_WITHIN)
    }

    /// Adds a slow domain.
    pub fn add(&mut self, domain: &str) {
        if self.domains.len() >= MAX_DOMAINS {
            self.domains.clear();
        }
        self.domains.insert(domain.to_owned(), Instant::now());
    }

    /// Returns whether emails to this domain were slow within the last ten minutes.
    pub fn contains(&self, domain: &str) -> bool {
        self.domains.get(domain).is_some_and(|since| since.elapsed() < SLOW_FOR)
    }

    /// Returns every remembered domain.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.domains.keys().cloned()
    }
}
