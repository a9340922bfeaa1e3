//! `postmaster.pid`, which a server keeps in its cluster while it runs, and the process it names.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Higher than any process number that Linux gives out (at most 2²²).
const NOBODY: u32 = 0x7fff_ffff;

/// The part of the file that matters to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    /// The directory of the socket, once connections are accepted there.
    pub(super) ready_in: Option<PathBuf>,
}

/// Who has the number that the file names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody. PostgreSQL sees that itself.
    None,
    /// A server that works on the cluster.
    Server,
    /// Somebody else, or a server that ended and whom nobody reaped. PostgreSQL would take it for a
    /// server.
    Other,
}

impl PidFile {
    /// None if there is no such file, or one that is not written to the end of its first line.
    pub(super) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read(path(data)).ok()?)
    }

    /// Line 1 is the process, with a minus in single-user mode; line 5 the socket's directory, line
    /// 8 the status, which is padded with blanks.
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

    /// Who holds the number. The command line tells a server of ours, the working directory also
    /// one whose data were moved while it ran.
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

    /// Whether the process is a child of `parent`.
    pub(super) fn is_child_of(&self, parent: u32) -> bool {
        status(self.pid).is_some_and(|(_, found)| found == parent)
    }
}

/// Makes a file that names a wrong process harmless. It is not removed, since the rest of it lets
/// PostgreSQL see whether sessions of the dead server still use its memory; only a file that says
/// nothing is.
pub(super) fn disarm(data: &Path) -> io::Result<()> {
    let path = path(data);
    let text = fs::read(&path)?;
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => fs::write(path, [NOBODY.to_string().as_bytes(), &text[end..]].concat()),
        None => fs::remove_file(path),
    }
}

/// Whether there is a file that [`PidFile::read`] makes no sense of, such as a full disk leaves.
pub(super) fn is_senseless(data: &Path) -> bool {
    match fs::read(path(data)) {
        Ok(text) => PidFile::parse(&text).is_none(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// The state letter and the parent of a process.
fn status(pid: u32) -> Option<(char, u32)> {
    parse_status(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `pid (name) state parent …`, see `proc_pid_stat(5)`; the name may have blanks and parentheses of
/// its own.
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
    fn a_ready_server_tells_its_socket() {
        let expected = PidFile {
            pid: 4711,
            ready_in: Some("/srv/socket".into()),
        };
        assert_eq!(PidFile::parse(READY), Some(expected));
    }

    #[test]
    fn a_server_that_is_not_ready_tells_only_its_number() {
        let expected = Some(PidFile {
            pid: 4711,
            ready_in: None,
        });
        assert_eq!(PidFile::parse(&READY[..50]), expected);
        assert_eq!(PidFile::parse(b"-4711\n/srv/postgres\n"), expected);
        assert_eq!(PidFile::parse(b""), None);
    }

    #[test]
    fn a_process_may_have_any_name() {
        assert_eq!(parse_status("17 (a) b) Z 4 17 17 0"), Some(('Z', 4)));
        assert_eq!(parse_status("nonsense"), None);
    }
}
