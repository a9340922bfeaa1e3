//! Limits the mails to applicants within a day. The person who fills in the form names the address, so the form must be no
//! way to flood a mailbox, a domain or the world. Beyond a ceiling an application is stored, and its applicant's mail held.

use std::collections::HashMap;

use super::counted_as::CountedAs;

/// Mails to one mailbox within a day. Some people apply for several organizations.
pub const MAILBOX: i64 = 20;

/// Mails to one registered domain within a day.
pub const DOMAIN: i64 = 20;

/// Mails to one large mail provider within a day: its users are strangers to each other.
pub const LARGE_PROVIDER: i64 = 300;

/// Mails to all applicants within a day.
pub const ALL: i64 = 300;

/// Applications within an hour of which staff get single mails. Those beyond are in a digest.
pub const SINGLE_MAILS: i64 = 20;

/// Why the mail to an applicant is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The reader of the mailbox reported an earlier mail as spam.
    Complaint,
    /// The mailbox was mailed as often as it may be within a day.
    Mailbox,
    /// The registered domain was mailed as often as it may be within a day.
    Domain,
    /// All applicants together were mailed as often as they may be within a day.
    All,
    /// The network of the sender sent as many applications as are confirmed within a day.
    Network,
}

/// What the database has counted for one application, before any that came with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Mails to the mailbox within a day.
    pub to_mailbox: i64,
    /// Mails to the registered domain within a day.
    pub to_domain: i64,
    /// Mails to all applicants within a day.
    pub to_all: i64,
    /// Whether the reader of the mailbox reported a mail as spam.
    pub has_complained: bool,
}

/// The mails of the applications that are stored together, which the database does not count yet.
#[derive(Debug, Default)]
pub struct Tally {
    mailboxes: HashMap<String, i64>,
    domains: HashMap<String, i64>,
    all: i64,
}

impl Tally {
    /// Returns why the next applicant's mail is held; `None` where it is sent, and then counts it.
    pub fn hold(&mut self, of: &CountedAs, counts: Counts, is_network_full: bool) -> Option<Hold> {
        let before = |tally: &HashMap<String, i64>, key: &str| tally.get(key).copied().unwrap_or_default();
        let to_mailbox = counts.to_mailbox + before(&self.mailboxes, &of.mailbox);
        let to_domain = counts.to_domain + before(&self.domains, &of.domain);
        let most_to_domain = if of.is_large_provider { LARGE_PROVIDER } else { DOMAIN };
        let holds = [
            (counts.has_complained, Hold::Complaint),
            (to_mailbox >= MAILBOX, Hold::Mailbox),
            (to_domain >= most_to_domain, Hold::Domain),
            (counts.to_all + self.all >= ALL, Hold::All),
            (is_network_full, Hold::Network),
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

/// Returns why this mail is held at a site without limits, where only a complaint counts.
pub fn hold_without_limits(counts: Counts) -> Option<Hold> {
    counts.has_complained.then_some(Hold::Complaint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::EmailAddress;

    fn counted_as(address: &str) -> CountedAs {
        CountedAs::of(&EmailAddress::parse(address).unwrap())
    }

    #[test]
    fn the_next_mail_beyond_each_ceiling_is_held() {
        let own = counted_as("ann@afyabora.or.ke");
        let large = counted_as("ann@gmail.com");
        let none = Counts::default();
        for (of, full, hold) in [
            (&own, Counts { to_mailbox: 20, ..none }, Hold::Mailbox),
            (&own, Counts { to_domain: 20, ..none }, Hold::Domain),
            (&large, Counts { to_domain: 300, ..none }, Hold::Domain),
            (&own, Counts { to_all: 300, ..none }, Hold::All),
        ] {
            assert_eq!(Tally::default().hold(of, full, false), Some(hold));
            let less = Counts {
                to_mailbox: full.to_mailbox - 1,
                to_domain: full.to_domain - 1,
                to_all: full.to_all - 1,
                has_complained: false,
            };
            assert_eq!(Tally::default().hold(of, less, false), None, "{hold:?}");
        }
        let complained = Counts {
            has_complained: true,
            ..none
        };
        assert_eq!(Tally::default().hold(&own, complained, true), Some(Hold::Complaint));
        assert_eq!(Tally::default().hold(&own, none, true), Some(Hold::Network));
    }

    #[test]
    fn what_comes_together_is_counted_along_but_not_what_is_held() {
        let mut tally = Tally::default();
        let before = Counts {
            to_mailbox: 18,
            to_domain: 18,
            to_all: 298,
            has_complained: false,
        };
        let own = counted_as("ann@afyabora.or.ke");
        let holds: Vec<_> = (0..4).map(|_| tally.hold(&own, before, false)).collect();
        assert_eq!(holds, [None, None, Some(Hold::Mailbox), Some(Hold::Mailbox)]);
        let other = Counts {
            to_all: 297,
            ..Counts::default()
        };
        let others = counted_as("ann@example.org");
        assert_eq!(tally.hold(&others, other, false), None, "two of 298 and not four");
        assert_eq!(tally.hold(&others, other, false), Some(Hold::All));
    }
}
