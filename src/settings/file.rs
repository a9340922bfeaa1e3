//! Settings in a file, as lines of `NAME=value`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::{InvalidSettings, SETTINGS};

/// The file that is named on the command line or by `NPOC_SETTINGS`, where one is.
#[must_use]
pub fn file_named(said: Option<PathBuf>) -> Option<PathBuf> {
    let set = || std::env::var_os("NPOC_SETTINGS").filter(|name| !name.is_empty());
    said.or_else(|| set().map(PathBuf::from))
}

/// The largest file that is read, in octets: more are no settings.
const LARGEST: u64 = 1 << 20;

/// Reads the file into the environment. If none is named, reads `.env` in the working directory, if it exists. A variable
/// that is already set keeps its value.
///
/// # Errors
/// Why it cannot be read, or what in it would be read otherwise than it looks.
pub(super) fn take_in(named: Option<&Path>) -> Result<(), InvalidSettings> {
    let file = named.unwrap_or(Path::new(".env"));
    let text = match read(file) {
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(file, &error)),
        Ok(text) => text,
    };
    if named.is_some() {
        check(file, &text)?;
    }
    dotenvy::from_read(text.as_bytes()).map_err(|_| unreadable(file, &wrong_line(&text)))
}

/// Has a setting be empty from now on, whatever the environment says.
pub(super) fn empty(name: &str) {
    // A name and an equals sign are a line that can be read.
    drop(dotenvy::from_read_override(format!("{name}=\n").as_bytes()));
}

/// The text without a byte order mark, which some editors write.
fn read(file: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    File::open(file)?.take(LARGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    let text = String::from_utf8(octets).map_err(|_| io::Error::other("it is no text in UTF-8"))?;
    if text.contains('\0') {
        return Err(io::Error::other("it has a zero octet in it"));
    }
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Without any line, which may hold a password.
fn unreadable(file: &Path, why: &impl Display) -> InvalidSettings {
    InvalidSettings(vec![format!("{} cannot be read: {why}.", file.display())])
}

fn wrong_line(text: &str) -> String {
    let lines = dotenvy::from_read_iter(text.as_bytes());
    let last = lines.map_while(Result::ok).last();
    let place = last.map_or_else(
        || "the first setting".into(),
        |(name, _)| format!("what follows {name}"),
    );
    format!("{place} is not NAME=value, or its value needs single quotes around it")
}

/// What one would not notice: of two lines for one setting the first would count, a dollar sign would mean another
/// setting, and a name that nobody reads means nothing.
fn check(file: &Path, text: &str) -> Result<(), InvalidSettings> {
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let settings = lines.map(|(name, value)| (name.trim().trim_start_matches("export "), value.trim()));
    let faults: Vec<String> = settings
        .filter(|(name, _)| !name.starts_with('#'))
        .filter_map(|(name, value)| fault(name, value, seen.insert(name.to_owned())))
        .map(|fault| format!("{}: {fault}.", file.display()))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(InvalidSettings(faults))
    }
}

fn fault(name: &str, value: &str, is_first: bool) -> Option<String> {
    let is_known = SETTINGS.iter().any(|setting| setting.name == name);
    if name.starts_with("NPOC_") && !is_known {
        Some(format!("{name} is no setting"))
    } else if !is_first {
        Some(format!("{name} is set twice"))
    } else if value.contains('$') && !value.starts_with('\'') {
        Some(format!(
            "the value of {name} has a $ in it, so it needs single quotes around it"
        ))
    } else {
        None
    }
}
