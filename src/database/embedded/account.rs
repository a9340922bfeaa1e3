//! Who the server runs as. PostgreSQL refuses to be root, so that root has to find it another
//! account.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::Error;

/// The accounts to prefer, best first.
const NAMES: [&str; 2] = ["postgres", "nobody"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    uid: u32,
    gid: u32,
}

/// The account of the server: our own, or another one if we are root.
#[derive(Clone, Copy)]
pub(super) struct Account(Option<Ids>);

impl Account {
    /// Data that exist keep their owner, whose number may have changed hands between two images of
    /// one container.
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
            .or_else(listed)
            .ok_or(Error::NoAccount)?;
        Ok(Self(Some(ids)))
    }

    /// The account of this process.
    pub(super) fn own_account() -> Self {
        Self(None)
    }

    /// A command as that account, in surroundings that do not depend on ours: no `PG…` variable, no
    /// terminal that sends its signals along, no directory that may be unreadable or in the way.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").process_group(0);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if let Some(ids) = self.0 {
            command.uid(ids.uid).gid(ids.gid);
        }
        command
    }

    /// Hands a file or directory over to the account.
    pub(super) fn own(self, path: &Path) -> Result<(), Error> {
        let Some(ids) = self.0 else { return Ok(()) };
        chown(path, Some(ids.uid), Some(ids.gid)).map_err(|source| Error::Home {
            path: path.to_owned(),
            source,
        })
    }

    /// Sees that the account may pass every directory on the way to `path`, as far as the way
    /// exists. Root itself would not notice a closed one, and PostgreSQL would not say which it
    /// was.
    pub(super) fn check_reach(self, path: &Path) -> Result<(), Error> {
        let Some(ids) = self.0 else { return Ok(()) };
        for directory in path.ancestors() {
            match fs::metadata(directory) {
                Ok(found) if found.is_dir() && !passes(ids, found.uid(), found.gid(), found.mode()) => {
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

/// The x bit that applies: the owner's if they own it, else the group's if it is theirs, else
/// everybody's.
fn passes(ids: Ids, uid: u32, gid: u32, mode: u32) -> bool {
    let shift = match () {
        () if uid == ids.uid => 6,
        () if gid == ids.gid => 3,
        () => 0,
    };
    mode >> shift & 1 == 1
}

fn listed() -> Option<Ids> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    NAMES.iter().find_map(|name| find(&passwd, name))
}

/// A line is `name:password:uid:gid:…`, see passwd(5).
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
    fn the_bit_of_the_nearest_class_decides() {
        assert!(passes(POSTGRES, 0, 0, 0o711));
        assert!(!passes(POSTGRES, 0, 0, 0o700));
        assert!(passes(POSTGRES, 101, 0, 0o700));
        assert!(passes(POSTGRES, 0, 104, 0o710));
        assert!(!passes(POSTGRES, 101, 0, 0o011));
    }
}
