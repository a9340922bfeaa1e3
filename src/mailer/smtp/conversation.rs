//! A conversation with the relay (RFC 5321), command by command. It believes nothing: each reply must have the code that
//! its command asks for, and whatever comes before its turn ends the conversation.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::Address;
use lettre::address::Envelope;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::data::with_end;
use super::error::{Cause, SmtpError, Stage};
use super::extensions::Extensions;
use super::reply::Reply;
use super::url::{Encryption, Login, RelayAddress};
use super::wire::{Stream, Wire, at};

/// Time for the relay to say goodbye.
const LEAVING_LIMIT: Duration = Duration::from_secs(10);

/// A relay that has greeted us and knows who we are.
pub struct Conversation {
    wire: Wire,
    extensions: Extensions,
    is_encrypted: bool,
    /// Whether a refused mail has to be cleared away before the next one.
    needs_reset: bool,
    /// How many mails the relay has taken here.
    mails: u32,
}

/// How long the relay may take over one mail.
#[derive(Clone, Copy, Debug)]
pub struct MailTime {
    /// For the whole mail.
    pub deadline: Instant,
    /// For its recipient, before the message is handed over: after this others go first.
    pub recipient: Duration,
}

/// One command of a mail: what is said, and which codes say yes.
struct Step {
    stage: Stage,
    command: String,
    accepts: fn(u16) -> bool,
}

