//! The directory of the socket. Only its owner may enter it, since every client is the database's superuser.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::Error;

const NAME: &str = ".s.PGSQL.5432";

/// The maximum length of a socket's address in bytes: `sun_path` without its final zero, see unix(7).
const LONGEST: usize = 107;

/// Returns the directory of the socket: in `home`, or in the temporary directory if that path is too long.
pub(super) fn path(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let path = [home.join("socket"), substitute(home)]
        .into_iter()
        .find(|path| fits(path));
    let path = path.ok_or_else(|| Error::SocketPath(substitute(home)))?;
    if let Some(parent) = path.parent() {
        account.check_access(parent)?;
    }
    Ok(path)
}

/// Creates a new, empty directory for the socket. No server may be running.
pub(super) fn directory(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let path = path(home, account)?;
    renew(&path)?;
    account.give(&path)?;
    Ok(path)
}

/// Returns whether a server accepts connections there.
pub(super) fn accepts(directory: &Path) -> bool {
    UnixStream::connect(directory.join(NAME)).is_ok()
}

/// Returns the same path at each start, so that killed servers leave only one directory behind.
fn substitute(home: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    // PostgreSQL changes its working directory.
    let parent = std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| "/tmp".into());
    parent.join(format!("npoc-{:016x}", hasher.finish()))
}

/// Returns whether PostgreSQL accepts the directory. It parses a list, so commas and quotation marks are not allowed. Its
/// longest file name is the lock's.
fn fits(directory: &Path) -> bool {
    let path: &OsStr = directory.as_os_str();
    let clean = !path.as_bytes().iter().any(|byte| matches!(byte, b',' | b'"'));
    clean && path.len() + "/".len() + NAME.len() + ".lock".len() <= LONGEST
}

/// Removes an existing directory, and fails if it belongs to another user. Creating a directory fails if one exists, so the
/// new one is ours alone.
fn renew(path: &Path) -> Result<(), Error> {
    let removed = match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let made = removed.and_then(|()| DirBuilder::new().mode(0o700).create(path));
    made.map_err(|source| Error::Home {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_maximum_length_fits() {
        let longest = format!("/{}", "x".repeat(LONGEST - 1 - "/.s.PGSQL.5432.lock".len()));
        assert!(fits(Path::new(&longest)));
        assert!(!fits(Path::new(&format!("{longest}x"))));
        assert!(!fits(Path::new("/srv/a,b")));
    }
}
