//! Errors of a conversation with the relay.

use std::{fmt, io};

use super::reply::{BadReply, Reply};
use crate::single_line;

/// The stages of the conversation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Looking up the host and connecting.
    Connect,
    /// The TLS handshake.
    Encrypt,
    /// The greeting of the relay.
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
    /// The message, up to the relay's reply.
    Message,
}

/// The cause of an error.
#[derive(Debug)]
pub enum Cause {
    /// The relay refuses, for now (4yz) or for good (5yz).
    Refused(Reply),
    /// The reply does not belong to the command: 250 instead of 354, for example.
    Unexpected(Reply),
    /// The relay sent data that no command asked for, so no later reply can be matched to a command.
    Unsolicited,
    /// The relay's reply is malformed or too long.
    Malformed(BadReply),
    /// The relay closed the connection.
    Closed,
    /// The connection failed.
    Io(io::Error),
    /// The relay did not answer in time.
    TimedOut,
    /// The relay did not answer for the recipient within the recipient's time limit.
    Slow,
    /// The relay offers no STARTTLS, and the settings require it.
    NoTls,
    /// The relay offers only these login mechanisms, and none that we support.
    NoLogin(String),
    /// The password would be sent in plain text, and the settings do not allow that.
    PlainTextLogin,
    /// The address needs SMTPUTF8 (RFC 6531), and the relay does not offer it.
    NoSmtputf8,
}

/// An error of a conversation: the relay did not take an email, or the conversation did not begin.
#[derive(Debug)]
pub struct SmtpError {
    /// The stage at which it happened.
    pub stage: Stage,
    /// The cause.
    pub cause: Cause,
}

impl Stage {
    /// Returns the name of the command or stage, for operators.
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
    /// Returns the reply, if there was one.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused(reply) | Self::Unexpected(reply) => Some(reply),
            _ => None,
        }
    }
}

impl std::error::Error for SmtpError {}

/// Writes one line for the operator, which may quote the relay.
impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.stage.name();
        match &self.cause {
            Cause::Refused(reply) => write!(f, "the relay refused {at}: {reply}"),
            Cause::Unexpected(reply) => write!(f, "unexpected reply of the relay to {at}: {reply}"),
            Cause::Unsolicited => write!(f, "the relay sent data that was not asked for at {at}"),
            Cause::Malformed(fault) => write!(f, "the relay does not speak SMTP at {at}: {fault}"),
            Cause::Closed => write!(f, "the relay closed the connection at {at}"),
            Cause::Io(error) => write!(f, "the connection failed at {at}: {}", single_line(&error.to_string())),
            Cause::TimedOut => write!(f, "the relay did not answer in time at {at}"),
            Cause::Slow => write!(f, "the relay is slow for this recipient; the email waits so that others can go first"),
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
