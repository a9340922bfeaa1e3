//! The relay: messages over SMTP, many on one connection.
//!
//! lettre composes messages and says how one is handed over ([`AsyncTransport`]); the conversation is our own, because
//! lettre's believes too much. `docs/architecture.md` lists what lettre would need for its own transport to come back.

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
use self::conversation::{MailTime, can_go_on};
pub use self::error::{Cause, SmtpError, Stage};
pub use self::reply::{Enhanced, Reply};
use self::url::{Encryption, RelayAddress};
use self::wire::at;

/// Mails on one connection; then a new one, as servers like it.
const MAILS_A_CONNECTION: u32 = 100;

/// How long an unused connection is kept for the next mail. Servers end such connections after some minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// How long one address of the relay may take to accept a connection.
const ADDRESS_LIMIT: Duration = Duration::from_secs(8);

/// How long a mail waits for the end of the connection before its own.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// How long the relay may take.
#[derive(Clone, Copy, Debug)]
pub struct SmtpLimits {
    /// Until it has greeted us, encrypted and let us in.
    pub opening: Duration,
    /// For one mail with all that.
    pub mail: Duration,
    /// For its recipient.
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

/// The relay, with the connections that wait for the next mail. Clones share them.
#[derive(Clone)]
pub struct Relay {
    address: Arc<RelayAddress>,
    tls: TlsConnector,
    idle: Arc<Mutex<Vec<Idle>>>,
    limits: SmtpLimits,
}

/// A connection that nobody uses at present.
struct Idle {
    conversation: Conversation,
    since: Instant,
}

/// Its place, without a password.
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
    /// The relay that `SMTP_URL` names; `None` for what is no such URL. Nothing is connected yet. The
    /// URLs are those that lettre reads, such as `smtp://user:password@host:587?tls=required`.
    #[must_use]
    pub fn at(url: &str) -> Option<Self> {
        let address = RelayAddress::parse(url)?;
        Some(Self {
            tls: TlsConnector::from(Arc::new(tls(address.encryption)?)),
            address: Arc::new(address),
            idle: Arc::default(),
            limits: SmtpLimits::default(),
        })
    }

    /// The same relay with other limits.
    #[must_use]
    pub fn within(&self, limits: SmtpLimits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// How long it may take.
    #[must_use]
    pub fn limits(&self) -> SmtpLimits {
        self.limits
    }

    /// Whether the way to it leaves this machine.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.address.is_elsewhere()
    }

    /// Connects, greets, encrypts and logs in, as far as `SMTP_URL` asks for it.
    ///
    /// # Errors
    /// An [`SmtpError`] before the stage of the sender.
    pub async fn converse(&self) -> Result<Conversation, SmtpError> {
        let deadline = Instant::now() + self.limits.opening.min(self.limits.mail);
        let stream = self.connect(deadline).await.map_err(at(Stage::Connect))?;
        // Each command would otherwise wait for the acknowledgement of the one before.
        stream
            .set_nodelay(true)
            .map_err(|error| at(Stage::Connect)(Cause::Io(error)))?;
        Conversation::begin(Box::new(stream), &self.address, &self.tls, deadline).await
    }

    /// Tries the addresses of the relay one after the other: one that swallows everything leaves time for the next.
    async fn connect(&self, deadline: Instant) -> Result<TcpStream, Cause> {
        let server = (self.address.host.as_str(), self.address.port);
        let looking = timeout_at(deadline, lookup_host(server));
        let addresses = looking.await.map_err(|_| Cause::TimedOut)?.map_err(Cause::Io)?;
        let mut failed = Cause::Io(std::io::Error::other("the name has no address"));
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

    /// Ends the connections that nobody uses.
    pub fn close_idle(&self) {
        for idle in self.idle().drain(..) {
            leave(idle.conversation);
        }
    }

    async fn hand_over(&self, envelope: &Envelope, message: &[u8]) -> Result<(), SmtpError> {
        let began = Instant::now();
        let time = MailTime {
            deadline: began + self.limits.mail,
            recipient: self.limits.recipient,
        };
        match self.take_idle() {
            // Its end is waited for, so that the relay never has one connection more.
            Some(spent) if spent.mails() >= MAILS_A_CONNECTION => {
                drop(timeout_at(began + GOODBYE_LIMIT, spent.leave()).await);
            }
            Some(mut used) => {
                let delivered = used.deliver(envelope, message, time).await;
                if !is_of_old_connection(&delivered) {
                    self.keep(used, &delivered);
                    return delivered;
                }
            }
            None => {}
        }
        let mut new = self.converse().await?;
        let delivered = new.deliver(envelope, message, time).await;
        self.keep(new, &delivered);
        delivered
    }

    /// The connection that was used last, if the relay will still know it. Those that it may not know are ended.
    fn take_idle(&self) -> Option<Conversation> {
        let mut idle = self.idle();
        let stale = idle.partition_point(|one| one.since.elapsed() >= IDLE_LIMIT);
        idle.drain(..stale).for_each(|one| leave(one.conversation));
        idle.pop().map(|last| last.conversation)
    }

    /// Keeps the connection for the next mail, unless it has to end.
    fn keep(&self, conversation: Conversation, delivered: &Result<(), SmtpError>) {
        match delivered {
            Err(error) if !can_go_on(error) => {}
            Err(error) if error.stage == Stage::Sender => leave(conversation),
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

/// As lettre hands messages over: composed by it, sent by the conversation here.
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
        Box::pin(self.hand_over(envelope, email))
    }
}

/// Whether a failure may come from the age of a kept connection: it has ended, has carried as many mails as the relay
/// takes on one, or began when the relay offered less. Nothing was said of this mail, so a new connection gets it.
fn is_of_old_connection(delivered: &Result<(), SmtpError>) -> bool {
    let Err(error) = delivered else { return false };
    match &error.cause {
        Cause::NoSmtputf8 => true,
        Cause::HungUp | Cause::Io(_) | Cause::Early | Cause::Refused(_) => error.stage == Stage::Sender,
        _ => false,
    }
}

/// In the background: nobody waits for a goodbye, and a relay that never answers it must not keep a mail unsent.
fn leave(conversation: Conversation) {
    tokio::spawn(conversation.leave());
}

/// Trusts what the machine trusts, or the authorities of `SSL_CERT_FILE`. Without any, no certificate is in order, and
/// the failed handshake says so.
fn tls(encryption: Encryption) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if encryption != Encryption::None {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}
