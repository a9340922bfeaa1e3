//! The embedded database: what ends it, what keeps it from starting, and who may see its files.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use npoc::database::options;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::support::process::{PATIENCE, Process, command, run, said, until};
use crate::support::{encode, good_with};

/// A directory of its own, which is removed in the end. With a file system of its own it is unmounted before.
struct Place {
    path: PathBuf,
    is_mounted: bool,
}

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("npoc-embedded-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            path,
            is_mounted: false,
        }
    }

    /// Makes a disk of this many megabytes, where this user may mount one.
    fn with_disk(megabytes: u32) -> Option<Self> {
        let mut place = Self::new();
        let mut mount = Command::new("mount");
        let size = format!("size={megabytes}m,mode=755");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place.path);
        place.is_mounted = mount.output().is_ok_and(|mounted| mounted.status.success());
        place.is_mounted.then_some(place)
    }

    fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// Fills its disk to the last octet.
    fn fill(&self) {
        let path = self.path.join("ballast");
        let mut ballast = OpenOptions::new().create(true).append(true).open(path).unwrap();
        for size in [1 << 20, 4096, 1] {
            let octets = vec![0; size];
            while ballast.write_all(&octets).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily: a test that failed may have left a process there.
            drop(Command::new("umount").arg("-l").arg(&self.path).status());
        }
        drop(fs::remove_dir_all(&self.path));
    }
}

/// No two sites may listen at the same port.
const ANYWHERE: (&str, &str) = ("NPOC_LISTEN", "127.0.0.1:0");

fn start(home: &Path) -> Process {
    Process::start(&[("NPOC_DATA_DIR", home.to_str().unwrap())])
}

/// What comes of an application.
fn apply(site: &Process) -> (u16, String) {
    let key = Uuid::now_v7().to_string();
    let body = encode(&good_with(&[("step", "send"), ("submission_key", &key)]));
    Process::post(site.address, &body).map_or((0, String::new()), |answer| (answer.status, answer.body))
}

fn server(home: &Path) -> Option<String> {
    let file = fs::read_to_string(home.join("postgres/postmaster.pid")).ok()?;
    Some(file.lines().next()?.to_owned())
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-9", process]).status().unwrap().success());
}

/// Has the server begin new files of its log until it cannot. It may be down already.
async fn exhaust(home: &Path) -> sqlx::Result<()> {
    let options = options(&home.join("socket"));
    let mut connection = PgConnection::connect_with(&options).await?;
    let write = "SELECT pg_logical_emit_message(false, 'npoc', 'x'), pg_switch_wal()";
    loop {
        sqlx::query(write).execute(&mut connection).await?;
    }
}

/// Exhausts the server again and again, since a restart may free files of its log.
async fn exhaust_until_nothing_is_stored(place: &Place, site: &Process) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        drop(exhaust(&place.home()).await);
        place.fill();
        if apply(site).0 == 503 {
            return;
        }
        assert!(Instant::now() < deadline, "a full disk still takes applications");
    }
}

