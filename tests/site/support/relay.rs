//! A mail server that plays a part: a real SMTP conversation, with the answers that a test chose.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does to one recipient's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Takes everything.
    Accepts,
    /// Takes what servers took before RFC 6531.
    AcceptsAsciiOnly,
    /// Answers MAIL with this reply.
    Mail(&'static str),
    /// Answers RCPT with this reply.
    Rcpt(&'static str),
    /// Takes the message, keeps it, and hangs up before it says so.
    CutAfterData,
    /// Hangs up at once.
    HangsUp,
}

/// A message with the commands that brought it.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    pub mail: String,
    pub rcpt: String,
    pub message: String,
}

/// A relay on a port of its own.
pub struct Relay {
    pub url: String,
    part: Arc<Mutex<Part>>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Relay {
    pub async fn playing(part: Part) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let relay = Self {
            url,
            part: Arc::new(Mutex::new(part)),
            taken: Arc::default(),
        };
        let (part, taken) = (Arc::clone(&relay.part), Arc::clone(&relay.taken));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let part = *part.lock().unwrap();
                tokio::spawn(converse(stream, part, Arc::clone(&taken)));
            }
        });
        relay
    }

    pub fn play(&self, part: Part) {
        *self.part.lock().unwrap() = part;
    }

    /// The messages it kept.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, part: Part, taken: Arc<Mutex<Vec<Taken>>>) -> Option<()> {
    if part == Part::HangsUp {
        return None;
    }
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut now = Taken::default();
    writing.write_all(b"220 relay.test ESMTP\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let reply = match line.get(..4)?.to_ascii_uppercase().as_str() {
            "EHLO" if part == Part::AcceptsAsciiOnly => "250-relay.test\r\n250 8BITMIME",
            "EHLO" => "250-relay.test\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "MAIL" => {
                now.mail.clone_from(&line);
                reply_to_mail(part, &line)
            }
            "RCPT" => {
                now.rcpt.clone_from(&line);
                reply_to_rcpt(part, &now)
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await.ok()?;
                now.message.clear();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    now.message.push_str(&line);
                    now.message.push_str("\r\n");
                }
                reply_to_message(part, &now, &taken)?
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writing.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

fn reply_to_mail(part: Part, line: &str) -> &'static str {
    match part {
        Part::Mail(reply) => reply,
        Part::AcceptsAsciiOnly if line.contains("SMTPUTF8") => "555 5.5.4 parameter not known",
        _ => "250 ok",
    }
}

/// RFC 6531, 3.4: an address outside ASCII only where MAIL said so.
fn reply_to_rcpt(part: Part, now: &Taken) -> &'static str {
    match part {
        Part::Rcpt(reply) => reply,
        _ if !now.rcpt.is_ascii() && !now.mail.contains("SMTPUTF8") => "553 5.6.7 address needs SMTPUTF8",
        _ => "250 ok",
    }
}

/// RFC 6532, 3: a header outside ASCII only where MAIL said so. Nothing: the line is cut.
fn reply_to_message(part: Part, now: &Taken, taken: &Mutex<Vec<Taken>>) -> Option<&'static str> {
    if !now.message.is_ascii() && !now.mail.contains("SMTPUTF8") {
        return Some("554 5.6.7 header needs SMTPUTF8");
    }
    taken.lock().unwrap().push(now.clone());
    (part != Part::CutAfterData).then_some("250 taken")
}
