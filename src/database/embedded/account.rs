//! Chooses the account of the server. PostgreSQL refuses to run as root, so root needs another account for it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::Error;

/// The preferred accounts, best first.
const NAMES: [&str; 2] = ["postgres", "nobody"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    uid: u32,
    gid: u32,
}

/// The account of the server. `None` is the account of this process, which is not root.
#[derive(Clone, Copy)]
pub(super) struct Account(Option<Ids>);

impl Account {
    /// Chooses the owner of existing data first, since user names may have other numbers in another container image.
    pub(super) fn choose(data: &Path) -> Result<Self, Error> {
        if !Path::new("/proc/self/stat").exists() {
            return Err(Error::NoProcesses);
        }
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let owner = fs::metadata(data).ok().map(|found| Ids {
            uid: found.uid(),
            gid: found.gid(),
        });
        let ids = owner
            .filter(|ids| ids.uid != 0)
            .or_else(from_passwd)
            .ok_or(Error::NoAccount)?;
        Ok(Self(Some(ids)))
    }

    /// Returns the account of this process.
    pub(super) fn own_account() -> Self {
        Self(None)
    }

    /// Returns a command that runs as this account, isolated from our environment: without `PG…` variables, without the
    /// signals of our terminal, and in the root directory.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").process_group(0);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if let Some(ids) = self.0 {
            command.uid(ids.uid).gid(ids.gid);
        }
        command
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn give(self, path: &Path) -> Result<(), Error> {
        let Some(ids) = self.0 else { return Ok(()) };
        chown(path, Some(ids.uid), Some(ids.gid)).map_err(|source| Error::Home {
            path: path.to_owned(),
            source,
        })
    }

    /// Checks that the account may enter every existing directory on the way to `path`. Root itself may enter all of them,
    /// and PostgreSQL does not name the closed one.
    pub(super) fn check_access(self, path: &Path) -> Result<(), Error> {
        let Some(ids) = self.0 else { return Ok(()) };
        for directory in path.ancestors() {
            match fs::metadata(directory) {
                Ok(found) if found.is_dir() && !may_enter(ids, found.uid(), found.gid(), found.mode()) => {
                    return Err(Error::ClosedAncestor(directory.to_owned()));
                }
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(Error::Home {
                        path: directory.to_owned(),
                        source,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the x bit of the owner, the group or the others, whichever applies.
fn may_enter(ids: Ids, uid: u32, gid: u32, mode: u32) -> bool {
    let shift = if uid == ids.uid {
        6
    } else if gid == ids.gid {
        3
    } else {
        0
    };
    mode >> shift & 1 == 1
}

fn from_passwd() -> Option<Ids> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    NAMES.iter().find_map(|name| find(&passwd, name))
}

/// Finds an account. A line is `name:password:uid:gid:…`, see passwd(5).
fn find(passwd: &str, name: &str) -> Option<Ids> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some(Ids {
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: Ids = Ids { uid: 101, gid: 104 };

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd = "postgres2:x:7:7::/:/bin/sh\nbroken\npostgres:x:101:104:Admin,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(find(passwd, "postgres"), Some(POSTGRES));
        assert_eq!(find(passwd, "nobody"), None);
    }

    #[test]
    fn the_first_matching_class_decides() {
        assert!(may_enter(POSTGRES, 0, 0, 0o711));
        assert!(!may_enter(POSTGRES, 0, 0, 0o700));
        assert!(may_enter(POSTGRES, 101, 0, 0o700));
        assert!(may_enter(POSTGRES, 0, 104, 0o710));
        assert!(!may_enter(POSTGRES, 101, 0, 0o011));
    }
}
