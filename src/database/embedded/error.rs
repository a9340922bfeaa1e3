//! Why the embedded server cannot run, in words for an operator.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// The section of docs/deploying.md on data that belong to another version.
pub const MOVING: &str = "The embedded database in a new version of PostgreSQL";

/// What a start says that may succeed later, with nobody changing anything: no room, no memory, no files to be opened,
/// or a server that is still ending.
const PASSING: [&str; 7] = [
    "No space left on device",
    "Disk quota exceeded",
    "Cannot allocate memory",
    "out of memory",
    "Too many open files",
    "is still in use",
    "already exists",
];

/// Why the embedded server could not be started, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None of the usual places has PostgreSQL's programs, in a version that is new enough.
    #[error(
        "No PostgreSQL server (version {} or later) was found. Install one (Debian: apt-get install postgresql), \
         or set DATABASE_URL.",
        crate::database::OLDEST
    )]
    NoServer,

    /// `PG_BINDIR` is a decision of the operator, from which we do not stray.
    #[error("PG_BINDIR names {}, which has no PostgreSQL server of version {} or later.", .0.display(),
        crate::database::OLDEST)]
    Bindir(PathBuf),

    /// A cluster can only be opened by the major version that made it.
    #[error(
        "The data in {} belong to PostgreSQL {needed}, but only version {found} is installed. docs/deploying.md says how to go \
         on: \"{MOVING}\".",
        .path.display()
    )]
    Version {
        /// The cluster.
        path: PathBuf,
        /// The major version it belongs to.
        needed: String,
        /// The major versions of the servers found.
        found: String,
    },

    /// Another process holds the lock of the home directory.
    #[error("Another npoc runs in {}. Stop it first, or use another directory.", .0.display())]
    Locked(PathBuf),

    /// PostgreSQL refuses to run as root, so it runs as another user, who has no way in.
    #[error(
        "PostgreSQL does not run as root, and its user may not enter {path}. Choose a data directory elsewhere, \
         or open this one to passers-by: chmod o+x {path}",
        path = .0.display()
    )]
    ClosedAncestor(PathBuf),

    /// We are root, and the machine has no user to run the server as.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as.")]
    NoAccount,

    /// Without `/proc` nothing is known of processes, so neither of servers of earlier runs.
    #[error("The embedded database needs /proc, which is not there. Mount it, or set DATABASE_URL.")]
    NoProcesses,

    /// Files of PostgreSQL that name their directory have one line for it, of text. A link may lead to such a path.
    #[error(
        "The path of the data directory has a line break in it, or is no text in UTF-8: {:?}. Use another directory.",
        .0
    )]
    OddPath(PathBuf),

    /// A file or directory of ours could not be made, read or changed.
    #[error("The data directory cannot be used: {}: {source}", .path.display())]
    Home {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// Neither the home nor the temporary directory has a path that fits into a socket's address
    /// (107 bytes).
    #[error("The path of the database socket would be too long: {}. Set TMPDIR to a short path.", .0.display())]
    SocketPath(PathBuf),

    /// A program did not even start.
    #[error("{} could not be started: {source}", .program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The new cluster could not be made.
    #[error("PostgreSQL could not create its data. The end of {}:\n{log}", .path.display())]
    Create {
        /// The whole log.
        path: PathBuf,
        /// Its last lines.
        log: String,
    },

    /// The new cluster could not be made, and there is little room for it.
    #[error("There is no room left on the disk of {}, so PostgreSQL could not create its data there.", .0.display())]
    NoRoom(PathBuf),

    /// The server ended before it was ready.
    #[error("PostgreSQL did not start. The end of {}:\n{log}", .path.display())]
    Server {
        /// The whole log.
        path: PathBuf,
        /// Its last lines.
        log: String,
    },

    /// A server of an earlier run works on our data and does not stop.
    #[error("An earlier PostgreSQL server (process {0}) still runs on the data and does not stop. Stop it by hand.")]
    OldServer(u32),
    /// The server ended, and nobody had told it to.
    #[error("PostgreSQL ended by itself; see {}", .0.display())]
    Ended(PathBuf),

    /// The start is not wanted any more.
    #[error("The start was stopped.")]
    Halted,
}

impl Error {
    /// Whether starting again cannot help until somebody has changed something.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NoServer
                | Self::Bindir(_)
                | Self::Version { .. }
                | Self::ClosedAncestor(_)
                | Self::NoAccount
                | Self::NoProcesses
                | Self::OddPath(_)
                | Self::SocketPath(_)
        )
    }

    /// Whether a server on data that exist may start later, with nobody changing anything.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            // A full disk keeps the log from saying why.
            Self::Server { log, .. } => log.trim().is_empty() || PASSING.iter().any(|words| log.contains(words)),
            Self::Home { source, .. } | Self::Spawn { source, .. } => matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory | ErrorKind::WouldBlock
            ),
            _ => false,
        }
    }

    /// The error in one line.
    pub(super) fn reason(&self) -> String {
        let Self::Server { path, log } = self else {
            return self.to_string();
        };
        let marks = ["FATAL:", "PANIC:"];
        let said = |line: &str| {
            marks
                .iter()
                .find_map(|mark| line.find(mark))
                .map(|at| line[at..].to_owned())
        };
        match log.lines().rev().find_map(said) {
            Some(said) => format!("PostgreSQL did not start: {said}; see {}", path.display()),
            None => format!("PostgreSQL did not start; see {}", path.display()),
        }
    }
}
