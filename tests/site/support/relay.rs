//! A mail server that plays a part: a real SMTP conversation, with the answers that a test chose.

use std::sync::{Arc, Mutex};

use rand::seq::IndexedRandom as _;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// A point of the conversation, where the server has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Message,
    Quit,
}

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Takes everything.
    Accepts,
    /// Takes what servers took before RFC 6531, and offers no TLS.
    AcceptsAsciiOnly,
    /// Gives this reply there.
    Says(At, &'static str),
    /// Gives no reply there, and waits.
    Silent(At),
    /// Hangs up there. A message that was there by then is kept.
    Cuts(At),
    /// Hangs up in the middle of the message.
    CutsWithin,
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
    part: Arc<Mutex<Part>>,
    at_random: Arc<Mutex<Vec<Part>>>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Relay {
    pub async fn playing(part: Part) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let relay = Self {
            url,
            part: Arc::new(Mutex::new(part)),
            at_random: Arc::default(),
            taken: Arc::default(),
        };
        let (part, at_random) = (Arc::clone(&relay.part), Arc::clone(&relay.at_random));
        let taken = Arc::clone(&relay.taken);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let at_random = at_random.lock().unwrap().choose(&mut rand::rng()).copied();
                let part = at_random.unwrap_or(*part.lock().unwrap());
                tokio::spawn(converse(stream, part, Arc::clone(&taken)));
            }
        });
        relay
    }

    /// Takes everything in half of its conversations, and plays any of these parts in the others.
    pub async fn playing_at_random(parts: &[Part]) -> Self {
        let relay = Self::playing(Part::Accepts).await;
        let accepting = vec![Part::Accepts; parts.len()];
        *relay.at_random.lock().unwrap() = [parts, &accepting].concat();
        relay
    }

    pub fn play(&self, part: Part) {
        self.at_random.lock().unwrap().clear();
        *self.part.lock().unwrap() = part;
    }

    /// The messages it kept.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, part: Part, taken: Arc<Mutex<Vec<Taken>>>) -> Option<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut now = Taken::default();
    say(&mut writing, part, At::Greeting, "220 relay.test ESMTP").await?;
    while let Some(line) = lines.next_line().await.ok()? {
        let (at, reply) = match line.get(..4)?.to_ascii_uppercase().as_str() {
            "EHLO" => (At::Ehlo, capabilities(part)),
            "STAR" => (At::StartTls, "220 go on"),
            "AUTH" => (At::Auth, "235 welcome"),
            "MAIL" => {
                now.mail.clone_from(&line);
                (At::Mail, reply_to_mail(part, &line))
            }
            "RCPT" => {
                now.rcpt.clone_from(&line);
                (At::Rcpt, reply_to_rcpt(&now))
            }
            "DATA" => {
                say(&mut writing, part, At::Data, "354 go on").await?;
                if matches!(part, Part::Says(At::Data, _)) {
                    continue;
                }
                now.message.clear();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    now.message.push_str(&line);
                    now.message.push_str("\r\n");
                    if part == Part::CutsWithin {
                        return None;
                    }
                }
                (At::Message, reply_to_message(part, &now, &taken))
            }
            "QUIT" => (At::Quit, "221 bye"),
            _ => (At::Ehlo, "250 ok"),
        };
        say(&mut writing, part, at, reply).await?;
    }
    Some(())
}

/// The usual reply, or what the part has there; nothing where it hangs up.
async fn say(writing: &mut OwnedWriteHalf, part: Part, at: At, usual: &str) -> Option<()> {
    let reply = match part {
        Part::Says(there, reply) if there == at => reply,
        Part::Cuts(there) if there == at => return None,
        Part::Silent(there) if there == at => std::future::pending().await,
        _ => usual,
    };
    writing.write_all(format!("{reply}\r\n").as_bytes()).await.ok()
}

fn capabilities(part: Part) -> &'static str {
    match part {
        Part::AcceptsAsciiOnly => "250-relay.test\r\n250 8BITMIME",
        _ => "250-relay.test\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 SMTPUTF8",
    }
}

fn reply_to_mail(part: Part, line: &str) -> &'static str {
    match part {
        Part::AcceptsAsciiOnly if line.contains("SMTPUTF8") => "555 5.5.4 parameter not known",
        _ => "250 ok",
    }
}

/// RFC 6531, 3.4: an address outside ASCII only where MAIL said so.
fn reply_to_rcpt(now: &Taken) -> &'static str {
    if !now.rcpt.is_ascii() && !now.mail.contains("SMTPUTF8") {
        "553 5.6.7 address needs SMTPUTF8"
    } else {
        "250 ok"
    }
}

/// RFC 6532, 3: a header outside ASCII only where MAIL said so. What is refused is not kept.
fn reply_to_message(part: Part, now: &Taken, taken: &Mutex<Vec<Taken>>) -> &'static str {
    if !now.message.is_ascii() && !now.mail.contains("SMTPUTF8") {
        return "554 5.6.7 header needs SMTPUTF8";
    }
    if !matches!(part, Part::Says(At::Message, _)) {
        taken.lock().unwrap().push(Taken {
            is_acknowledged: part != Part::Cuts(At::Message),
            ..now.clone()
        });
    }
    "250 taken"
}
