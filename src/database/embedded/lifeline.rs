//! How the server ends when the site does, however it does.
//!
//! Between the two is a shell that waits on a pipe whose other end only we hold. When we let go
//! of it, or are killed, the pipe closes and the shell asks the server for a fast shutdown. (A
//! parent-death signal would not do: it fires when the *thread* that started the child ends, and is
//! lost when the child changes its user.)

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
use super::halt::Halt;
use super::log::Log;
use super::postmaster::PidFile;
use super::{PAUSE, socket};

const SHELL: &str = "/bin/sh";

/// Runs the command given as its arguments until standard input closes.
///
/// It ignores the signals that a service manager sends to a whole group, since we are the one to
/// say when. A background job reads /dev/null, hence the copy of standard input. The request is
/// repeated because a server that has only just started does not listen to it yet. The reader has
/// to go with the server, whose number may soon be another's.
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

/// Removes the directory given when standard input closes; again if somebody was still writing
/// there.
const REMOVER: &str = r#"
trap '' HUP INT QUIT TERM
read -r _
for _ in 1 2 3 4 5; do
    rm -rf -- "$1" 2>/dev/null && exit
    sleep 1
done
"#;

/// The settings of a server of ours, beside PostgreSQL's defaults. It compiles no queries: an operator who confines the
/// site may well forbid to make code (`MemoryDenyWriteExecute` of systemd). The last three keep what
/// applicants wrote out of its log, where a failing statement would otherwise show it. (A value
/// that a cast refuses is part of the message itself: no query may cast what an applicant wrote.)
const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "jit=off",
    "log_min_error_statement=panic",
    "log_parameter_max_length_on_error=0",
    "log_error_verbosity=terse",
];

/// For tests: data that are thrown away, of many sites at once.
const OF_TESTS: [&str; 4] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
];

/// A server and its lifeline. Dropping it stops the server and waits until it is gone.
pub(super) struct Server {
    pipe: Option<ChildStdin>,
    shell: u32,
    ended: Arc<OnceLock<()>>,
    cluster: Cluster,
    socket_dir: PathBuf,
}

impl Server {
    /// Starts a server and waits until it accepts connections. With a `remover` nothing waits for
    /// the disk.
    pub(super) fn start(cluster: &Cluster, home: &Path, remover: Option<&Remover>, halt: &Halt) -> Result<Self, Error> {
        let socket_dir = socket::directory(home, cluster.account)?;
        let log = Log::open(home)?;
        let mut command = shell(cluster.account, LIFELINE);
        command
            .arg(cluster.binaries.program("postgres"))
            .arg("-D")
            .arg(&cluster.data)
            .arg("-k")
            .arg(&socket_dir);
        let of_tests = OF_TESTS.iter().filter(|_| remover.is_some());
        command.args(SETTINGS.iter().chain(of_tests).flat_map(|setting| ["-c", setting]));
        command
            .stdin(Stdio::piped())
            .stdout(remover.map_or_else(|| Ok(Stdio::null()), Remover::hold)?);
        let mut child = command.stderr(log.stdio()?).spawn().map_err(unstarted)?;
        let (pipe, shell) = (child.stdin.take(), child.id());
        let server = Self {
            pipe,
            shell,
            ended: reap(child)?,
            cluster: cluster.clone(),
            socket_dir,
        };
        server.await_ready(&log, halt)?;
        Ok(server)
    }

    /// Where the server listens.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The full path of one of PostgreSQL's programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.cluster.binaries.program(name)
    }

    pub(super) fn await_end(&self) {
        self.ended.wait();
    }

    /// Whether the server has ended. The thread that started it is unparked then.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Looks for our own child, since a server that a killed site had only just started may become
    /// ready too.
    fn await_ready(&self, log: &Log, halt: &Halt) -> Result<(), Error> {
        while !self.has_ended() {
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
        self.ended.wait();
        // Only if somebody killed the shell is there something left to do.
        if let Err(error) = self.cluster.settle(&Halt::default()) {
            tracing::error!(%error, "PostgreSQL was not stopped");
        }
        // It is made again at each start; one among the temporary directories should not stay there.
        let _ = fs::remove_dir(&self.socket_dir);
    }
}

/// Removes a directory when nobody holds on to it any more: neither this process nor the lifeline
/// of the server in it. It runs as ourselves, since the server's account may not remove the home.
pub(super) struct Remover {
    pipe: Option<OwnedFd>,
    ended: Arc<OnceLock<()>>,
}

impl Remover {
    pub(super) fn start(directory: &Path) -> Result<Self, Error> {
        let mut command = shell(Account::own_account(), REMOVER);
        command
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(unstarted)?;
        let pipe = child.stdin.take().map(OwnedFd::from);
        Ok(Self {
            pipe,
            ended: reap(child)?,
        })
    }

    /// Keeps the directory for as long as the child that gets this runs.
    fn hold(&self) -> Result<Stdio, Error> {
        let Some(pipe) = &self.pipe else {
            return Ok(Stdio::null());
        };
        Ok(pipe.try_clone().map_err(unstarted)?.into())
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.ended.wait();
    }
}

fn shell(account: Account, script: &str) -> Command {
    let mut command = account.command(Path::new(SHELL));
    command.arg("-c").arg(script).arg("npoc");
    command
}

pub(super) fn unstarted(source: io::Error) -> Error {
    Error::Spawn {
        program: SHELL.into(),
        source,
    }
}

/// Waits for the child in a thread of its own. When the child has ended, that sets what this returns, and unparks the
/// thread that called this.
fn reap(mut child: Child) -> Result<Arc<OnceLock<()>>, Error> {
    let ended = Arc::new(OnceLock::new());
    let caller = thread::current();
    let set = Arc::clone(&ended);
    let wait = move || {
        if let Err(error) = child.wait() {
            tracing::error!(%error, "a child of ours could not be waited for");
        }
        // It is set nowhere else.
        let _ = set.set(());
        caller.unpark();
    };
    thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(wait)
        .map_err(unstarted)?;
    Ok(ended)
}
