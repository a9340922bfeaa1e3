//! An email before it becomes a message.

use time::OffsetDateTime;

use crate::values::EmailAddress;

/// What an email is for. Decides what a refusal means, and where the email counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Brings an application to staff.
    Application,
    /// Tells an applicant that the application has arrived.
    Arrival,
    /// Tells staff once a day what came and went.
    DailyReport,
    /// Tells staff that an email did not reach its reader.
    Undelivered,
    /// Brings many applications to staff at once.
    Digest,
    /// Shows an operator that the relay takes mail.
    Test,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Application,
        Self::Arrival,
        Self::DailyReport,
        Self::Undelivered,
        Self::Digest,
        Self::Test,
    ];

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Arrival => "arrival",
            Self::DailyReport => "daily-report",
            Self::Undelivered => "undelivered",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether it goes to staff. A refusal there is our own mistake: the email is tried until somebody repairs it.
    #[must_use]
    pub fn is_to_staff(self) -> bool {
        !matches!(self, Self::Arrival | Self::Test)
    }
}

/// An email to be sent.
#[derive(Clone, Debug)]
pub struct Email {
    /// `<…@…>`, the same on every try.
    pub message_id: String,
    /// The Message-ID of the email in whose thread this one belongs.
    pub in_reply_to: Option<String>,
    /// The application it is about, for the `X-NPOC-Reference` header.
    pub reference: Option<String>,
    /// To whom.
    pub recipient: EmailAddress,
    /// Where a reply goes, if not to the sender. Left out of the message where only SMTPUTF8 could carry it.
    pub reply_to: Option<EmailAddress>,
    /// The subject, without line breaks.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// What makes every try of an email the same octets.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The date of the message: when it was queued.
    pub date: OffsetDateTime,
    /// 16 random letters and digits that nobody else knows: the part of the envelope sender by which a bounce is
    /// known, and the boundary of the parts.
    pub token: String,
}

impl Stamp {
    /// For an email outside the queue.
    #[must_use]
    pub fn now() -> Self {
        let token = uuid::Uuid::new_v4().simple().to_string();
        Self {
            date: OffsetDateTime::now_utc(),
            token: token[..16].to_owned(),
        }
    }
}
