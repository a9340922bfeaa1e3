//! Signal handling of a running site: some signals stop it in order, and it ignores the others.

use std::future::poll_fn;
use std::io;

use rustix::process::Signal as Name;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that stop the site in order. The system sends the last one before it ends a process at its CPU time limit.
const STOPPING: [Name; 4] = [Name::TERM, Name::INT, Name::QUIT, Name::XCPU];

/// Signals that would end the site by default and have no meaning for it.
const IGNORED: [Name; 8] = [
    Name::USR1,
    Name::USR2,
    Name::ALARM,
    Name::VTALARM,
    Name::PROF,
    Name::IO,
    Name::POWER,
    Name::STKFLT,
];

/// Real-time signals, see signal(7). The C library uses the first two.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// The signals that stop the site.
#[derive(Debug)]
pub struct StopSignals(Vec<Signal>);

impl StopSignals {
    /// Installs all handlers.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        // nohup ignores SIGHUP, so that the site survives its terminal.
        let hangup = (!is_ignored(Name::HUP)).then_some(Name::HUP);
        let installed: io::Result<_> = STOPPING.into_iter().chain(hangup).map(install).collect();
        let ignored = IGNORED.into_iter().map(Name::as_raw).chain(REAL_TIME);
        for number in ignored {
            // A handler stays until the process ends. A system without this signal never sends it.
            drop(signal(SignalKind::from_raw(number)));
        }
        Ok(Self(installed?))
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        poll_fn(|context| {
            let poll = |signal: &mut Signal| signal.poll_recv(context).map(drop);
            let mut all = self.0.iter_mut().map(poll);
            all.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
        })
        .await;
    }
}

/// Ignores SIGXFSZ, so that writing at the file size limit returns an error.
pub fn ignore_file_size_limit() {
    drop(signal(SignalKind::from_raw(Name::XFSZ.as_raw())));
}

fn install(name: Name) -> io::Result<Signal> {
    signal(SignalKind::from_raw(name.as_raw()))
}

/// Returns whether the process was started with this signal ignored.
fn is_ignored(name: Name) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, name.as_raw()))
}

/// Parses `SigIgn`, a hexadecimal number with one bit for each signal, the lowest for signal 1; see `proc_pid_status(5)`.
fn ignores(status: &str, signal: i32) -> bool {
    let mut lines = status.lines();
    let mask = lines
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_bit_means_an_ignored_signal() {
        let status = "Name:\tnpoc\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2));
        assert!(!ignores("Name:\tnpoc\n", 1));
    }
}
