//! Keeps the embedded server of a running site up. A server that exits by itself is started again.
//!
//! A full disk ends PostgreSQL, which can start again once there is space. The site serves its pages meanwhile.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::Error;
use super::halt::Halt;
use super::home::{Durability, Home};
use super::lifeline::{Server, shell_failed};

/// How long a site waits for its first start before it serves pages without a database.
const FIRST_START_LIMIT: Duration = Duration::from_secs(4);

/// The pause before the first restart. Each further pause is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A server that has run longer than this is stable.
const STABLE_AFTER: Duration = Duration::from_mins(1);

/// The requirement for the first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// The server must run, since a command needs it.
    MustSucceed,
    /// The server may fail for a temporary reason, since a site serves pages meanwhile.
    MayRetry,
}

/// A server that is kept up. Dropping it stops the server and waits for its end.
pub struct Keeper {
    halt: Halt,
    thread: Option<JoinHandle<()>>,
}

/// What the thread reports once each.
struct Reports {
    /// The directory of the socket, once the home is open.
    opened: oneshot::Sender<Result<PathBuf, Error>>,
    /// The result of the first start.
    started: oneshot::Sender<Result<(), Error>>,
}

impl Keeper {
    /// Starts the server in `home` like [`super::Embedded::start`]. Returns the directory of its socket as well.
    ///
    /// # Errors
    /// Returns a sentence for the operator. Nothing keeps running.
    pub async fn start(home: &Path, first: FirstStart) -> Result<(PathBuf, Self), Error> {
        let (report_opened, opened) = oneshot::channel();
        let (report_started, mut started) = oneshot::channel();
        let reports = Reports {
            opened: report_opened,
            started: report_started,
        };
        let keeper = Self::spawn(home.to_owned(), first, reports)?;
        let socket_dir = opened.await.unwrap_or(Err(Error::Halted))?;
        if first == FirstStart::MustSucceed {
            started.await.unwrap_or(Err(Error::Halted))?;
        } else if let Ok(answer) = tokio::time::timeout(FIRST_START_LIMIT, &mut started).await {
            answer.unwrap_or(Ok(()))?;
        } else {
            // The keeper handles a result that comes from now on.
            started.close();
            started.try_recv().unwrap_or(Ok(()))?;
        }
        Ok((socket_dir, keeper))
    }

    fn spawn(home: PathBuf, first: FirstStart, reports: Reports) -> Result<Self, Error> {
        let halt = Halt::default();
        let halted = halt.clone();
        let keeping = move || keep(&home, first, reports, &halted);
        let thread = thread::Builder::new().name("keeper".to_owned()).spawn(keeping);
        Ok(Self {
            halt,
            thread: Some(thread.map_err(shell_failed)?),
        })
    }

    /// Ends every session, stops the server and waits for its end. Close the pool first.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.halt.request();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in the thread is already logged.
            drop(thread.join());
        }
    }
}

fn keep(home: &Path, first: FirstStart, reports: Reports, halt: &Halt) {
    let opened = Home::open(home, Durability::Full, halt).and_then(|home| Ok((home.socket_dir()?, home)));
    // A report without a receiver means that the keeper is being dropped.
    let home = match opened {
        Ok((socket_dir, home)) => {
            drop(reports.opened.send(Ok(socket_dir)));
            home
        }
        Err(error) => return drop(reports.opened.send(Err(error))),
    };
    let mut supervisor = Supervisor::of(&home, halt);
    if !supervisor.start_first(first, reports.started) {
        return;
    }
    while !halt.is_requested() {
        supervisor.pause();
        supervisor.watch(home.start(halt));
    }
}

/// Waits for the ends of servers, logs them, and sets the pauses between starts.
struct Supervisor<'a> {
    home: &'a Home,
    halt: &'a Halt,
    /// The last logged reason, until a server is stable.
    reason: String,
    /// Whether the last log message says that a server runs.
    is_start_logged: bool,
    pause: Duration,
}

impl<'a> Supervisor<'a> {
    fn of(home: &'a Home, halt: &'a Halt) -> Self {
        Self {
            home,
            halt,
            reason: String::new(),
            is_start_logged: false,
            pause: Duration::ZERO,
        }
    }

    /// Starts the server for the first time, and reports the result. Returns whether to keep the server up.
    fn start_first(&mut self, first: FirstStart, report: oneshot::Sender<Result<(), Error>>) -> bool {
        match self.home.start(self.halt) {
            Err(error) if first == FirstStart::MustSucceed || !error.is_temporary() => match report.send(Err(error)) {
                // A late error has no receiver any more. It is logged and retried like a temporary one.
                Err(Err(late)) => self.log(&late),
                _ => return false,
            },
            started => {
                drop(report.send(Ok(())));
                self.watch(started);
            }
        }
        true
    }

    /// Waits until the server exits, or logs why it did not start.
    fn watch(&mut self, started: Result<Server, Error>) {
        match started {
            Ok(server) => self.wait_for_exit(&server),
            Err(error) => self.log(&error),
        }
    }

    fn wait_for_exit(&mut self, server: &Server) {
        if !self.is_start_logged {
            self.home.log_start();
            self.is_start_logged = true;
        }
        let since = Instant::now();
        while !self.halt.is_requested() && !server.has_exited() {
            thread::park();
        }
        if since.elapsed() > STABLE_AFTER {
            self.reason.clear();
            self.pause = Duration::ZERO;
        }
        if !self.halt.is_requested() {
            self.log(&Error::ServerExited(self.home.log_path()));
        }
    }

    /// Logs a reason once, however often it repeats.
    fn log(&mut self, error: &Error) {
        let reason = error.reason();
        if without_digits(&reason) == without_digits(&self.reason) || matches!(error, Error::Halted) {
            return;
        }
        let free_mb = self.home.free_space().map(|bytes| bytes >> 20);
        tracing::error!(reason, free_mb, "embedded database unavailable; restarting it");
        self.reason = reason;
        self.is_start_logged = false;
    }

    fn pause(&mut self) {
        self.pause = (2 * self.pause).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let end = Instant::now() + self.pause;
        while !self.halt.is_requested() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

/// Returns the reason without process numbers, which PostgreSQL puts into the names of its files.
fn without_digits(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_ascii_digit()).collect()
}
