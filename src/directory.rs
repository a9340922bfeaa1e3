//! Creates the site's directories, with modes that do not depend on the umask.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Only this user has access.
pub const PRIVATE: u32 = 0o700;

/// Other users may enter known paths below, but not list them.
pub const PASSABLE: u32 = 0o711;

/// Returns the mode of the data directory and its parents. If root creates them, the embedded database's account must be able
/// to enter them.
pub fn mode_of_home() -> u32 {
    if rustix::process::geteuid().is_root() {
        PASSABLE
    } else {
        PRIVATE
    }
}

/// Creates a directory and its missing parents, each with this mode.
///
/// # Errors
/// Returns an error if a directory cannot be created.
pub fn make(path: &Path, mode: u32) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    missing.into_iter().rev().try_for_each(|path| {
        match DirBuilder::new().mode(PRIVATE).create(path) {
            // Another process of the site has created it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        }
    })
}
