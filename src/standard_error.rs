//! Writes to standard error without blocking or failing. If it is full, closed or unread, only log lines are lost.
//!
//! A separate thread writes, since a write to an unread pipe blocks forever. Lines wait in a bounded queue. Lines beyond it
//! are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The capacity of the queue in lines. A log line has about 200 bytes.
const QUEUE: usize = 4096;

/// The pause between two tries to find room in the queue when the process ends.
const PAUSE: Duration = Duration::from_millis(5);

enum Message {
    Line(Vec<u8>),
    /// A request to answer when all earlier lines are written.
    Flush(SyncSender<()>),
}

/// A handle to standard error that never blocks and never fails.
#[derive(Clone, Debug)]
pub struct StandardError {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl StandardError {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// Returns an error if the system refuses the thread.
    pub fn start() -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let writing = move || write_all(&messages, &counted);
        thread::Builder::new()
            .name("standard error".to_owned())
            .spawn(writing)?;
        Ok(Self { queue, lost })
    }

    /// Writes one line after all earlier lines.
    pub fn write_line(&self, line: &str) {
        self.send(format!("{line}\n").into_bytes());
    }

    /// Waits until all lines are written, but at most for `limit`.
    pub fn flush(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.queue.try_send(message) {
            if Instant::now() >= end {
                return;
            }
            message = back;
            thread::sleep(PAUSE);
        }
        // The process ends now, with or without an answer.
        let _ = written.recv_timeout(end.saturating_duration_since(Instant::now()));
    }

    fn send(&self, line: Vec<u8>) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for StandardError {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Writes all messages until every handle is dropped. Drops a line that cannot be written.
fn write_all(messages: &Receiver<Message>, lost: &AtomicU64) {
    let mut logged = 0;
    for message in messages {
        match message {
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
        let lines = lost.load(Ordering::Relaxed);
        if lines > logged {
            logged = lines;
            tracing::warn!(lines, "standard error is not read; lines of the log are lost");
        }
    }
}
