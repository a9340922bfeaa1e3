//! The embedded database: restarts, start errors and file permissions.

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

use crate::support::process::{Process, TIMEOUT, command, run, stdout_of, until};
use crate::support::{good_with, send_body};

/// A directory that is removed at the end. Its own file system, if any, is unmounted first.
struct TestDirectory {
    path: PathBuf,
    is_mounted: bool,
}

impl TestDirectory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("npoc-embedded-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            path,
            is_mounted: false,
        }
    }

    /// Mounts a disk of this many megabytes, if this user may mount one.
    fn with_disk(megabytes: u32) -> Option<Self> {
        let mut root = Self::new();
        let mut mount = Command::new("mount");
        let size = format!("size={megabytes}m,mode=755");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&root.path);
        root.is_mounted = mount.output().is_ok_and(|mounted| mounted.status.success());
        root.is_mounted.then_some(root)
    }

    fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// Fills the disk to the last octet.
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

impl Drop for TestDirectory {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily, because a failed test may have left a process there.
            drop(Command::new("umount").arg("-l").arg(&self.path).status());
        }
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Each site listens on a free port.
const ANY_PORT: (&str, &str) = ("NPOC_LISTEN", "127.0.0.1:0");

fn start(home: &Path) -> Process {
    Process::start(&[("NPOC_DATA_DIR", home.to_str().unwrap())])
}

/// Sends an application. Returns the status and the body of the answer.
fn apply(site: &Process) -> (u16, String) {
    let body = send_body(Uuid::now_v7());
    Process::post(site.address, &body).map_or((0, String::new()), |answer| (answer.status, answer.body))
}

fn server(home: &Path) -> Option<String> {
    let file = fs::read_to_string(home.join("postgres/postmaster.pid")).ok()?;
    Some(file.lines().next()?.to_owned())
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-9", process]).status().unwrap().success());
}

/// Makes the server start new WAL files until the disk is full. The server may be down already.
async fn exhaust(home: &Path) -> sqlx::Result<()> {
    let options = options(&home.join("socket"));
    let mut connection = PgConnection::connect_with(&options).await?;
    let write = "SELECT pg_logical_emit_message(false, 'npoc', 'x'), pg_switch_wal()";
    loop {
        sqlx::query(write).execute(&mut connection).await?;
    }
}

/// Exhausts the server repeatedly, because a restart may free WAL files.
async fn exhaust_until_nothing_is_stored(root: &TestDirectory, site: &Process) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        drop(exhaust(&root.home()).await);
        root.fill();
        if apply(site).0 == 503 {
            return;
        }
        assert!(Instant::now() < deadline, "a full disk still stores applications");
    }
}

fn assert_pages_stay_up_and_answers_are_kept(site: &Process) {
    assert_eq!(site.get("/").unwrap().status, 200);
    let (status, body) = apply(site);
    assert_eq!(status, 503, "{body}");
    for (name, typed) in good_with(&[]).iter().filter(|(_, typed)| typed.len() > 4) {
        let typed = typed.lines().next().unwrap();
        assert!(body.contains(typed), "{name} is lost: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_keeps_pages_up_and_storing_resumes_later() {
    let Some(root) = TestDirectory::with_disk(160) else {
        eprintln!("skipped: this user may not mount a disk");
        return;
    };
    let site = start(&root.home());
    assert_eq!(apply(&site).0, 303);
    root.fill();
    exhaust_until_nothing_is_stored(&root, &site).await;
    assert_pages_stay_up_and_answers_are_kept(&site);
    root.make_room();
    until(|| apply(&site).0 == 303);
    root.fill();
    exhaust_until_nothing_is_stored(&root, &site).await;
    site.terminate();
    until(|| site.log().contains("stopped"));
    drop(site);
    let again = start(&root.home());
    exhaust_until_nothing_is_stored(&root, &again).await;
    assert_pages_stay_up_and_answers_are_kept(&again);
    root.make_room();
    until(|| apply(&again).0 == 303);
    let warnings = again.log().matches("embedded database unavailable").count();
    assert!(warnings < 4, "{}", again.log());
}

#[test]
fn start_without_disk_space_fails_with_the_reason() {
    let Some(root) = TestDirectory::with_disk(20) else {
        eprintln!("skipped: this user may not mount a disk");
        return;
    };
    let ended = run(&[], &[("NPOC_DATA_DIR", root.home().to_str().unwrap()), ANY_PORT]);
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.contains("There is no room left on the disk of"), "{stderr}");
    assert_eq!(ended.status.code(), Some(1));
    let left: Vec<_> = fs::read_dir(root.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| name == "lock" || name == "postgres.log"),
        "{left:?}"
    );
}

