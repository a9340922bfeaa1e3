//! The home directory of an embedded server: its lock, its cluster and the start of the server.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::account::Account;
use super::cluster::{self, Cluster};
use super::error::Error;
use super::halt::{Halt, PAUSE};
use super::lifeline::{Remover, Server};
use super::{log, socket};
use crate::directory;

/// How long to wait for the lock, since the previous site may still be stopping.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// How long a start is retried while processes of an earlier server still hold the data.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How much a crash of the machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was acknowledged, by PostgreSQL's defaults.
    Full,
    /// Everything, for tests. Nothing waits for the disk. The **whole home directory is removed** after the server has
    /// ended, even if this process was killed, so nothing else may ever use that directory.
    Disposable,
}

/// A locked home directory with its cluster.
// The fields are dropped in this order: the remover first, the lock last.
pub(super) struct Home {
    path: PathBuf,
    cluster: Cluster,
    remover: Option<Remover>,
    _lock: File,
}

impl Home {
    /// Locks the home, and creates it and its cluster if they are missing.
    pub(super) fn open(home: &Path, durability: Durability, halt: &Halt) -> Result<Self, Error> {
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

    /// Starts the server after every earlier one has ended. Retries while processes of an earlier one are ending.
    pub(super) fn start(&self, halt: &Halt) -> Result<Server, Error> {
        self.cluster.stop_earlier_server(halt)?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            halt.check()?;
            match Server::start(&self.cluster, &self.path, self.remover.as_ref(), halt) {
                Err(Error::Server { log, .. }) if log::mentions_leftovers(&log) && Instant::now() < deadline => {
                    sleep(10 * PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Returns the directory of the socket, whether a server runs or not.
    pub(super) fn socket_dir(&self) -> Result<PathBuf, Error> {
        socket::path(&self.path, self.cluster.account)
    }

    pub(super) fn log_path(&self) -> PathBuf {
        log::path(&self.path)
    }

    /// Returns the free space of the disk in bytes, if the system reports it.
    pub(super) fn free_space(&self) -> Option<u64> {
        cluster::free_space(&self.path)
    }

    pub(super) fn log_start(&self) {
        tracing::info!(home = %self.path.display(), version = self.cluster.binaries.major, "PostgreSQL is running");
    }
}

/// Creates the home directory if it is missing, and returns its full path. Checks access before, so that no empty directory
/// is left behind, and after, since a link may lead elsewhere.
fn prepare(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let failed = |source| Error::Home {
        path: home.to_owned(),
        source,
    };
    let path = std::path::absolute(home).map_err(failed)?;
    account.check_access(&path)?;
    directory::make(&path, directory::mode_of_home()).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    account.check_access(&path)?;
    match path.to_str() {
        Some(text) if !text.contains('\n') => Ok(path),
        _ => Err(Error::OddPath(path)),
    }
}

/// Locks the home until the file is closed. No child process inherits the file, so no orphan can keep the lock.
fn lock(home: &Path, halt: &Halt) -> Result<File, Error> {
    let path = home.join("lock");
    let failed = |source| Error::Home {
        path: path.clone(),
        source,
    };
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let file = opened.map_err(failed)?;
    let deadline = Instant::now() + LOCK_LIMIT;
    loop {
        halt.check()?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(Error::Locked(home.to_owned()));
            }
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
        }
    }
}
