//! The real program in its own process, which can be killed.

use std::fs::DirEntry;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The timeout of all waits, long enough for a busy machine.
pub const TIMEOUT: Duration = Duration::from_mins(2);

/// A running site. Dropping it kills the process.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts the site with only these settings, and waits until it logs its address.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut child = command(settings)
            .env("NPOC_LISTEN", "127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the site ended: {said}");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(')').next().unwrap().parse().unwrap();
            }
            said.push_str(&line);
        };
        let log = collect(log, said);
        Self { child, address, log }
    }

    /// Waits until the site is ready. Migrating a new database takes time.
    pub fn ready(self) -> Self {
        until(|| self.is_ready());
        self
    }

    /// Whether the site reports that applications can be stored.
    pub fn is_ready(&self) -> bool {
        self.get("/health/ready").is_some_and(|answer| answer.status == 200)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the log since the start.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends SIGTERM without waiting for the end.
    pub fn terminate(&self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").arg(process).status().unwrap().success());
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Posts a form. Returns the answer, or nothing if the connection fails.
    pub fn post(address: SocketAddr, body: &str) -> Option<Answer> {
        Self::post_to(address, "/membership", "", body)
    }

    /// Posts a form of the desk with a cookie. Returns the answer, or nothing if the connection fails.
    pub fn post_to(address: SocketAddr, path: &str, cookie: &str, body: &str) -> Option<Answer> {
        let head = format!(
            "Sec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
            Content-Length: {}\r\n",
            body.len()
        );
        ask(address, &format!("POST {path} HTTP/1.1\r\n{head}"), body)
    }

    /// Posts an application until it is stored, as the page with status 503 asks for.
    pub fn post_until_stored(address: SocketAddr, body: &str) -> Answer {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let answer = Self::post(address, body).unwrap();
            if answer.status == 303 {
                return answer;
            }
            assert!(answer.status == 503 && Instant::now() < deadline, "{}", answer.status);
        }
    }

    /// Gets a page, or nothing if the connection fails.
    pub fn get(&self, path: &str) -> Option<Answer> {
        get(self.address, path)
    }
}

/// Appends a log to a text on another thread, because a full pipe would block the site.
fn collect(log: impl BufRead + Send + 'static, text: String) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(text));
    let collected = Arc::clone(&text);
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let mut collected = collected.lock().unwrap();
            collected.push_str(&line);
            collected.push('\n');
        }
    });
    text
}

/// Waits for a condition, long enough for a busy machine.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "timed out");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Gets a page from an address.
pub fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    ask(address, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// An answer from the network.
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub request_id: String,
    pub body: String,
}

fn ask(address: SocketAddr, head: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    let request = format!("{head}Host: {address}\r\nConnection: close\r\n\r\n{body}");
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let header = |name| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .to_owned()
    };
    Some(Answer {
        status: head.get(9..12)?.parse().ok()?,
        location: header("location: "),
        request_id: header("x-request-id: "),
        body: body.to_owned(),
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command of the program to its end.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    command(settings).args(arguments).output().unwrap()
}

/// Returns a command for the program with only these settings.
pub fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_npoc"));
    // Without a .env file, and without the environment except for the paths of the server programs.
    command.current_dir(std::env::temp_dir()).env_clear();
    for name in ["PATH", "PG_BINDIR", "HOME"] {
        if let Ok(value) = std::env::var(name) {
            command.env(name, value);
        }
    }
    // Tests send no packet to other machines.
    command.env("NPOC_DNS", "off").envs(settings.iter().copied());
    command
}

/// Returns the standard output of a successful command.
pub fn stdout_of(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Counts the emails in the mail folder of a data directory.
pub fn emails_in(home: &Path) -> usize {
    let is_email = |file: &DirEntry| file.path().extension().is_some_and(|extension| extension == "eml");
    std::fs::read_dir(home.join("mail")).map_or(0, |folder| {
        folder.filter(|file| is_email(file.as_ref().unwrap())).count()
    })
}
