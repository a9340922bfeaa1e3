//! A conversation with the relay (RFC 5321), command by command, since two things depend on how
//! far it came: SMTPUTF8 (RFC 6531) is asked for only where this mail needs it and this relay has
//! it, and what a refusal speaks of follows from the command that was refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Category;
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::Failure;
use crate::{causes, one_line};

/// How long the relay may take to accept a connection.
const CONNECTING_LIMIT: Duration = Duration::from_secs(30);

/// How long the relay may take to say goodbye.
const LEAVING_LIMIT: Duration = Duration::from_secs(10);

/// Why a mailbox outside ASCII may be out of reach; for the operator and for staff.
const NO_SMTPUTF8: &str = "our mail relay cannot carry this address: the part before the @ is outside ASCII, \
                           which needs a relay with SMTPUTF8 (RFC 6531)";

/// Where the relay is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Relay {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello_name: ClientId,
}

/// A relay that has greeted us and knows who we are.
pub struct Conversation(AsyncSmtpConnection);

/// Its place, without a password.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Relay {
    /// Reads the URLs that lettre reads: `smtp://host:25`, `smtps://user:password@host`,
    /// `smtp://user:password@host:587?tls=required` or `opportunistic`; a path is our own name in
    /// the greeting. `None` for any other. Nothing is connected yet.
    #[must_use]
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = match url.host()? {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        let (tls, usual_port) = security(&url, &host)?;
        let name = url.path().trim_matches('/');
        Some(Self {
            host,
            port: url.port().unwrap_or(usual_port),
            tls,
            credentials: credentials(&url)?,
            hello_name: if name.is_empty() {
                own_name()
            } else {
                ClientId::Domain(name.to_owned())
            },
        })
    }

    /// Connects, greets, encrypts and logs in, as far as the URL asks for it.
    ///
    /// # Errors
    /// A [`Failure`] that no recipient is to blame for.
    pub async fn converse(&self) -> Result<Conversation, Failure> {
        let connection = self.connect().await.map_err(|error| about_us(&error))?;
        Ok(Conversation(connection))
    }

    /// Whether the way to it leaves this machine.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        let is_loopback = |address: IpAddr| address.is_loopback();
        self.host != "localhost" && !self.host.parse().is_ok_and(is_loopback)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let implicit = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECTING_LIMIT), &self.hello_name, implicit, None)
                .await?;
        match &self.tls {
            Tls::Required(parameters) => connection.starttls(parameters.clone(), &self.hello_name).await?,
            Tls::Opportunistic(parameters) if connection.can_starttls() => {
                connection.starttls(parameters.clone(), &self.hello_name).await?;
            }
            _ => {}
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

/// This machine's name, where it is one that others can read: a whole one. An address serves for any
/// other (RFC 5321, 4.1.4).
fn own_name() -> ClientId {
    match ClientId::default() {
        ClientId::Domain(name) if !name.contains('.') => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
        name => name,
    }
}

/// The kind of encryption, and the port that goes with it.
fn security(url: &Url, host: &str) -> Option<(Tls, u16)> {
    let asked = url
        .query_pairs()
        .find(|(name, _)| name == "tls")
        .map(|(_, value)| value);
    let parameters = || TlsParameters::new(host.to_owned()).ok();
    Some(match (url.scheme(), asked.as_deref()) {
        ("smtp", None) => (Tls::None, SMTP_PORT),
        ("smtp", Some("required")) => (Tls::Required(parameters()?), SUBMISSION_PORT),
        ("smtp", Some("opportunistic")) => (Tls::Opportunistic(parameters()?), SUBMISSION_PORT),
        ("smtps", _) => (Tls::Wrapper(parameters()?), SUBMISSIONS_PORT),
        _ => return None,
    })
}

/// `Some(None)`: the relay asks for no password.
#[expect(
    clippy::option_option,
    reason = "a name that cannot be decoded is no URL, no name is one"
)]
fn credentials(url: &Url) -> Option<Option<Credentials>> {
    let decoded = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let Some(password) = url.password() else {
        return Some(None);
    };
    Some(Some(Credentials::new(decoded(url.username())?, decoded(password)?)))
}

impl Conversation {
    /// Whether the relay carries addresses outside ASCII. One that does must carry octets outside
    /// ASCII too (RFC 6531, 3.1).
    #[must_use]
    pub fn carries_utf8(&self) -> bool {
        let relay = self.0.server_info();
        relay.supports_feature(Extension::SmtpUtfEight) && relay.supports_feature(Extension::EightBitMime)
    }

