//! Why a conversation with the relay did not bring a mail across.

use std::{fmt, io};

use super::reply::{BadReply, Reply};
use crate::single_line;

/// The step of the conversation, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The name is looked up, and a connection made.
    Connect,
    /// TLS from the first octet, or after STARTTLS.
    Encrypt,
    /// The relay greets.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The message, until the relay has answered for it.
    Message,
}

/// What went wrong at a stage.
#[derive(Debug)]
pub enum Cause {
    /// The relay refuses, for now (4yz) or for good (5yz).
    Refused(Reply),
    /// The reply does not belong to the command: 250 where 354 is due, for example.
    Unexpected(Reply),
    /// Something came before its turn, so no reply can be matched to its command any more.
    Early,
    /// What the relay says is no reply, or too long for one.
    Bad(BadReply),
    /// The relay ended the connection.
    HungUp,
    /// The connection failed.
    Io(io::Error),
    /// The relay did not answer in time.
    TimedOut,
    /// The relay has not answered for this recipient within the time that one mail may keep others waiting.
    Slow,
    /// The relay offers no STARTTLS, and the settings require it.
    NoTls,
    /// The relay offers no login that we know; these are the ones it offers.
    NoLogin(String),
    /// The login would go over the network in plain text, and the settings do not ask for that.
    PlainTextLogin,
    /// This address needs SMTPUTF8 (RFC 6531), and the relay does not offer it.
    NoSmtputf8,
}

/// A mail that the relay did not take, or a conversation that did not begin.
#[derive(Debug)]
pub struct SmtpError {
    /// Where it happened.
    pub stage: Stage,
    /// What happened.
    pub cause: Cause,
}

impl Stage {
    /// The command or step, as an operator knows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Encrypt => "TLS",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Login => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }
}

impl Cause {
    /// The reply, if there was one.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused(reply) | Self::Unexpected(reply) => Some(reply),
            _ => None,
        }
    }
}

impl std::error::Error for SmtpError {}

/// One line for the operator. May quote the relay.
impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.stage.name();
        match &self.cause {
            Cause::Refused(reply) => write!(f, "the relay refused {at}: {reply}"),
            Cause::Unexpected(reply) => write!(f, "the relay answered {at} with what does not belong there: {reply}"),
            Cause::Early => write!(f, "the relay spoke before its turn, at {at}"),
            Cause::Bad(fault) => write!(f, "the relay does not speak SMTP at {at}: {fault}"),
            Cause::HungUp => write!(f, "the relay hung up at {at}"),
            Cause::Io(error) => write!(f, "the connection failed at {at}: {}", single_line(&error.to_string())),
            Cause::TimedOut => write!(f, "the relay did not answer in time at {at}"),
            Cause::Slow => write!(f, "the relay is slow for this recipient; the mail waits so that others can go"),
            Cause::NoTls => f.write_str("the relay offers no TLS, which SMTP_URL requires"),
            Cause::NoLogin(offered) if offered.is_empty() => f.write_str("the relay offers no login"),
            Cause::NoLogin(offered) => {
                write!(f, "the relay offers no login by PLAIN or LOGIN, only {}", single_line(offered))
            }
            Cause::PlainTextLogin => f.write_str(
                "the relay offers no TLS now, and the password is not sent in plain text where SMTP_URL says tls=opportunistic",
            ),
            Cause::NoSmtputf8 => f.write_str(
                "our mail relay cannot carry this address: the part before the @ is outside ASCII, which needs a relay \
                 with SMTPUTF8 (RFC 6531)",
            ),
        }
    }
}
