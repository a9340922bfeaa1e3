//! Mail as files, for a site at home: what a relay would get, to be opened by any mail program.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::directory;

/// How the name of a file ends that is not whole yet.
const UNFINISHED: &str = ".part";

/// A younger file may still be written by another process.
const LONGER_THAN_A_WRITE: Duration = Duration::from_mins(10);

/// Writes a mail to the folder. Returns once the disk has every octet and the file's name; otherwise nothing is left.
/// Blocks until then.
///
/// The file is named after the Message-ID, so a mail that is written twice is there once.
///
/// # Errors
/// Whatever the last write, the disk or the folder said: full, over quota, read-only, broken.
pub fn save(folder: &Path, message_id: &str, message: &[u8]) -> io::Result<()> {
    if let Some(home) = folder.parent() {
        directory::make(home, directory::mode_of_home())?;
    }
    directory::make(folder, directory::PRIVATE)?;
    // Readable by the site's own user alone; removed when anything fails before it gets its name.
    let mut file = tempfile::Builder::new()
        .prefix(".")
        .suffix(UNFINISHED)
        .tempfile_in(folder)?;
    file.write_all(message)?;
    file.as_file().sync_all()?;
    file.persist(named(folder, message_id)).map_err(|error| error.error)?;
    // The name is on the disk only when the folder is.
    File::open(folder)?.sync_all()
}

/// Removes files that a process left unfinished when it was killed.
///
/// # Errors
/// The folder cannot be read, or a file cannot be removed.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_unfinished = entry.file_name().to_string_lossy().ends_with(UNFINISHED);
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if is_unfinished && age > LONGER_THAN_A_WRITE {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A file of this folder, whatever the Message-ID holds.
fn named(folder: &Path, message_id: &str) -> PathBuf {
    let name = message_id
        .trim_matches(['<', '>'])
        .split('@')
        .next()
        .unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    folder.join(format!("{}.eml", name.trim_start_matches('.')))
}
