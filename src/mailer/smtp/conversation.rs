//! The conversation with the relay (RFC 5321), command by command. Each reply must have a code that its command expects.
//! Data that no command asked for ends the conversation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::Address;
use lettre::address::Envelope;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::data::dot_stuffed;
use super::error::{Cause, SmtpError, Stage};
use super::extensions::Extensions;
use super::reply::Reply;
use super::url::{Encryption, Login, RelayAddress};
use super::wire::{Stream, Wire, at};

/// How long the relay may take to answer QUIT.
const QUIT_LIMIT: Duration = Duration::from_secs(10);

/// A conversation after EHLO and login.
pub struct Conversation {
    wire: Wire,
    extensions: Extensions,
    is_encrypted: bool,
    /// Whether the next email needs RSET first.
    needs_reset: bool,
    /// How many emails the relay took.
    emails: u32,
}

/// Time limits for one email.
#[derive(Clone, Copy, Debug)]
pub struct EmailLimits {
    /// The deadline for the whole email.
    pub deadline: Instant,
    /// The limit for the reply to RCPT TO. After this, other emails go first.
    pub recipient: Duration,
}

/// One command of an email, with the reply codes that accept it.
struct Command {
    stage: Stage,
    text: String,
    accepts: fn(u16) -> bool,
}

impl Conversation {
    /// Says hello, starts TLS and logs in, as the address requires.
    ///
    /// # Errors
    /// Returns an [`SmtpError`] of a stage before [`Stage::Sender`].
    pub async fn begin(
        stream: Box<dyn Stream>,
        relay: &RelayAddress,
        tls: &TlsConnector,
        deadline: Instant,
    ) -> Result<Self, SmtpError> {
        let is_encrypted = relay.encryption == Encryption::Implicit;
        let stream = if is_encrypted {
            encrypt(stream, relay, tls, deadline).await?
        } else {
            stream
        };
        let mut conversation = Self::new(stream, deadline, is_encrypted);
        conversation.expect(Stage::Greeting, |code| code == 220).await?;
        conversation.hello(&relay.hello_name).await?;
        if relay.asks_for_starttls(conversation.extensions.has("STARTTLS"))? {
            conversation = conversation.start_tls(relay, tls).await?;
        }
        if let Some(login) = &relay.login {
            conversation.log_in(login, relay.encryption).await?;
        }
        Ok(conversation)
    }

    fn new(stream: Box<dyn Stream>, deadline: Instant, is_encrypted: bool) -> Self {
        Self {
            wire: Wire::new(stream, deadline),
            extensions: Extensions::default(),
            is_encrypted,
            needs_reset: false,
            emails: 0,
        }
    }

    /// Returns whether the relay takes addresses that are not ASCII. RFC 6531, 3.1, requires 8BITMIME as well.
    #[must_use]
    pub fn carries_utf8(&self) -> bool {
        self.extensions.has("SMTPUTF8") && self.extensions.has("8BITMIME")
    }

    /// Returns whether the conversation is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Returns how many emails the relay took in this conversation.
    #[must_use]
    pub fn emails(&self) -> u32 {
        self.emails
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Returns an [`SmtpError`]. After a refusal other than 421 the conversation can continue with another email. After any
    /// other error it must end.
    pub async fn deliver(&mut self, envelope: &Envelope, message: &[u8], limits: EmailLimits) -> Result<(), SmtpError> {
        self.wire.deadline = limits.deadline;
        self.reset_if_needed().await?;
        let needs_utf8 = !message.is_ascii() || envelope.to().iter().any(|address| !is_ascii(address));
        if needs_utf8 && !self.carries_utf8() {
            return Err(at(Stage::Recipient)(Cause::NoSmtputf8));
        }
        self.needs_reset = true;
        self.send_commands(&message_commands(envelope, needs_utf8), limits)
            .await?;
        self.wire.send(Stage::Message, &dot_stuffed(message)).await?;
        self.expect(Stage::Message, |code| code == 250).await?;
        self.needs_reset = false;
        self.emails += 1;
        Ok(())
    }

    /// Tests whether the relay takes email from this sender to this recipient. Sends none.
    ///
    /// # Errors
    /// Returns an [`SmtpError`], at [`Stage::Recipient`] if the relay refuses the recipient.
    pub async fn probe_recipient(&mut self, envelope: &Envelope) -> Result<(), SmtpError> {
        let limits = EmailLimits {
            deadline: self.wire.deadline,
            recipient: Duration::MAX,
        };
        self.needs_reset = true;
        self.send_commands(&envelope_commands(envelope, false), limits).await
    }

    /// Sends QUIT, and ignores the reply.
    pub async fn quit(mut self) {
        self.wire.deadline = Instant::now() + QUIT_LIMIT;
        let quitting = async {
            self.wire.write(Stage::Message, b"QUIT\r\n").await?;
            self.wire.reply(Stage::Message).await
        };
        drop(quitting.await);
    }

    async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        let stage = Stage::Hello;
        let reply = self.ask(stage, &format!("EHLO {name}")).await?;
        match reply.code.value() {
            250 => {
                self.extensions = Extensions::parse(&reply);
                Ok(())
            }
            // The relay does not know EHLO, so it has no extensions.
            500..=504 | 550 => {
                self.extensions = Extensions::default();
                let reply = self.ask(stage, &format!("HELO {name}")).await?;
                accepted(stage, reply, |code| code == 250).map(drop)
            }
            _ => Err(refused(stage, reply)),
        }
    }

