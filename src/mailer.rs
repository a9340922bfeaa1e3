//! A letter → a message (RFC 5322) → SMTP, or a folder. Knows no database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::response::Category;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use time::OffsetDateTime;
use tokio::fs::{DirBuilder, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use crate::values::EmailAddress;

/// How long the relay may take over one command.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// A mail to be sent.
#[derive(Clone, Debug)]
pub struct Letter {
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
}

/// Sends letters from one address by one way.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
    transport: Transport,
}

/// The way that mail takes.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A relay.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
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
}

impl Transport {
    /// The relay of a URL as lettre reads it: `smtp://host:25`, `smtps://user:password@host`,
    /// `smtp://user:password@host:587?tls=required`. Nothing is connected yet.
    ///
    /// # Errors
    /// A URL that is none of these.
    pub fn smtp(url: &str) -> Result<Self, smtp::Error> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?;
        Ok(Self::Smtp(builder.timeout(Some(COMMAND_LIMIT)).build()))
    }
}

impl Mailer {
    /// A mailer that sends everything from `from`.
    #[must_use]
    pub fn new(from: Mailbox, transport: Transport) -> Self {
        Self { from, transport }
    }

    /// Sends one letter. The date is when it was owed, so that every try is the same message.
    ///
    /// # Errors
    /// A [`Failure`], which says whether trying again can help.
    pub async fn send(&self, letter: &Letter, owed_at: OffsetDateTime) -> Result<(), Failure> {
        let message = self
            .message(letter, owed_at)
            .map_err(|error| Failure::temporary(&error.to_string()))?;
        match &self.transport {
            Transport::Smtp(relay) => relay
                .send(message)
                .await
                .map(drop)
                .map_err(|error| failure(letter, &error)),
            Transport::Folder(folder) => save(folder, letter, &message.formatted())
                .await
                .map_err(|error| Failure::temporary(&error.to_string())),
        }
    }

    fn message(&self, letter: &Letter, owed_at: OffsetDateTime) -> Result<Message, lettre::error::Error> {
        let recipient = letter.recipient.to_wire();
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![recipient.clone()])?;
        let builder = Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(letter.subject.as_str())
            .date(owed_at.into())
            .message_id(Some(letter.message_id.clone()))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        with_reference(
            with_reply_to(builder, letter.reply_to.as_ref()),
            letter.reference.as_deref(),
        )
        .multipart(
            MultiPart::alternative()
                .singlepart(plain(&letter.text))
                .singlepart(html(&letter.html)),
        )
    }
}

/// A mailbox outside ASCII has no ASCII form, and our envelope alone decides whether the relay is
/// asked for SMTPUTF8: such an address stands in the body, where it cannot break the delivery.
fn with_reply_to(builder: MessageBuilder, reply_to: Option<&EmailAddress>) -> MessageBuilder {
    match reply_to.filter(|address| !address.needs_smtputf8()) {
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

/// A reply 55x speaks of the mail or its recipient. Other permanent replies speak of us (a login
/// refused is 535), as most of what lettre itself refuses does (no TLS where TLS is required), and
/// another try after the operator's repair may well succeed. A mailbox that the relay cannot carry
/// stays one.
fn failure(letter: &Letter, error: &smtp::Error) -> Failure {
    let code = error.status();
    let is_about_the_mail = code.is_some_and(|code| code.category == Category::MailSystem);
    let reason = chain(error);
    let lacks_smtputf8 = letter.recipient.needs_smtputf8() && error.is_client() && reason.contains("SMTPUTF8");
    Failure {
        is_refusal: (error.is_permanent() && is_about_the_mail) || lacks_smtputf8,
        code: code.map(u16::from),
        reason,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Named after the Message-ID, so that a mail written twice is there once; renamed into place, so
/// that half a mail is never seen; readable by the site's own user only.
async fn save(folder: &Path, letter: &Letter, message: &[u8]) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
    let name = letter
        .message_id
        .trim_matches(['<', '>'])
        .split('@')
        .next()
        .unwrap_or_default();
    let unfinished = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .await?;
    file.write_all(message).await?;
    file.sync_all().await?;
    tokio::fs::rename(&unfinished, folder.join(format!("{name}.eml"))).await
}
