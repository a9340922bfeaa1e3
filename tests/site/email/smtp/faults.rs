//! The faults of a relay, with the outcome of the first attempt to send each email.

use npoc::outbox::DeliveryOutcome;

use crate::support::relay::{At, EMPTY_LINES, Part};

/// A fault, with the outcome of the first attempt to send each email.
pub struct Fault {
    pub what: String,
    pub part: Part,
    /// Changes the address of the relay.
    pub url: fn(&str) -> String,
    pub staff: DeliveryOutcome,
    pub applicant: DeliveryOutcome,
    /// The stored cause of the failure.
    pub blame: Option<&'static str>,
}

fn plain(url: &str) -> String {
    url.to_owned()
}

pub fn with_login(url: &str) -> String {
    url.replace("smtp://", "smtp://user:password@")
}

fn with_tls(url: &str) -> String {
    format!("{url}?tls=required")
}

/// Adds a login, and TLS if the relay offers it.
fn with_login_and_some_tls(url: &str) -> String {
    format!("{}?tls=opportunistic", with_login(url))
}

impl Fault {
    fn at(mut self, url: fn(&str) -> String) -> Self {
        self.url = url;
        self
    }
}

fn fault(what: &str, part: Part, applicant: DeliveryOutcome, blame: Option<&'static str>) -> Fault {
    Fault {
        what: format!("{what} ({part:?})"),
        part,
        url: plain,
        staff: if applicant == DeliveryOutcome::GivenUp {
            DeliveryOutcome::Later
        } else {
            applicant
        },
        applicant,
        blame,
    }
}

/// The relay serves no client: both emails are retried, and no attempt is charged.
fn the_relays(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Later, Some("relay"))
}

/// The relay rejects this site: both emails are retried, and no attempt is charged.
fn ours(what: &str, at: At, reply: &'static str) -> Fault {
    fault(what, Part::Says(at, reply), DeliveryOutcome::Later, Some("us"))
}

/// The session breaks within an email: both emails are retried.
fn unclear(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Later, Some("unclear"))
}

/// The server of the recipient rejects the email for now: an attempt is charged.
fn theirs_for_now(what: &str, at: At, reply: &'static str) -> Fault {
    fault(
        what,
        Part::Says(at, reply),
        DeliveryOutcome::Later,
        Some("recipient-for-now"),
    )
}

/// The server of the recipient rejects the email for good: final for an applicant, retried for staff.
fn theirs(what: &str, at: At, reply: &'static str) -> Fault {
    fault(what, Part::Says(at, reply), DeliveryOutcome::GivenUp, Some("recipient"))
}

/// The relay accepts the email.
fn sent(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Sent, None)
}

