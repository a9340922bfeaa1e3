//! The emails that tell staff that an applicant's email did not arrive, in the thread of the application.

use askama::Template;

use super::emails::MailIdentity;
use super::unlinked::{mail_address, unlinked};
use crate::mailer::{Email, Purpose};
use crate::outbox::{NoticeWriter, Undelivered, UndeliveredReason};

struct Notice<'a> {
    email: &'a Undelivered,
}

#[derive(Template)]
#[template(path = "emails/undelivered.txt")]
struct NoticeText<'a>(Notice<'a>);

#[derive(Template)]
#[template(path = "emails/undelivered.html")]
struct NoticeHtml<'a>(Notice<'a>);

impl Notice<'_> {
    fn what(&self) -> &'static str {
        match self.email.reason {
            UndeliveredReason::GivenUp(_) => {
                "A mail from the site could not be delivered, and the site has stopped trying."
            }
            UndeliveredReason::Bounced(_) => {
                "A mail from the site came back: the applicant’s mail server did not accept it."
            }
            UndeliveredReason::Delayed(_) => {
                "A mail from the site is late: another mail server still tries to deliver it."
            }
            UndeliveredReason::Complaint => "The reader of a mail from the site reported it as spam.",
        }
    }

    fn so(&self) -> &'static str {
        match self.email.reason {
            UndeliveredReason::GivenUp(_) | UndeliveredReason::Bounced(_) => {
                "The applicant has not received this mail. Please contact them in another way."
            }
            UndeliveredReason::Delayed(_) => "There is nothing to do yet. Another mail follows if it comes back.",
            UndeliveredReason::Complaint => {
                "This person may not have applied: someone may have typed their address. The site sends no more confirmations to it."
            }
        }
    }

    fn recipient(&self) -> String {
        mail_address(&self.email.recipient)
    }

    /// What a mail server said, which may be anybody's.
    fn reason(&self) -> Option<String> {
        match &self.email.reason {
            UndeliveredReason::GivenUp(reason)
            | UndeliveredReason::Bounced(reason)
            | UndeliveredReason::Delayed(reason) => Some(unlinked(reason, None)),
            UndeliveredReason::Complaint => None,
        }
    }

    fn can_be_sent_again(&self) -> bool {
        matches!(self.email.reason, UndeliveredReason::GivenUp(_))
    }

    fn subject(&self) -> String {
        let what = match self.email.reason {
            UndeliveredReason::GivenUp(_) => "A mail could not be delivered",
            UndeliveredReason::Bounced(_) => "A mail came back",
            UndeliveredReason::Delayed(_) => "A mail is late",
            UndeliveredReason::Complaint => "A mail was reported as spam",
        };
        let about = self.email.reference.as_deref().unwrap_or_default();
        format!("[NPOC membership] {what}: {about}")
    }

    /// One for each kind of news; one that is given up again after an operator's retry is reported again.
    fn message_id(&self) -> String {
        let news = match self.email.reason {
            UndeliveredReason::GivenUp(_) => format!("given-up-{}", self.email.claims),
            UndeliveredReason::Bounced(_) => "bounced".to_owned(),
            UndeliveredReason::Delayed(_) => "delayed".to_owned(),
            UndeliveredReason::Complaint => "complaint".to_owned(),
        };
        self.email.message_id.replacen('@', &format!(".{news}@"), 1)
    }
}

impl NoticeWriter for MailIdentity {
    /// None about mail to staff, whatever it was for: the notice would go to the address that fails.
    fn notice(&self, undelivered: &Undelivered) -> anyhow::Result<Option<Email>> {
        if undelivered.purpose.is_to_staff() || self.is_staff(&undelivered.recipient) {
            return Ok(None);
        }
        let notice = || Notice { email: undelivered };
        let thread = undelivered
            .reference
            .as_deref()
            .map(|reference| self.message_id(reference, "staff"));
        Ok(Some(Email {
            message_id: notice().message_id(),
            in_reply_to: thread,
            reference: undelivered.reference.clone(),
            recipient: self.staff.clone(),
            reply_to: None,
            subject: notice().subject(),
            text: NoticeText(notice()).render()?,
            html: NoticeHtml(notice()).render()?,
            purpose: Purpose::Undelivered,
        }))
    }
}
