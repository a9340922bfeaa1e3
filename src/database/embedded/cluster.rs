//! The data of the server: made once and whole, and free of earlier servers before a new one
//! starts.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};

use super::account::Account;
use super::binaries::Binaries;
use super::error::Error;
use super::halt::Halt;
use super::log::Log;
use super::postmaster::{self, Holder, PidFile};
use super::{DATABASE, PAUSE, USER};

/// The name of the cluster's directory in the home.
pub(super) const DIRECTORY: &str = "postgres";

/// The beginning of the name of a cluster that is not finished.
const UNFINISHED: &str = "postgres.new-";

/// The collations to try; where order matters, the queries say so themselves.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// How long the lifeline of a killed site is given to stop its server before we do.
const LIFELINE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a child is given to clean up when it is not wanted any more.
const CHILD_PATIENCE: Duration = Duration::from_secs(2);

/// Less than this many octets on a disk are no room for a cluster, which has 40 MB and as much of a log that it writes
/// ahead.
const NO_ROOM: u64 = 64 << 20;

/// A cluster, and what is needed to run programs on it.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) data: PathBuf,
    pub(super) account: Account,
    pub(super) binaries: Binaries,
}

impl Cluster {
    /// The cluster in `home`, which is made if there is none. The lock has to be held.
    pub(super) fn open(home: &Path, account: Account, halt: &Halt) -> Result<Self, Error> {
        sweep(home);
        let data = home.join(DIRECTORY);
        let version = version(&data)?;
        let binaries = Binaries::find(&data, version.as_deref())?;
        account.check_reach(&binaries.directory)?;
        let cluster = Self {
            data,
            account,
            binaries,
        };
        if version.is_none() {
            cluster.create(home, halt)?;
        }
        Ok(cluster)
    }

    /// A command on the cluster, as the server's account.
    pub(super) fn command(&self, program: &str) -> Command {
        self.account.command(&self.binaries.program(program))
    }

    /// Makes the cluster under another name and moves it into place when it is complete. So a kill
    /// leaves nothing half made, and an initdb that outlives us writes where nobody looks.
    fn create(&self, home: &Path, halt: &Halt) -> Result<(), Error> {
        tracing::info!(version = self.binaries.major, "creating the data of PostgreSQL");
        let log = Log::open(home)?;
        let place = home.join(unfinished_name());
        let made = self.fill(&place, &log, halt);
        if made.is_err() {
            // Its space is needed.
            let _ = fs::remove_dir_all(&place);
        }
        made?;
        // A rename that a crash of the machine undoes would take all later data along.
        let moved = fs::rename(&place, &self.data).and_then(|()| File::open(home)?.sync_all());
        moved.map_err(|source| Error::Home {
            path: self.data.clone(),
            source,
        })
    }

    fn fill(&self, place: &Path, log: &Log, halt: &Halt) -> Result<(), Error> {
        LOCALES
            .iter()
            .try_fold(false, |done, locale| Ok(done || self.initdb(place, locale, log, halt)?))?
            .then_some(())
            .ok_or_else(|| failed(log))?;
        self.create_database(place, log, halt)
    }

