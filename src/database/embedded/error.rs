//! Errors of the embedded server, as sentences for the operator.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// The oldest supported major version of PostgreSQL.
pub const OLDEST: u32 = 14;

/// The section of docs/deploying.md about moving data to a new version.
pub const MOVING: &str = "The embedded database in a new version of PostgreSQL";

/// Messages of temporary failures: no space, no memory, too many open files, or an earlier server that is still ending.
const TEMPORARY: [&str; 7] = [
    "No space left on device",
    "Disk quota exceeded",
    "Cannot allocate memory",
    "out of memory",
    "Too many open files",
    "is still in use",
    "already exists",
];

/// Why the embedded server failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No supported version of PostgreSQL is installed.
    #[error(
        "No PostgreSQL server (version {} or later) was found. Install one (Debian: apt-get install postgresql), \
         or set DATABASE_URL.",
        OLDEST
    )]
    NoServer,

    /// `PG_BINDIR` has no supported version. No other directory is searched.
    #[error("PG_BINDIR names {}, which has no PostgreSQL server of version {} or later.", .0.display(),
        OLDEST)]
    Bindir(PathBuf),

    /// The major version that created the cluster is not installed.
    #[error(
        "The data in {} belong to PostgreSQL {needed}, but only version {found} is installed. docs/deploying.md says what to \
         do: \"{MOVING}\".",
        .path.display()
    )]
    Version {
        /// The cluster.
        path: PathBuf,
        /// The major version of the cluster.
        needed: String,
        /// The installed major versions.
        found: String,
    },

    /// Another process holds the lock of the home directory.
    #[error("Another npoc runs in {}. Stop it first, or use another directory.", .0.display())]
    Locked(PathBuf),

    /// PostgreSQL runs as another user than root, and that user may not enter the directory.
    #[error(
        "PostgreSQL does not run as root, and its user may not enter {path}. Choose a data directory elsewhere, \
         or let every user pass through this one: chmod o+x {path}",
        path = .0.display()
    )]
    ClosedAncestor(PathBuf),

    /// The site runs as root, and the machine has no user for the server.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as.")]
    NoAccount,

    /// `/proc` is missing, which is needed to find servers of earlier runs.
    #[error("The embedded database needs /proc, which is not there. Mount it, or set DATABASE_URL.")]
    NoProcesses,

    /// PostgreSQL cannot write the path into its files. A link may lead to such a path.
    #[error(
        "The path of the data directory has a line break in it, or is no text in UTF-8: {:?}. Use another directory.",
        .0
    )]
    OddPath(PathBuf),

    /// A file or directory in the home cannot be created, read or changed.
    #[error("The data directory cannot be used: {}: {source}", .path.display())]
    Home {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The paths in the home and in the temporary directory are too long for a socket's address (107 bytes).
    #[error("The path of the database socket would be too long: {}. Set TMPDIR to a short path.", .0.display())]
    SocketPath(PathBuf),

    /// A program could not be started.
    #[error("{} could not be started: {source}", .program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// The new cluster could not be created.
    #[error("PostgreSQL could not create its data. The end of {}:\n{log}", .path.display())]
    Create {
        /// The whole log.
        path: PathBuf,
        /// Its last lines.
        log: String,
    },

    /// The new cluster could not be created, and the disk is almost full.
    #[error("There is no room left on the disk of {}, so PostgreSQL could not create its data there.", .0.display())]
    NoRoom(PathBuf),

    /// The server exited before it was ready.
    #[error("PostgreSQL did not start. The end of {}:\n{log}", .path.display())]
    Server {
        /// The whole log.
        path: PathBuf,
        /// Its last lines.
        log: String,
    },

    /// A server of an earlier run uses the data and does not stop.
    #[error("An earlier PostgreSQL server (process {0}) still runs on the data and does not stop. Stop it by hand.")]
    OldServer(u32),

    /// The server exited by itself.
    #[error("PostgreSQL exited by itself; see {}", .0.display())]
    ServerExited(PathBuf),

    /// The start was canceled.
    #[error("The start was canceled.")]
    Halted,
}

impl Error {
    /// Returns whether starting again cannot help until the operator has changed something.
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

    /// Returns whether a server with existing data may start later without any change.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            // On a full disk, the log stays empty.
            Self::Server { log, .. } => log.trim().is_empty() || TEMPORARY.iter().any(|words| log.contains(words)),
            Self::Home { source, .. } | Self::Spawn { source, .. } => matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory | ErrorKind::WouldBlock
            ),
            _ => false,
        }
    }

    /// Returns the error in one line.
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
