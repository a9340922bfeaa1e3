//! The embedded database: a PostgreSQL server of our own, run from the machine's binaries.
//!
//! Without `DATABASE_URL`, the site starts a server in its data directory. The server stops when the site ends, even if the
//! site is killed; see `lifeline`. It listens only on a socket in a directory that only its own account may enter. It
//! therefore asks for no password.
//!
//! ```text
//! home/lock           locked while the site runs
//! home/postgres/      the cluster, owned by the server's account
//! home/postgres.log   the output of initdb and the server
//! home/socket/        the socket, unless the path is too long for one
//! ```
//!
//! Everything here except [`Keeper::start`] blocks its thread.

mod account;
mod binaries;
mod cluster;
mod error;
mod halt;
mod home;
mod keeper;
mod lifeline;
mod log;
mod postmaster;
mod socket;

use std::path::{Path, PathBuf};

use halt::Halt;
use home::Home;
use lifeline::Server;
use postmaster::PidFile;

pub use cluster::{DATABASE, USER};
pub use error::{Error, MOVING, OLDEST};
pub use home::Durability;
pub use keeper::{FirstStart, Keeper};

/// A running server. Dropping it stops the server and waits for its end.
// The fields are dropped in this order: first the server, then the lock on its home.
pub struct Embedded {
    server: Server,
    _home: Home,
}

impl Embedded {
    /// Starts the server in `home`, and creates the cluster and the database [`DATABASE`] if they are missing. Returns when
    /// the server accepts connections, after any crash recovery.
    ///
    /// # Errors
    /// Returns a sentence for the operator. Nothing keeps running.
    pub fn start(home: &Path, durability: Durability) -> Result<Self, Error> {
        let halt = Halt::default();
        let home = Home::open(home, durability, &halt)?;
        let server = home.start(&halt)?;
        home.log_start();
        Ok(Self { server, _home: home })
    }

    /// Returns the directory of the socket `.s.PGSQL.5432`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.server.socket_dir()
    }

    /// Returns the full path of a PostgreSQL program, such as `pg_dump`, in the server's version. The program may not be
    /// installed, since distributions package some separately.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.server.program(name)
    }

    /// Blocks until the server has exited by itself.
    pub fn await_end(&self) {
        self.server.await_end();
    }

    /// Ends every session, stops the server and waits for its end. Close the pool first.
    pub fn stop(self) {
        drop(self);
    }
}

/// Returns the socket directory of the server that another process runs in `home`, if it accepts connections. Commands use
/// it beside a running site.
#[must_use]
pub fn running(home: &Path) -> Option<PathBuf> {
    let directory = PidFile::read(&home.join(cluster::DIRECTORY))?.ready_in?;
    socket::accepts(&directory).then_some(directory)
}

/// The installed versions of PostgreSQL that matter to a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The major version that its database uses, or would use if it were created now.
    pub used: u32,
    /// The newest installed major version.
    pub newest: u32,
}

/// Returns the versions for the database in `home`.
///
/// # Errors
/// Returns an error if no suitable version is installed.
pub fn versions(home: &Path) -> Result<Versions, Error> {
    let data = home.join(cluster::DIRECTORY);
    let needed = cluster::version(&data)?;
    let used = binaries::Binaries::find(&data, needed.as_deref())?;
    let newest = binaries::Binaries::find(&data, None)?;
    Ok(Versions {
        used: used.major,
        newest: newest.major,
    })
}
