//! The SMTP client: sends messages to the relay, many on one connection.
//!
//! lettre composes messages and defines [`AsyncTransport`]. The conversation is our own, because lettre's
//! transport checks too little: see "The SMTP conversation" in `docs/architecture.md`.

mod conversation;
mod data;
mod error;
mod extensions;
mod reply;
mod url;
mod wire;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::AsyncTransport;
use lettre::address::Envelope;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub use self::conversation::Conversation;
use self::conversation::{EmailLimits, can_continue};
pub use self::error::{Cause, SmtpError, Stage};
pub use self::reply::{Enhanced, Reply};
use self::url::{Encryption, RelayAddress};
use self::wire::at;

/// The most emails on one connection. Servers limit them.
const EMAILS_PER_CONNECTION: u32 = 100;

/// How long an unused connection is kept for the next email. Servers close such connections after some minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// How long one IP address of the relay may take to accept a connection.
const ADDRESS_LIMIT: Duration = Duration::from_secs(8);

/// How long an email waits until the connection before its own is closed.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// Time limits for the relay.
#[derive(Clone, Copy, Debug)]
pub struct SmtpLimits {
    /// The limit for connecting, the greeting, TLS and the login.
    pub opening: Duration,
    /// The limit for one email, the connection included.
    pub mail: Duration,
    /// The limit for the reply to RCPT TO.
    pub recipient: Duration,
}

impl Default for SmtpLimits {
    fn default() -> Self {
        Self {
            opening: Duration::from_mins(1),
            mail: Duration::from_mins(2),
            recipient: Duration::from_mins(2),
        }
    }
}

/// The relay, with the connections that wait for the next email. Clones share them.
#[derive(Clone)]
pub struct Relay {
    address: Arc<RelayAddress>,
    tls: TlsConnector,
    idle: Arc<Mutex<Vec<Idle>>>,
    limits: SmtpLimits,
}

/// A connection that is not in use.
struct Idle {
    conversation: Conversation,
    since: Instant,
}

/// Shows host and port, not the password.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address.host, self.address.port)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({self})")
    }
}

impl Relay {
    /// Parses `SMTP_URL`, such as `smtp://user:password@host:587?tls=required`. Accepts the URLs that lettre accepts, and
    /// does not connect.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let address = RelayAddress::parse(url)?;
        Some(Self {
            tls: TlsConnector::from(Arc::new(tls_config(address.encryption)?)),
            address: Arc::new(address),
            idle: Arc::default(),
            limits: SmtpLimits::default(),
        })
    }

    /// Returns the same relay with other limits.
    #[must_use]
    pub fn with_limits(&self, limits: SmtpLimits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// Returns the time limits.
    #[must_use]
    pub fn limits(&self) -> SmtpLimits {
        self.limits
    }

    /// Returns whether the relay is on another machine.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.address.is_remote()
    }

    /// Connects, says hello, starts TLS and logs in, as `SMTP_URL` requires.
    ///
    /// # Errors
    /// Returns an [`SmtpError`] of a stage before [`Stage::Sender`].
    pub async fn connect(&self) -> Result<Conversation, SmtpError> {
        let deadline = Instant::now() + self.limits.opening.min(self.limits.mail);
        let stream = self.open_stream(deadline).await.map_err(at(Stage::Connect))?;
        // Each command would otherwise wait for the acknowledgement of the one before.
        stream
            .set_nodelay(true)
            .map_err(|error| at(Stage::Connect)(Cause::Io(error)))?;
        Conversation::begin(Box::new(stream), &self.address, &self.tls, deadline).await
    }

    /// Tries the IP addresses of the relay in order. An address that does not answer leaves time for the next.
    async fn open_stream(&self, deadline: Instant) -> Result<TcpStream, Cause> {
        let server = (self.address.host.as_str(), self.address.port);
        let looking = timeout_at(deadline, lookup_host(server));
        let addresses = looking.await.map_err(|_| Cause::TimedOut)?.map_err(Cause::Io)?;
        let mut failed = Cause::Io(std::io::Error::other("the host has no IP address"));
        for address in addresses {
            let enough = deadline.min(Instant::now() + ADDRESS_LIMIT);
            match timeout_at(enough, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = Cause::Io(error),
                Err(_) => failed = Cause::TimedOut,
            }
        }
        Err(failed)
    }

    /// Closes the connections that are not in use.
    pub fn close_idle(&self) {
        for idle in self.idle().drain(..) {
            quit(idle.conversation);
        }
    }

    async fn send_message(&self, envelope: &Envelope, message: &[u8]) -> Result<(), SmtpError> {
        let began = Instant::now();
        let limits = EmailLimits {
            deadline: began + self.limits.mail,
            recipient: self.limits.recipient,
        };
        match self.take_idle() {
            // Wait for its end, so that the relay never has one connection too many.
            Some(spent) if spent.emails() >= EMAILS_PER_CONNECTION => {
                drop(timeout_at(began + QUIT_LIMIT, spent.quit()).await);
            }
            Some(mut used) => {
                let delivered = used.deliver(envelope, message, limits).await;
                if !may_be_stale_connection(&delivered) {
                    self.keep(used, &delivered);
                    return delivered;
                }
            }
            None => {}
        }
        let mut new = self.connect().await?;
        let delivered = new.deliver(envelope, message, limits).await;
        self.keep(new, &delivered);
        delivered
    }

    /// Takes the connection that was used last, and closes those that the relay may have forgotten.
    fn take_idle(&self) -> Option<Conversation> {
        let mut idle = self.idle();
        let stale = idle.partition_point(|one| one.since.elapsed() >= IDLE_LIMIT);
        idle.drain(..stale).for_each(|one| quit(one.conversation));
        idle.pop().map(|last| last.conversation)
    }

    /// Keeps the connection for the next email, unless it has to end.
    fn keep(&self, conversation: Conversation, delivered: &Result<(), SmtpError>) {
        match delivered {
            Err(error) if !can_continue(error) => {}
            Err(error) if error.stage == Stage::Sender => quit(conversation),
            _ => self.idle().push(Idle {
                conversation,
                since: Instant::now(),
            }),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets lettre send its messages over this client.
impl AsyncTransport for Relay {
    type Ok = ();
    type Error = SmtpError;

    fn send_raw<'relay, 'envelope, 'email, 'sending>(
        &'relay self,
        envelope: &'envelope Envelope,
        email: &'email [u8],
    ) -> Pin<Box<dyn Future<Output = Result<(), SmtpError>> + Send + 'sending>>
    where
        'relay: 'sending,
        'envelope: 'sending,
        'email: 'sending,
        Self: 'sending,
    {
        Box::pin(self.send_message(envelope, email))
    }
}

/// Returns whether a failure may come from the age of a kept connection: it was closed, has carried the most emails, or
/// began when the relay offered less. Then the email is sent on a new connection.
fn may_be_stale_connection(delivered: &Result<(), SmtpError>) -> bool {
    let Err(error) = delivered else { return false };
    match &error.cause {
        Cause::NoSmtputf8 => true,
        Cause::Closed | Cause::Io(_) | Cause::Unsolicited | Cause::Refused(_) => error.stage == Stage::Sender,
        _ => false,
    }
}

/// Sends QUIT in the background, so that a relay that does not answer it delays no email.
fn quit(conversation: Conversation) {
    tokio::spawn(conversation.quit());
}

/// Returns a TLS configuration that trusts the system's authorities, or those of `SSL_CERT_FILE`. Without any, the
/// handshake fails.
fn tls_config(encryption: Encryption) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if encryption != Encryption::None {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}
