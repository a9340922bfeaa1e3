//! Failures to send, and whose failure each is: the recipient's, ours or the relay's. Only a failure of the recipient can
//! end the tries.

use super::smtp::{Cause, Enhanced, Reply, SmtpError, Stage};
use crate::{error_chain, single_line};

/// Whose failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The relay serves no email now. No try is charged, and every email waits.
    Relay,
    /// The relay refuses this email from us, for example because of the login, the sender or a quota. An operator has to
    /// repair it. Until then the email waits, and no try is charged.
    Us,
    /// The conversation broke during this email. Later emails show whether the email or the relay was the cause.
    Unclear,
    /// The relay is slow for this recipient. The email waits so that others can go, and no try is charged.
    Slow,
    /// The recipient's server refuses this email for now. A try is charged.
    RecipientForNow,
    /// The recipient's server refuses this email for good.
    Recipient,
}

impl Blame {
    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Us => "us",
            Self::Unclear => "unclear",
            Self::Slow => "slow",
            Self::RecipientForNow => "recipient-for-now",
            Self::Recipient => "recipient",
        }
    }
}

/// A failure to send an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailure {
    /// Whose failure it is.
    pub blame: Blame,
    /// The stage of the conversation, if there was one.
    pub stage: Option<Stage>,
    /// The SMTP reply code, if there was one. Safe to log, unlike the reason.
    pub code: Option<u16>,
    /// The enhanced code (RFC 3463), if there was one.
    pub enhanced: Option<Enhanced>,
    /// The reason, as one line for the operator. May quote the relay, so it is not logged.
    pub reason: String,
}

/// Words of replies without an enhanced code that blame the mailbox.
const MAILBOX_WORDS: [&str; 25] = [
    "no such",
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "unknown mailbox",
    "mailbox unknown",
    "unknown address",
    "address unknown",
    "unknown local",
    "does not exist",
    "doesn't exist",
    "not exist",
    "unrouteable",
    "unroutable",
    "mailbox unavailable",
    "not found",
    "invalid recipient",
    "invalid mailbox",
    "no mailbox",
    "mailbox disabled",
    "mailbox full",
    "mailbox is full",
    "mailbox busy",
    "has moved",
];

/// Words of replies that blame us.
const OUR_WORDS: [&str; 4] = ["sender", "from address", "client", "helo"];

impl SendFailure {
    /// Returns a failure outside a conversation.
    #[must_use]
    pub fn new(blame: Blame, reason: &str) -> Self {
        Self {
            blame,
            stage: None,
            code: None,
            enhanced: None,
            reason: single_line(reason),
        }
    }

    /// Returns the failure for an SMTP error. An email that `needs_utf8` asks more of the relay, so a refusal of its sender
    /// says nothing about other emails.
    #[must_use]
    pub fn of_smtp(error: &SmtpError, needs_utf8: bool) -> Self {
        let is_of_this_mail = needs_utf8 && error.stage == Stage::Sender;
        let blame = match blame(error) {
            Blame::Relay if is_of_this_mail && is_plain_refusal(&error.cause) => Blame::Us,
            blame => blame,
        };
        Self {
            blame,
            stage: Some(error.stage),
            code: error.cause.reply().map(|reply| reply.code.value()),
            enhanced: error.cause.reply().and_then(|reply| reply.enhanced),
            reason: single_line(&error_chain(error)),
        }
    }

    /// Returns whether the relay asks for fewer connections: it answered 421 before RCPT TO, or ended the connection before
    /// any email.
    #[must_use]
    pub fn asks_for_fewer_connections(&self) -> bool {
        let is_within = |last: Stage| self.stage.is_some_and(|stage| stage <= last);
        self.blame == Blame::Relay && (is_within(Stage::Hello) || self.code == Some(421) && is_within(Stage::Sender))
    }

    /// Returns whether the recipient may be the cause, because the conversation ended after RCPT TO.
    #[must_use]
    pub fn may_be_of_recipient(&self) -> bool {
        self.stage.is_some_and(|stage| stage >= Stage::Recipient)
    }

    /// Returns the reason without words that may quote a recipient.
    #[must_use]
    pub fn reason_without_recipient(&self) -> String {
        match (self.stage, self.code) {
            (Some(stage), Some(code)) if stage >= Stage::Recipient => {
                format!("the relay answered {} with {code}", stage.name())
            }
            _ => self.reason.clone(),
        }
    }
}

fn is_plain_refusal(cause: &Cause) -> bool {
    matches!(cause, Cause::Refused(reply) if !reply.code.ends_conversation())
}

fn blame(error: &SmtpError) -> Blame {
    match &error.cause {
        Cause::NoSmtputf8 => Blame::Recipient,
        Cause::Slow => Blame::Slow,
        Cause::Refused(reply) if reply.code.ends_conversation() => Blame::Relay,
        _ if error.stage <= Stage::Sender => Blame::Relay,
        Cause::Refused(reply) => of_refusal(reply, error.stage),
        _ => Blame::Unclear,
    }
}

/// Returns whose failure a refusal is at RCPT TO or later. The enhanced code decides (RFC 3463). Without one, the reply
/// code counts only at RCPT TO and with fitting words. An unknown refusal counts as ours, so the email waits.
fn of_refusal(reply: &Reply, stage: Stage) -> Blame {
    let is_of_recipient = match &reply.enhanced {
        Some(enhanced) if reply.code.is_permanent() => matches!(
            (enhanced.subject, enhanced.detail),
            // 6.7: the address is not ASCII, and a server on the way cannot carry it (RFC 6531, 3.5).
            (1, 1..=6 | 10) | (2, 1 | 2) | (4, 1) | (6, 7)
        ),
        // A refusal for now may blame the address, the mailbox, the network or the content.
        Some(enhanced) => {
            matches!(enhanced.subject, 1 | 2 | 4 | 6) && !matches!((enhanced.subject, enhanced.detail), (1, 7 | 8))
        }
        None => stage == Stage::Recipient && blames_mailbox(reply),
    };
    match (is_of_recipient, reply.code.is_permanent()) {
        (false, _) => Blame::Us,
        (true, true) => Blame::Recipient,
        (true, false) => Blame::RecipientForNow,
    }
}

/// Returns whether code and words both blame the mailbox. The code is not enough: 550 also answers a blocked client.
fn blames_mailbox(reply: &Reply) -> bool {
    let text = reply.text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    matches!(reply.code.value(), 450 | 550..=553) && says(&MAILBOX_WORDS) && !says(&OUR_WORDS)
}
