//! The server's own log. An error shows the end of it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::Error;

/// The size in bytes above which the next start empties the log.
const LONGEST: u64 = 4 << 20;

/// The number of lines that an error shows.
const LINES: usize = 12;

/// What PostgreSQL logs while processes of an earlier server still run.
const LEFTOVERS: [&str; 2] = ["\"postmaster.pid\" already exists", "is still in use"];

/// Returns the path of the log in `home`.
pub(super) fn path(home: &Path) -> PathBuf {
    home.join("postgres.log")
}

/// The part of the log that is written from now on.
pub(super) struct Log {
    pub(super) path: PathBuf,
    file: File,
    from: u64,
}

impl Log {
    pub(super) fn open(home: &Path) -> Result<Self, Error> {
        let path = path(home);
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| {
                if file.metadata()?.len() > LONGEST {
                    file.set_len(0)?;
                }
                Ok((file.metadata()?.len(), file))
            });
        match opened {
            Ok((from, file)) => Ok(Self { path, file, from }),
            Err(source) => Err(Error::Home { path, source }),
        }
    }

    /// Returns an output for a child process.
    pub(super) fn stdio(&self) -> Result<Stdio, Error> {
        let file = self.file.try_clone().map_err(|source| Error::Home {
            path: self.path.clone(),
            source,
        })?;
        Ok(file.into())
    }

    /// Returns the last lines written since the log was opened.
    pub(super) fn end(&self) -> String {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        // A failure to read must not hide the error that the log would explain.
        let _ = file
            .seek(SeekFrom::Start(self.from))
            .and_then(|_| file.read_to_end(&mut bytes));
        last_lines(&String::from_utf8_lossy(&bytes))
    }
}

/// Returns whether a start failed because processes of an earlier server still ran.
pub(super) fn mentions_leftovers(log: &str) -> bool {
    LEFTOVERS.iter().any(|words| log.contains(words))
}

fn last_lines(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().rev().take(LINES).collect();
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_shown() {
        let text = (1..=20).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        let end = last_lines(&text);
        assert!(end.starts_with("line 9\n") && end.ends_with("\nline 20"), "{end}");
    }

    #[test]
    fn leftovers_differ_from_other_failures() {
        assert!(mentions_leftovers(
            "FATAL:  lock file \"postmaster.pid\" already exists"
        ));
        assert!(mentions_leftovers(
            "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use"
        ));
        assert!(!mentions_leftovers(
            "FATAL:  data directory \"/srv/postgres\" has wrong ownership"
        ));
    }
}
