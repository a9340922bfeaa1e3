//! Settings that stand in a file, as lines of `NAME=value`.

use std::path::Path;

use super::Faults;

/// Takes the file into the environment, or `.env` where none is named and there is one. What stands in the environment
/// already is left as it is.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn take_in(file: Option<&Path>) -> Result<(), Faults> {
    let own = Path::new(".env");
    let taken = match file {
        Some(file) => dotenvy::from_path(file),
        None => dotenvy::dotenv().map(drop),
    };
    let why = match taken {
        Ok(()) => return Ok(()),
        Err(error) if error.not_found() && file.is_none() => return Ok(()),
        Err(dotenvy::Error::Io(error)) => error.to_string(),
        Err(_) => wrong_line(file.unwrap_or(own)),
    };
    Err(Faults(vec![format!(
        "{} cannot be read: {why}.",
        file.unwrap_or(own).display()
    )]))
}

/// Where a file of settings is wrong. The line itself may hold a password.
fn wrong_line(file: &Path) -> String {
    let lines = dotenvy::from_path_iter(file).into_iter().flatten();
    let last = lines.map_while(Result::ok).last();
    let place = last.map_or_else(
        || "the first setting".into(),
        |(name, _)| format!("what follows {name}"),
    );
    format!("{place} is not NAME=value, or its value has to stand between single quotes")
}
