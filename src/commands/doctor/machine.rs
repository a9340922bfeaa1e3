//! Disks and the clock.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use super::{Finding, PATIENCE};
use crate::database::DatabaseChoice;
use crate::mailer::Transport;
use crate::settings::Settings;

const DISK: &str = "Disk";
pub(super) const CLOCK: &str = "Clock";
const BACKUP: &str = "Backup";

/// Below this a database may stop soon.
const LITTLE: u64 = 200 << 20;
/// An hour of attention is better spent now.
const SOME: u64 = 1 << 30;
/// Of files.
const FEW: u64 = 1000;

/// The places that the site writes to; where both database and mail go elsewhere, that of logs.
pub(super) fn disks(settings: &Settings) -> Vec<Finding> {
    let mut places: Vec<&Path> = Vec::new();
    if let DatabaseChoice::Embedded(home) = &settings.database {
        places.push(home);
    }
    if let Transport::Folder(folder) = &settings.transport
        && !places.iter().any(|place| folder.starts_with(place))
    {
        places.push(folder);
    }
    if places.is_empty() {
        places.push(Path::new("/var"));
    }
    places.into_iter().map(disk).collect()
}

fn disk(place: &Path) -> Finding {
    // What is not there yet will be made on the disk of what is.
    let there = place.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(place);
    match rustix::fs::statvfs(there) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            // Some file systems do not count files.
            let files = (disk.f_files > 0).then_some(disk.f_favail);
            room(&place.display().to_string(), free, files)
        }
        Err(error) => {
            let says = format!("{} could not be examined: {error}.", place.display());
            Finding::bad(
                DISK,
                says,
                "Look whether it is there, and whether this user may reach it.",
            )
        }
    }
}

/// Of the number of octets and files that can still be written.
fn room(place: &str, free: u64, files: Option<u64>) -> Finding {
    let says = format!("{place} has {} MB left.", free >> 20);
    let advice = "Make room: old logs (journalctl --vacuum-time=2weeks), packages (apt-get clean), backups.";
    if free < LITTLE || files.is_some_and(|files| files < FEW) {
        Finding::bad(DISK, says, advice)
    } else if free < SOME {
        Finding::doubtful(DISK, says, advice)
    } else {
        Finding::good(DISK, says)
    }
}

/// Whether somebody sets it. A mail with a wrong date looks like spam, and a certificate may seem to have ended.
pub(super) async fn clock() -> Finding {
    match is_synchronized().await.as_deref() {
        Some("yes") => Finding::good(CLOCK, "it is set by the network."),
        Some("no") => Finding::doubtful(
            CLOCK,
            "nothing on this machine sets it by the network.",
            "Install systemd-timesyncd or chrony, and look again some minutes later.",
        ),
        _ => Finding::good(CLOCK, "whether the network sets it cannot be seen from here."),
    }
}

async fn is_synchronized() -> Option<String> {
    said_by("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await
}

/// What a program of this machine says in time, in one line.
async fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let asking = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, asking).await.ok()?.ok()?;
    String::from_utf8(output.stdout).ok().map(|said| said.trim().to_owned())
}

/// Whether the site that systemd runs was started before its settings were changed. What is found of them here is not
/// what it does then.
pub(super) async fn newer_settings(file: Option<&Path>) -> Option<Finding> {
    let changed_at = file?.metadata().ok()?.modified().ok()?;
    let asked = [
        "show",
        "npoc",
        "--property=ActiveEnterTimestamp",
        "--timestamp=unix",
        "--value",
    ];
    let seconds = said_by("systemctl", &asked).await?.strip_prefix('@')?.parse().ok()?;
    let started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    (changed_at > started_at + Duration::from_secs(1)).then(|| {
        let says = "they were changed after the site was started, which still has the old ones.";
        Finding::bad("Settings", says, "sudo systemctl restart npoc")
    })
}

/// Where the package's timer writes them; who has no such place has other ways.
const BACKUPS: &str = "/var/backups/npoc";

/// One a night, and some time for a machine that was off.
const OLD: Duration = Duration::from_hours(50);

pub(super) fn backups() -> Option<Finding> {
    let files = std::fs::read_dir(BACKUPS).ok()?.flatten();
    let dumps = files.filter(|file| file.file_name().to_string_lossy().starts_with("npoc-"));
    let newest = dumps.filter_map(|file| file.metadata().ok()?.modified().ok()).max();
    let age = newest.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let advice = "sudo systemctl enable --now npoc-backup.timer; sudo systemctl start npoc-backup writes one now.";
    Some(match age {
        None => Finding::doubtful(BACKUP, format!("there is none in {BACKUPS}."), advice),
        Some(age) if age > OLD => {
            let days = age.as_secs() / 86_400;
            Finding::doubtful(BACKUP, format!("the newest in {BACKUPS} is {days} days old."), advice)
        }
        Some(_) => Finding::good(BACKUP, format!("the newest in {BACKUPS} is of the last two days.")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_bad_and_one_that_will_be_soon_is_doubtful() {
        for (free, files, verdict) in [
            (LITTLE - 1, None, Verdict::Bad),
            (LITTLE, None, Verdict::Doubtful),
            (SOME - 1, Some(FEW), Verdict::Doubtful),
            (SOME, Some(FEW), Verdict::Good),
            (SOME, Some(FEW - 1), Verdict::Bad),
        ] {
            assert_eq!(room("/var", free, files).verdict, verdict, "{free} {files:?}");
        }
    }
}