fn assert_pages_stay_and_answers_are_kept(site: &Process) {
    assert_eq!(site.get("/").unwrap().status, 200);
    let (status, body) = apply(site);
    assert_eq!(status, 503, "{body}");
    for (name, typed) in good_with(&[]).iter().filter(|(_, typed)| typed.len() > 4) {
        let typed = typed.lines().next().unwrap();
        assert!(body.contains(typed), "{name} is lost: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_pages_stay_and_storing_goes_on_afterwards() {
    let Some(place) = Place::with_disk(160) else {
        eprintln!("not tried: this user may not mount a disk");
        return;
    };
    let site = start(&place.home());
    assert_eq!(apply(&site).0, 303);
    place.fill();
    exhaust_until_nothing_is_stored(&place, &site).await;
    assert_pages_stay_and_answers_are_kept(&site);
    place.make_room();
    until(|| apply(&site).0 == 303);
    place.fill();
    exhaust_until_nothing_is_stored(&place, &site).await;
    site.terminate();
    until(|| site.log().contains("stopped"));
    drop(site);
    let again = start(&place.home());
    exhaust_until_nothing_is_stored(&place, &again).await;
    assert_pages_stay_and_answers_are_kept(&again);
    place.make_room();
    until(|| apply(&again).0 == 303);
    let told = again.log().matches("embedded database unavailable").count();
    assert!(told < 4, "{}", again.log());
}

#[test]
fn a_new_database_without_room_ends_the_start_with_its_reason() {
    let Some(place) = Place::with_disk(20) else {
        eprintln!("not tried: this user may not mount a disk");
        return;
    };
    let ended = run(&[], &[("NPOC_DATA_DIR", place.home().to_str().unwrap()), ANYWHERE]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("There is no room left on the disk of"), "{told}");
    assert_eq!(ended.status.code(), Some(1));
    let left: Vec<_> = fs::read_dir(place.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| name == "lock" || name == "postgres.log"),
        "{left:?}"
    );
}

#[test]
fn a_server_that_is_killed_is_started_again() {
    let place = Place::new();
    let home = place.home();
    let site = start(&home);
    assert_eq!(apply(&site).0, 303);
    let first = server(&home).unwrap();
    kill(&first);
    // A connection that outlives the server for a moment may store one more.
    until(|| server(&home).is_some_and(|now| now != first) && apply(&site).0 == 303);
    let second = server(&home).unwrap();
    // The shell that ends the server with the site.
    let stat = fs::read_to_string(format!("/proc/{second}/stat")).unwrap();
    let shell = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    kill(&shell);
    until(|| server(&home).is_some_and(|third| third != second));
    until(|| apply(&site).0 == 303);
    let list = run(&["applications", "list"], &[("NPOC_DATA_DIR", home.to_str().unwrap())]);
    assert_eq!(said(list).lines().count(), 3);
}

#[test]
fn variables_meant_for_other_servers_do_not_reach_it() {
    let place = Place::new();
    let home = place.home();
    let settings = [
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("PGHOST", "db.example.org"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "5433"),
        ("PGUSER", "somebody"),
        ("PGPASSWORD", "else"),
        ("PGPASSFILE", "/nowhere"),
        ("PGDATABASE", "other"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/nowhere"),
        ("PGSSLCERT", "/nowhere"),
        ("PGSSLKEY", "/nowhere"),
        ("PGAPPNAME", "other"),
        ("PGOPTIONS", "-c default_transaction_read_only=on"),
        ("PGDATA", "/nowhere"),
    ];
    let site = Process::start(&settings);
    assert_eq!(apply(&site).0, 303);
    let listed = || said(run(&["applications", "list"], &settings));
    let reference = |list: String| list.split_once('\t').unwrap().0.to_owned();
    let beside = reference(listed());
    site.terminate();
    until(|| site.log().contains("stopped"));
    drop(site);
    assert_eq!(reference(listed()), beside, "and without a site");
}

#[test]
fn what_starting_again_cannot_help_ends_with_78() {
    let place = Place::new();
    let home = place.home();
    fs::create_dir_all(home.join("postgres")).unwrap();
    fs::write(home.join("postgres/PG_VERSION"), "13\n").unwrap();
    let setting = ("NPOC_DATA_DIR", home.to_str().unwrap());
    let ended = run(&[], &[setting, ANYWHERE]);
    assert_eq!(ended.status.code(), Some(78));
    let told = String::from_utf8(ended.stderr).unwrap();
    let sentence = told.trim().strip_prefix("npoc: ").unwrap().to_owned();
    assert!(
        sentence.contains("belong to PostgreSQL 13") && sentence.contains("DEPLOY.md"),
        "{told}"
    );
    let doctor = run(&["doctor", "--json"], &[setting]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains(&serde_json::to_string(&sentence).unwrap()), "{doctor}");

    let nowhere = run(&[], &[setting, ("PG_BINDIR", "/nowhere"), ANYWHERE]);
    assert_eq!(nowhere.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("PG_BINDIR names /nowhere"));
}

/// A directory with programs that say they are of this version.
fn programs(place: &Place, major: u32) -> PathBuf {
    let directory = place.path.join(format!("programs {major}"));
    fs::create_dir(&directory).unwrap();
    for name in ["postgres", "initdb", "pg_ctl"] {
        let program = directory.join(name);
        fs::write(&program, format!("#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

#[test]
fn the_doctor_tells_of_newer_programs_while_the_old_are_there() {
    let place = Place::new();
    let home = place.home();
    fs::create_dir_all(home.join("postgres")).unwrap();
    let path = std::env::join_paths([programs(&place, 97), programs(&place, 98)]).unwrap();
    let found = |version: &str| {
        fs::write(home.join("postgres/PG_VERSION"), version).unwrap();
        let settings = [
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("PATH", path.to_str().unwrap()),
            ("PG_BINDIR", ""),
        ];
        String::from_utf8(run(&["doctor", "--json"], &settings).stdout).unwrap()
    };
    let of_old = found("97\n");
    assert!(
        of_old.contains("belong to PostgreSQL 97, and the newest programs here are 98") && of_old.contains("DEPLOY.md"),
        "{of_old}"
    );
    let of_new = found("98\n");
    assert!(of_new.contains("PostgreSQL 98 is there for it"), "{of_new}");
    assert!(!of_new.contains("the newest programs"), "{of_new}");
}

#[test]
fn a_directory_that_a_link_leads_to_may_be_refused() {
    let place = Place::new();
    for odd in [&b"line\nbreak"[..], b"octet\xff"] {
        let directory = place.path.join(OsStr::from_bytes(odd));
        fs::create_dir(&directory).unwrap();
        let link = place.path.join("link");
        std::os::unix::fs::symlink(&directory, &link).unwrap();
        let ended = run(&[], &[("NPOC_DATA_DIR", link.to_str().unwrap()), ANYWHERE]);
        assert_eq!(ended.status.code(), Some(78));
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(
            told.contains("has a line break in it, or is no text in UTF-8"),
            "{told}"
        );
        fs::remove_file(link).unwrap();
    }
}

/// The same program below a shell with this umask.
fn with_umask(umask: &str, program: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask $0; exec \"$@\"", umask]);
    shell.arg(program.get_program()).args(program.get_args()).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().unwrap()
}

/// A path and all that is below it.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    let inner = entries.flat_map(|entry| all_below(&entry.unwrap().path()));
    std::iter::once(path.to_owned()).chain(inner).collect()
}

#[test]
fn nobody_else_may_read_what_it_makes_whatever_the_umask() {
    for umask in ["000", "027", "077"] {
        let place = Place::new();
        let home = place.path.join("made/by the/site");
        // In either order: each may be the first to make the directory.
        for arguments in [&["mail", "test", "ann@example.org"][..], &["migrate"]] {
            let mut program = command(&[("NPOC_DATA_DIR", home.to_str().unwrap())]);
            said(with_umask(umask, program.args(arguments)));
        }
        assert!(home.join("mail").is_dir() && home.join("postgres").is_dir());
        for path in all_below(&place.path.join("made")) {
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o066, 0, "{umask}: {} has {mode:o}", path.display());
        }
    }
}
