//! The connection to the relay: writes commands and reads replies before a deadline. Rejects unsolicited data.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::error::{Cause, SmtpError, Stage};
use super::reply::{BadReply, LINE_LIMIT, Reply, ReplyParser};

/// A connection, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection with a buffer of at most `LINE_LIMIT` unparsed octets.
pub struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    /// When the relay's time ends.
    pub deadline: Instant,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>, deadline: Instant) -> Self {
        Self {
            stream,
            unread: Vec::new(),
            deadline,
        }
    }

    /// Returns the connection, for TLS. Fails if the buffer holds plain text: an attacker between us and the relay may have
    /// sent it, and it must not count as sent inside TLS.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, SmtpError> {
        if self.unread.is_empty() {
            Ok(self.stream)
        } else {
            Err(at(Stage::StartTls)(Cause::Unsolicited))
        }
    }

    /// Sends octets, unless the relay has sent data that no command asked for.
    pub async fn send(&mut self, stage: Stage, octets: &[u8]) -> Result<(), SmtpError> {
        self.expect_silence().map_err(at(stage))?;
        self.write(stage, octets).await
    }

    /// Sends octets.
    pub async fn write(&mut self, stage: Stage, octets: &[u8]) -> Result<(), SmtpError> {
        let writing = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, writing).await {
            Ok(written) => written.map_err(|error| at(stage)(broken(error))),
            Err(_) => Err(at(stage)(Cause::TimedOut)),
        }
    }

    /// Reads one whole reply.
    pub async fn reply(&mut self, stage: Stage) -> Result<Reply, SmtpError> {
        let deadline = self.deadline;
        match timeout_at(deadline, self.read_reply()).await {
            Ok(reply) => reply.map_err(at(stage)),
            Err(_) => Err(at(stage)(Cause::TimedOut)),
        }
    }

    async fn read_reply(&mut self) -> Result<Reply, Cause> {
        let mut parser = ReplyParser::default();
        loop {
            let line = self.line().await?;
            if let Some(reply) = parser.add(&line).map_err(Cause::Malformed)? {
                return Ok(reply);
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Cause> {
        let mut searched = 0;
        loop {
            let end = self.unread[searched..].iter().position(|octet| *octet == b'\n');
            if let Some(end) = end {
                let rest = self.unread.split_off(searched + end + 1);
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            searched = self.unread.len();
            self.read_more(LINE_LIMIT.saturating_sub(searched)).await?;
        }
    }

    async fn read_more(&mut self, room: usize) -> Result<(), Cause> {
        if room == 0 {
            return Err(Cause::Malformed(BadReply::LongLine));
        }
        let reading = (&mut self.stream).take(room as u64).read_buf(&mut self.unread).await;
        match reading.map_err(broken)? {
            0 => Err(Cause::Closed),
            _ => Ok(()),
        }
    }

    /// Fails if the relay has sent data or closed the connection. A 421 may come at any time, and ends the conversation.
    fn expect_silence(&mut self) -> Result<(), Cause> {
        if self.unread.is_empty() {
            self.read_arrived()?;
        }
        if self.unread.is_empty() {
            return Ok(());
        }
        let line = self.unread.split(|octet| *octet == b'\n').next().unwrap_or_default();
        match ReplyParser::default().add(line) {
            Ok(Some(reply)) if reply.code.ends_conversation() => Err(Cause::Refused(reply)),
            _ => Err(Cause::Unsolicited),
        }
    }

    /// Reads the data that has arrived, and does not wait for more.
    fn read_arrived(&mut self) -> Result<(), Cause> {
        let mut octets = [0; 512];
        let mut arrived = ReadBuf::new(&mut octets);
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_read(&mut context, &mut arrived) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(broken(error)),
            Poll::Ready(Ok(())) if arrived.filled().is_empty() => Err(Cause::Closed),
            Poll::Ready(Ok(())) => {
                self.unread.extend_from_slice(arrived.filled());
                Ok(())
            }
        }
    }
}

/// Returns a function that makes an error at this stage.
pub fn at(stage: Stage) -> impl Fn(Cause) -> SmtpError {
    move |cause| SmtpError { stage, cause }
}

/// Returns the cause for a failed read or write. Systems report a closed connection in several ways.
fn broken(error: io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Cause::Closed,
        _ => Cause::Io(error),
    }
}