    async fn start_tls(mut self, relay: &RelayAddress, tls: &TlsConnector) -> Result<Self, SmtpError> {
        let deadline = self.wire.deadline;
        let reply = self.ask(Stage::StartTls, "STARTTLS").await?;
        accepted(Stage::StartTls, reply, |code| code == 220)?;
        let stream = encrypt(self.wire.into_stream()?, relay, tls, deadline).await?;
        let mut encrypted = Self::new(stream, deadline, true);
        encrypted.hello(&relay.hello_name).await?;
        Ok(encrypted)
    }

    async fn log_in(&mut self, login: &Login, encryption: Encryption) -> Result<(), SmtpError> {
        let fails = at(Stage::Login);
        if !self.is_encrypted && encryption == Encryption::Opportunistic {
            return Err(fails(Cause::PlainTextLogin));
        }
        let offers = |name: &str| self.extensions.logins.contains(&name);
        let (user, password) = (BASE64.encode(&login.user), BASE64.encode(&login.password));
        let answers = if offers("PLAIN") {
            let both = BASE64.encode(format!("\0{}\0{}", login.user, login.password));
            vec![format!("AUTH PLAIN {both}")]
        } else if offers("LOGIN") {
            vec!["AUTH LOGIN".to_owned(), user, password]
        } else {
            return Err(fails(Cause::NoLogin(self.extensions.offered_logins.clone())));
        };
        self.answer_login(&answers)
            .await
            .map_err(|error| without_secrets(error, login, &answers))
    }

    async fn answer_login(&mut self, answers: &[String]) -> Result<(), SmtpError> {
        let stage = Stage::Login;
        for (nth, answer) in answers.iter().enumerate() {
            let is_last = nth + 1 == answers.len();
            let reply = self.ask(stage, answer).await?;
            accepted(
                stage,
                reply,
                if is_last {
                    |code| code == 235
                } else {
                    |code| code == 334
                },
            )?;
        }
        Ok(())
    }

    async fn reset_if_needed(&mut self) -> Result<(), SmtpError> {
        if self.needs_reset {
            let reply = self.ask(Stage::Sender, "RSET").await?;
            accepted(Stage::Sender, reply, |code| code == 250)?;
            self.needs_reset = false;
        }
        Ok(())
    }

    /// Sends the commands of the envelope, in one packet if the relay offers that (RFC 2920).
    async fn send_commands(&mut self, commands: &[Command], limits: EmailLimits) -> Result<(), SmtpError> {
        if self.extensions.has("PIPELINING") {
            return self.send_pipelined(commands, limits).await;
        }
        for command in commands {
            self.wire.send(command.stage, line(&command.text).as_bytes()).await?;
            let reply = self.reply_to(command, limits).await?;
            accepted(command.stage, reply, command.accepts)?;
        }
        Ok(())
    }

