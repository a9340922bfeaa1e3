//! Emails that did not reach their recipient. The module `membership` writes the notices about them.

use std::fmt::Debug;

use crate::mailer::{Email, Purpose};
use crate::values::EmailAddress;

/// Why an email did not reach its recipient, with the words of the server or relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndeliveredReason {
    /// It is not tried any more.
    GivenUp(String),
    /// It was sent and bounced.
    Bounced(String),
    /// It was sent, and another server still tries to deliver it.
    Delayed(String),
    /// The recipient reported it as spam.
    Complaint,
}

/// An email that did not reach its recipient.
#[derive(Clone, Debug)]
pub struct Undelivered {
    /// The Message-ID.
    pub message_id: String,
    /// The reference of the application that it is about.
    pub reference: Option<String>,
    /// The recipient.
    pub recipient: EmailAddress,
    /// The purpose.
    pub purpose: Purpose,
    /// The subject.
    pub subject: String,
    /// How often it was claimed. Makes the Message-ID of a second notice differ.
    pub claims: i32,
    /// Why it did not arrive.
    pub reason: UndeliveredReason,
}

/// Writes the notices about emails that did not reach their recipient.
pub trait NoticeWriter: Debug + Send + Sync {
    /// Returns the notice, or `None` if it would fail in the same way as the email.
    ///
    /// # Errors
    /// Returns an error if a template cannot be rendered.
    fn notice(&self, undelivered: &Undelivered) -> anyhow::Result<Option<Email>>;
}
