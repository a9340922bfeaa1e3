//! Signals, as a running site takes them: some stop it in order, the others that would end it are ignored.

use std::future::poll_fn;
use std::io;

use rustix::process::Signal as Name;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What stops the site in order. The system sends the last one some time before it ends a process that has used as
/// much of the processor as it may.
const STOPPING: [Name; 4] = [Name::TERM, Name::INT, Name::QUIT, Name::XCPU];

/// What would end the site and means nothing to it.
const MEANINGLESS: [Name; 8] = [
    Name::USR1,
    Name::USR2,
    Name::ALARM,
    Name::VTALARM,
    Name::PROF,
    Name::IO,
    Name::POWER,
    Name::STKFLT,
];

/// Those that programs agree on among themselves (signal(7)), without the first two, which the C library keeps.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// The signals that stop the site.
#[derive(Debug)]
pub struct Stops(Vec<Signal>);

impl Stops {
    /// From now on, these signals are waited for, and others do not end the process.
    ///
    /// # Errors
    /// The system's error.
    pub fn take() -> io::Result<Self> {
        // nohup has it ignored, so that the site outlives its terminal.
        let hangup = (!is_ignored(Name::HUP)).then_some(Name::HUP);
        let taken: io::Result<_> = STOPPING.into_iter().chain(hangup).map(taken).collect();
        let meaningless = MEANINGLESS.into_iter().map(Name::as_raw).chain(REAL_TIME);
        for number in meaningless {
            // A handler stays for as long as the process does. A system that does not know the signal does not send it.
            drop(signal(SignalKind::from_raw(number)));
        }
        Ok(Self(taken?))
    }

    /// Returns when one of them comes.
    pub async fn next(&mut self) {
        poll_fn(|context| {
            let is_here = |signal: &mut Signal| signal.poll_recv(context).map(drop);
            let mut all = self.0.iter_mut().map(is_here);
            all.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
        })
        .await;
    }
}

/// A file that may not grow is an error of its writer, and not the end of the process.
pub fn ignore_file_size_limit() {
    drop(signal(SignalKind::from_raw(Name::XFSZ.as_raw())));
}

fn taken(name: Name) -> io::Result<Signal> {
    signal(SignalKind::from_raw(name.as_raw()))
}

/// Whether the process was started with this signal ignored.
fn is_ignored(name: Name) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, name.as_raw()))
}

/// `SigIgn` is a hexadecimal number with a bit for each signal, the first one lowest; see `proc_pid_status(5)`.
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
    fn a_signal_is_ignored_whose_bit_is_set() {
        let status = "Name:\tnpoc\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2));
        assert!(!ignores("Name:\tnpoc\n", 1));
    }
}
