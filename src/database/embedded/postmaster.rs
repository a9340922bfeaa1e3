//! Reads `postmaster.pid`, which a running server keeps in its cluster, and the process that it names.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A process number that Linux never uses. Its maximum is 2²².
const UNUSED_PID: u32 = 0x7fff_ffff;

/// The relevant part of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    /// The directory of the socket, once the server accepts connections.
    pub(super) ready_in: Option<PathBuf>,
}

/// The process with the number that the file names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// There is none. PostgreSQL detects that itself.
    None,
    /// A server of this cluster.
    Server,
    /// Another process, or a zombie. PostgreSQL would take it for a server.
    Other,
}

impl PidFile {
    /// Reads the file. Returns `None` if it is missing or its first line is incomplete.
    pub(super) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read(path(data)).ok()?)
    }

    /// Parses line 1, the process (negative in single-user mode), line 5, the directory of the socket, and line 8, the
    /// status (padded with blanks).
    fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let pid = str::from_utf8(lines.next()?)
            .ok()?
            .trim_start_matches('-')
            .parse()
            .ok()?;
        let directory = lines.nth(3).map(|line| PathBuf::from(OsStr::from_bytes(line)));
        let ready = lines.nth(2) == Some(b"ready");
        Some(Self {
            pid,
            ready_in: directory.filter(|_| ready),
        })
    }

    /// Finds the process. A server of ours names the data in its command line. Its working directory is the data, even after
    /// they were moved.
    pub(super) fn holder(&self, data: &Path) -> Holder {
        let Some((state, _)) = status(self.pid) else {
            return Holder::None;
        };
        let command = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let named = command
            .split(|byte| *byte == 0)
            .any(|word| word == data.as_os_str().as_bytes());
        let inside = fs::read_link(format!("/proc/{}/cwd", self.pid)).is_ok_and(|directory| directory == data);
        if state != 'Z' && (named || inside) {
            Holder::Server
        } else {
            Holder::Other
        }
    }

    /// Returns whether the process is a child of `parent`.
    pub(super) fn is_child_of(&self, parent: u32) -> bool {
        status(self.pid).is_some_and(|(_, found)| found == parent)
    }
}

/// Replaces the process number in a stale file. The other lines stay, since they show PostgreSQL whether sessions of the
/// dead server still use its memory. Removes a file without a complete line.
pub(super) fn replace_pid(data: &Path) -> io::Result<()> {
    let path = path(data);
    let text = fs::read(&path)?;
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => fs::write(path, [UNUSED_PID.to_string().as_bytes(), &text[end..]].concat()),
        None => fs::remove_file(path),
    }
}

/// Returns whether the file is corrupt, such as after a full disk.
pub(super) fn is_corrupt(data: &Path) -> bool {
    match fs::read(path(data)) {
        Ok(text) => PidFile::parse(&text).is_none(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// Returns the state letter and the parent of a process.
fn status(pid: u32) -> Option<(char, u32)> {
    parse_status(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Parses `pid (name) state parent …`, see `proc_pid_stat(5)`. The name may contain blanks and parentheses.
fn parse_status(stat: &str) -> Option<(char, u32)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let (state, rest) = rest.split_once(' ')?;
    Some((state.chars().next()?, rest.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &[u8] = b"4711\n/srv/postgres\n1790000000\n5432\n/srv/socket\n\n  12345  6\nready   \n";

    #[test]
    fn a_ready_server_names_its_socket() {
        let expected = PidFile {
            pid: 4711,
            ready_in: Some("/srv/socket".into()),
        };
        assert_eq!(PidFile::parse(READY), Some(expected));
    }

    #[test]
    fn a_starting_server_has_no_socket() {
        let expected = Some(PidFile {
            pid: 4711,
            ready_in: None,
        });
        assert_eq!(PidFile::parse(&READY[..50]), expected);
        assert_eq!(PidFile::parse(b"-4711\n/srv/postgres\n"), expected);
        assert_eq!(PidFile::parse(b""), None);
    }

    #[test]
    fn a_process_name_may_contain_parentheses() {
        assert_eq!(parse_status("17 (a) b) Z 4 17 17 0"), Some(('Z', 4)));
        assert_eq!(parse_status("nonsense"), None);
    }
}
