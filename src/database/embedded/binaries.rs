//! Finds PostgreSQL's programs on this machine, and their version.
//!
//! Distributions differ: Debian keeps several versions outside of PATH, and others put links to a few programs into PATH.
//! Every place is searched, and links are followed. A directory counts if it has all programs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{Error, OLDEST};

/// The programs that the site runs.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// The parents of the directories for each version, and the prefixes of their names.
const SHELVES: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// The programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// Returns the programs of version `needed`, to which the cluster at `path` belongs. Returns the newest if it is `None`.
    pub(super) fn find(path: &Path, needed: Option<&str>) -> Result<Self, Error> {
        let found = installed();
        pick(&found, needed).cloned().ok_or_else(|| match (bindir(), needed) {
            (Some(directory), _) if found.is_empty() => Error::Bindir(directory),
            (_, Some(needed)) if !found.is_empty() => Error::Version {
                path: path.to_owned(),
                needed: needed.to_owned(),
                found: list(&found),
            },
            _ => Error::NoServer,
        })
    }

    /// Returns the full path of a program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn examine(directory: &Path) -> Option<Self> {
        let postgres = directory.join("postgres").canonicalize().ok()?;
        let directory = postgres.parent()?.to_owned();
        PROGRAMS
            .iter()
            .all(|name| directory.join(name).is_file())
            .then_some(())?;
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let major = parse_version(&String::from_utf8_lossy(&output.stdout)).filter(|major| *major >= OLDEST)?;
        Some(Self { directory, major })
    }
}

fn pick<'a>(found: &'a [Binaries], needed: Option<&str>) -> Option<&'a Binaries> {
    match needed {
        None => found.iter().rev().max_by_key(|binaries| binaries.major),
        Some(needed) => found.iter().find(|binaries| binaries.major.to_string() == needed),
    }
}

fn list(found: &[Binaries]) -> String {
    let versions: Vec<_> = found.iter().map(|binaries| binaries.major.to_string()).collect();
    versions.join(", ")
}

/// Returns every directory with a server. Among equal versions, the preferred one comes first.
fn installed() -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for binaries in places().iter().filter_map(|place| Binaries::examine(place)) {
        if !found.contains(&binaries) {
            found.push(binaries);
        }
    }
    found
}

fn places() -> Vec<PathBuf> {
    if let Some(directory) = bindir() {
        return vec![directory];
    }
    let mut places: Vec<_> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    places.extend(from_pg_config());
    for (shelf, prefix) in SHELVES {
        let versions = fs::read_dir(shelf).into_iter().flatten().flatten();
        let versions = versions.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        places.extend(versions.map(|entry| entry.path().join("bin")));
    }
    places
}

/// Returns the operator's choice. An empty value counts as not set.
fn bindir() -> Option<PathBuf> {
    env::var_os("PG_BINDIR")
        .filter(|directory| !directory.is_empty())
        .map(PathBuf::from)
}

fn from_pg_config() -> Option<PathBuf> {
    let mut path = Command::new("pg_config").arg("--bindir").output().ok()?.stdout;
    path.truncate(path.trim_ascii_end().len());
    Some(OsString::from_vec(path).into())
}

/// Parses the major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. A beta is `18beta1`.
fn parse_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_version(major: u32) -> Binaries {
        Binaries {
            directory: format!("/usr/lib/postgresql/{major}/bin").into(),
            major,
        }
    }

    #[test]
    fn the_major_version_is_parsed() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("postgres: not found"), None);
    }

    #[test]
    fn new_data_get_the_newest_server_and_old_data_their_own() {
        let found = [of_version(15), of_version(17), of_version(16)];
        assert_eq!(pick(&found, None), Some(&of_version(17)));
        assert_eq!(pick(&found, Some("16")), Some(&of_version(16)));
        assert_eq!(pick(&found, Some("14")), None);
        assert_eq!(pick(&[], None), None);
    }
}
