//! Reads a file of settings, with one `NAME=value` on each line.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::row::InvalidSettings;

/// Returns the file that the command line or `NPOC_SETTINGS` names, if any.
#[must_use]
pub fn settings_file(argument: Option<PathBuf>) -> Option<PathBuf> {
    let variable = || std::env::var_os("NPOC_SETTINGS").filter(|name| !name.is_empty());
    argument.or_else(|| variable().map(PathBuf::from))
}

/// The maximum size of a file of settings, in bytes.
const MAXIMUM_SIZE: u64 = 1 << 20;

/// Loads the file into the environment. Without a file, loads `.env` from the working directory if it exists. A variable that
/// is already set keeps its value. `known` are the names of all settings.
///
/// # Errors
/// Returns an error if the file is unreadable, or if a line is misleading.
pub(super) fn load(named: Option<&Path>, known: &[&str]) -> Result<(), InvalidSettings> {
    let file = named.unwrap_or(Path::new(".env"));
    let text = match read(file) {
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(file, &error)),
        Ok(text) => text,
    };
    if named.is_some() {
        check(file, &text, known)?;
    }
    dotenvy::from_read(text.as_bytes()).map_err(|_| unreadable(file, &invalid_line(&text)))
}

/// Sets a variable to nothing, whatever the environment says.
pub(super) fn set_empty(name: &str) {
    // A name and an equals sign are always a valid line.
    drop(dotenvy::from_read_override(format!("{name}=\n").as_bytes()));
}

/// Reads the text without a byte order mark, which some editors write.
fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAXIMUM_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAXIMUM_SIZE {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is no text in UTF-8"))?;
    if text.contains('\0') {
        return Err(io::Error::other("it has a zero octet in it"));
    }
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Quotes no line, since it may contain a password.
fn unreadable(file: &Path, why: &impl Display) -> InvalidSettings {
    InvalidSettings(vec![format!("{} cannot be read: {why}.", file.display())])
}

fn invalid_line(text: &str) -> String {
    let lines = dotenvy::from_read_iter(text.as_bytes());
    let last = lines.map_while(Result::ok).last();
    let place = last.map_or_else(
        || "the first setting".into(),
        |(name, _)| format!("what follows {name}"),
    );
    format!("{place} is not NAME=value, or its value needs single quotes around it")
}

/// Rejects misleading lines: a second line for a setting, which would have no effect, a dollar sign, which would insert
/// another setting, and an unknown name.
fn check(file: &Path, text: &str, known: &[&str]) -> Result<(), InvalidSettings> {
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let settings = lines.map(|(name, value)| (name.trim().trim_start_matches("export "), value.trim()));
    let problems: Vec<String> = settings
        .filter(|(name, _)| !name.starts_with('#'))
        .filter_map(|(name, value)| problem(name, value, known.contains(&name), seen.insert(name.to_owned())))
        .map(|problem| format!("{}: {problem}.", file.display()))
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(InvalidSettings(problems))
    }
}

fn problem(name: &str, value: &str, is_known: bool, is_first: bool) -> Option<String> {
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
