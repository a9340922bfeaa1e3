//! The directory of the socket. Anyone who can enter it is the database's superuser, so it lets nobody
//! but its owner in.

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

/// The longest address of a socket, in bytes: `sun_path` without its final zero, see unix(7).
const LONGEST: usize = 107;

/// Where the socket's directory is: in `home`, or among the temporary ones where that path does not fit.
pub(super) fn path(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let path = [home.join("socket"), substitute(home)]
        .into_iter()
        .find(|path| fits(path));
    let path = path.ok_or_else(|| Error::SocketPath(substitute(home)))?;
    if let Some(parent) = path.parent() {
        account.check_reach(parent)?;
    }
    Ok(path)
}

/// A new, empty directory for the socket. Call it only when no server is left over.
pub(super) fn directory(home: &Path, account: Account) -> Result<PathBuf, Error> {
    let path = path(home, account)?;
    renew(&path)?;
    account.own(&path)?;
    Ok(path)
}

/// Whether a server accepts connections there.
pub(super) fn accepts(directory: &Path) -> bool {
    UnixStream::connect(directory.join(NAME)).is_ok()
}

/// The same place at each start, so that killed servers leave one directory and not many.
fn substitute(home: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    // PostgreSQL works in another directory.
    let parent = std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| "/tmp".into());
    parent.join(format!("npoc-{:016x}", hasher.finish()))
}

/// PostgreSQL reads a list of directories, hence the comma and the quotation mark; its longest name
/// is the lock's.
fn fits(directory: &Path) -> bool {
    let path: &OsStr = directory.as_os_str();
    let clean = !path.as_bytes().iter().any(|byte| matches!(byte, b',' | b'"'));
    clean && path.len() + "/".len() + NAME.len() + ".lock".len() <= LONGEST
}

/// Takes away what is there, and fails if that is somebody else's. Making a directory fails if
/// one is there, so what is made is ours alone.
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
    fn a_path_fits_up_to_its_last_byte() {
        let longest = format!("/{}", "x".repeat(LONGEST - 1 - "/.s.PGSQL.5432.lock".len()));
        assert!(fits(Path::new(&longest)));
        assert!(!fits(Path::new(&format!("{longest}x"))));
        assert!(!fits(Path::new("/srv/a,b")));
    }
}