    /// Whether what is said cannot be read on the way.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.is_encrypted()
    }

    /// Asks whether a mail from and to these would be taken, and takes leave without sending one.
    ///
    /// # Errors
    /// A [`Failure`], a refusal where the relay speaks of the recipient.
    pub async fn would_deliver(mut self, from: &Address, to: &Address) -> Result<(), Failure> {
        let asked = self.name(from, [to], false).await;
        drop(tokio::time::timeout(LEAVING_LIMIT, self.0.quit()).await);
        asked
    }

    /// Hands one message over and takes leave.
    ///
    /// # Errors
    /// A [`Failure`], a refusal where the relay speaks of this mail or its recipient.
    pub async fn deliver(mut self, message: &Message) -> Result<(), Failure> {
        let delivered = self.hand_over(message).await;
        // It has answered for the message by now. What it says to our leaving changes nothing, and
        // one that says nothing must not make a mail that was taken look unsent.
        tokio::spawn(async move { tokio::time::timeout(LEAVING_LIMIT, self.0.quit()).await });
        delivered
    }

    async fn hand_over(&mut self, message: &Message) -> Result<(), Failure> {
        let (envelope, octets) = (message.envelope(), message.formatted());
        // Only an address can make it so; all else is encoded in ASCII.
        let needs_utf8 = !octets.is_ascii();
        if needs_utf8 && !self.carries_utf8() {
            return Err(Failure::refusal(NO_SMTPUTF8));
        }
        self.name(envelope.from(), envelope.to(), needs_utf8).await?;
        self.0.command(Data).await.map_err(|error| about_the_mail(&error))?;
        self.0.message(&octets).await.map_err(|error| about_the_mail(&error))?;
        Ok(())
    }

    /// Says who sends and who is to get it.
    async fn name<'a>(
        &mut self,
        from: impl Into<Option<&'a Address>>,
        to: impl IntoIterator<Item = &'a Address>,
        needs_utf8: bool,
    ) -> Result<(), Failure> {
        let sender = Mail::new(from.into().cloned(), parameters(needs_utf8));
        self.0.command(sender).await.map_err(|error| about_us(&error))?;
        for recipient in to {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            let taken = self.0.command(recipient).await;
            taken.map_err(|error| about_the_mail(&error))?;
        }
        Ok(())
    }
}

/// Nothing is asked for that is not needed: the relay would have to ask the next one for it.
fn parameters(needs_utf8: bool) -> Vec<MailParameter> {
    if needs_utf8 {
        vec![
            MailParameter::Body(MailBodyParameter::EightBitMime),
            MailParameter::SmtpUtfEight,
        ]
    } else {
        Vec::new()
    }
}

/// Up to the sender, nothing was said of any recipient: a login or a sender address refused is for
/// the operator to repair, and another try may well succeed.
fn about_us(error: &Error) -> Failure {
    Failure {
        is_refusal: false,
        code: error.status().map(u16::from),
        reason: one_line(&causes(error)),
    }
}

/// From the recipient on, a reply 55x speaks of the mail. Other permanent replies still speak of us
/// (530: log in first).
fn about_the_mail(error: &Error) -> Failure {
    let is_mail_system = error.status().is_some_and(|code| code.category == Category::MailSystem);
    Failure {
        is_refusal: error.is_permanent() && is_mail_system,
        ..about_us(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_read_from_its_url() {
        for (url, host, port) in [
            ("smtp://mail.example.org", "mail.example.org", 25),
            ("smtp://mail.example.org:2525", "mail.example.org", 2525),
            ("smtp://[2001:db8::25]", "2001:db8::25", 25),
            ("smtp://127.0.0.1", "127.0.0.1", 25),
            ("smtp://mail.example.org?tls=required", "mail.example.org", 587),
            ("smtp://mail.example.org?tls=opportunistic", "mail.example.org", 587),
            ("smtps://mail.example.org", "mail.example.org", 465),
        ] {
            let relay = Relay::at(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!((relay.host.as_str(), relay.port), (host, port), "{url}");
            assert_eq!(relay.credentials, None);
        }
        for (url, is_elsewhere) in [
            ("smtp://mail.example.org", true),
            ("smtp://192.0.2.25", true),
            ("smtp://localhost", false),
            ("smtp://127.0.0.1:2525", false),
            ("smtp://[::1]", false),
        ] {
            assert_eq!(
                Relay::at(url).map(|relay| relay.is_elsewhere()),
                Some(is_elsewhere),
                "{url}"
            );
        }
        let relay = Relay::at("smtps://ann%40example.org:p%3Ass%C3%A9@mail.example.org/npoc.example").unwrap();
        let credentials = Credentials::new("ann@example.org".into(), "p:ssé".into());
        assert_eq!(relay.credentials, Some(credentials));
        assert_eq!(relay.hello_name, ClientId::Domain("npoc.example".into()));
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://host?tls=maybe",
        ] {
            assert!(Relay::at(url).is_none(), "{url}");
        }
    }
}
