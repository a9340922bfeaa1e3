//! Stops the server when the site ends, even if the site is killed.
//!
//! A shell runs the server and reads a pipe whose other end only the site holds. The pipe closes when the site ends. The
//! shell then requests a fast shutdown. A parent-death signal is no alternative: it fires when the *thread* that started the
//! child ends, and is lost when the child changes its user.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread::{self, sleep};

use super::account::Account;
use super::cluster::Cluster;
use super::error::Error;
use super::halt::{Halt, PAUSE};
use super::log::Log;
use super::postmaster::PidFile;
use super::socket;

const SHELL: &str = "/bin/sh";

/// Runs the command given as its arguments until standard input closes.
///
/// It ignores the signals that a service manager sends to the whole group. A background job reads /dev/null, hence the copy
/// of standard input. The request is repeated, since a starting server ignores it at first. The reader ends with the
/// server, whose process number may soon belong to another process.
const LIFELINE: &str = r#"
trap '' HUP INT QUIT TERM
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
{
    read -r _ <&3
    tries=0
    while [ $tries -lt 600 ] && kill -INT $server 2>/dev/null; do
        tries=$((tries + 1))
        sleep 0.1 >/dev/null 2>&1 3<&-
    done
} &
reader=$!
wait $server
kill -KILL $reader 2>/dev/null
"#;

/// Removes a directory when standard input closes. Retries while another process still writes there.
const REMOVER: &str = r#"
trap '' HUP INT QUIT TERM
read -r _
for _ in 1 2 3 4 5; do
    rm -rf -- "$1" 2>/dev/null && exit
    sleep 1
done
"#;

/// Overrides of PostgreSQL's defaults. JIT is off, since it fails under systemd's `MemoryDenyWriteExecute`. The last three keep
/// applicants' answers out of the log when a statement fails. An error of a cast contains the value itself, so no query may
/// cast an answer.
const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "jit=off",
    "log_min_error_statement=panic",
    "log_parameter_max_length_on_error=0",
    "log_error_verbosity=terse",
];

/// Settings for disposable data in tests, with many sites at once.
const TEST_SETTINGS: [&str; 4] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
];

/// A server and its lifeline. Dropping it stops the server and waits for its end.
pub(super) struct Server {
    pipe: Option<ChildStdin>,
    shell: u32,
    exited: Arc<OnceLock<()>>,
    cluster: Cluster,
    socket_dir: PathBuf,
}

impl Server {
    /// Starts a server and waits until it accepts connections. With a `remover`, the data are disposable.
    pub(super) fn start(cluster: &Cluster, home: &Path, remover: Option<&Remover>, halt: &Halt) -> Result<Self, Error> {
        let socket_dir = socket::directory(home, cluster.account)?;
        let log = Log::open(home)?;
        let mut command = server_command(cluster, &socket_dir, remover.is_some());
        command
            .stdin(Stdio::piped())
            .stdout(remover.map_or_else(|| Ok(Stdio::null()), Remover::hold)?)
            .stderr(log.stdio()?);
        let mut child = command.spawn().map_err(shell_failed)?;
        let (pipe, shell) = (child.stdin.take(), child.id());
        let server = Self {
            pipe,
            shell,
            exited: reap(child)?,
            cluster: cluster.clone(),
            socket_dir,
        };
        server.await_ready(&log, halt)?;
        Ok(server)
    }

    /// Returns the directory of the server's socket.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Returns the full path of one of PostgreSQL's programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.cluster.binaries.program(name)
    }

    pub(super) fn await_end(&self) {
        self.exited.wait();
    }

    /// Returns whether the server has exited. Its exit unparks the thread that started it.
    pub(super) fn has_exited(&self) -> bool {
        self.exited.get().is_some()
    }

    /// Waits until our own child is ready. A server that a killed site has just started may become ready too.
    fn await_ready(&self, log: &Log, halt: &Halt) -> Result<(), Error> {
        while !self.has_exited() {
            halt.check()?;
            let file = PidFile::read(&self.cluster.data).filter(|file| file.is_child_of(self.shell));
            if file
                .and_then(|file| file.ready_in)
                .is_some_and(|directory| socket::accepts(&directory))
            {
                return Ok(());
            }
            sleep(PAUSE);
        }
        Err(Error::Server {
            path: log.path.clone(),
            log: log.end(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.exited.wait();
        // The server still runs if its shell was killed.
        if let Err(error) = self.cluster.stop_earlier_server(&Halt::default()) {
            tracing::error!(%error, "PostgreSQL not stopped");
        }
        // Each start creates the directory again, and it should not stay in the temporary directory.
        let _ = fs::remove_dir(&self.socket_dir);
    }
}

/// Removes a directory after this process and the lifeline of its server have ended. It runs as our own account, since the
/// server's account may not remove the home.
pub(super) struct Remover {
    pipe: Option<OwnedFd>,
    exited: Arc<OnceLock<()>>,
}

impl Remover {
    pub(super) fn start(directory: &Path) -> Result<Self, Error> {
        let mut command = shell(Account::own_account(), REMOVER);
        command
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(shell_failed)?;
        let pipe = child.stdin.take().map(OwnedFd::from);
        Ok(Self {
            pipe,
            exited: reap(child)?,
        })
    }

    /// Returns an output that keeps the directory while the child with this output runs.
    fn hold(&self) -> Result<Stdio, Error> {
        let Some(pipe) = &self.pipe else {
            return Ok(Stdio::null());
        };
        Ok(pipe.try_clone().map_err(shell_failed)?.into())
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.exited.wait();
    }
}

fn server_command(cluster: &Cluster, socket_dir: &Path, is_disposable: bool) -> Command {
    let mut command = shell(cluster.account, LIFELINE);
    command.arg(cluster.binaries.program("postgres"));
    command.arg("-D").arg(&cluster.data).arg("-k").arg(socket_dir);
    let of_tests = TEST_SETTINGS.iter().filter(|_| is_disposable);
    command.args(SETTINGS.iter().chain(of_tests).flat_map(|setting| ["-c", setting]));
    command
}

fn shell(account: Account, script: &str) -> Command {
    let mut command = account.command(Path::new(SHELL));
    command.arg("-c").arg(script).arg("npoc");
    command
}

pub(super) fn shell_failed(source: io::Error) -> Error {
    Error::Spawn {
        program: SHELL.into(),
        source,
    }
}

/// Waits for the child in another thread. After its exit, that thread sets the returned value and unparks the caller.
fn reap(mut child: Child) -> Result<Arc<OnceLock<()>>, Error> {
    let exited = Arc::new(OnceLock::new());
    let caller = thread::current();
    let set = Arc::clone(&exited);
    let wait = move || {
        if let Err(error) = child.wait() {
            tracing::error!(%error, "waiting for a child process failed");
        }
        let _ = set.set(());
        caller.unpark();
    };
    thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(wait)
        .map_err(shell_failed)?;
    Ok(exited)
}
