//! The data of the server. They are created in one step, and every earlier server ends before a new one starts.

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
use super::halt::{Halt, PAUSE};
use super::log::Log;
use super::postmaster::{self, Holder, PidFile};

/// The superuser of the cluster, as which the site connects.
pub const USER: &str = "npoc";

/// The database in a new cluster.
pub const DATABASE: &str = "npoc";

/// The name of the cluster's directory in the home.
pub(super) const DIRECTORY: &str = "postgres";

/// The prefix of the name of an unfinished cluster.
const UNFINISHED: &str = "postgres.new-";

/// The locales to try. Queries name their collation if the order matters.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// How long the lifeline of a killed site may take to stop its server.
const LIFELINE_LIMIT: Duration = Duration::from_secs(5);

/// How long a canceled child process may take to clean up.
const CLEANUP_LIMIT: Duration = Duration::from_secs(2);

/// The space in bytes that a new cluster needs: 40 MB of data, and its write-ahead log.
const NEEDED_SPACE: u64 = 64 << 20;

/// A cluster, with the account and the programs for it.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) data: PathBuf,
    pub(super) account: Account,
    pub(super) binaries: Binaries,
}

impl Cluster {
    /// Opens the cluster in `home`, and creates it if it is missing. The home must be locked.
    pub(super) fn open(home: &Path, account: Account, halt: &Halt) -> Result<Self, Error> {
        remove_unfinished(home);
        let data = home.join(DIRECTORY);
        let version = version(&data)?;
        let binaries = Binaries::find(&data, version.as_deref())?;
        account.check_access(&binaries.directory)?;
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

    /// Returns a command that runs as the server's account.
    pub(super) fn command(&self, program: &str) -> Command {
        self.account.command(&self.binaries.program(program))
    }

    /// Creates the cluster under another name and renames it when it is complete. A kill therefore leaves no partial cluster,
    /// and an orphaned initdb does no harm.
    fn create(&self, home: &Path, halt: &Halt) -> Result<(), Error> {
        tracing::info!(version = self.binaries.major, "creating the data of PostgreSQL");
        let log = Log::open(home)?;
        let place = home.join(unfinished_name());
        if let Err(error) = self.fill(&place, &log, halt) {
            // Frees the space.
            let _ = fs::remove_dir_all(&place);
            return Err(error);
        }
        // If a crash of the machine undid the rename, all later data would be lost.
        let moved = fs::rename(&place, &self.data).and_then(|()| File::open(home)?.sync_all());
        moved.map_err(|source| Error::Home {
            path: self.data.clone(),
            source,
        })
    }

    fn fill(&self, place: &Path, log: &Log, halt: &Halt) -> Result<(), Error> {
        for locale in LOCALES {
            if self.initdb(place, locale, log, halt)?.success() {
                return self.create_database(place, log, halt);
            }
        }
        Err(creation_failed(log))
    }

    fn initdb(&self, place: &Path, locale: &str, log: &Log, halt: &Halt) -> Result<ExitStatus, Error> {
        // After a failure, initdb leaves the empty directory.
        let _ = fs::remove_dir(place);
        let made = DirBuilder::new().mode(0o700).create(place);
        made.map_err(|source| Error::Home {
            path: place.to_owned(),
            source,
        })?;
        self.account.give(place)?;
        let mut command = self.command("initdb");
        let options = ["-U", USER, "-A", "trust", "--encoding=UTF8", "--no-instructions"];
        command
            .args(options)
            .arg(format!("--locale={locale}"))
            .arg("-D")
            .arg(place);
        command.stdin(Stdio::null()).stdout(log.stdio()?).stderr(log.stdio()?);
        let child = command.spawn().map_err(|source| self.not_started("initdb", source))?;
        self.wait_for(child, "initdb", halt)
    }

    /// Creates the database in single-user mode, which needs no socket and ends with its input.
    fn create_database(&self, place: &Path, log: &Log, halt: &Halt) -> Result<(), Error> {
        let mut command = self.command("postgres");
        command.arg("--single").arg("-D").arg(place);
        command.args(["-c", "exit_on_error=on", "postgres"]);
        command.stdin(Stdio::piped()).stdout(log.stdio()?).stderr(log.stdio()?);
        let mut child = command.spawn().map_err(|source| self.not_started("postgres", source))?;
        let input = child.stdin.take();
        let written = input.map(|mut input| writeln!(input, "CREATE DATABASE {DATABASE};"));
        let status = self.wait_for(child, "postgres", halt)?;
        match written {
            Some(Ok(())) if status.success() => Ok(()),
            _ => Err(creation_failed(log)),
        }
    }

    /// Waits for the end of a child process. Ends it with its children if the start is canceled.
    fn wait_for(&self, mut child: Child, program: &str, halt: &Halt) -> Result<ExitStatus, Error> {
        let group = Pid::from_child(&child);
        let mut deadline = None;
        loop {
            if let Some(status) = child.try_wait().map_err(|source| self.not_started(program, source))? {
                return halt.check().map(|()| status);
            }
            if halt.is_requested() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + CLEANUP_LIMIT);
                let signal = if Instant::now() < deadline {
                    Signal::TERM
                } else {
                    Signal::KILL
                };
                // The child may have ended meanwhile.
                let _ = kill_process_group(group, signal);
            }
            sleep(PAUSE);
        }
    }

    /// Waits for the end of an earlier server. Stops it if its lifeline does not.
    pub(super) fn stop_earlier_server(&self, halt: &Halt) -> Result<(), Error> {
        let deadline = Instant::now() + LIFELINE_LIMIT;
        while let Some(pid) = self.server() {
            halt.check()?;
            if Instant::now() > deadline {
                return self.stop(pid);
            }
            sleep(PAUSE);
        }
        self.clear_pid_file()
    }

    /// Returns the process of a server that uses the data.
    fn server(&self) -> Option<u32> {
        let file = PidFile::read(&self.data)?;
        (file.holder(&self.data) == Holder::Server).then_some(file.pid)
    }

    /// Requests a fast shutdown. The lifeline requests the same, so both together do no harm.
    fn stop(&self, pid: u32) -> Result<(), Error> {
        tracing::warn!(pid, "stopping an earlier PostgreSQL server");
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "-s", "-m", "fast", "-t", "60", "-D"])
            .arg(&self.data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().map_err(|source| self.not_started("pg_ctl", source))?;
        // The server may have ended just before the request.
        if status.success() || self.server().is_none() {
            self.clear_pid_file()
        } else {
            Err(Error::OldServer(pid))
        }
    }

    /// Repairs a `postmaster.pid` that would keep a new server from starting.
    fn clear_pid_file(&self) -> Result<(), Error> {
        let is_stale = PidFile::read(&self.data).is_some_and(|file| file.holder(&self.data) == Holder::Other);
        if !is_stale && !postmaster::is_corrupt(&self.data) {
            return Ok(());
        }
        tracing::warn!("repairing postmaster.pid of an earlier PostgreSQL server");
        postmaster::replace_pid(&self.data).map_err(|source| Error::Home {
            path: self.data.clone(),
            source,
        })
    }

    fn not_started(&self, program: &str, source: std::io::Error) -> Error {
        Error::Spawn {
            program: self.binaries.program(program),
            source,
        }
    }
}

/// Returns the major version of existing data.
pub(super) fn version(data: &Path) -> Result<Option<String>, Error> {
    let path = data.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Home { path, source }),
    }
}

/// Returns a unique name. Process numbers alone are not unique, since they start again in a new container.
fn unfinished_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{UNFINISHED}{}-{}", std::process::id(), now.as_nanos())
}

/// Removes unfinished clusters. This may fail while an orphaned initdb still writes; then the next start removes them.
fn remove_unfinished(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns the free space of a directory's disk in bytes, if the system reports it.
pub(super) fn free_space(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn creation_failed(log: &Log) -> Error {
    let home = log.path.parent().unwrap_or(Path::new("/"));
    if free_space(home).is_some_and(|free| free < NEEDED_SPACE) {
        return Error::NoRoom(home.to_owned());
    }
    Error::Create {
        path: log.path.clone(),
        log: log.end(),
    }
}
