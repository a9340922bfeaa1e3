//! Emails that did not reach their reader. What is written about them is membership's to say.

use std::fmt::Debug;

use crate::mailer::{Email, Purpose};
use crate::values::EmailAddress;

/// Why an email did not reach its reader, each with the words of a server or relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not tried any more.
    GivenUp(String),
    /// It was sent and came back.
    Bounced(String),
    /// It was sent and waits somewhere.
    Delayed(String),
    /// Its reader complained of it as spam.
    Complaint,
}

/// An email that did not reach its reader.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// Its Message-ID.
    pub message_id: String,
    /// What it is about.
    pub reference: Option<String>,
    /// To whom it went.
    pub recipient: EmailAddress,
    /// What it was for.
    pub purpose: Purpose,
    /// Its subject.
    pub subject: String,
    /// How often it was claimed. Makes the Message-ID of a second notice differ.
    pub claims: i32,
    /// Why.
    pub why: Why,
}

/// Writes the emails about emails that did not reach their reader.
pub trait NoticeWriter: Debug + Send + Sync {
    /// The email that tells somebody; `None` where an email could not help, since it would go the same way.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    fn notice(&self, undelivered: &Undelivered) -> anyhow::Result<Option<Email>>;
}
