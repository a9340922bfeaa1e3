//! Parses `SMTP_URL`: host, port, encryption and login of the relay.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

/// The default ports.
const PLAIN_PORT: u16 = 25;
const STARTTLS_PORT: u16 = 587;
const TLS_PORT: u16 = 465;

/// When the conversation is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Never. The password is sent in plain text too.
    None,
    /// TLS from the first octet (`smtps://`).
    Implicit,
    /// STARTTLS, or no email is sent (`?tls=required`).
    Required,
    /// STARTTLS if the relay offers it (`?tls=opportunistic`). The password is never sent without TLS.
    Opportunistic,
}

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// The contents of `SMTP_URL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub login: Option<Login>,
    /// Our name in EHLO.
    pub hello_name: String,
}

/// Shows the user, not the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl RelayAddress {
    /// Parses the URLs that lettre accepts: `smtp://host:25`, `smtps://user:password@host`,
    /// `smtp://user:password@host:587?tls=required` or `opportunistic`. A path is our own name in EHLO.
    pub fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = match url.host()? {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        // A host must be a name or address that a certificate can contain.
        ServerName::try_from(host.as_str()).ok()?;
        let (encryption, usual_port) = encryption(&url)?;
        let login = match url.password() {
            None => None,
            Some(password) => Some(Login {
                user: decoded(url.username())?,
                password: decoded(password)?,
            }),
        };
        let name = url.path().trim_matches('/');
        Some(Self {
            port: url.port().unwrap_or(usual_port),
            encryption,
            login,
            hello_name: hello_name(name)?,
            host,
        })
    }

    /// Returns whether the relay is on another machine.
    pub fn is_remote(&self) -> bool {
        let is_loopback = |address: IpAddr| address.is_loopback();
        self.host != "localhost" && !self.host.parse().is_ok_and(is_loopback)
    }
}

/// Returns the encryption and its default port.
fn encryption(url: &Url) -> Option<(Encryption, u16)> {
    let mut asked = url.query_pairs().filter(|(name, _)| name == "tls");
    let asked = asked.next().map(|(_, value)| value);
    Some(match (url.scheme(), asked.as_deref()) {
        ("smtp", None) => (Encryption::None, PLAIN_PORT),
        ("smtp", Some("required")) => (Encryption::Required, STARTTLS_PORT),
        ("smtp", Some("opportunistic")) => (Encryption::Opportunistic, STARTTLS_PORT),
        ("smtps", _) => (Encryption::Implicit, TLS_PORT),
        _ => return None,
    })
}

/// Decodes user or password. Rejects characters that would end it early in the conversation.
fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains(['\0', '\r', '\n'])).then(|| text.into_owned())
}

/// Returns the name from the URL. The default is this machine's fully qualified name, or else an address literal (RFC 5321,
/// 4.1.4).
fn hello_name(asked: &str) -> Option<String> {
    let is_name = |name: &str| name.bytes().all(|octet| octet.is_ascii_graphic());
    if !asked.is_empty() {
        let name = percent_decode_str(asked).decode_utf8().ok()?.into_owned();
        return is_name(&name).then_some(name);
    }
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_str().unwrap_or_default();
    let is_qualified = machine.contains('.') && is_name(machine);
    Some(if is_qualified { machine } else { "[127.0.0.1]" }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> RelayAddress {
        RelayAddress::parse(url).unwrap_or_else(|| panic!("{url}"))
    }

    #[test]
    fn a_relay_is_read_from_its_url() {
        use Encryption::{Implicit, None, Opportunistic, Required};
        for (url, host, port, encryption) in [
            ("smtp://mail.example.org", "mail.example.org", 25, None),
            ("smtp://mail.example.org:2525", "mail.example.org", 2525, None),
            ("smtp://[2001:db8::25]", "2001:db8::25", 25, None),
            ("smtp://127.0.0.1", "127.0.0.1", 25, None),
            (
                "smtp://mail.example.org?tls=required",
                "mail.example.org",
                587,
                Required,
            ),
            (
                "smtp://mail.example.org?tls=opportunistic",
                "mail.example.org",
                587,
                Opportunistic,
            ),
            ("smtps://mail.example.org", "mail.example.org", 465, Implicit),
        ] {
            let relay = read(url);
            assert_eq!((relay.host.as_str(), relay.port), (host, port), "{url}");
            assert_eq!((relay.encryption, relay.login), (encryption, Option::None), "{url}");
        }
    }

    #[test]
    fn a_relay_on_another_machine_is_remote() {
        for (url, is_remote) in [
            ("smtp://mail.example.org", true),
            ("smtp://192.0.2.25", true),
            ("smtp://localhost", false),
            ("smtp://127.0.0.1:2525", false),
            ("smtp://[::1]", false),
        ] {
            assert_eq!(read(url).is_remote(), is_remote, "{url}");
        }
    }

    #[test]
    fn login_and_name_are_decoded_and_the_password_is_never_shown() {
        let relay = read("smtps://ann%40example.org:p%3Ass%C3%A9@mail.example.org/npoc.example");
        let login = relay.login.clone().unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("ann@example.org", "p:ssé")
        );
        assert_eq!(relay.hello_name, "npoc.example");
        assert!(!format!("{relay:?}").contains("p:ss"));
    }

    #[test]
    fn other_urls_are_rejected() {
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://host?tls=maybe",
            "smtp://user:pass%0D%0AQUIT@host",
            "smtp://host/name%0D%0AQUIT",
        ] {
            assert_eq!(RelayAddress::parse(url), None, "{url}");
        }
    }
}
