//! The environment of the process: standard output and error, signals, the working directory and unusual paths.
//!
//! No fault of the environment ends a request without an answer. Unusable settings are rejected with a sentence.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::fs::{OFlags, fcntl_setfl};
use uuid::Uuid;

use crate::support::process::{Process, command, get, run, until};
use crate::support::{TestSite, database, send_body};

/// A directory that is removed at the end.
struct TestDirectory(PathBuf);

impl TestDirectory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("npoc-surroundings-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A site with its emails in a folder. No thread reads its log.
struct Site {
    child: Child,
    address: SocketAddr,
    _home: TestDirectory,
}

impl Site {
    /// Starts the site from a shell script that ends by running its arguments.
    async fn below(script: &str, stderr: Stdio) -> Self {
        let home = TestDirectory::new();
        let options = database::fresh_options().await;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program = command(&[
            ("DATABASE_URL", &database::url(&options)),
            ("NPOC_MAIL", "folder"),
            ("NPOC_DATA_DIR", home.0.to_str().unwrap()),
            ("NPOC_LISTEN", &address.to_string()),
            ("NPOC_LOG", "debug"),
        ]);
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(program.get_program()).env_clear();
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = shell.stderr(stderr).spawn().unwrap();
        let site = Self {
            child,
            address,
            _home: home,
        };
        until(|| site.get("/health/ready") == 200);
        site
    }

    fn get(&self, path: &str) -> u16 {
        get(self.address, path).map_or(0, |answer| answer.status)
    }

    fn apply(&self) -> u16 {
        let body = send_body(Uuid::now_v7());
        Process::post(self.address, &body).map_or(0, |answer| answer.status)
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the end of the process. Returns its exit status.
    fn end(&mut self) -> Option<i32> {
        let mut ended = None;
        until(|| {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap().code()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    assert!(
        kill.args(["-s", name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Returns a full pipe, with its reader.
fn stuck() -> (Stdio, PipeReader) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while writer.write_all(&[b'x'; 512]).is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    (writer.into(), reader)
}

/// Returns a pipe without a reader.
fn gone() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_standard_error_loses_only_the_log() {
    let (pipe, _reader) = stuck();
    for (script, stderr) in [
        ("exec \"$@\"", full().into()),
        ("exec \"$@\"", gone()),
        ("exec \"$@\"", pipe),
        ("exec \"$@\" 2>&-", Stdio::null()),
    ] {
        let mut site = Site::below(script, stderr).await;
        // More lines than the queue of the log holds.
        for _ in 0..1500 {
            assert_eq!(site.get("/nothing"), 404);
        }
        assert_eq!(site.apply(), 303);
        site.signal("TERM");
        assert_eq!(site.end(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_log_resumes_and_counts_lost_lines() {
    let (pipe, mut reader) = stuck();
    let mut site = Site::below("exec \"$@\"", pipe).await;
    for _ in 0..1500 {
        assert_eq!(site.get("/nothing"), 404);
    }
    let read = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&read);
    let reading = std::thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut octets) {
            kept.lock().unwrap().extend_from_slice(&octets[..count]);
        }
    });
    let log = || String::from_utf8_lossy(&read.lock().unwrap()).into_owned();
    until(|| log().contains("lines of the log are lost"));
    site.signal("TERM");
    assert_eq!(site.end(), Some(0));
    reading.join().unwrap();
    let log = log();
    assert!(log.trim_end().ends_with("stopped"), "{log}");
}

#[test]
fn unwritable_error_keeps_its_exit_status() {
    for stderr in [full().into(), gone()] {
        let wrong = command(&[("NPOC_LISTEN", "nowhere")]).stderr(stderr).status();
        assert_eq!(wrong.unwrap().code(), Some(78));
        let unknown = command(&[]).arg("--unknown").stderr(full()).status();
        assert_eq!(unknown.unwrap().code(), Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_stop_the_site_cleanly_or_are_ignored() {
    let meaningless = [
        "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR", "XFSZ", "WINCH", "PIPE", "35", "64",
    ];
    for stops in ["TERM", "INT", "HUP", "QUIT", "XCPU"] {
        // Tests under nohup have SIGHUP ignored.
        let mut site = Site::below("exec env --default-signal \"$@\"", Stdio::null()).await;
        for name in meaningless {
            site.signal(name);
            assert_eq!(site.get("/"), 200, "after {name}");
        }
        site.signal(stops);
        assert_eq!(site.end(), Some(0), "{stops}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nohup_lets_the_site_outlive_its_terminal() {
    let mut site = Site::below("trap '' HUP; exec \"$@\"", Stdio::null()).await;
    site.signal("HUP");
    // An ignored signal leaves the site running for this request.
    assert_eq!(site.apply(), 303);
    assert_eq!(site.get("/health/ready"), 200);
    site.signal("TERM");
    assert_eq!(site.end(), Some(0));
}

#[test]
fn stop_while_the_database_is_created_is_clean() {
    let directory = TestDirectory::new();
    let home = directory.0.join("home");
    let mut program = command(&[
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_LISTEN", "127.0.0.1:0"),
    ]);
    let mut site = program.stderr(Stdio::piped()).spawn().unwrap();
    let unfinished = || {
        let entries = fs::read_dir(&home).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("postgres.new-"))
            .count()
    };
    until(|| unfinished() == 1);
    signal(&site, "TERM");
    let mut log = String::new();
    site.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(site.wait().unwrap().code(), Some(0), "{log}");
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
    assert_eq!(unfinished(), 0);
    assert!(!home.join("postgres").exists());
}

#[test]
fn commands_end_on_the_usual_signals() {
    // The command waits for a silent relay.
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", relay.local_addr().unwrap());
    let home = TestDirectory::new();
    let settings = [("SMTP_URL", url.as_str()), ("NPOC_DATA_DIR", home.0.to_str().unwrap())];
    let mut program = command(&settings);
    let mut waiting = program
        .args(["doctor", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(waiting.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("Settings"), "{line}");
    // TERM, because a program started in the background may ignore INT.
    signal(&waiting, "TERM");
    assert_eq!(waiting.wait().unwrap().signal(), Some(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_write_to_standard_output_is_an_error() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let url = database::url(&site.pool.connect_options());
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["mail", "--help"],
        &["applications", "list", "--help"],
        &["applications", "list"],
        &["applications", "list", "--json"],
        &["applications", "show", &reference],
        &["applications", "show", "--json", &reference],
        &["applications", "export"],
        &["applications", "export", "--format", "jsonl"],
        &["mail", "list"],
        &["mail", "list", "--json"],
        &["mail", "retry"],
        &["mail", "test", "ann@example.org"],
        &["migrate"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        let home = TestDirectory::new();
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("NPOC_MAIL", "folder"),
            ("NPOC_DATA_DIR", home.0.to_str().unwrap()),
        ];
        let ended = command(&settings).args(arguments).stdout(full()).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("No space left on device"), "{arguments:?}: {stderr}");
        let unread = command(&settings).args(arguments).stdout(gone()).output().unwrap();
        let is_well = unread.status.success() && unread.stderr.is_empty();
        assert!(is_well, "{arguments:?}: {}", String::from_utf8_lossy(&unread.stderr));
    }
}

/// Runs the program with one variable of arbitrary octets, and without a data directory.
fn with_octets(name: &str, value: &[u8]) -> Output {
    let mut program = command(&[]);
    program.env_remove("HOME").env(name, OsStr::from_bytes(value));
    if name != "NPOC_DATA_DIR" && name.starts_with("NPOC") {
        program.env("HOME", "/nowhere");
    }
    program.args(["mail", "list"]).output().unwrap()
}

#[test]
fn setting_that_would_be_misread_is_rejected() {
    for (name, value) in [
        ("NPOC_DATA_DIR", &b"/tmp/\xff"[..]),
        ("NPOC_DATA_DIR", b"/tmp/a\nb"),
        ("NPOC_DATA_DIR", b"/tmp/a\n"),
        ("NPOC_DATA_DIR", b"~/npoc"),
        ("NPOC_MAIL_FROM", b"NPOC \xe9quipe <a@example.org>"),
        ("NPOC_LOG", b"info\xff"),
        ("DATABASE_URL", b"postgres://npoc:\xff@127.0.0.1:1/npoc"),
    ] {
        let ended = with_octets(name, value);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(78), "{name}={value:?}: {stderr}");
        assert!(
            stderr.contains(&format!("\n  {name} must be ")),
            "{name}={value:?}: {stderr}"
        );
    }
}

/// Returns the messages of the program about its settings in this working directory.
fn settings_in(directory: &std::path::Path) -> String {
    let mut program = command(&[("HOME", "/nowhere")]);
    let ended = program.args(["mail", "list"]).current_dir(directory).output().unwrap();
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn dotenv_is_read_from_the_working_directory_only() {
    let directory = TestDirectory::new();
    let below = directory.0.join("below");
    fs::create_dir(&below).unwrap();
    let file = directory.0.join(".env");
    fs::write(&file, "NPOC_LISTEN=nowhere\n").unwrap();
    assert!(settings_in(&directory.0).contains("NPOC_LISTEN must be"));
    assert!(!settings_in(&below).contains("NPOC_LISTEN"));
    // Some editors write a byte order mark.
    fs::write(&file, "\u{feff}NPOC_LISTEN=nowhere\n").unwrap();
    assert!(settings_in(&directory.0).contains("NPOC_LISTEN must be"));
    for (octets, why) in [
        (&b"NPOC_LISTEN=\xff\n"[..], "it is no text in UTF-8"),
        (b"\xff\xfeN\0P\0", "it is no text in UTF-8"),
        (b"NPOC_LOG=a\0b\n", "it has a zero octet in it"),
        (b"what is this\n", "is not NAME=value"),
    ] {
        fs::write(&file, octets).unwrap();
        let stderr = settings_in(&directory.0);
        assert!(
            stderr.contains(".env cannot be read") && stderr.contains(why),
            "{stderr}"
        );
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(settings_in(&directory.0).contains(".env cannot be read: Is a directory"));
    let named = run(&["mail", "list", "--settings", "/dev/zero"], &[]);
    assert_eq!(named.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&named.stderr).contains("larger than 1 MB"));
}