    fn initdb(&self, place: &Path, locale: &str, log: &Log, halt: &Halt) -> Result<bool, Error> {
        // initdb removes the contents of a directory that it could not finish, not the directory.
        let _ = fs::remove_dir(place);
        let made = DirBuilder::new().mode(0o700).create(place);
        made.map_err(|source| Error::Home {
            path: place.to_owned(),
            source,
        })?;
        self.account.own(place)?;
        let mut command = self.command("initdb");
        command
            .arg("-D")
            .arg(place)
            .args(["-U", USER, "-A", "trust", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}"));
        command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let child = command.spawn().map_err(|source| self.unstarted("initdb", source))?;
        Ok(self.end_of(child, "initdb", halt)?.success())
    }

    /// In single-user mode, which needs no socket and whose end is the end of its work.
    fn create_database(&self, place: &Path, log: &Log, halt: &Halt) -> Result<(), Error> {
        let mut command = self.command("postgres");
        command
            .arg("--single")
            .arg("-D")
            .arg(place)
            .args(["-c", "exit_on_error=on", "postgres"]);
        command.stdin(Stdio::piped()).stdout(log.stdio()?).stderr(log.stdio()?);
        let mut child = command.spawn().map_err(|source| self.unstarted("postgres", source))?;
        let told = child
            .stdin
            .take()
            .map(|mut stdin| writeln!(stdin, "CREATE DATABASE {DATABASE};"));
        let ended = self.end_of(child, "postgres", halt)?;
        match told {
            Some(Ok(())) if ended.success() => Ok(()),
            _ => Err(failed(log)),
        }
    }

    /// Waits for the end of a child. Where somebody does not want it any more, it is ended, with its children.
    fn end_of(&self, mut child: Child, program: &str, halt: &Halt) -> Result<ExitStatus, Error> {
        let group = Pid::from_child(&child);
        let mut patience = None;
        loop {
            if let Some(status) = child.try_wait().map_err(|source| self.unstarted(program, source))? {
                return halt.check().map(|()| status);
            }
            if halt.is_told() {
                let until = *patience.get_or_insert_with(|| Instant::now() + CHILD_PATIENCE);
                let signal = if Instant::now() < until {
                    Signal::TERM
                } else {
                    Signal::KILL
                };
                // It may have ended just now.
                let _ = kill_process_group(group, signal);
            }
            sleep(PAUSE);
        }
    }

    /// Waits until no server of an earlier run works on the data, and stops one whom its lifeline
    /// does not.
    pub(super) fn settle(&self, halt: &Halt) -> Result<(), Error> {
        let patience = Instant::now() + LIFELINE_PATIENCE;
        while let Some(pid) = self.server() {
            halt.check()?;
            if Instant::now() > patience {
                return self.halt(pid);
            }
            sleep(PAUSE);
        }
        self.disarm()
    }

    /// The process of a server that works on the data.
    fn server(&self) -> Option<u32> {
        let file = PidFile::read(&self.data)?;
        (file.holder(&self.data) == Holder::Server).then_some(file.pid)
    }

    /// Asks for the same fast shutdown as the lifeline does, so it does no harm if that is only
    /// slow.
    fn halt(&self, pid: u32) -> Result<(), Error> {
        tracing::warn!(pid, "stopping a PostgreSQL server of an earlier run");
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "-s", "-m", "fast", "-t", "60", "-D"])
            .arg(&self.data);
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let stopped = status.map_err(|source| self.unstarted("pg_ctl", source))?.success();
        // It may have ended just before it was asked to.
        if stopped || self.server().is_none() {
            self.disarm()
        } else {
            Err(Error::OldServer(pid))
        }
    }

    fn disarm(&self) -> Result<(), Error> {
        let taken = PidFile::read(&self.data).is_some_and(|file| file.holder(&self.data) == Holder::Other);
        if !taken && !postmaster::is_senseless(&self.data) {
            return Ok(());
        }
        tracing::warn!("an earlier PostgreSQL server left its postmaster.pid behind");
        postmaster::disarm(&self.data).map_err(|source| Error::Home {
            path: self.data.clone(),
            source,
        })
    }

    fn unstarted(&self, program: &str, source: std::io::Error) -> Error {
        Error::Spawn {
            program: self.binaries.program(program),
            source,
        }
    }
}

/// The major version of existing data.
pub(super) fn version(data: &Path) -> Result<Option<String>, Error> {
    let path = data.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Home { path, source }),
    }
}

/// Unlike any earlier name, also where process numbers begin from the start, as they do in a container.
fn unfinished_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{UNFINISHED}{}-{}", std::process::id(), now.as_nanos())
}

/// Removes what earlier tries did not finish. Where an orphaned initdb is still writing this may
/// fail, and the next start will do it.
fn sweep(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// How many octets the disk of a directory has left, as far as it can be told.
pub(super) fn room(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn failed(log: &Log) -> Error {
    let home = log.path.parent().unwrap_or(Path::new("/"));
    if room(home).is_some_and(|room| room < NO_ROOM) {
        return Error::NoRoom(home.to_owned());
    }
    Error::Create {
        path: log.path.clone(),
        log: log.end(),
    }
}
