//! Saves messages as files, for a site in development. Any email program can open them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::directory;

/// The end of the name of an unfinished file.
const UNFINISHED: &str = ".part";

/// A younger file may still be written by another process.
const MAX_WRITE_TIME: Duration = Duration::from_mins(10);

/// Writes a message to the folder, and blocks until the file and its name are on the disk. If it fails, no file is left.
///
/// The file is named after the Message-ID, so a message that is written twice is there once.
///
/// # Errors
/// Returns an error if the folder or the file cannot be written.
pub fn save(folder: &Path, message_id: &str, message: &[u8]) -> io::Result<()> {
    if let Some(home) = folder.parent() {
        directory::make(home, directory::mode_of_home())?;
    }
    directory::make(folder, directory::PRIVATE)?;
    // Only the site's user can read the file. It is removed unless it gets its name.
    let mut file = tempfile::Builder::new()
        .prefix(".")
        .suffix(UNFINISHED)
        .tempfile_in(folder)?;
    file.write_all(message)?;
    file.as_file().sync_all()?;
    file.persist(path_of(folder, message_id)).map_err(|error| error.error)?;
    // The name is on the disk once the folder is.
    File::open(folder)?.sync_all()
}

/// Removes the unfinished files of killed processes.
///
/// # Errors
/// Returns an error if the folder cannot be read or a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_unfinished = entry.file_name().to_string_lossy().ends_with(UNFINISHED);
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if is_unfinished && age > MAX_WRITE_TIME {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the path of a message. No Message-ID leads out of the folder.
fn path_of(folder: &Path, message_id: &str) -> PathBuf {
    let name = message_id
        .trim_matches(['<', '>'])
        .split('@')
        .next()
        .unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    folder.join(format!("{}.eml", name.trim_start_matches('.')))
}
