//! Emails, before they become messages.

use time::OffsetDateTime;

use crate::locale::Language;
use crate::values::EmailAddress;

/// The purpose of an email. Decides what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Brings an application to staff.
    Application,
    /// Tells an applicant that the application arrived.
    Confirmation,
    /// Reports to staff once a day.
    DailyReport,
    /// Tells staff that an email did not reach its recipient.
    Undelivered,
    /// Brings many applications to staff in one email.
    Digest,
    /// Shows an operator that the relay takes email.
    Test,
    /// Tells an applicant about a change of the application.
    Update,
    /// Tells staff about a change of an application, in its thread.
    Thread,
    /// Signs in one of the staff.
    SignIn,
    /// Tells one of the staff about a change of the account.
    Account,
    /// Tells one of the staff what waits at the desk.
    DeskDigest,
    /// Brings an applicant a link to correct the application.
    ChangeLink,
}

impl Purpose {
    const ALL: [Self; 12] = [
        Self::Application,
        Self::Confirmation,
        Self::DailyReport,
        Self::Undelivered,
        Self::Digest,
        Self::Test,
        Self::Update,
        Self::Thread,
        Self::SignIn,
        Self::Account,
        Self::DeskDigest,
        Self::ChangeLink,
    ];

    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Confirmation => "arrival",
            Self::DailyReport => "daily-report",
            Self::Undelivered => "undelivered",
            Self::Digest => "digest",
            Self::Test => "test",
            Self::Update => "update",
            Self::Thread => "thread",
            Self::SignIn => "sign-in",
            Self::Account => "account",
            Self::DeskDigest => "desk-digest",
            Self::ChangeLink => "change-link",
        }
    }

    /// Returns all names.
    #[must_use]
    pub fn names() -> [&'static str; 12] {
        Self::ALL.map(Self::name)
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Returns whether the email goes to staff. It is tried without end, because a refusal there is our mistake.
    #[must_use]
    pub fn is_to_staff(self) -> bool {
        matches!(
            self,
            Self::Application | Self::DailyReport | Self::Undelivered | Self::Digest | Self::Thread
        )
    }

    /// Returns whether the email goes to one member of the staff, whose address concerns nobody else.
    #[must_use]
    pub fn is_to_one_of_staff(self) -> bool {
        matches!(self, Self::SignIn | Self::Account | Self::DeskDigest)
    }
}

/// An email to send.
#[derive(Clone, Debug)]
pub struct Email {
    /// The Message-ID, `<…@…>`, the same on every try.
    pub message_id: String,
    /// The Message-ID of the email that this one follows in a thread.
    pub in_reply_to: Option<String>,
    /// The reference of the application, for the header `X-NPOC-Reference`.
    pub reference: Option<String>,
    /// The recipient.
    pub recipient: EmailAddress,
    /// The address for replies, if it is not the sender's. The message omits an address that needs SMTPUTF8.
    pub reply_to: Option<EmailAddress>,
    /// The subject, without line breaks.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// The purpose.
    pub purpose: Purpose,
    /// The language of subject and text; `None` if a later release wrote them in one that this release does not know.
    pub language: Option<Language>,
}

/// The parts of a message that are drawn once, so that every try has the same octets.
#[derive(Clone, Debug)]
pub struct MessageSeed {
    /// The date of the message: the time when it was queued.
    pub date: OffsetDateTime,
    /// 16 secret random letters and digits, part of the MIME boundary and of the envelope sender, which identifies a bounce.
    pub token: String,
}

impl MessageSeed {
    /// Draws a seed for an email outside the queue.
    #[must_use]
    pub fn now() -> Self {
        let token = uuid::Uuid::new_v4().simple().to_string();
        Self {
            date: OffsetDateTime::now_utc(),
            token: token[..16].to_owned(),
        }
    }
}
