//! Settings that stand in a file, as lines of `NAME=value`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Faults, SETTINGS};

/// The file that is named on the command line or by `NPOC_SETTINGS`, where one is.
#[must_use]
pub fn file_named(said: Option<PathBuf>) -> Option<PathBuf> {
    let set = || std::env::var_os("NPOC_SETTINGS").filter(|name| !name.is_empty());
    said.or_else(|| set().map(PathBuf::from))
}

/// Takes the file into the environment, or `.env` where none is named and there is one. What stands in the environment
/// already is left as it is.
///
/// # Errors
/// Why it cannot be read, or what in it would be read otherwise than it looks.
pub(super) fn take_in(file: Option<&Path>) -> Result<(), Faults> {
    let Some(file) = file else {
        return match dotenvy::dotenv() {
            Err(error) if !error.not_found() => Err(unreadable(Path::new(".env"), error)),
            _ => Ok(()),
        };
    };
    check(file).and_then(|()| dotenvy::from_path(file).map_err(|error| unreadable(file, error)))
}

/// The lines themselves may hold a password.
fn unreadable(file: &Path, error: dotenvy::Error) -> Faults {
    let why = match error {
        dotenvy::Error::Io(error) => error.to_string(),
        _ => wrong_line(file),
    };
    Faults(vec![format!("{} cannot be read: {why}.", file.display())])
}

fn wrong_line(file: &Path) -> String {
    let lines = dotenvy::from_path_iter(file).into_iter().flatten();
    let last = lines.map_while(Result::ok).last();
    let place = last.map_or_else(
        || "the first setting".into(),
        |(name, _)| format!("what follows {name}"),
    );
    format!("{place} is not NAME=value, or its value has to stand between single quotes")
}

/// What one would not notice: of two lines for one setting the first would count, a dollar sign would stand for another
/// setting, and a name that nobody reads means nothing.
fn check(file: &Path) -> Result<(), Faults> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, dotenvy::Error::Io(error)))?;
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let settings = lines.map(|(name, value)| (name.trim().trim_start_matches("export "), value.trim()));
    let faults: Vec<String> = settings
        .filter(|(name, _)| !name.starts_with('#'))
        .filter_map(|(name, value)| fault(name, value, seen.insert(name.to_owned())))
        .map(|fault| format!("{}: {fault}.", file.display()))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

fn fault(name: &str, value: &str, is_first: bool) -> Option<String> {
    let is_known = SETTINGS.iter().any(|setting| setting.name == name);
    if name.starts_with("NPOC_") && !is_known {
        Some(format!("{name} is no setting"))
    } else if !is_first {
        Some(format!("{name} stands there twice"))
    } else if value.contains('$') && !value.starts_with('\'') {
        Some(format!(
            "the value of {name} has a $ in it, so it has to stand between single quotes"
        ))
    } else {
        None
    }
}
