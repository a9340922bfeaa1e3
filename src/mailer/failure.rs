//! A try that failed, and whom the failure speaks of: this recipient, us, or the relay as a whole. Only what speaks of
//! the recipient may end the trying.

use super::smtp::{Cause, Enhanced, Reply, SmtpError, Stage};
use crate::{error_chain, single_line};

/// Whom a failure speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The relay serves nobody at present: no mail is charged with a try, and all wait together.
    Relay,
    /// The relay does not take this mail from us: our login, sender, policy, quota. Somebody has to repair it; until
    /// then the mail waits and is not charged.
    Us,
    /// The conversation broke within this mail. Whether the mail or the relay was the reason shows later.
    Unclear,
    /// The relay takes long over this recipient. The mail waits and is not charged, so that others can go.
    Slow,
    /// The recipient's mail system does not take this mail now: a try is charged.
    RecipientForNow,
    /// The recipient's mail system does not take this mail at all.
    Recipient,
}

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whom it speaks of.
    pub blame: Blame,
    /// Where in the conversation it happened, if there was one.
    pub stage: Option<Stage>,
    /// The SMTP reply code, if there was one. Fit for a log, unlike the reason.
    pub code: Option<u16>,
    /// The enhanced code (RFC 3463), if there was one.
    pub enhanced: Option<Enhanced>,
    /// What happened, as one line for the operator. May quote the relay, so it is kept out of the log.
    pub reason: String,
}

/// Words by which servers say, without an enhanced code, that the mailbox is the reason.
const SPEAKS_OF_MAILBOX: [&str; 25] = [
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

/// Words by which they say the same of us.
const SPEAKS_OF_US: [&str; 4] = ["sender", "from address", "client", "helo"];

impl Failure {
    /// A failure outside any conversation.
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

    /// A failure of a conversation. A mail that `needs_utf8` asks the relay for more than others do, so what is refused
    /// at its sender need not hold for the others.
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

    /// Whether the relay asks for fewer connections: it answered 421 before it heard of a
    /// recipient, or ended this one before any mail.
    #[must_use]
    pub fn asks_for_fewer_connections(&self) -> bool {
        let is_within = |last: Stage| self.stage.is_some_and(|stage| stage <= last);
        self.blame == Blame::Relay && (is_within(Stage::Hello) || self.code == Some(421) && is_within(Stage::Sender))
    }

    /// Whether one recipient may have brought the relay to this: it ended the conversation after it heard of them.
    #[must_use]
    pub fn may_be_of_recipient(&self) -> bool {
        self.stage.is_some_and(|stage| stage >= Stage::Recipient)
    }

    /// The reason without a word that may quote a recipient, for what is shown of the relay.
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

/// From the recipient on a refusal may speak of anybody. The enhanced code says of whom (RFC 3463); without one, the
/// reply code has its meaning at RCPT alone, and with words that say the same. What is not known speaks of us: such a mail waits.
fn of_refusal(reply: &Reply, stage: Stage) -> Blame {
    let is_of_recipient = match &reply.enhanced {
        Some(enhanced) if reply.code.is_permanent() => matches!(
            (enhanced.subject, enhanced.detail),
            // 6.7: this address is outside ASCII, and the way to it is not (RFC 6531, 3.5).
            (1, 1..=6 | 10) | (2, 1 | 2) | (4, 1) | (6, 7)
        ),
        // For now: the address, its mailbox, the way to it, the content.
        Some(enhanced) => {
            matches!(enhanced.subject, 1 | 2 | 4 | 6) && !matches!((enhanced.subject, enhanced.detail), (1, 7 | 8))
        }
        None => stage == Stage::Recipient && speaks_of_mailbox(reply),
    };
    match (is_of_recipient, reply.code.is_permanent()) {
        (false, _) => Blame::Us,
        (true, true) => Blame::Recipient,
        (true, false) => Blame::RecipientForNow,
    }
}

/// A code has its meaning only with words that say the same: 550 is also the answer to a client that is blocked.
fn speaks_of_mailbox(reply: &Reply) -> bool {
    let text = reply.text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    matches!(reply.code.value(), 450 | 550..=553) && says(&SPEAKS_OF_MAILBOX) && !says(&SPEAKS_OF_US)
}
