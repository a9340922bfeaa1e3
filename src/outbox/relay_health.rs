//! The health of the relay, judged by recent emails.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::mailer::Enhanced;

/// A relay that took an email within this time serves, even if it refuses one more connection.
const SERVES: Duration = Duration::from_secs(10);

/// The number of emails in a row whose conversation broke that makes the relay the likely cause.
const MAX_BROKEN: usize = 3;

/// The number of emails in a row, refused with the same codes, that shows that the relay refuses all.
const MAX_REFUSED: usize = 5;

/// The codes of a refusal: the reply code and the enhanced code.
pub type Codes = (Option<u16>, Option<Enhanced>);

/// What the latest emails showed of the relay.
#[derive(Debug, Default)]
pub struct RelayHealth {
    is_failing: bool,
    taken_at: Option<Instant>,
    /// The same by the database's clock.
    sent_at: Option<OffsetDateTime>,
    broken: HashSet<i64>,
    refused: HashSet<i64>,
    refused_with: Codes,
}

impl RelayHealth {
    /// Returns whether the relay fails.
    pub fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Returns whether the relay took an email in the last ten seconds.
    pub fn serves(&self) -> bool {
        self.taken_at.is_some_and(|at| at.elapsed() < SERVES)
    }

    /// Returns whether the relay took any email after this one failed, by the database's clock.
    pub fn took_any_since(&self, failed_at: Option<OffsetDateTime>) -> bool {
        failed_at.is_some_and(|failed_at| self.sent_at.is_some_and(|sent_at| sent_at > failed_at))
    }

    /// Records that the relay fails, until it answers for an email.
    pub fn record_failing(&mut self) {
        self.is_failing = true;
    }

    /// Records that the relay answered for an email, yes or no. Returns whether it failed before.
    pub fn record_answer(&mut self) -> bool {
        self.broken.clear();
        std::mem::take(&mut self.is_failing)
    }

    /// Records that the relay took an email.
    pub fn record_taken(&mut self, sent_at: Option<OffsetDateTime>) {
        self.taken_at = Some(Instant::now());
        self.sent_at = sent_at.max(self.sent_at);
        self.refused.clear();
    }

    /// Records an email whose conversation broke. Returns whether the relay is the likely cause.
    pub fn record_broken(&mut self, id: i64) -> bool {
        self.broken.insert(id);
        self.broken.len() >= MAX_BROKEN
    }

    /// Records an email that the relay does not take from us. Returns whether the relay refuses all emails.
    pub fn record_refused_email(&mut self, id: i64, codes: Codes) -> bool {
        if self.refused_with != codes {
            self.refused.clear();
            self.refused_with = codes;
        }
        self.refused.insert(id);
        self.refused.len() >= MAX_REFUSED
    }

    /// Forgets the database's time of the last email, because that clock was set back.
    pub fn forget_time(&mut self) {
        self.sent_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_equal_refusals_in_a_row_are_the_relays() {
        let mut relay = RelayHealth::default();
        assert!((0..20).all(|id| !relay.record_refused_email(id, (Some(550 + u16::try_from(id % 2).unwrap()), None))));
        let quota = (Some(450), None);
        assert!((0..4).all(|id| !relay.record_refused_email(id, quota)) && relay.record_refused_email(4, quota));
        relay.record_taken(None);
        assert!(!relay.record_refused_email(5, quota));
    }

    #[test]
    fn one_email_that_breaks_again_and_again_is_not_the_relays_failure() {
        let mut relay = RelayHealth::default();
        assert!((0..10).all(|_| !relay.record_broken(1)));
        assert!(!relay.record_broken(2) && relay.record_broken(3));
    }
}
