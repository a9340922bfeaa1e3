//! The database that comes with the program: a PostgreSQL server of our own, run from the machine's
//! binaries.
//!
//! Without `DATABASE_URL` the site starts a server in its data directory and ends it when it ends
//! itself, whichever way that happens: `lifeline` tells how. Nobody else can reach the server,
//! since it listens on nothing but a socket in a directory that only its own account may enter;
//! hence it asks for no password.
//!
//! ```text
//! home/lock           held while we run, so that everything below is ours
//! home/postgres/      the cluster, owned by the server's account
//! home/postgres.log   what initdb and the server said
//! home/socket/        the socket, unless the path is too long for one
//! ```
//!
//! Everything here blocks; call it from a thread that may wait.

mod account;
mod binaries;
mod cluster;
mod error;
mod lifeline;
mod log;
mod postmaster;
mod socket;

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use account::Account;
use cluster::Cluster;
use lifeline::{Remover, Server};
use postmaster::PidFile;

pub use error::Error;

/// The superuser of the cluster, whom the site connects as.
pub const USER: &str = "npoc";

/// The database that a new cluster is given.
pub const DATABASE: &str = "npoc";

/// A killed site's successor may come while the site is still stopping in good order.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How long a start is tried again while processes of an earlier server still hold the data.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that will change soon.
const PAUSE: Duration = Duration::from_millis(20);

/// How much a crash of the machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was acknowledged: PostgreSQL's defaults.
    Full,
    /// Everything, for tests: nothing waits for the disk, and the **whole home directory is
    /// removed** after the server ended, even if this process was killed. Give it a directory that
    /// nothing else uses, now or later.
    Disposable,
}

/// A running server. Dropping it stops the server and waits until it is gone.
// The fields are dropped in this order: first the server, then its directory, last the right to
// both.
pub struct Embedded {
    server: Server,
    _remover: Option<Remover>,
    _lock: File,
}

impl Embedded {
    /// Starts the server in `home`, which is created with a cluster and the database [`DATABASE`]
    /// where they are missing. Returns when the server accepts connections; recovery after a crash
    /// takes the time it takes.
    ///
    /// # Errors
    /// Each [`Error`] is a sentence for the operator. Nothing keeps running after one.
    pub fn start(home: &Path, durability: Durability) -> Result<Self, Error> {
        let account = Account::choose(&home.join(cluster::DIRECTORY))?;
        let home = prepare(home, &account)?;
        let lock = lock(&home)?;
        let remover = (durability == Durability::Disposable)
            .then(|| Remover::start(&home))
            .transpose()?;
        let cluster = Cluster::open(&home, account)?;
        cluster.settle()?;
        let server = persist(|| Server::start(&cluster, &home, remover.as_ref()))?;
        tracing::info!(home = %home.display(), version = cluster.binaries.major, "PostgreSQL is running");
        Ok(Self {
            server,
            _remover: remover,
            _lock: lock,
        })
    }

    /// The directory that holds the socket `.s.PGSQL.5432`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.server.socket_dir()
    }

    /// The full path of one of PostgreSQL's programs, such as `pg_dump`, in the server's own version. Whether the
    /// machine has it is not looked at: distributions package some of them apart.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.server.program(name)
    }

    /// Something to wait with for the server's end while this handle is kept elsewhere to stop it.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(self.server.ended())
    }

    /// Ends every session, stops the server and waits until it is gone. Close the pool first.
    pub fn stop(self) {
        drop(self);
    }
}

/// Waits for the end of a server; see [`Embedded::watch`].
#[derive(Clone)]
pub struct Watch(Arc<OnceLock<()>>);

impl Watch {
    /// Blocks until the server ended, by itself or because it was stopped; returns at once if it
    /// already has.
    pub fn wait(&self) {
        self.0.wait();
    }
}

/// The socket directory of the server that another process runs in `home`, if one is up and accepts
/// connections: for commands beside a running site.
#[must_use]
pub fn running(home: &Path) -> Option<PathBuf> {
    let directory = PidFile::read(&home.join(cluster::DIRECTORY))?.ready_in?;
    socket::accepts(&directory).then_some(directory)
}

/// The major version of the programs that the database in `home` would be started with, or made.
///
/// # Errors
/// Where there are none that will do.
pub fn version(home: &Path) -> Result<u32, Error> {
    let data = home.join(cluster::DIRECTORY);
    let needed = cluster::version(&data)?;
    binaries::Binaries::find(&data, needed.as_deref()).map(|binaries| binaries.major)
}

/// Makes the home directory if it is missing, and returns its full path. Sees before and after that
/// the server's account can reach it: before, so as not to leave an empty directory behind; after,
/// since a link may have led elsewhere.
fn prepare(home: &Path, account: &Account) -> Result<PathBuf, Error> {
    let failed = |source| Error::Home {
        path: home.to_owned(),
        source,
    };
    let path = std::path::absolute(home).map_err(failed)?;
    account.check_reach(&path)?;
    if !path.exists() {
        fs::create_dir_all(&path).map_err(failed)?;
        let mode = Permissions::from_mode(if account.is_other() { 0o711 } else { 0o700 });
        fs::set_permissions(&path, mode).map_err(failed)?;
    }
    let path = path.canonicalize().map_err(failed)?;
    account.check_reach(&path)?;
    Ok(path)
}

/// The right to everything in `home`, until the file is closed. It is never handed to a child, so
/// that no process that was left over can keep it.
fn lock(home: &Path) -> Result<File, Error> {
    let path = home.join("lock");
    let failed = |source| Error::Home {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let patience = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() > patience => {
                return Err(Error::Locked(home.to_owned()));
            }
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
        }
    }
}

/// Tries again while the server refuses to start because of processes of an earlier one, which are
/// about to end.
fn persist(start: impl Fn() -> Result<Server, Error>) -> Result<Server, Error> {
    let patience = Instant::now() + START_PATIENCE;
    loop {
        match start() {
            Err(Error::Server { log, .. }) if log::tells_of_leftovers(&log) && Instant::now() < patience => {
                sleep(10 * PAUSE);
            }
            result => return result,
        }
    }
}
