//! Makes a message (RFC 5322) of an email, and sends it over SMTP or saves it in a folder. Knows no database.

mod bounce;
mod email;
mod failure;
mod folder;
mod smtp;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, MultiPartKind, SinglePart};
use lettre::{Address, AsyncTransport as _, Message};

pub use bounce::{BounceAddress, BounceClass, BounceDetails, BounceReport, BounceVerdict, read_bounce};
pub use email::{Email, MessageSeed, Purpose};
pub use failure::{Blame, SendFailure};
pub use smtp::{Cause, Conversation, Enhanced, Relay, SmtpError, SmtpLimits, Stage};

/// The sender of every email.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The address in the From header.
    pub from: Mailbox,
    /// The envelope sender, to which other servers send bounces. The default is [`Self::from`].
    pub bounces: Option<BounceAddress>,
}

/// Sends emails from one sender over one transport.
#[derive(Clone, Debug)]
pub struct Mailer {
    sender: Sender,
    transport: Transport,
}

/// How emails are sent.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A relay, over SMTP.
    Smtp(Box<Relay>),
    /// A folder of `.eml` files, for a site in development.
    Folder(PathBuf),
}

impl Sender {
    /// Returns the envelope sender of the email with this token.
    #[must_use]
    pub fn envelope(&self, token: &str) -> Address {
        let own = self.bounces.as_ref().and_then(|address| address.with(token));
        own.unwrap_or_else(|| self.from.email.clone())
    }
}

impl Mailer {
    /// Returns a mailer.
    #[must_use]
    pub fn new(sender: Sender, transport: Transport) -> Self {
        Self { sender, transport }
    }

    /// Returns the same mailer with another time limit for the recipient.
    #[must_use]
    pub fn with_recipient_limit(&self, recipient: Duration) -> Self {
        let transport = match &self.transport {
            Transport::Smtp(relay) => Transport::Smtp(Box::new(relay.with_limits(SmtpLimits {
                recipient,
                ..relay.limits()
            }))),
            folder @ Transport::Folder(_) => folder.clone(),
        };
        Self {
            transport,
            ..self.clone()
        }
    }

    /// Sends one email. The same seed gives the same octets on every try.
    ///
    /// # Errors
    /// Returns a [`SendFailure`], which says whether trying again can help.
    pub async fn send(&self, email: &Email, seed: &MessageSeed) -> Result<(), SendFailure> {
        let message = self.message(email, seed)?;
        match &self.transport {
            Transport::Smtp(relay) => {
                let needs_utf8 = email.recipient.needs_smtputf8();
                let sent = relay.send(message).await;
                sent.map_err(|error| SendFailure::of_smtp(&error, needs_utf8))
            }
            Transport::Folder(folder) => save(folder, email, &message).await,
        }
    }

    /// Closes connections that wait for a next email.
    pub fn close_idle_connections(&self) {
        if let Transport::Smtp(relay) = &self.transport {
            relay.close_idle();
        }
    }

    /// Removes the unfinished files of a killed process from the folder.
    pub fn remove_unfinished_files(&self) {
        if let Transport::Folder(folder) = &self.transport
            && folder.is_dir()
            && let Err(error) = folder::remove_unfinished(folder)
        {
            tracing::warn!(%error, "unfinished files cannot be removed from the mail folder");
        }
    }

    /// Returns the message for an email. It does not depend on the relay. Its headers are ASCII unless the recipient's
    /// address is not, so any server can take it.
    ///
    /// # Errors
    /// Returns a [`SendFailure`] if the email cannot be a message.
    pub fn message(&self, email: &Email, seed: &MessageSeed) -> Result<Message, SendFailure> {
        self.compose(email, seed)
            .map_err(|error| SendFailure::new(Blame::Us, &error.to_string()))
    }

    fn compose(&self, email: &Email, seed: &MessageSeed) -> Result<Message, lettre::error::Error> {
        let recipient = email.recipient.to_wire();
        let sender = self.sender.envelope(&seed.token);
        let builder = Message::builder()
            .envelope(Envelope::new(Some(sender), vec![recipient.clone()])?)
            .from(self.sender.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(email.subject.as_str())
            .date(seed.date.into())
            .message_id(Some(email.message_id.clone()))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        with_optional_headers(builder, email).multipart(
            MultiPart::builder()
                .kind(MultiPartKind::Alternative)
                .boundary(format!("npoc-{}", seed.token))
                .singlepart(plain(&email.text))
                .singlepart(html(&email.html)),
        )
    }
}

async fn save(folder: &Path, email: &Email, message: &Message) -> Result<(), SendFailure> {
    let (folder, message_id, octets) = (folder.to_owned(), email.message_id.clone(), message.formatted());
    let saving = tokio::task::spawn_blocking(move || folder::save(&folder, &message_id, &octets));
    // A full or read-only folder costs no email a try, as with a relay.
    let failed = |reason: &str| SendFailure::new(Blame::Relay, &format!("the mail folder: {reason}"));
    match saving.await {
        Ok(saved) => saved.map_err(|error| failed(&error.to_string())),
        Err(panic) => Err(failed(&panic.to_string())),
    }
}

fn with_optional_headers(builder: MessageBuilder, email: &Email) -> MessageBuilder {
    let reply_to = email.reply_to.as_ref().filter(|address| !address.needs_smtputf8());
    let builder = match reply_to {
        Some(address) => builder.reply_to(Mailbox::new(None, address.to_wire())),
        None => builder,
    };
    let builder = match &email.in_reply_to {
        Some(id) => builder.in_reply_to(id.clone()).references(id.clone()),
        None => builder,
    };
    let builder = match email.language {
        Some(language) => builder.raw_header(header("Content-Language", language.tag())),
        None => builder,
    };
    match &email.reference {
        Some(reference) => builder.raw_header(header("X-NPOC-Reference", reference)),
        None => builder,
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn plain(text: &str) -> SinglePart {
    SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(text.to_owned())
}

fn html(html: &str) -> SinglePart {
    SinglePart::builder()
        .header(ContentType::TEXT_HTML)
        .body(html.to_owned())
}
