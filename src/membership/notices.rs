//! The emails that tell staff about an undelivered email to an applicant, in the thread of the application.

use askama::Template;

use super::emails::MailIdentity;
use super::unlinked::{mail_address, unlinked};
use super::words;
use crate::locale::Language;
use crate::mailer::{Email, Purpose};
use crate::outbox::{NoticeWriter, Undelivered, UndeliveredReason};

#[derive(Template)]
#[template(path = "emails/undelivered.txt")]
struct NoticeText<'a> {
    email: &'a Undelivered,
}

#[derive(Template)]
#[template(path = "emails/undelivered.html")]
struct NoticeHtml<'a> {
    email: &'a Undelivered,
}

impl NoticeWriter for MailIdentity {
    /// Writes nothing about an email to staff: the notice would go to the address that fails, or show that of one member.
    fn notice(&self, undelivered: &Undelivered) -> anyhow::Result<Option<Email>> {
        if undelivered.purpose.is_to_staff()
            || undelivered.purpose.is_to_one_of_staff()
            || self.is_staff(&undelivered.recipient)
        {
            return Ok(None);
        }
        let reference = undelivered.reference.as_deref();
        let what = words::undelivered_subject(&undelivered.reason);
        Ok(Some(Email {
            message_id: message_id(undelivered),
            in_reply_to: reference.map(|reference| self.message_id(reference, "staff")),
            reference: undelivered.reference.clone(),
            recipient: self.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {what}: {}", reference.unwrap_or_default()),
            text: NoticeText { email: undelivered }.render()?,
            html: NoticeHtml { email: undelivered }.render()?,
            purpose: Purpose::Undelivered,
            language: Some(Language::En),
        }))
    }
}

/// Returns one Message-ID for each kind of news. An email that is given up again after an operator's retry is reported
/// again.
fn message_id(email: &Undelivered) -> String {
    let news = match email.reason {
        UndeliveredReason::GivenUp(_) => format!("given-up-{}", email.claims),
        UndeliveredReason::Bounced(_) => "bounced".to_owned(),
        UndeliveredReason::Delayed(_) => "delayed".to_owned(),
        UndeliveredReason::Complaint => "complaint".to_owned(),
    };
    email.message_id.replacen('@', &format!(".{news}@"), 1)
}

impl Undelivered {
    /// Returns the words for the template.
    fn fact(&self) -> &'static str {
        words::undelivered_fact(&self.reason)
    }

    fn advice(&self) -> &'static str {
        words::undelivered_advice(&self.reason)
    }

    fn shown_recipient(&self) -> String {
        mail_address(&self.recipient)
    }

    fn shown_reference(&self) -> &str {
        self.reference.as_deref().unwrap_or("none")
    }

    /// Returns what an email server said, without links: the server may belong to anyone.
    fn reason(&self) -> Option<String> {
        match &self.reason {
            UndeliveredReason::GivenUp(reason)
            | UndeliveredReason::Bounced(reason)
            | UndeliveredReason::Delayed(reason) => Some(unlinked(reason, None)),
            UndeliveredReason::Complaint => None,
        }
    }

    fn can_be_sent_again(&self) -> bool {
        matches!(self.reason, UndeliveredReason::GivenUp(_))
    }
}
