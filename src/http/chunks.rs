//! Rejects a chunked body whose lines are not exactly as RFC 9112, 7.1 requires.
//!
//! hyper skips chunk extensions. A proxy that reads such a line differently could take one message for two (request
//! smuggling). This reader passes octets on to hyper unchanged, or fails. hyper alone decides what body a request has; in
//! the head of a request, this reader only looks for the end.

use std::io::{self, BufRead as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use super::chunk_line;

/// The longest line of a chunk or trailer, in octets.
const LONGEST_LINE: usize = 4096;

/// Values of [`BodyKind`]; any other value is the number of body octets that remain.
const HEAD: u64 = 0;
const CHUNKS: u64 = u64::MAX;

/// What comes next on a connection. The service sets it when hyper has read the head of a request.
#[derive(Clone, Debug, Default)]
pub struct BodyKind(Arc<AtomicU64>);

/// The reading side of a connection.
#[derive(Debug)]
pub struct CheckedReader<R> {
    reader: R,
    next: BodyKind,
    /// Octets that wait until hyper has read those before them and the service has set [`BodyKind`].
    held: Bytes,
    head: HeadState,
    line: Vec<u8>,
    /// Octets that remain of the current chunk, with the end of line after it.
    chunk: u64,
    is_trailer: bool,
}

/// Position within the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadState {
    /// Only empty lines so far. Their octets are not held: hyper would scan them again for each one.
    Before,
    /// Within a line that has text.
    InLine,
    /// After a whole line: an empty line ends the head.
    LineStart,
}

impl BodyKind {
    /// Stores the body length of the current request, in octets; `None` means chunked.
    pub fn set(&self, length: Option<u64>) {
        self.0.store(length.unwrap_or(CHUNKS), Relaxed);
    }
}

impl<R> CheckedReader<R> {
    /// Wraps the reading side of a connection.
    pub fn new(reader: R, next: BodyKind) -> Self {
        Self {
            reader,
            next,
            held: Bytes::new(),
            head: HeadState::Before,
            line: Vec::new(),
            chunk: 0,
            is_trailer: false,
        }
    }

    /// Returns how many of these octets, at least one, hyper may read before [`BodyKind`] is set again.
    fn accept(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.next.0.load(Relaxed) {
            HEAD => Ok(self.accept_head(octets)),
            CHUNKS => self.accept_chunks(octets),
            length => {
                let some = octets.len().min(usize::try_from(length).unwrap_or(usize::MAX));
                self.next.0.store(length - some as u64, Relaxed);
                Ok(some)
            }
        }
    }

    /// Accepts octets up to the empty line that ends the head.
    fn accept_head(&mut self, octets: &[u8]) -> usize {
        let mut rest = octets;
        while !rest.is_empty() {
            let (line, next) = rest.split_at(end_of_line(rest));
            rest = next;
            let is_whole = line.ends_with(b"\n");
            let has_text = line.iter().any(|octet| !b"\r\n".contains(octet));
            if is_whole && !has_text && self.head == HeadState::LineStart {
                self.head = HeadState::Before;
                break;
            }
            self.head = match self.head {
                state if !is_whole && !has_text => state,
                HeadState::Before if !has_text => HeadState::Before,
                _ if is_whole => HeadState::LineStart,
                _ => HeadState::InLine,
            };
        }
        octets.len() - rest.len()
    }

    /// Accepts octets up to the end of the last chunk and its trailer.
    fn accept_chunks(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while !rest.is_empty() {
            let of_chunk = rest.len().min(usize::try_from(self.chunk).unwrap_or(usize::MAX));
            self.chunk -= of_chunk as u64;
            rest = &rest[of_chunk..];
            let end = end_of_line(rest);
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
            if self.line.len() > LONGEST_LINE {
                return Err(malformed());
            }
            if self.line.ends_with(b"\n") && self.ends_body()? {
                self.next.set(Some(HEAD));
                break;
            }
        }
        Ok(octets.len() - rest.len())
    }

    /// Reads a whole line. Returns whether it ends the body.
    fn ends_body(&mut self) -> io::Result<bool> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r\n").ok_or_else(malformed)?;
        if self.is_trailer {
            self.is_trailer = !line.is_empty();
            return Ok(line.is_empty());
        }
        let size = chunk_line::size(line).ok_or_else(malformed)?;
        self.is_trailer = size == 0;
        self.chunk = if size == 0 { 0 } else { size.saturating_add(2) };
        Ok(false)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for CheckedReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mut held = std::mem::take(&mut self.held);
        if held.is_empty() {
            ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
            let some = before + self.accept(&buffer.filled()[before..])?;
            self.held = Bytes::copy_from_slice(&buffer.filled()[some..]);
            buffer.set_filled(some);
        } else {
            let some = self.accept(&held[..held.len().min(buffer.remaining())])?;
            buffer.put_slice(&held.split_to(some));
            self.held = held;
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns the index after the first line feed, or the length. The standard library's search is fast.
fn end_of_line(octets: &[u8]) -> usize {
    let mut rest = octets;
    rest.skip_until(b'\n').unwrap_or(octets.len())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a chunk line is malformed")
}
