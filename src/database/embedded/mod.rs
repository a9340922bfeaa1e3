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
//! Everything here but [`Keeper::start`] blocks; call it from a thread that may wait.

mod account;
mod binaries;
mod cluster;
mod error;
mod halt;
mod keeper;
mod lifeline;
mod log;
mod postmaster;
mod socket;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use account::Account;
use cluster::Cluster;
use halt::Halt;
use lifeline::{Remover, Server};
use postmaster::PidFile;

use crate::directory;

pub use error::{Error, MOVING};
pub use keeper::{First, Keeper};

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
// The fields are dropped in this order: first the server, then the right to its home.
pub struct Embedded {
    server: Server,
    _home: Home,
}

impl Embedded {
    /// Starts the server in `home`, which is created with a cluster and the database [`DATABASE`]
    /// where they are missing. Returns when the server accepts connections; recovery after a crash
    /// takes the time it takes.
    ///
    /// # Errors
    /// Each [`Error`] is a sentence for the operator. Nothing keeps running after one.
    pub fn start(home: &Path, durability: Durability) -> Result<Self, Error> {
        let halt = Halt::default();
        let home = Home::open(home, durability, &halt)?;
        let server = home.start(&halt)?;
        home.announce();
        Ok(Self { server, _home: home })
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

    /// Blocks until the server has ended by itself; returns at once if it already has.
    pub fn await_end(&self) {
        self.server.await_end();
    }

    /// Ends every session, stops the server and waits until it is gone. Close the pool first.
    pub fn stop(self) {
        drop(self);
    }
}

/// A home directory that is ours, with its cluster.
// The fields are dropped in this order: first the directory, last the right to it.
struct Home {
    path: PathBuf,
    cluster: Cluster,
    remover: Option<Remover>,
    _lock: File,
}

impl Home {
    /// Makes it, and the cluster in it, where they are missing.
    fn open(home: &Path, durability: Durability, halt: &Halt) -> Result<Self, Error> {
        let account = Account::choose(&home.join(cluster::DIRECTORY))?;
        let path = prepare(home, account)?;
        let lock = lock(&path, halt)?;
        let remover = (durability == Durability::Disposable)
            .then(|| Remover::start(&path))
            .transpose()?;
        let cluster = Cluster::open(&path, account, halt)?;
        Ok(Self {
            path,
            cluster,
            remover,
            _lock: lock,
        })
    }

    /// Starts the server, once nothing of an earlier one is left.
    fn start(&self, halt: &Halt) -> Result<Server, Error> {
        self.cluster.settle(halt)?;
        let start = || Server::start(&self.cluster, &self.path, self.remover.as_ref(), halt);
        persist(start, halt)
    }

    /// Where a server listens, whether one runs or not.
    fn socket_dir(&self) -> Result<PathBuf, Error> {
        socket::path(&self.path, self.cluster.account)
    }

    fn log_path(&self) -> PathBuf {
        log::path(&self.path)
    }

    /// How many octets the disk has left, as far as it can be told.
    fn room(&self) -> Option<u64> {
        cluster::room(&self.path)
    }

    fn announce(&self) {
        tracing::info!(home = %self.path.display(), version = self.cluster.binaries.major, "PostgreSQL is running");
    }
}

/// The socket directory of the server that another process runs in `home`, if one is up and accepts
/// connections: for commands beside a running site.
#[must_use]
pub fn running(home: &Path) -> Option<PathBuf> {
    let directory = PidFile::read(&home.join(cluster::DIRECTORY))?.ready_in?;
    socket::accepts(&directory).then_some(directory)
}

/// The programs for the database in a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The major version that it is started with, or made.
    pub used: u32,
    /// The newest that is installed.
    pub newest: u32,
}

/// Which programs there are for the database in `home`.
///
/// # Errors
/// Where there are none that will do.
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

/// Makes the home directory if it is missing, and returns its full path. Sees before and after that
/// the server's account can reach it: before, so as not to leave an empty directory behind; after,
/// since a link may have led elsewhere.
fn prepare(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let failed = |source| Error::Home {
        path: home.to_owned(),
        source,
    };
    let path = std::path::absolute(home).map_err(failed)?;
    account.check_reach(&path)?;
    directory::make(&path, directory::mode_of_home()).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    account.check_reach(&path)?;
    match path.to_str() {
        Some(text) if !text.contains('\n') => Ok(path),
        _ => Err(Error::OddPath(path)),
    }
}

/// The right to everything in `home`, until the file is closed. It is never handed to a child, so
/// that no process that was left over can keep it.
fn lock(home: &Path, halt: &Halt) -> Result<File, Error> {
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
        halt.check()?;
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
fn persist(start: impl Fn() -> Result<Server, Error>, halt: &Halt) -> Result<Server, Error> {
    let patience = Instant::now() + START_PATIENCE;
    loop {
        halt.check()?;
        match start() {
            Err(Error::Server { log, .. }) if log::tells_of_leftovers(&log) && Instant::now() < patience => {
                sleep(10 * PAUSE);
            }
            result => return result,
        }
    }
}
