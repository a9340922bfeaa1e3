//! Standard error, which may be full, closed or read by nobody. Then what is said there is lost, and nothing else.
//!
//! A thread of its own writes, since a write to a pipe that nobody empties has no end. What is said meanwhile waits in
//! a bounded queue, and beyond that it is counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait. A line of the log has some two hundred octets.
const QUEUE: usize = 4096;

/// Between two tries to find room in the queue, at the end of the process.
const PAUSE: Duration = Duration::from_millis(5);

enum Message {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// A way to standard error that never blocks and never fails.
#[derive(Clone, Debug)]
pub struct StandardError {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl StandardError {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start() -> io::Result<Self> {
        let (queue, said) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let writing = move || write_all(&said, &counted);
        thread::Builder::new()
            .name("standard error".to_owned())
            .spawn(writing)?;
        Ok(Self { queue, lost })
    }

    /// Says one line, once what was said before is written.
    pub fn say(&self, line: &str) {
        self.send(format!("{line}\n").into_bytes());
    }

    /// Waits until everything is written that was said, but no longer than this.
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
        // Whether it was written or took too long, the process ends now.
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

/// Writes until nobody is left who could say something. A line that cannot be written is lost; the next may be written.
fn write_all(said: &Receiver<Message>, lost: &AtomicU64) {
    let mut told = 0;
    for message in said {
        match message {
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
        let lines = lost.load(Ordering::Relaxed);
        if lines > told {
            told = lines;
            tracing::warn!(lines, "standard error was not read, so lines of the log are lost");
        }
    }
}
