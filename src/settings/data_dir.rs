//! Finds the data directory. Its path is used exactly as written, or rejected.

use std::path::PathBuf;

/// Returns the directory, or a sentence about the invalid setting.
pub(super) fn find(is_root: bool, lookup: impl Fn(&str) -> Option<String>) -> Result<PathBuf, String> {
    let set = |name| lookup(name).filter(|value| !value.trim().is_empty());
    if let Some(given) = set("NPOC_DATA_DIR") {
        let path = checked("NPOC_DATA_DIR", &given)?;
        let path = std::path::absolute(path);
        return path.map_err(|error| format!("NPOC_DATA_DIR cannot be resolved from the working directory: {error}."));
    }
    if let Some(state) = set("XDG_STATE_HOME") {
        return absolute("XDG_STATE_HOME", &state).map(|state| state.join("npoc"));
    }
    if is_root {
        return Ok(PathBuf::from("/var/lib/npoc"));
    }
    let home = set("HOME").ok_or("NPOC_DATA_DIR must be set, since neither XDG_STATE_HOME nor HOME is.")?;
    absolute("HOME", &home).map(|home| home.join(".local/state/npoc"))
}

/// Parses a path of the system's, which must be absolute.
fn absolute(name: &str, value: &str) -> Result<PathBuf, String> {
    let path = checked(name, value)?;
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{name} must be a path that begins with /."))
    }
}

fn checked(name: &str, value: &str) -> Result<PathBuf, String> {
    let must_be = if value.contains(char::REPLACEMENT_CHARACTER) {
        "text in UTF-8"
    } else if value.chars().any(char::is_control) {
        "a path without line breaks or other control characters"
    } else if value.trim_start().starts_with('~') {
        "a path in full, without ~"
    } else {
        return Ok(PathBuf::from(value.trim()));
    };
    Err(format!("{name} must be {must_be}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Result<PathBuf, String> {
        find(false, |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn a_path_is_used_as_written_or_rejected() {
        for path in [
            "/srv/npoc",
            "/srv/a b,\"c\"/",
            "/srv/données",
            "/srv/~npoc",
            "/srv/link/../npoc",
        ] {
            assert_eq!(found("NPOC_DATA_DIR", path), Ok(PathBuf::from(path)));
        }
        assert_eq!(found("HOME", "/home/ann"), Ok("/home/ann/.local/state/npoc".into()));
        assert_eq!(found("XDG_STATE_HOME", "/state/"), Ok("/state/npoc".into()));
        assert!(found("NPOC_DATA_DIR", "data").is_ok_and(|path| path.is_absolute()));
        for path in [
            "/srv/a\nb",
            "/srv/a\n",
            "/srv/a\u{7f}",
            "/srv/\u{fffd}",
            "~",
            "~/npoc",
            "~ann/npoc",
        ] {
            for name in ["NPOC_DATA_DIR", "XDG_STATE_HOME", "HOME"] {
                assert!(
                    found(name, path).is_err_and(|problem| problem.starts_with(name)),
                    "{name}={path}"
                );
            }
        }
        assert!(found("HOME", "ann").is_err() && found("XDG_STATE_HOME", "state").is_err());
        assert!(found("HOME", " ").is_err_and(|problem| problem.contains("must be set")));
    }
}
