//! Limits the emails to applicants within a day. The person who fills in the form chooses the address, so the form must
//! not be a way to flood mailboxes. Beyond a limit the application is stored and the email to its applicant is held.

use std::collections::HashMap;

use super::SenderNetwork;
use super::counted_as::CountedAs;

/// The most emails to one mailbox within a day. Some people apply for several organizations.
pub const MAILBOX: i64 = 20;

/// The most emails to one registered domain within a day.
pub const DOMAIN: i64 = 20;

/// The most emails to one large mail provider within a day. Its users do not know each other.
pub const LARGE_PROVIDER: i64 = 300;

/// The most emails to all applicants within a day.
pub const ALL: i64 = 300;

/// The most applications within an hour with a separate email to staff. The others are in a digest.
pub const SINGLE_EMAILS: i64 = 20;

/// Why the email to an applicant is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The reader of the mailbox reported an earlier email as spam.
    Complaint,
    /// The limit of the mailbox is reached.
    Mailbox,
    /// The limit of the registered domain is reached.
    Domain,
    /// The limit of all applicants together is reached.
    All,
    /// The daily limit of the sender's network is reached.
    Network,
}

/// The counts of the database for one application, without the batch that it is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmailCounts {
    /// Emails to the mailbox within a day.
    pub to_mailbox: i64,
    /// Emails to the registered domain within a day.
    pub to_domain: i64,
    /// Emails to all applicants within a day.
    pub to_all: i64,
    /// Whether the reader of the mailbox reported an email as spam.
    pub has_complained: bool,
}

/// The emails of a batch, which the database does not count yet.
#[derive(Debug, Default)]
pub struct Tally {
    mailboxes: HashMap<String, i64>,
    domains: HashMap<String, i64>,
    all: i64,
}

impl Tally {
    /// Returns why the email to the next applicant is held. Returns `None` and counts the email if it is sent.
    pub fn hold(&mut self, of: &CountedAs, counts: EmailCounts, network: SenderNetwork) -> Option<Hold> {
        let before = |tally: &HashMap<String, i64>, key: &str| tally.get(key).copied().unwrap_or_default();
        let to_mailbox = counts.to_mailbox + before(&self.mailboxes, &of.mailbox);
        let to_domain = counts.to_domain + before(&self.domains, &of.domain);
        let domain_limit = if of.is_large_provider { LARGE_PROVIDER } else { DOMAIN };
        let holds = [
            (counts.has_complained, Hold::Complaint),
            (to_mailbox >= MAILBOX, Hold::Mailbox),
            (to_domain >= domain_limit, Hold::Domain),
            (counts.to_all + self.all >= ALL, Hold::All),
            (network == SenderNetwork::AtDailyLimit, Hold::Network),
        ];
        let hold = holds.into_iter().find_map(|(is_so, hold)| is_so.then_some(hold));
        if hold.is_none() {
            *self.mailboxes.entry(of.mailbox.clone()).or_default() += 1;
            *self.domains.entry(of.domain.clone()).or_default() += 1;
            self.all += 1;
        }
        hold
    }
}

/// Returns why an email is held by a site without limits, where only a complaint counts.
pub fn hold_without_limits(counts: EmailCounts) -> Option<Hold> {
    counts.has_complained.then_some(Hold::Complaint)
}

#[cfg(test)]
mod tests {
    use super::SenderNetwork::{AtDailyLimit, BelowDailyLimit};
    use super::*;
    use crate::values::EmailAddress;

    fn counted_as(address: &str) -> CountedAs {
        CountedAs::of(&EmailAddress::parse(address).unwrap())
    }

    #[test]
    fn the_next_email_beyond_each_limit_is_held() {
        let own = counted_as("ann@afyabora.or.ke");
        let large = counted_as("ann@gmail.com");
        let none = EmailCounts::default();
        for (of, full, hold) in [
            (&own, EmailCounts { to_mailbox: 20, ..none }, Hold::Mailbox),
            (&own, EmailCounts { to_domain: 20, ..none }, Hold::Domain),
            (&large, EmailCounts { to_domain: 300, ..none }, Hold::Domain),
            (&own, EmailCounts { to_all: 300, ..none }, Hold::All),
        ] {
            assert_eq!(Tally::default().hold(of, full, BelowDailyLimit), Some(hold));
            let less = EmailCounts {
                to_mailbox: full.to_mailbox - 1,
                to_domain: full.to_domain - 1,
                to_all: full.to_all - 1,
                has_complained: false,
            };
            assert_eq!(Tally::default().hold(of, less, BelowDailyLimit), None, "{hold:?}");
        }
        let complained = EmailCounts {
            has_complained: true,
            ..none
        };
        assert_eq!(
            Tally::default().hold(&own, complained, AtDailyLimit),
            Some(Hold::Complaint)
        );
        assert_eq!(Tally::default().hold(&own, none, AtDailyLimit), Some(Hold::Network));
    }

    #[test]
    fn emails_of_a_batch_count_unless_they_are_held() {
        let mut tally = Tally::default();
        let before = EmailCounts {
            to_mailbox: 18,
            to_domain: 18,
            to_all: 298,
            has_complained: false,
        };
        let own = counted_as("ann@afyabora.or.ke");
        let holds: Vec<_> = (0..4).map(|_| tally.hold(&own, before, BelowDailyLimit)).collect();
        assert_eq!(holds, [None, None, Some(Hold::Mailbox), Some(Hold::Mailbox)]);
        let other = EmailCounts {
            to_all: 297,
            ..EmailCounts::default()
        };
        let others = counted_as("ann@example.org");
        assert_eq!(
            tally.hold(&others, other, BelowDailyLimit),
            None,
            "two of 298 and not four"
        );
        assert_eq!(tally.hold(&others, other, BelowDailyLimit), Some(Hold::All));
    }
}
