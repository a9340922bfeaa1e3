//! The verdict of a report: whether an email of ours failed, is delayed or was reported as spam.

/// What became of a mail of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BounceVerdict {
    /// It did not reach its recipient, and the server has given up.
    Failed(BounceDetails),
    /// It did not reach its recipient yet. The server tries again.
    Delayed(BounceDetails),
    /// The recipient reported it as spam.
    Complaint,
    /// Nothing of the kind: a vacation note, a person's reply, a report of success, spam.
    Other,
}

/// UndeliveredReason a mail was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceDetails {
    /// The kind of reason.
    pub class: BounceClass,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: Option<String>,
    /// The server's own words: one line of at most 500 characters.
    pub diagnostic: Option<String>,
}

/// The kinds of reasons for which a mail is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceClass {
    /// The address does not exist or is switched off.
    NoSuchMailbox,
    /// The mailbox is full.
    MailboxFull,
    /// The server refused the mail by its policy, as a rule as spam.
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

    /// Reads such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_the_name_of_each_class() {
        for class in BounceClass::ALL {
            assert_eq!(BounceClass::parse(class.name()), Some(class));
        }
        assert_eq!(BounceClass::parse("Other"), None);
    }
}