impl Conversation {
    /// Greets, encrypts and logs in, as far as the address asks for it.
    ///
    /// # Errors
    /// An [`SmtpError`] before the stage of the sender.
    pub async fn begin(
        stream: Box<dyn Stream>,
        relay: &RelayAddress,
        tls: &TlsConnector,
        deadline: Instant,
    ) -> Result<Self, SmtpError> {
        let is_implicit = relay.encryption == Encryption::Implicit;
        let stream = if is_implicit {
            encrypt(stream, relay, tls, deadline).await?
        } else {
            stream
        };
        let mut conversation = Self {
            wire: Wire::new(stream, deadline),
            extensions: Extensions::default(),
            is_encrypted: is_implicit,
            needs_reset: false,
            mails: 0,
        };
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

    /// Whether the relay carries addresses outside ASCII. One that does must carry octets outside ASCII too (RFC 6531,
    /// 3.1).
    #[must_use]
    pub fn carries_utf8(&self) -> bool {
        self.extensions.has("SMTPUTF8") && self.extensions.has("8BITMIME")
    }

    /// Whether what is said cannot be read on the way.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// How many mails the relay has taken in this conversation.
    #[must_use]
    pub fn mails(&self) -> u32 {
        self.mails
    }

    /// Hands one message over.
    ///
    /// # Errors
    /// An [`SmtpError`]. After a refusal (but 421) the conversation can continue with another mail; after any other error
    /// it must end.
    pub async fn deliver(&mut self, envelope: &Envelope, message: &[u8], time: MailTime) -> Result<(), SmtpError> {
        self.wire.deadline = time.deadline;
        self.reset_if_needed().await?;
        let needs_utf8 = !message.is_ascii() || envelope.to().iter().any(|address| !is_ascii(address));
        if needs_utf8 && !self.carries_utf8() {
            return Err(at(Stage::Recipient)(Cause::NoSmtputf8));
        }
        self.needs_reset = true;
        self.name(steps(envelope, needs_utf8, true), time).await?;
        self.wire.say(Stage::Message, &with_end(message)).await?;
        self.expect(Stage::Message, |code| code == 250).await?;
        self.needs_reset = false;
        self.mails += 1;
        Ok(())
    }

    /// Asks whether a mail from and to these would be taken, without sending one.
    ///
    /// # Errors
    /// An [`SmtpError`], at the stage of the recipient if the relay speaks of it.
    pub async fn would_deliver(&mut self, envelope: &Envelope) -> Result<(), SmtpError> {
        let time = MailTime {
            deadline: self.wire.deadline,
            recipient: Duration::MAX,
        };
        self.needs_reset = true;
        self.name(steps(envelope, false, false), time).await
    }

    /// Says goodbye. What the relay answers changes nothing.
    pub async fn leave(mut self) {
        self.wire.deadline = Instant::now() + LEAVING_LIMIT;
        let goodbye = async {
            self.wire.write(Stage::Message, b"QUIT\r\n").await?;
            self.wire.reply(Stage::Message).await
        };
        drop(goodbye.await);
    }

    async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        let stage = Stage::Hello;
        let reply = self.ask(stage, &format!("EHLO {name}")).await?;
        match reply.code.value() {
            250 => {
                self.extensions = Extensions::of(&reply);
                Ok(())
            }
            // It does not know EHLO, so it has no extensions.
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
        let mut encrypted = Self {
            wire: Wire::new(stream, deadline),
            extensions: Extensions::default(),
            is_encrypted: true,
            ..self
        };
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

    /// Says who sends and who is to get the mail, in one packet where the relay takes that (RFC 2920).
    async fn name(&mut self, steps: Vec<Step>, time: MailTime) -> Result<(), SmtpError> {
        if self.extensions.has("PIPELINING") {
            return self.name_at_once(&steps, time).await;
        }
        for step in steps {
            self.wire.say(step.stage, line(&step.command).as_bytes()).await?;
            let reply = self.reply_to(&step, time).await?;
            accepted(step.stage, reply, step.accepts)?;
        }
        Ok(())
    }

    async fn name_at_once(&mut self, steps: &[Step], time: MailTime) -> Result<(), SmtpError> {
        let all: String = steps.iter().map(|step| line(&step.command)).collect();
        self.wire.say(Stage::Sender, all.as_bytes()).await?;
        let mut first_refusal = None;
        for step in steps {
            let reply = self.reply_to(step, time).await?;
            let is_ready = step.stage == Stage::Data && reply.code.value() == 354;
            match accepted(step.stage, reply, step.accepts) {
                Ok(_) if is_ready && first_refusal.is_some() => self.take_back().await?,
                Ok(_) => {}
                Err(error) if can_go_on(&error) => {
                    first_refusal.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        first_refusal.map_or(Ok(()), Err)
    }

    /// The relay waits for a message although it refused the sender or the recipient: there is none.
    async fn take_back(&mut self) -> Result<(), SmtpError> {
        self.wire.say(Stage::Data, b".\r\n").await?;
        self.wire.reply(Stage::Data).await.map(drop)
    }

    /// The recipient has its own time, which begins when the relay is asked for it.
    async fn reply_to(&mut self, step: &Step, time: MailTime) -> Result<Reply, SmtpError> {
        if step.stage != Stage::Recipient {
            return self.wire.reply(step.stage).await;
        }
        let enough = Instant::now().checked_add(time.recipient).unwrap_or(time.deadline);
        self.wire.deadline = enough.min(time.deadline);
        let reply = self.wire.reply(step.stage).await;
        self.wire.deadline = time.deadline;
        reply.map_err(|error| match error.cause {
            Cause::TimedOut => at(step.stage)(Cause::Slow),
            _ => error,
        })
    }

    async fn ask(&mut self, stage: Stage, command: &str) -> Result<Reply, SmtpError> {
        self.wire.say(stage, line(command).as_bytes()).await?;
        self.wire.reply(stage).await
    }

    async fn expect(&mut self, stage: Stage, accepts: fn(u16) -> bool) -> Result<(), SmtpError> {
        let reply = self.wire.reply(stage).await?;
        accepted(stage, reply, accepts).map(drop)
    }
}

impl RelayAddress {
    /// Whether to begin TLS now.
    fn asks_for_starttls(&self, is_offered: bool) -> Result<bool, SmtpError> {
        match self.encryption {
            Encryption::Required if !is_offered => Err(at(Stage::StartTls)(Cause::NoTls)),
            Encryption::Required | Encryption::Opportunistic => Ok(is_offered),
            Encryption::None | Encryption::Implicit => Ok(false),
        }
    }
}

/// MAIL, one RCPT for each recipient and, for a mail that is really sent, DATA. Nothing is asked for that is not needed:
/// the relay would have to ask the next one for it.
fn steps(envelope: &Envelope, needs_utf8: bool, with_data: bool) -> Vec<Step> {
    let sender = envelope.from().map(ToString::to_string).unwrap_or_default();
    let parameters = if needs_utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
    let mut steps = vec![Step {
        stage: Stage::Sender,
        command: format!("MAIL FROM:<{sender}>{parameters}"),
        accepts: |code| code == 250,
    }];
    steps.extend(envelope.to().iter().map(|recipient| Step {
        stage: Stage::Recipient,
        command: format!("RCPT TO:<{recipient}>"),
        // 251 and 252: the relay takes it and will see (RFC 5321, 4.2.3).
        accepts: |code| (250..=252).contains(&code),
    }));
    if with_data {
        steps.push(Step {
            stage: Stage::Data,
            command: "DATA".to_owned(),
            accepts: |code| code == 354,
        });
    }
    steps
}

/// The reply if it says yes to its command.
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

/// Whether the relay still listens after this: it refused, and did not end the conversation.
pub fn can_go_on(error: &SmtpError) -> bool {
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

/// A relay may quote the login back; the password must not reach a log or a list.
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
