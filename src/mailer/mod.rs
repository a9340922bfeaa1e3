//! An email → a message (RFC 5322) → SMTP, or a folder. Knows no database.

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
pub use email::{Email, Purpose, Stamp};
pub use failure::{Blame, Failure};
pub use smtp::{Cause, Conversation, Enhanced, Relay, SmtpError, SmtpLimits, Stage};

/// Who sends.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The sender that readers see.
    pub from: Mailbox,
    /// The envelope sender, to which other servers return mail; [`Self::from`] where there is none.
    pub bounces: Option<BounceAddress>,
}

/// Sends emails from one address by one way.
#[derive(Clone, Debug)]
pub struct Mailer {
    sender: Sender,
    transport: Transport,
}

/// The way that mail takes.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A relay.
    Smtp(Box<Relay>),
    /// A folder of `.eml` files, for a site at home.
    Folder(PathBuf),
}

impl Sender {
    /// The envelope sender of the email with this token.
    #[must_use]
    pub fn envelope(&self, token: &str) -> Address {
        let own = self.bounces.as_ref().and_then(|address| address.with(token));
        own.unwrap_or_else(|| self.from.email.clone())
    }
}

impl Mailer {
    /// A mailer that sends everything from one sender.
    #[must_use]
    pub fn new(sender: Sender, transport: Transport) -> Self {
        Self { sender, transport }
    }

    /// The same, with at most so much time for the recipient's part of a conversation.
    #[must_use]
    pub fn with_recipient_limit(&self, recipient: Duration) -> Self {
        let transport = match &self.transport {
            Transport::Smtp(relay) => Transport::Smtp(Box::new(relay.within(SmtpLimits {
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

    /// Sends one email. The stamp makes every try the same octets.
    ///
    /// # Errors
    /// A [`Failure`], which says whether trying again can help.
    pub async fn send(&self, email: &Email, stamp: &Stamp) -> Result<(), Failure> {
        let message = self.message(email, stamp)?;
        match &self.transport {
            Transport::Smtp(relay) => {
                let needs_utf8 = email.recipient.needs_smtputf8();
                let sent = relay.send(message).await;
                sent.map_err(|error| Failure::of_smtp(&error, needs_utf8))
            }
            Transport::Folder(folder) => save(folder, email, &message).await,
        }
    }

    /// Ends connections that wait for a next email.
    pub fn rest(&self) {
        if let Transport::Smtp(relay) = &self.transport {
            relay.close_idle();
        }
    }

    /// Removes what a killed process left unfinished in the folder.
    pub fn tidy(&self) {
        if let Transport::Folder(folder) = &self.transport
            && folder.is_dir()
            && let Err(error) = folder::sweep(folder)
        {
            tracing::warn!(%error, "unfinished files stay in the mail folder");
        }
    }

    /// The email as its reader's program gets it. Nothing in it depends on the relay, and only a recipient outside ASCII
    /// puts anything outside ASCII into its headers: whichever server is behind the relay can take all others.
    ///
    /// # Errors
    /// A [`Failure`], if the email cannot be a message.
    pub fn message(&self, email: &Email, stamp: &Stamp) -> Result<Message, Failure> {
        self.compose(email, stamp)
            .map_err(|error| Failure::new(Blame::Us, &error.to_string()))
    }

    fn compose(&self, email: &Email, stamp: &Stamp) -> Result<Message, lettre::error::Error> {
        let recipient = email.recipient.to_wire();
        let sender = self.sender.envelope(&stamp.token);
        let builder = Message::builder()
            .envelope(Envelope::new(Some(sender), vec![recipient.clone()])?)
            .from(self.sender.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(email.subject.as_str())
            .date(stamp.date.into())
            .message_id(Some(email.message_id.clone()))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        with_optional_headers(builder, email).multipart(
            MultiPart::builder()
                .kind(MultiPartKind::Alternative)
                .boundary(format!("npoc-{}", stamp.token))
                .singlepart(plain(&email.text))
                .singlepart(html(&email.html)),
        )
    }
}

async fn save(folder: &Path, email: &Email, message: &Message) -> Result<(), Failure> {
    let (folder, message_id, octets) = (folder.to_owned(), email.message_id.clone(), message.formatted());
    let saving = tokio::task::spawn_blocking(move || folder::save(&folder, &message_id, &octets));
    // The folder is as the relay: what it cannot keep now costs no email a try.
    let failed = |reason: &str| Failure::new(Blame::Relay, &format!("the mail folder: {reason}"));
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
