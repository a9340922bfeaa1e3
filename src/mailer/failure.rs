//! A try that failed, and whom the failure speaks of: this recipient, us, or the relay as a whole. Only what speaks of
//! the recipient may end the trying.

use super::smtp::{Cause, Code, Reply, SmtpError, Stage};
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
    /// What happened, as one line for the operator. May quote the relay, so it is kept out of the log.
    pub reason: String,
}

/// How words begin by which servers say, without an enhanced code, that they refuse us and not the recipient.
const SPEAKS_OF_US: [&str; 22] = [
    "relay",
    "sender",
    "sending",
    "client",
    "block",
    "blacklist",
    "denylist",
    "spam",
    "polic",
    "authent",
    "login",
    "helo",
    "ehlo",
    "rate",
    "limit",
    "reputation",
    "spf",
    "dkim",
    "dmarc",
    "reverse",
    "ptr",
    "ip",
];

impl Failure {
    /// A failure outside any conversation.
    #[must_use]
    pub fn new(blame: Blame, reason: &str) -> Self {
        Self {
            blame,
            stage: None,
            code: None,
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
            reason: single_line(&error_chain(error)),
        }
    }

    /// Whether the relay asks for fewer connections: it answered 421, or ended this one before any mail.
    #[must_use]
    pub fn asks_for_fewer_connections(&self) -> bool {
        let before_any_mail = self.stage.is_some_and(|stage| stage <= Stage::Hello);
        self.blame == Blame::Relay && (self.code == Some(421) || before_any_mail)
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
/// reply code has its meaning at RCPT alone (RFC 5321, 4.2.3). What is not known speaks of us: such a mail waits.
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
        None => stage == Stage::Recipient && speaks_of_mailbox(reply.code) && !speaks_of_us(reply),
    };
    match (is_of_recipient, reply.code.is_permanent()) {
        (false, _) => Blame::Us,
        (true, true) => Blame::Recipient,
        (true, false) => Blame::RecipientForNow,
    }
}

fn speaks_of_mailbox(code: Code) -> bool {
    matches!(code.value(), 450 | 550..=553)
}

fn speaks_of_us(reply: &Reply) -> bool {
    let text = reply.text().to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphabetic());
    words.any(|word| SPEAKS_OF_US.iter().any(|beginning| word.starts_with(beginning)))
}
