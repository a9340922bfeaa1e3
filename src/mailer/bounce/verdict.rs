//! The verdict of a report: whether an email of ours failed, is delayed or was reported as spam.

/// The verdict about an email of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BounceVerdict {
    /// It did not reach its recipient, and the server gave up.
    Failed(BounceDetails),
    /// It has not reached its recipient yet. The server tries again.
    Delayed(BounceDetails),
    /// The recipient reported it as spam.
    Complaint,
    /// None of these: a vacation note, a reply, a report of success, or spam.
    Other,
}

/// Why an email was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceDetails {
    /// The class of the reason.
    pub class: BounceClass,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: Option<String>,
    /// The server's own words: one line of at most 500 characters.
    pub diagnostic: Option<String>,
}

/// The classes of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceClass {
    /// The address does not exist or is disabled.
    NoSuchMailbox,
    /// The mailbox is full.
    MailboxFull,
    /// The server refused the email by its policy, mostly as spam.
    RefusedAsSpam,
    /// Any other reason, or none given.
    Other,
}

impl BounceClass {
    const ALL: [Self; 4] = [Self::NoSuchMailbox, Self::MailboxFull, Self::RefusedAsSpam, Self::Other];

    /// Returns the name in the database and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchMailbox => "no-such-mailbox",
            Self::MailboxFull => "mailbox-full",
            Self::RefusedAsSpam => "refused-as-spam",
            Self::Other => "other",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_parsed_from_its_name() {
        for class in BounceClass::ALL {
            assert_eq!(BounceClass::parse(class.name()), Some(class));
        }
        assert_eq!(BounceClass::parse("Other"), None);
    }
}
