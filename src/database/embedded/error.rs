//! What an operator is told when the embedded server cannot be had.

use std::io;
use std::path::PathBuf;

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
        "The data in {} belong to PostgreSQL {needed}, but only version {found} is installed. Install version {needed} \
         (Debian: apt-get install postgresql-{needed}), or move the data with pg_dumpall and psql.",
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
}