#[test]
fn killed_server_is_restarted() {
    let root = TestDirectory::new();
    let home = root.home();
    let site = start(&home);
    assert_eq!(apply(&site).0, 303);
    let first = server(&home).unwrap();
    kill(&first);
    // A connection may outlive the server for a moment and store one more application.
    until(|| server(&home).is_some_and(|now| now != first) && apply(&site).0 == 303);
    let second = server(&home).unwrap();
    // The shell that stops the server when the site ends.
    let stat = fs::read_to_string(format!("/proc/{second}/stat")).unwrap();
    let shell = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    kill(&shell);
    until(|| server(&home).is_some_and(|third| third != second));
    until(|| apply(&site).0 == 303);
    let list = run(&["applications", "list"], &[("NPOC_DATA_DIR", home.to_str().unwrap())]);
    assert_eq!(stdout_of(list).lines().count(), 3);
}

#[test]
fn libpq_variables_do_not_reach_the_embedded_server() {
    let root = TestDirectory::new();
    let home = root.home();
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
    let listed = || stdout_of(run(&["applications", "list"], &settings));
    let reference = |list: String| list.split_once('\t').unwrap().0.to_owned();
    let with_site = reference(listed());
    site.terminate();
    until(|| site.log().contains("stopped"));
    drop(site);
    assert_eq!(reference(listed()), with_site, "the same database without a site");
}

#[test]
fn permanent_start_errors_exit_with_78() {
    let root = TestDirectory::new();
    let home = root.home();
    fs::create_dir_all(home.join("postgres")).unwrap();
    fs::write(home.join("postgres/PG_VERSION"), "13\n").unwrap();
    let setting = ("NPOC_DATA_DIR", home.to_str().unwrap());
    let ended = run(&[], &[setting, ANY_PORT]);
    assert_eq!(ended.status.code(), Some(78));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    let sentence = stderr.trim().strip_prefix("npoc: ").unwrap().to_owned();
    assert!(
        sentence.contains("belong to PostgreSQL 13") && sentence.contains("docs/deploying.md"),
        "{stderr}"
    );
    let doctor = run(&["doctor", "--json"], &[setting]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains(&serde_json::to_string(&sentence).unwrap()), "{doctor}");

    let nowhere = run(&[], &[setting, ("PG_BINDIR", "/nowhere"), ANY_PORT]);
    assert_eq!(nowhere.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("PG_BINDIR names /nowhere"));
}

/// Creates a directory with programs that report this version.
fn programs(root: &TestDirectory, major: u32) -> PathBuf {
    let directory = root.path.join(format!("programs {major}"));
    fs::create_dir(&directory).unwrap();
    for name in ["postgres", "initdb", "pg_ctl"] {
        let program = directory.join(name);
        fs::write(&program, format!("#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

#[test]
fn doctor_reports_newer_postgresql_programs() {
    let root = TestDirectory::new();
    let home = root.home();
    fs::create_dir_all(home.join("postgres")).unwrap();
    let path = std::env::join_paths([programs(&root, 97), programs(&root, 98)]).unwrap();
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
        of_old.contains("belong to PostgreSQL 97, and the newest programs here are 98")
            && of_old.contains("docs/deploying.md"),
        "{of_old}"
    );
    let of_new = found("98\n");
    assert!(of_new.contains("PostgreSQL 98 is installed for it"), "{of_new}");
    assert!(!of_new.contains("the newest programs"), "{of_new}");
}

#[test]
fn target_of_a_symbolic_link_is_validated() {
    let root = TestDirectory::new();
    for odd in [&b"line\nbreak"[..], b"octet\xff"] {
        let directory = root.path.join(OsStr::from_bytes(odd));
        fs::create_dir(&directory).unwrap();
        let link = root.path.join("link");
        std::os::unix::fs::symlink(&directory, &link).unwrap();
        let ended = run(&[], &[("NPOC_DATA_DIR", link.to_str().unwrap()), ANY_PORT]);
        assert_eq!(ended.status.code(), Some(78));
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(
            stderr.contains("has a line break in it, or is no text in UTF-8"),
            "{stderr}"
        );
        fs::remove_file(link).unwrap();
    }
}

/// Runs a program with this umask.
fn with_umask(umask: &str, program: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask $0; exec \"$@\"", umask]);
    shell.arg(program.get_program()).args(program.get_args()).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().unwrap()
}

/// Returns a path and everything below it.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    let inner = entries.flat_map(|entry| all_below(&entry.unwrap().path()));
    std::iter::once(path.to_owned()).chain(inner).collect()
}

#[test]
fn files_are_private_under_any_umask() {
    for umask in ["000", "027", "077"] {
        let root = TestDirectory::new();
        let home = root.path.join("made/by the/site");
        // Each command may be the first to create the directory.
        for arguments in [&["mail", "test", "ann@example.org"][..], &["migrate"]] {
            let mut program = command(&[("NPOC_DATA_DIR", home.to_str().unwrap())]);
            stdout_of(with_umask(umask, program.args(arguments)));
        }
        assert!(home.join("mail").is_dir() && home.join("postgres").is_dir());
        for path in all_below(&root.path.join("made")) {
            let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o066, 0, "{umask}: {} has {mode:o}", path.display());
        }
    }
}
