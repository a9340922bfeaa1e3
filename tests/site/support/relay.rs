//! A mail server that plays a part: a real SMTP conversation, with the answers that a test chose.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// More empty lines than a reply may have.
pub static EMPTY_LINES: [[u8; 6]; 20_000] = [*b"220-\r\n"; 20_000];

/// A point of the conversation, where the server has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Message,
    Reset,
    Quit,
}

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Takes everything.
    Accepts,
    /// Takes what servers took before RFC 6531, and offers no TLS.
    AcceptsAsciiOnly,
    /// Offers this in its answer to EHLO.
    Offers(&'static str),
    /// Gives this reply there.
    Says(At, &'static str),
    /// Sends these octets there, as they are.
    Sends(At, &'static [u8]),
    /// Gives the usual reply there, and this behind it in the same packet.
    Adds(At, &'static str),
    /// Begins a line there that never ends.
    NeverEnds(At),
    /// Gives no reply there, and waits.
    Silent(At),
    /// Gives no reply to RCPT for addresses of this domain, and waits.
    SilentFor(&'static str),
    /// Hangs up there. A message that was there by then is kept.
    Cuts(At),
    /// Hangs up in the middle of the message.
    CutsWithin,
    /// Serves this number of connections at a time, and answers 421 to the others.
    Serves(usize),
    /// Takes this number of mails on one connection, then ends it.
    ServesMails(usize),
    /// Takes one mail on a connection, and gives this reply to MAIL of the next.
    RefusesSecondMail(&'static str),
    /// Takes this long for each answer.
    Takes(Duration),
}

/// A message with the commands that brought it.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    pub mail: String,
    pub rcpt: String,
    pub message: String,
    /// Whether the relay said that it took it.
    pub is_acknowledged: bool,
}

/// A relay on a port of its own.
pub struct Relay {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    part: Mutex<Option<Part>>,
    at_random: Mutex<Vec<Part>>,
    taken: Mutex<Vec<Taken>>,
    said: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    silences: AtomicUsize,
}

impl Relay {
    pub async fn playing(part: Part) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let relay = Self {
            url,
            shared: Arc::clone(&shared),
        };
        relay.play(part);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        relay
    }

    /// Takes everything in half of its conversations, and plays any of these parts in the others.
    pub async fn playing_at_random(parts: &[Part]) -> Self {
        let relay = Self::playing(Part::Accepts).await;
        let accepting = vec![Part::Accepts; parts.len()];
        *relay.shared.at_random.lock().unwrap() = [parts, &accepting].concat();
        relay
    }

    pub fn play(&self, part: Part) {
        self.shared.at_random.lock().unwrap().clear();
        *self.shared.part.lock().unwrap() = Some(part);
    }

    /// The messages it kept.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Every command that it was given.
    pub fn said(&self) -> Vec<String> {
        self.shared.said.lock().unwrap().clone()
    }

    /// Connections so far, and the most at a time.
    pub fn connections(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.shared.connections), read(&self.shared.most_open))
    }
}

impl Relay {
    /// How many conversations came to where the relay is silent.
    pub fn silences(&self) -> usize {
        self.shared.silences.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let at_random = shared.at_random.lock().unwrap().choose(&mut rand::rng()).copied();
    let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let (reading, mut writing) = stream.into_split();
    let part = at_random.or(*shared.part.lock().unwrap());
    if matches!(part, Some(Part::Serves(most)) if open > most) {
        drop(writing.write_all(b"421 4.7.0 too many connections\r\n").await);
    } else {
        shared.most_open.fetch_max(open, Ordering::SeqCst);
        let mut conversation = Conversation {
            lines: BufReader::new(reading),
            writing,
            chosen: at_random,
            now: Taken::default(),
            mails: 0,
            shared: Arc::clone(&shared),
        };
        conversation.hold().await;
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

struct Conversation {
    lines: BufReader<tokio::net::tcp::OwnedReadHalf>,
    writing: OwnedWriteHalf,
    /// The part of this conversation alone.
    chosen: Option<Part>,
    now: Taken,
    mails: usize,
    shared: Arc<Shared>,
}

impl Conversation {
    async fn hold(&mut self) -> Option<()> {
        self.say(At::Greeting, "220 relay.test ESMTP").await?;
        while let Some(line) = self.line().await {
            self.shared.said.lock().unwrap().push(line.clone());
            let (at, reply) = match line.get(..4)?.to_ascii_uppercase().as_str() {
                "EHLO" => (At::Ehlo, self.capabilities()),
                "HELO" => (At::Helo, "250 relay.test"),
                "STAR" => (At::StartTls, "220 go on"),
                "AUTH" => (At::Auth, "235 welcome"),
                "MAIL" => {
                    self.now.mail.clone_from(&line);
                    (At::Mail, self.reply_to_mail())
                }
                "RCPT" => {
                    self.now.rcpt.clone_from(&line);
                    (At::Rcpt, self.reply_to_rcpt().await)
                }
                "DATA" => {
                    self.say(At::Data, "354 go on").await?;
                    if self.refuses_data() {
                        continue;
                    }
                    self.read_message().await?;
                    (At::Message, self.reply_to_message())
                }
                "RSET" => (At::Reset, "250 ok"),
                "QUIT" => (At::Quit, "221 bye"),
                _ => (At::Ehlo, "250 ok"),
            };
            self.say(at, reply).await?;
            if at == At::Quit {
                return None;
            }
        }
        Some(())
    }

    /// The part of the relay at this moment, since connections are used again.
    fn part(&self) -> Part {
        self.chosen.or(*self.shared.part.lock().unwrap()).unwrap()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn read_message(&mut self) -> Option<()> {
        self.now.message.clear();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Some(());
            }
            self.now.message.push_str(line.strip_prefix('.').unwrap_or(&line));
            self.now.message.push_str("\r\n");
            if self.part() == Part::CutsWithin {
                return None;
            }
        }
    }

    /// The usual reply, or what the part has there; nothing where it hangs up.
    async fn say(&mut self, at: At, usual: &str) -> Option<()> {
        if let Part::Takes(time) = self.part() {
            tokio::time::sleep(time).await;
        }
        let line = |reply: &str| format!("{reply}\r\n").into_bytes();
        let octets = match self.part() {
            Part::Says(there, reply) if there == at => line(reply),
            Part::Sends(there, octets) if there == at => octets.to_vec(),
            Part::Adds(there, more) if there == at => [line(usual), line(more)].concat(),
            Part::NeverEnds(there) if there == at => return self.say_without_end().await,
            Part::Cuts(there) if there == at => return None,
            Part::Silent(there) if there == at => {
                self.shared.silences.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            }
            Part::RefusesSecondMail(reply) if at == At::Mail && self.mails > 1 => line(reply),
            Part::ServesMails(most) if at == At::Mail && self.mails > most => {
                drop(self.writing.write_all(b"421 4.7.0 enough on this connection\r\n").await);
                return None;
            }
            _ => line(usual),
        };
        self.writing.write_all(&octets).await.ok()
    }

    async fn say_without_end(&mut self) -> Option<()> {
        let octets = vec![b'2'; 65_536];
        while self.writing.write_all(&octets).await.is_ok() {}
        None
    }

    fn capabilities(&self) -> &'static str {
        match self.part() {
            Part::Offers(lines) => lines,
            Part::AcceptsAsciiOnly => "250-relay.test\r\n250 8BITMIME",
            _ => "250-relay.test\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 SMTPUTF8",
        }
    }

    fn reply_to_mail(&mut self) -> &'static str {
        self.mails += 1;
        match self.part() {
            Part::AcceptsAsciiOnly if self.now.mail.contains("SMTPUTF8") => "555 5.5.4 parameter not known",
            _ => "250 ok",
        }
    }

    /// RFC 6531, 3.4: an address outside ASCII only where MAIL said so.
    async fn reply_to_rcpt(&self) -> &'static str {
        if matches!(self.part(), Part::SilentFor(domain) if self.now.rcpt.contains(domain)) {
            std::future::pending::<()>().await;
        }
        if !self.now.rcpt.is_ascii() && !self.now.mail.contains("SMTPUTF8") {
            "553 5.6.7 address needs SMTPUTF8"
        } else {
            "250 ok"
        }
    }

    fn refuses_data(&self) -> bool {
        match self.part() {
            Part::Says(At::Data, reply) => !reply.starts_with("354"),
            Part::Sends(At::Data, octets) => !octets.starts_with(b"354"),
            _ => false,
        }
    }

    /// RFC 6532, 3: a header outside ASCII only where MAIL said so. What is refused is not kept.
    fn reply_to_message(&self) -> &'static str {
        if !self.now.message.is_ascii() && !self.now.mail.contains("SMTPUTF8") {
            return "554 5.6.7 header needs SMTPUTF8";
        }
        let is_kept = match self.part() {
            Part::Says(At::Message, reply) => reply.starts_with("250"),
            Part::Sends(At::Message, octets) => octets.starts_with(b"250"),
            _ => true,
        };
        if is_kept {
            self.shared.taken.lock().unwrap().push(Taken {
                is_acknowledged: self.part() != Part::Cuts(At::Message),
                ..self.now.clone()
            });
        }
        "250 taken"
    }
}
