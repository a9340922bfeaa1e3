//! A mail server that plays a part: a real SMTP conversation, with the answers that a test chose.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does to one recipient's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Takes everything.
    Accepts,
    /// Answers RCPT with this reply.
    Rcpt(&'static str),
    /// Takes the message, keeps it, and hangs up before it says so.
    CutAfterData,
    /// Hangs up at once.
    HangsUp,
}

/// A relay on a port of its own.
pub struct Relay {
    pub url: String,
    part: Arc<Mutex<Part>>,
    taken: Arc<Mutex<Vec<String>>>,
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
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, part: Part, taken: Arc<Mutex<Vec<String>>>) -> Option<()> {
    if part == Part::HangsUp {
        return None;
    }
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 relay.test ESMTP\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let reply = match line.get(..4)?.to_ascii_uppercase().as_str() {
            "EHLO" => "250-relay.test\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await.ok()?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    message.push_str(&line);
                    message.push_str("\r\n");
                }
                taken.lock().unwrap().push(message);
                if part == Part::CutAfterData {
                    return None;
                }
                "250 taken"
            }
            "RCPT" => match part {
                Part::Rcpt(reply) => reply,
                _ => "250 ok",
            },
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writing.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
