//! A email → a message (RFC 5322) → SMTP, or a folder. Knows no database.

mod folder;
mod relay;

use std::path::PathBuf;

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use time::OffsetDateTime;

pub use relay::{Conversation, Relay};

use crate::values::EmailAddress;

/// A mail to be sent.
#[derive(Clone, Debug)]
pub struct Email {
    /// `<…@…>`, the same on every try.
    pub message_id: String,
    /// What it is about, for the `X-NPOC-Reference` header.
    pub reference: Option<String>,
    /// To whom.
    pub recipient: EmailAddress,
    /// Where a reply goes, if not to the sender.
    pub reply_to: Option<EmailAddress>,
    /// The subject, without line breaks.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Whether a 5xx from the recipient's server ends the trying.
    pub refusal_is_final: bool,
    /// Whether it is not sent unless somebody asks for it.
    pub is_held: bool,
}

/// Sends emails from one address by one way.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
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

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the mail system of the recipient or the relay refused this mail for good.
    pub is_refusal: bool,
    /// The SMTP reply code, where there was one. Fit for a log, unlike the reason.
    pub code: Option<u16>,
    /// What happened, for the operator. May quote the server, so it is kept out of the log.
    pub reason: String,
}

impl Failure {
    /// Something that may be better next time.
    #[must_use]
    pub fn temporary(reason: &str) -> Self {
        Self {
            is_refusal: false,
            code: None,
            reason: reason.to_owned(),
        }
    }

    /// Something that no other try can change.
    #[must_use]
    pub fn refusal(reason: &str) -> Self {
        Self {
            is_refusal: true,
            ..Self::temporary(reason)
        }
    }
}

impl Mailer {
    /// A mailer that sends everything from `from`.
    #[must_use]
    pub fn new(from: Mailbox, transport: Transport) -> Self {
        Self { from, transport }
    }

    /// Sends one email. The date is when it was owed, so that every try is the same message.
    ///
    /// # Errors
    /// A [`Failure`], which says whether trying again can help.
    pub async fn send(&self, email: &Email, owed_at: OffsetDateTime) -> Result<(), Failure> {
        match &self.transport {
            Transport::Smtp(relay) => {
                let conversation = relay.converse().await?;
                let message = self.message(email, owed_at, conversation.carries_utf8())?;
                conversation.deliver(&message).await
            }
            Transport::Folder(folder) => {
                let message = self.message(email, owed_at, false)?.formatted();
                let saved = folder::save(folder, &email.message_id, &message).await;
                saved.map_err(|error| Failure::temporary(&error.to_string()))
            }
        }
    }

    /// The email as its reader's program gets it. Its headers hold an address outside ASCII only
    /// if `utf8_headers` (RFC 6532) can be carried, or the recipient's own address is one.
    ///
    /// # Errors
    /// A [`Failure`], where the email cannot be a message.
    pub fn message(&self, email: &Email, owed_at: OffsetDateTime, utf8_headers: bool) -> Result<Message, Failure> {
        self.compose(email, owed_at, utf8_headers)
            .map_err(|error| Failure::temporary(&error.to_string()))
    }

    fn compose(
        &self,
        email: &Email,
        owed_at: OffsetDateTime,
        utf8_headers: bool,
    ) -> Result<Message, lettre::error::Error> {
        let reply_to = email
            .reply_to
            .as_ref()
            .filter(|address| utf8_headers || !address.needs_smtputf8());
        let recipient = email.recipient.to_wire();
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![recipient.clone()])?;
        let builder = Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(email.subject.as_str())
            .date(owed_at.into())
            .message_id(Some(email.message_id.clone()))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        with_reference(with_reply_to(builder, reply_to), email.reference.as_deref()).multipart(
            MultiPart::alternative()
                .singlepart(plain(&email.text))
                .singlepart(html(&email.html)),
        )
    }
}

fn with_reply_to(builder: MessageBuilder, reply_to: Option<&EmailAddress>) -> MessageBuilder {
    match reply_to {
        Some(address) => builder.reply_to(Mailbox::new(None, address.to_wire())),
        None => builder,
    }
}

fn with_reference(builder: MessageBuilder, reference: Option<&str>) -> MessageBuilder {
    match reference {
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
