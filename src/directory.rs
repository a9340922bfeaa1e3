//! Directories of the site's own, with modes that do not depend on the umask.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// For this user alone.
pub const PRIVATE: u32 = 0o700;

/// Others may pass to what they may know of, and see nothing.
pub const PASSABLE: u32 = 0o711;

/// That of the data directory and of those above it: what root makes, the account of the embedded database passes.
pub fn mode_of_home() -> u32 {
    if rustix::process::geteuid().is_root() {
        PASSABLE
    } else {
        PRIVATE
    }
}

/// Makes a directory and those above it that are missing, each with this mode.
///
/// # Errors
/// The system's error.
pub fn make(path: &Path, mode: u32) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    missing.into_iter().rev().try_for_each(|path| {
        match DirBuilder::new().mode(PRIVATE).create(path) {
            // Made meanwhile, by another process of the site.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        }
    })
}
