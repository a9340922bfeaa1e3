//! A relay for tests: a real SMTP server whose replies the test chooses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// More empty lines than a reply may contain.
pub static EMPTY_LINES: [[u8; 6]; 20_000] = [*b"220-\r\n"; 20_000];

/// A point of the session where the relay replies.
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

/// The behavior of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Accepts everything.
    Accepts,
    /// Accepts only ASCII, as servers before RFC 6531, and offers no TLS.
    AcceptsAsciiOnly,
    /// Replies to EHLO with these capabilities.
    Offers(&'static str),
    /// Sends this reply.
    Says(At, &'static str),
    /// Sends these raw octets.
    Sends(At, &'static [u8]),
    /// Sends the usual reply and this one in the same packet.
    Adds(At, &'static str),
    /// Sends a line without end.
    NeverEnds(At),
    /// Never replies.
    Silent(At),
    /// Never replies to RCPT for addresses of this domain.
    SilentFor(&'static str),
    /// Closes the connection. A complete message is kept.
    Cuts(At),
    /// Closes the connection within the message.
    CutsWithin,
    /// Serves this many concurrent connections, and replies 421 to others.
    Serves(usize),
    /// Accepts this many emails on one connection, then closes it.
    ServesMails(usize),
    /// Accepts one email on a connection, and sends this reply to the next MAIL.
    RefusesSecondMail(&'static str),
    /// Waits this long before each reply.
    Takes(Duration),
}

/// A received message with its envelope commands.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    pub mail: String,
    pub rcpt: String,
    pub message: String,
    /// Whether the relay acknowledged the message.
    pub is_acknowledged: bool,
}

/// A relay on its own port.
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

    /// Starts a relay that accepts everything in half of its sessions and plays a random part in the others.
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

    /// Returns the received messages.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Returns every received command.
    pub fn commands(&self) -> Vec<String> {
        self.shared.said.lock().unwrap().clone()
    }

    /// Returns the number of connections, in total and concurrent at most.
    pub fn connections(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.shared.connections), read(&self.shared.most_open))
    }

    /// Returns the number of sessions in which the relay fell silent.
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
            emails: 0,
            shared: Arc::clone(&shared),
        };
        conversation.hold().await;
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

struct Conversation {
    lines: BufReader<tokio::net::tcp::OwnedReadHalf>,
    writing: OwnedWriteHalf,
    /// The part of this session alone.
    chosen: Option<Part>,
    now: Taken,
    emails: usize,
    shared: Arc<Shared>,
}

impl Conversation {
    async fn hold(&mut self) -> Option<()> {
        self.say(At::Greeting, "220 relay.test ESMTP").await?;
        while let Some(line) = self.line().await {
            self.shared.said.lock().unwrap().push(line.clone());
            let command = line.get(..4)?.to_ascii_uppercase();
            if command == "DATA" {
                self.receive().await?;
                continue;
            }
            let (at, reply) = self.reply_to(&command, line).await;
            self.say(at, reply).await?;
            if at == At::Quit {
                return None;
            }
        }
        Some(())
    }

    /// Returns the usual reply to a command other than DATA.
    async fn reply_to(&mut self, command: &str, line: String) -> (At, &'static str) {
        match command {
            "EHLO" => (At::Ehlo, self.capabilities()),
            "HELO" => (At::Helo, "250 relay.test"),
            "STAR" => (At::StartTls, "220 go on"),
            "AUTH" => (At::Auth, "235 welcome"),
            "MAIL" => {
                self.now.mail = line;
                (At::Mail, self.reply_to_mail())
            }
            "RCPT" => {
                self.now.rcpt = line;
                (At::Rcpt, self.reply_to_rcpt().await)
            }
            "RSET" => (At::Reset, "250 ok"),
            "QUIT" => (At::Quit, "221 bye"),
            _ => (At::Ehlo, "250 ok"),
        }
    }

    /// Receives a message, unless the part rejects DATA.
    async fn receive(&mut self) -> Option<()> {
        self.say(At::Data, "354 go on").await?;
        if self.refuses_data() {
            return Some(());
        }
        self.read_message().await?;
        let reply = self.reply_to_message();
        self.say(At::Message, reply).await
    }

    /// Returns the current part, which may change while a connection is reused.
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

    /// Sends the reply of the part, or the usual one. Returns nothing if the relay hangs up.
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
            Part::RefusesSecondMail(reply) if at == At::Mail && self.emails > 1 => line(reply),
            Part::ServesMails(most) if at == At::Mail && self.emails > most => {
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
        self.emails += 1;
        match self.part() {
            Part::AcceptsAsciiOnly if self.now.mail.contains("SMTPUTF8") => "555 5.5.4 parameter not known",
            _ => "250 ok",
        }
    }

    /// Requires SMTPUTF8 for an address outside ASCII (RFC 6531, 3.4).
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

    /// Requires SMTPUTF8 for a header outside ASCII (RFC 6532, 3). Rejected messages are not kept.
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
