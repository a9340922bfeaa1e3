//! Checks the machine: its disks, its clock, the settings file and the backups.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use super::{CheckResult, TIME_LIMIT};
use crate::database::DatabaseChoice;
use crate::mailer::Transport;
use crate::settings::Settings;

const DISK: &str = "Disk";
pub(super) const CLOCK: &str = "Clock";
const BACKUP: &str = "Backup";

/// The free octets below which a disk fails: the database may stop soon.
const FAIL_BELOW: u64 = 200 << 20;
/// The free octets below which a disk gives a warning.
const WARN_BELOW: u64 = 1 << 30;
/// The free files below which a disk fails.
const MIN_FILES: u64 = 1000;

/// Checks the disks of the directories that the site writes to. If it writes to none, checks the disk of the logs.
pub(super) fn disks(settings: &Settings) -> Vec<CheckResult> {
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

fn disk(place: &Path) -> CheckResult {
    // A missing directory will be created on the disk of its ancestor.
    let existing = place.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(place);
    match rustix::fs::statvfs(existing) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            // Some file systems do not count files.
            let files = (disk.f_files > 0).then_some(disk.f_favail);
            free_space(&place.display().to_string(), free, files)
        }
        Err(error) => {
            let says = format!("{} could not be examined: {error}.", place.display());
            CheckResult::fail(DISK, says, "Check that it exists, and that this user may access it.")
        }
    }
}

/// Judges the free space of a disk: octets, and files if the file system counts them.
fn free_space(place: &str, free: u64, files: Option<u64>) -> CheckResult {
    let says = format!("{place} has {} MB left.", free >> 20);
    let advice = "Delete old logs (journalctl --vacuum-time=2weeks), packages (apt-get clean) or backups.";
    if free < FAIL_BELOW || files.is_some_and(|files| files < MIN_FILES) {
        CheckResult::fail(DISK, says, advice)
    } else if free < WARN_BELOW {
        CheckResult::warn(DISK, says, advice)
    } else {
        CheckResult::ok(DISK, says)
    }
}

/// Checks that the network sets the clock. With a wrong clock, an email looks like spam and certificates look expired.
pub(super) async fn clock() -> CheckResult {
    match is_synchronized().await.as_deref() {
        Some("yes") => CheckResult::ok(CLOCK, "the network sets it."),
        Some("no") => CheckResult::warn(
            CLOCK,
            "the network does not set it.",
            "Install systemd-timesyncd or chrony, and run npoc doctor again some minutes later.",
        ),
        _ => CheckResult::ok(CLOCK, "it is unknown whether the network sets it."),
    }
}

async fn is_synchronized() -> Option<String> {
    output_of("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await
}

/// Runs a program, and returns its trimmed output if it ends within the time limit.
async fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIME_LIMIT, running).await.ok()?.ok()?;
    String::from_utf8(output.stdout)
        .ok()
        .map(|output| output.trim().to_owned())
}

/// Checks that systemd started the site after the last change of the settings file. Otherwise the site still uses the old
/// settings.
pub(super) async fn changed_settings(file: Option<&Path>) -> Option<CheckResult> {
    let changed_at = file?.metadata().ok()?.modified().ok()?;
    let arguments = [
        "show",
        "npoc",
        "--property=ActiveEnterTimestamp",
        "--timestamp=unix",
        "--value",
    ];
    let seconds = output_of("systemctl", &arguments)
        .await?
        .strip_prefix('@')?
        .parse()
        .ok()?;
    let started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    (changed_at > started_at + Duration::from_secs(1)).then(|| {
        let says = "they were changed after the site was started, so the site still uses the old ones.";
        CheckResult::fail("Settings", says, "Restart the site: sudo systemctl restart npoc.")
    })
}

/// Where the package's timer writes backups. Without this directory, the operator has another method.
const BACKUPS: &str = "/var/backups/npoc";

/// The age at which a backup is old: two nights, and time for a machine that was off.
const OLD: Duration = Duration::from_hours(50);

const NO_BACKUP: &str = "Enable the timer: sudo systemctl enable --now npoc-backup.timer. For a backup now: sudo systemctl start npoc-backup.";

/// With several database servers, the timer skips the machine of a standby.
const NO_BACKUP_HERE: &str = "If the primary is on this machine: sudo systemctl enable --now npoc-backup.timer, and start npoc-backup. \
    If it is on another one, npoc doctor must find a new backup there.";

/// Checks the age of the newest backup.
pub(super) fn backups(database: &DatabaseChoice) -> Option<CheckResult> {
    let files = std::fs::read_dir(BACKUPS).ok()?.flatten();
    let dumps = files.filter(|file| file.file_name().to_string_lossy().starts_with("npoc-"));
    let newest = dumps.filter_map(|file| file.metadata().ok()?.modified().ok()).max();
    let age = newest.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let has_several_servers = matches!(database, DatabaseChoice::Url(address) if address.hosts().len() > 1);
    Some(backup(age, has_several_servers))
}

fn backup(age: Option<Duration>, has_several_servers: bool) -> CheckResult {
    let advice = if has_several_servers { NO_BACKUP_HERE } else { NO_BACKUP };
    match age {
        None => CheckResult::warn(BACKUP, format!("there is none in {BACKUPS}."), advice),
        Some(age) if age > OLD => {
            let days = age.as_secs() / 86_400;
            CheckResult::warn(BACKUP, format!("the newest in {BACKUPS} is {days} days old."), advice)
        }
        Some(_) => CheckResult::ok(BACKUP, format!("the newest in {BACKUPS} is at most two days old.")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_machine_without_a_new_backup_warns_and_the_advice_fits() {
        for (age, has_several_servers, verdict, words) in [
            (None, false, Verdict::Warn, "Enable the timer"),
            (None, true, Verdict::Warn, "on another one"),
            (
                Some(OLD + Duration::from_secs(1)),
                true,
                Verdict::Warn,
                "on another one",
            ),
            (Some(OLD), true, Verdict::Ok, ""),
        ] {
            let found = backup(age, has_several_servers);
            assert_eq!(found.verdict, verdict, "{age:?}");
            assert!(found.advice.unwrap_or_default().contains(words), "{age:?}");
        }
    }

    #[test]
    fn a_nearly_full_disk_fails_and_a_filling_one_warns() {
        for (free, files, verdict) in [
            (FAIL_BELOW - 1, None, Verdict::Fail),
            (FAIL_BELOW, None, Verdict::Warn),
            (WARN_BELOW - 1, Some(MIN_FILES), Verdict::Warn),
            (WARN_BELOW, Some(MIN_FILES), Verdict::Ok),
            (WARN_BELOW, Some(MIN_FILES - 1), Verdict::Fail),
        ] {
            assert_eq!(free_space("/var", free, files).verdict, verdict, "{free} {files:?}");
        }
    }
}
