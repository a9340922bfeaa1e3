//! Keeps the server of a running site: what ends by itself is started again, for as long as the site runs.
//!
//! A full disk ends PostgreSQL, and lets it start again when there is room. Meanwhile the site serves its pages.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::Error;
use super::halt::Halt;
use super::lifeline::Server;
use super::{Durability, Home};

/// How long a site that has data waits for its database before it serves pages without it.
const FIRST_TRY: Duration = Duration::from_secs(4);

/// Before the first try after an end; then twice as long each time.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A server that has run for so long is well.
const WELL: Duration = Duration::from_mins(1);

/// What the first try has to achieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// A server that runs: a command can do nothing without.
    MustRun,
    /// A server that runs, or a reason that may pass: a site serves pages meanwhile.
    MayWait,
}

/// A server that is kept. Dropping it stops the server and waits until it is gone.
pub struct Keeper {
    halt: Halt,
    thread: Option<JoinHandle<()>>,
}

/// What the thread tells once each: that the home is open, and what came of the first try.
struct Told {
    opened: oneshot::Sender<Result<PathBuf, Error>>,
    tried: oneshot::Sender<Result<(), Error>>,
}

impl Keeper {
    /// Starts the server in `home` as [`super::Embedded::start`] does, and returns the directory of its socket with it.
    ///
    /// # Errors
    /// Each [`Error`] is a sentence for the operator. Nothing keeps running after one.
    pub async fn start(home: &Path, first: First) -> Result<(PathBuf, Self), Error> {
        let (opening, opened) = oneshot::channel();
        let (trying, mut tried) = oneshot::channel();
        let told = Told {
            opened: opening,
            tried: trying,
        };
        let keeper = Self::begin(home.to_owned(), first, told)?;
        let socket_dir = opened.await.unwrap_or(Err(Error::Halted))?;
        if first == First::MustRun {
            tried.await.unwrap_or(Err(Error::Halted))?;
        } else if let Ok(answer) = tokio::time::timeout(FIRST_TRY, &mut tried).await {
            answer.unwrap_or(Ok(()))?;
        } else {
            // An answer that comes from now on goes back to the keeper.
            tried.close();
            tried.try_recv().unwrap_or(Ok(()))?;
        }
        Ok((socket_dir, keeper))
    }

    fn begin(home: PathBuf, first: First, told: Told) -> Result<Self, Error> {
        let halt = Halt::default();
        let halted = halt.clone();
        let keeping = move || keep(&home, first, told, &halted);
        let thread = thread::Builder::new().name("keeper".to_owned()).spawn(keeping);
        let thread = thread.map_err(super::lifeline::unstarted)?;
        Ok(Self {
            halt,
            thread: Some(thread),
        })
    }

    /// Ends every session, stops the server and waits until it is gone. Close the pool first.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.halt.tell();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there was logged there.
            drop(thread.join());
        }
    }
}

fn keep(home: &Path, first: First, told: Told, halt: &Halt) {
    let opened = Home::open(home, Durability::Full, halt).and_then(|home| Ok((home.socket_dir()?, home)));
    // If nobody waits for the answer, the keeper was told to halt.
    let home = match opened {
        Ok((socket_dir, home)) => {
            drop(told.opened.send(Ok(socket_dir)));
            home
        }
        Err(error) => return drop(told.opened.send(Err(error))),
    };
    let mut watch = Watch::over(&home);
    match home.start(halt) {
        Err(error) if first == First::MustRun || !error.may_pass() => {
            // A final reason that comes late is one to wait for like others.
            match told.tried.send(Err(error)) {
                Err(Err(late)) => watch.note(&late),
                _ => return,
            }
        }
        tried => {
            drop(told.tried.send(Ok(())));
            watch.live(tried, halt);
        }
    }
    while !halt.is_told() {
        watch.pause(halt);
        watch.live(home.start(halt), halt);
    }
}

/// What is known of the tries so far.
struct Watch<'a> {
    home: &'a Home,
    /// The last reason that was logged, until a server is well.
    reason: String,
    /// Whether the log says last that a server runs.
    is_announced: bool,
    pause: Duration,
}

impl<'a> Watch<'a> {
    fn over(home: &'a Home) -> Self {
        Self {
            home,
            reason: String::new(),
            is_announced: false,
            pause: Duration::ZERO,
        }
    }

    /// Stays with a server until it ends, or notes why there is none.
    fn live(&mut self, started: Result<Server, Error>, halt: &Halt) {
        match started {
            Ok(server) => self.stay(&server, halt),
            Err(error) => self.note(&error),
        }
    }

    fn stay(&mut self, server: &Server, halt: &Halt) {
        if !self.is_announced {
            self.home.announce();
            self.is_announced = true;
        }
        let since = Instant::now();
        while !halt.is_told() && !server.has_ended() {
            thread::park();
        }
        if since.elapsed() > WELL {
            self.reason.clear();
            self.pause = Duration::ZERO;
        }
        if !halt.is_told() {
            self.note(&Error::Ended(self.home.log_path()));
        }
    }

    /// Logs a reason once, however often it comes in a row.
    fn note(&mut self, error: &Error) {
        let reason = error.reason();
        if without_numbers(&reason) == without_numbers(&self.reason) || matches!(error, Error::Halted) {
            return;
        }
        let free_mb = self.home.room().map(|octets| octets >> 20);
        tracing::error!(
            reason,
            free_mb,
            "the embedded database is away; it is started until it runs again"
        );
        self.reason = reason;
        self.is_announced = false;
    }

    fn pause(&mut self, halt: &Halt) {
        self.pause = (2 * self.pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let end = Instant::now() + self.pause;
        while !halt.is_told() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

/// PostgreSQL names files after processes, which differ each time.
fn without_numbers(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_ascii_digit()).collect()
}