#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn faults() -> Vec<Fault> {
    vec![
        the_relays("hangs up at once", Part::Cuts(At::Greeting)),
        the_relays("is silent", Part::Silent(At::Greeting)),
        the_relays("is busy", Part::Says(At::Greeting, "421 4.3.2 too busy")),
        the_relays("greets with a refusal", Part::Says(At::Greeting, "554 5.3.2 no service here")),
        the_relays("greets with a code of another command", Part::Says(At::Greeting, "250 relay.test")),
        the_relays("greets with another protocol", Part::Sends(At::Greeting, b"SSH-2.0-OpenSSH_9.2\r\n")),
        the_relays("greets without end", Part::NeverEnds(At::Greeting)),
        the_relays("greets with empty lines without end", Part::Sends(At::Greeting, EMPTY_LINES.as_flattened())),
        sent("does not know EHLO", Part::Says(At::Ehlo, "502 5.5.1 what")),
        sent("does not know EHLO, in older words", Part::Says(At::Ehlo, "500 Command unrecognized")),
        the_relays("refuses EHLO twice", Part::Says(At::Ehlo, "502 what\r\n502 again")),
        the_relays("refuses us at EHLO", Part::Says(At::Ehlo, "554 5.7.1 go away")),
        the_relays("hangs up at EHLO", Part::Cuts(At::Ehlo)),
        the_relays("answers EHLO with the code of another command", Part::Says(At::Ehlo, "220 hello")),
        the_relays("answers EHLO twice", Part::Adds(At::Ehlo, "250 again")),
        the_relays("offers no TLS where it is asked for", Part::AcceptsAsciiOnly).at(with_tls),
        the_relays("refuses TLS", Part::Says(At::StartTls, "454 4.7.0 no TLS now")).at(with_tls),
        the_relays("announces TLS and does not start it", Part::Says(At::StartTls, "220 go on")).at(with_tls),
        the_relays("answers STARTTLS with the code of another command", Part::Says(At::StartTls, "250 go on")).at(with_tls),
        the_relays("speaks before TLS begins", Part::Adds(At::StartTls, "250-relay.test\r\n250 SMTPUTF8")).at(with_tls),
        the_relays("refuses the login", Part::Says(At::Auth, "535 5.7.8 not you")).at(with_login),
        the_relays("cannot check the login now", Part::Says(At::Auth, "454 4.7.0 later")).at(with_login),
        the_relays("answers the login with the code of another command", Part::Says(At::Auth, "250 ok")).at(with_login),
        the_relays("answers the login twice", Part::Adds(At::Auth, "250 ok")).at(with_login),
        the_relays("offers no login", Part::AcceptsAsciiOnly).at(with_login),
        the_relays("offers no TLS, so the password stays here", Part::Offers("250-x\r\n250 AUTH PLAIN")).at(with_login_and_some_tls),
        the_relays("wants a login", Part::Says(At::Mail, "530 5.7.0 log in first")),
        the_relays("refuses our sender", Part::Says(At::Mail, "553 5.1.8 we do not know this sender")),
        the_relays("refuses our sender for now", Part::Says(At::Mail, "451 4.1.8 later")),
        the_relays("has a daily limit", Part::Says(At::Mail, "452 4.5.3 too many messages today")),
        the_relays("answers MAIL with the code of another command", Part::Says(At::Mail, "354 go on")),
        the_relays("answers MAIL with 251", Part::Says(At::Mail, "251 ok")),
        the_relays("is silent after MAIL", Part::Silent(At::Mail)),
        the_relays("hangs up after MAIL", Part::Cuts(At::Mail)),
        the_relays("answers MAIL without end", Part::NeverEnds(At::Mail)),
        unclear("answers MAIL twice", Part::Adds(At::Mail, "250 ok")),
        the_relays("ends at RCPT", Part::Says(At::Rcpt, "421 4.4.2 bye")),
        the_relays("ends at DATA", Part::Says(At::Data, "421 4.4.2 bye")),
        the_relays("ends after the message", Part::Says(At::Message, "421 4.3.2 shutting down")),
        the_relays("ends at MAIL", Part::Says(At::Mail, "421 4.7.0 too many")),
        the_relays("ends at EHLO", Part::Says(At::Ehlo, "421 4.7.0 too many")),
        the_relays("ends at STARTTLS", Part::Says(At::StartTls, "421 4.7.0 too many")).at(with_tls),
        the_relays("ends at AUTH", Part::Says(At::Auth, "421 4.7.0 too many")).at(with_login),
        ours("is greylisting", At::Rcpt, "450 4.7.1 greylisted, come back"),
        ours("has no room for now", At::Rcpt, "452 4.3.1 disk full"),
        ours("refuses our sender at RCPT", At::Rcpt, "553 5.7.1 Sender address rejected: not owned by user"),
        ours("does not relay for us", At::Rcpt, "554 5.7.1 Relay access denied"),
        ours("does not relay for us, in Exim's words", At::Rcpt, "550 relay not permitted"),
        ours("blocks us", At::Rcpt, "554 5.7.1 Client host blocked"),
        ours("does not find our domain", At::Rcpt, "550 5.1.8 Domain not found"),
        ours("wants a login at RCPT", At::Rcpt, "530 Authentication required"),
        ours("rejects without a reason", At::Rcpt, "554 no"),
        theirs_for_now("has a full mailbox for now", At::Rcpt, "452 4.2.2 mailbox full"),
        theirs_for_now("has a busy mailbox", At::Rcpt, "450 mailbox busy"),
        theirs("knows no such user", At::Rcpt, "550 5.1.1 no such user"),
        theirs("knows no such user, in Exim's words", At::Rcpt, "550 Unrouteable address"),
        theirs("knows no such user, in words that mention a relay", At::Rcpt, "550 User unknown in relay recipient table"),
        theirs("knows no such user, with its code at the end", At::Rcpt, "550 sorry, no mailbox here by that name. (#5.1.1)"),
        theirs("has a mailbox full", At::Rcpt, "552 mailbox full, limit reached"),
        ours("says a code and no word", At::Rcpt, "550"),
        ours("does not relay for us, in qmail's words", At::Rcpt, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
        ours("prohibits it", At::Rcpt, "550 Administrative prohibition"),
        ours("denies access", At::Rcpt, "550 Access denied"),
        ours("has a quota for us", At::Rcpt, "550 quota exceeded for user no-reply"),
        ours("does not know our sender", At::Rcpt, "550 Sender address does not exist"),
        theirs("does not take mail for it", At::Rcpt, "551 5.1.6 moved away"),
        theirs("has a mailbox that is full for good", At::Rcpt, "552 5.2.2 mailbox full"),
        unclear("answers RCPT with the code of another command", Part::Says(At::Rcpt, "354 go on")),
        unclear("answers RCPT twice", Part::Adds(At::Rcpt, "250 ok")),
        unclear("says no code at RCPT", Part::Says(At::Rcpt, "999 what")),
        unclear("answers RCPT without end", Part::NeverEnds(At::Rcpt)),
        unclear("has two codes in one reply", Part::Sends(At::Rcpt, b"250-ok\r\n550 5.1.1 no\r\n")),
        fault("is silent after RCPT", Part::Silent(At::Rcpt), DeliveryOutcome::Later, Some("slow")),
        unclear("hangs up after RCPT", Part::Cuts(At::Rcpt)),
        sent("cannot verify the recipient", Part::Says(At::Rcpt, "252 cannot verify, but take it")),
        ours("cannot take DATA now", At::Data, "451 4.3.0 later"),
        ours("refuses DATA", At::Data, "554 5.5.1 no valid recipients"),
        unclear("takes DATA as if it were a message", Part::Says(At::Data, "250 taken")),
        unclear("answers DATA twice", Part::Adds(At::Data, "250 taken")),
        unclear("is silent after DATA", Part::Silent(At::Data)),
        unclear("hangs up at DATA", Part::Cuts(At::Data)),
        unclear("hangs up within the message", Part::CutsWithin),
        ours("cannot keep the message now", At::Message, "452 4.3.1 disk full"),
        ours("refuses the message", At::Message, "554 5.7.1 looks like spam"),
        theirs("rejects an unknown user after the message", At::Message, "550 5.1.1 no such user"),
        unclear("answers the message with the code of another command", Part::Says(At::Message, "354 go on")),
        unclear("answers the message with 221", Part::Says(At::Message, "221 bye")),
        unclear("is silent after the message", Part::Silent(At::Message)),
        unclear("hangs up before it acknowledges the message", Part::Cuts(At::Message)),
        sent("answers the message with a code alone", Part::Says(At::Message, "250")),
        sent("answers the message in Latin-1", Part::Sends(At::Message, b"250 re\xe7u\r\n")),
        sent("answers the message twice", Part::Adds(At::Message, "451 4.3.0 or not")),
        sent("ends its lines with LF alone", Part::Sends(At::Mail, b"250 ok\n")),
        sent("answers RCPT with a code alone", Part::Says(At::Rcpt, "250")),
        sent("uses lower case keywords", Part::Offers("250-x\r\n250-pipelining\r\n250-8bitmime\r\n250 smtputf8")),
        sent("supports pipelining", Part::Offers(PIPELINING)),
        sent("hangs up after it acknowledged the message", Part::Cuts(At::Quit)),
        sent("is silent after it acknowledged the message", Part::Silent(At::Quit)),
        sent("does not know QUIT", Part::Says(At::Quit, "500 5.5.1 what")),
    ]
}

const PIPELINING: &str = "250-relay.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";

impl Fault {
    pub fn is_silent(&self) -> bool {
        matches!(self.part, Part::Silent(at) if at != At::Quit)
    }
}
