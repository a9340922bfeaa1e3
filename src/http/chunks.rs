//! Refuses a chunked body whose lines are not as RFC 9112, 7.1 has them. hyper passes over what an extension says; where
//! something in front reads such a line in another way, it takes one message for two. The octets go on to hyper as they
//! came, or the reading fails. What a request's body is, hyper alone says: of a head, only the end is looked for.

use std::io::{self, BufRead as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::chunk_line;

/// The longest line of a chunk or of a trailer that is read, in octets.
const LONGEST: usize = 4096;

/// What comes next in a connection: a number of octets of a body, or one of these.
const A_HEAD: u64 = 0;
const CHUNKS: u64 = u64::MAX;

/// What comes next in a connection, as known to those who take its requests.
#[derive(Clone, Debug, Default)]
pub struct Next(Arc<AtomicU64>);

/// The reading side of a connection.
#[derive(Debug)]
pub struct Checked<R> {
    reader: R,
    next: Next,
    /// Came early: hyper first takes what is before it, and says what this is.
    held: Bytes,
    /// Whether the current line of a head is empty so far; none before the first that is not. Before that no octets are
    /// held: hyper would look at all of many empty lines again for each.
    is_blank: Option<bool>,
    line: Vec<u8>,
    /// Octets of the current chunk and of the line's end behind it.
    chunk: u64,
    is_trailer: bool,
}

impl Next {
    /// Takes the length in octets of the body of the request that was just taken; without a length it is chunked.
    pub fn is_body(&self, length: Option<u64>) {
        self.0.store(length.unwrap_or(CHUNKS), Relaxed);
    }
}

impl<R> Checked<R> {
    /// Checks what this reader reads.
    pub fn new(reader: R, next: Next) -> Self {
        Self {
            reader,
            next,
            held: Bytes::new(),
            is_blank: None,
            line: Vec::new(),
            chunk: 0,
            is_trailer: false,
        }
    }

    /// How many of these octets, at least one, hyper may have before it says what comes next.
    fn follow(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.next.0.load(Relaxed) {
            A_HEAD => Ok(self.head(octets)),
            CHUNKS => self.chunks(octets),
            length => {
                let some = octets.len().min(usize::try_from(length).unwrap_or(usize::MAX));
                self.next.0.store(length - some as u64, Relaxed);
                Ok(some)
            }
        }
    }

    /// To the empty line at its end.
    fn head(&mut self, octets: &[u8]) -> usize {
        let mut rest = octets;
        while !rest.is_empty() {
            let (line, next) = rest.split_at(end_of_line(rest));
            rest = next;
            let is_whole = line.ends_with(b"\n");
            let has_text = line.iter().any(|octet| !b"\r\n".contains(octet));
            match (is_whole, has_text, self.is_blank) {
                (true, false, Some(true)) => {
                    self.is_blank = None;
                    break;
                }
                (true, false, None) | (false, false, _) => {}
                _ => self.is_blank = Some(is_whole),
            }
        }
        octets.len() - rest.len()
    }

    /// To the end of the last chunk and its trailer.
    fn chunks(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while !rest.is_empty() {
            let of_chunk = rest.len().min(usize::try_from(self.chunk).unwrap_or(usize::MAX));
            self.chunk -= of_chunk as u64;
            rest = &rest[of_chunk..];
            let end = end_of_line(rest);
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
            if self.line.len() > LONGEST {
                return Err(refused());
            }
            if self.line.ends_with(b"\n") && self.is_end()? {
                self.next.is_body(Some(A_HEAD));
                break;
            }
        }
        Ok(octets.len() - rest.len())
    }

    /// Takes a whole line. Returns whether it is the last.
    fn is_end(&mut self) -> io::Result<bool> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r\n").ok_or_else(refused)?;
        if self.is_trailer {
            self.is_trailer = !line.is_empty();
            return Ok(line.is_empty());
        }
        let size = chunk_line::size(line).ok_or_else(refused)?;
        self.is_trailer = size == 0;
        self.chunk = if size == 0 { 0 } else { size.saturating_add(2) };
        Ok(false)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Checked<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mut held = std::mem::take(&mut self.held);
        if held.is_empty() {
            ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
            let some = before + self.follow(&buffer.filled()[before..])?;
            self.held = Bytes::copy_from_slice(&buffer.filled()[some..]);
            buffer.set_filled(some);
        } else {
            let some = self.follow(&held[..held.len().min(buffer.remaining())])?;
            buffer.put_slice(&held.split_to(some));
            self.held = held;
        }
        Poll::Ready(Ok(()))
    }
}

/// Behind the first line feed, or behind all. This is the standard library's fast search.
fn end_of_line(octets: &[u8]) -> usize {
    let mut rest = octets;
    rest.skip_until(b'\n').unwrap_or(octets.len())
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a chunk's line is malformed")
}
