//! A real Firefox on a listening site, driven by Marionette, its own protocol, because no driver is packaged.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::TestSite;

/// Preferences that prevent requests to other hosts. Firefox writes its port into the profile.
const PREFERENCES: &str = r#"user_pref("marionette.port", 0);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
"#;

/// A browser with its own site.
pub struct Firefox {
    _site: TestSite,
    url: String,
    connection: BufReader<TcpStream>,
    process: Process,
}

/// The process, and the profile directory.
struct Process {
    process: Child,
    profile: PathBuf,
}

impl Process {
    fn start() -> Self {
        let profile = std::env::temp_dir().join(format!("npoc-firefox-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&profile).unwrap();
        std::fs::write(profile.join("user.js"), PREFERENCES).unwrap();
        let process = Command::new("firefox-esr")
            .args(["--headless", "--marionette", "--no-remote", "--profile"])
            .arg(&profile)
            // The sandbox does not work in a container. Firefox loads only pages of this test.
            .env("MOZ_DISABLE_CONTENT_SANDBOX", "1")
            .env("HOME", &profile)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the tests alone, which then stop Firefox.
            .process_group(0)
            .spawn()
            .expect("firefox-esr is missing: bin/paper installs it");
        Self { process, profile }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

impl Firefox {
    pub async fn open() -> Self {
        let process = Process::start();
        let site = TestSite::new().await;
        let mut firefox = Self {
            url: site.listen().await,
            _site: site,
            connection: BufReader::new(connected(&process.profile).await),
            process,
        };
        firefox.read().await;
        firefox.command("WebDriver:NewSession", json!({})).await;
        firefox
    }

    /// Quits Firefox with all its processes.
    pub async fn quit(mut self) {
        self.command("Marionette:Quit", json!({ "flags": ["eForceQuit"] }))
            .await;
        let ended = tokio::task::spawn_blocking(move || self.process.process.wait());
        let ended = tokio::time::timeout(Duration::from_mins(1), ended).await;
        assert!(ended.is_ok(), "Firefox ends");
    }

    pub async fn open_page(&mut self, path: &str) {
        let url = format!("{}{path}", self.url);
        self.command("WebDriver:Navigate", json!({ "url": url })).await;
    }

    pub async fn js(&mut self, script: &str, arguments: Vec<Value>) -> Value {
        let script = json!({ "script": script, "args": arguments });
        self.command("WebDriver:ExecuteScript", script).await["value"].clone()
    }

    /// Types into a field as a person does.
    pub async fn type_into(&mut self, selector: &str, text: &str) {
        let field = json!({ "using": "css selector", "value": selector });
        let field = self.command("WebDriver:FindElement", field).await["value"].clone();
        let id = field.as_object().unwrap().values().next().unwrap();
        let keys = json!({ "id": id, "text": text });
        self.command("WebDriver:ElementSendKeys", keys).await;
    }

    /// Sends a command and returns its answer. Fails on an error.
    pub async fn command(&mut self, name: &str, parameters: Value) -> Value {
        let message = json!([0, 1, name, parameters]).to_string();
        let message = format!("{}:{message}", message.len());
        self.connection.write_all(message.as_bytes()).await.unwrap();
        let answer = self.read().await;
        assert_eq!(answer[2], Value::Null, "{name}");
        answer[3].clone()
    }

    /// Reads a message: its length in octets, a colon, and JSON.
    async fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            match self.connection.read_u8().await.unwrap() {
                b':' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut message = vec![0; length];
        self.connection.read_exact(&mut message).await.unwrap();
        serde_json::from_slice(&message).unwrap()
    }
}

/// Waits for the port of Firefox, long enough for a busy machine.
async fn connected(profile: &Path) -> TcpStream {
    let chosen = async {
        loop {
            let port = std::fs::read_to_string(profile.join("MarionetteActivePort")).unwrap_or_default();
            if let Ok(port) = port.trim().parse::<u16>()
                && let Ok(connection) = TcpStream::connect(("127.0.0.1", port)).await
            {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let connection = tokio::time::timeout(Duration::from_mins(2), chosen).await;
    connection.expect("Firefox starts")
}