    async fn send_pipelined(&mut self, commands: &[Command], limits: EmailLimits) -> Result<(), SmtpError> {
        let all: String = commands.iter().map(|command| line(&command.text)).collect();
        self.wire.send(Stage::Sender, all.as_bytes()).await?;
        let mut first_refusal = None;
        for command in commands {
            let reply = self.reply_to(command, limits).await?;
            let is_ready = command.stage == Stage::Data && reply.code.value() == 354;
            match accepted(command.stage, reply, command.accepts) {
                Ok(_) if is_ready && first_refusal.is_some() => self.send_empty_message().await?,
                Ok(_) => {}
                Err(error) if can_continue(&error) => {
                    first_refusal.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        first_refusal.map_or(Ok(()), Err)
    }

    /// Ends the message at once, because the relay waits for it although it refused the sender or the recipient.
    async fn send_empty_message(&mut self) -> Result<(), SmtpError> {
        self.wire.send(Stage::Data, b".\r\n").await?;
        self.wire.reply(Stage::Data).await.map(drop)
    }

    /// Reads the reply to a command. The time for the recipient begins now.
    async fn reply_to(&mut self, command: &Command, limits: EmailLimits) -> Result<Reply, SmtpError> {
        if command.stage != Stage::Recipient {
            return self.wire.reply(command.stage).await;
        }
        let recipient_deadline = Instant::now().checked_add(limits.recipient).unwrap_or(limits.deadline);
        self.wire.deadline = recipient_deadline.min(limits.deadline);
        let reply = self.wire.reply(command.stage).await;
        self.wire.deadline = limits.deadline;
        reply.map_err(|error| match error.cause {
            Cause::TimedOut => at(command.stage)(Cause::Slow),
            _ => error,
        })
    }

    async fn ask(&mut self, stage: Stage, command: &str) -> Result<Reply, SmtpError> {
        self.wire.send(stage, line(command).as_bytes()).await?;
        self.wire.reply(stage).await
    }

    async fn expect(&mut self, stage: Stage, accepts: fn(u16) -> bool) -> Result<(), SmtpError> {
        let reply = self.wire.reply(stage).await?;
        accepted(stage, reply, accepts).map(drop)
    }
}

impl RelayAddress {
    /// Returns whether to start TLS now.
    fn asks_for_starttls(&self, is_offered: bool) -> Result<bool, SmtpError> {
        match self.encryption {
            Encryption::Required if !is_offered => Err(at(Stage::StartTls)(Cause::NoTls)),
            Encryption::Required | Encryption::Opportunistic => Ok(is_offered),
            Encryption::None | Encryption::Implicit => Ok(false),
        }
    }
}

/// Returns MAIL FROM and one RCPT TO for each recipient. Requests no extension that the email does not need, because the
/// relay has to request it from the next server.
fn envelope_commands(envelope: &Envelope, needs_utf8: bool) -> Vec<Command> {
    let sender = envelope.from().map(ToString::to_string).unwrap_or_default();
    let parameters = if needs_utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
    let mail = Command {
        stage: Stage::Sender,
        text: format!("MAIL FROM:<{sender}>{parameters}"),
        accepts: |code| code == 250,
    };
    let recipients = envelope.to().iter().map(|recipient| Command {
        stage: Stage::Recipient,
        text: format!("RCPT TO:<{recipient}>"),
        // 251 and 252: the relay takes it and will see (RFC 5321, 4.2.3).
        accepts: |code| (250..=252).contains(&code),
    });
    std::iter::once(mail).chain(recipients).collect()
}

/// Returns the commands of the envelope, and DATA.
fn message_commands(envelope: &Envelope, needs_utf8: bool) -> Vec<Command> {
    let mut commands = envelope_commands(envelope, needs_utf8);
    commands.push(Command {
        stage: Stage::Data,
        text: "DATA".to_owned(),
        accepts: |code| code == 354,
    });
    commands
}

/// Returns the reply if its code accepts the command.
fn accepted(stage: Stage, reply: Reply, accepts: fn(u16) -> bool) -> Result<Reply, SmtpError> {
    if accepts(reply.code.value()) {
        Ok(reply)
    } else {
        Err(refused(stage, reply))
    }
}

fn refused(stage: Stage, reply: Reply) -> SmtpError {
    if reply.code.is_refusal() {
        at(stage)(Cause::Refused(reply))
    } else {
        at(stage)(Cause::Unexpected(reply))
    }
}

/// Returns whether the conversation can continue after an error: the relay refused, and did not end it.
pub fn can_continue(error: &SmtpError) -> bool {
    matches!(&error.cause, Cause::Refused(reply) if !reply.code.ends_conversation())
        || matches!(error.cause, Cause::NoSmtputf8)
}

async fn encrypt(
    stream: Box<dyn Stream>,
    relay: &RelayAddress,
    tls: &TlsConnector,
    deadline: Instant,
) -> Result<Box<dyn Stream>, SmtpError> {
    let fails = at(Stage::Encrypt);
    let name =
        ServerName::try_from(relay.host.clone()).map_err(|error| fails(Cause::Io(std::io::Error::other(error))))?;
    match tokio::time::timeout_at(deadline, tls.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(fails(Cause::Io(error))),
        Err(_) => Err(fails(Cause::TimedOut)),
    }
}

/// Removes the password from the words of a relay that quotes the login.
fn without_secrets(error: SmtpError, login: &Login, answers: &[String]) -> SmtpError {
    let mut secrets: Vec<&str> = answers
        .iter()
        .map(|answer| answer.trim_start_matches("AUTH PLAIN "))
        .collect();
    secrets.push(&login.password);
    secrets.retain(|secret| !secret.is_empty() && *secret != "AUTH LOGIN");
    let cleaned = |mut reply: Reply| {
        reply.text = secrets
            .iter()
            .fold(reply.text, |text, secret| text.replace(secret, "***"));
        reply
    };
    let cause = match error.cause {
        Cause::Refused(reply) => Cause::Refused(cleaned(reply)),
        Cause::Unexpected(reply) => Cause::Unexpected(cleaned(reply)),
        cause => cause,
    };
    SmtpError { cause, ..error }
}

fn line(command: &str) -> String {
    format!("{command}\r\n")
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}
