//! A real Chromium on a site that listens, driven by keys and looked at as its reader sees it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use super::{TestSite, encode};

/// What Chromium needs to run without a screen and to ask nobody but the site.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
];

/// Whether another page is there than the one that was marked.
const HAS_LEFT: &str = "return window.isLeft === undefined && document.readyState === 'complete'";

/// A browser that is open on a site of its own.
pub struct Browser {
    pub site: TestSite,
    pub driver: WebDriver,
    url: String,
}

/// ChromeDriver, and the profile that the browser leaves behind.
struct Chromedriver {
    process: Child,
    port: u16,
    profile: PathBuf,
}

/// Runs a test in a browser, and ends the browser however the test ends.
pub async fn in_a_browser(test: impl AsyncFnOnce(&Browser)) {
    let chromedriver = Chromedriver::start();
    let browser = Browser::open(&chromedriver).await;
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.driver.quit().await.unwrap();
    drop(chromedriver);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Chromedriver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the tests, which then end it.
            .process_group(0)
            .spawn()
            .expect("chromedriver is there: bin/browser installs what these tests need");
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| {
            let line = line.unwrap();
            let port = line.split_once("successfully on port ")?.1;
            port.trim_end_matches('.').parse().ok()
        });
        std::thread::spawn(move || said.for_each(drop));
        Self {
            process,
            port: port.unwrap(),
            profile: std::env::temp_dir().join(format!("npoc-chromium-{}", uuid::Uuid::new_v4())),
        }
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

impl Browser {
    async fn open(chromedriver: &Chromedriver) -> Self {
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wanted.add_arg(argument).unwrap();
        }
        let profile = format!("--user-data-dir={}", chromedriver.profile.display());
        wanted.add_arg(&profile).unwrap();
        wanted
            .set_browser_log_level(thirtyfour::common::capabilities::firefox::LoggingPrefsLogLevel::All)
            .unwrap();
        let server = format!("http://127.0.0.1:{}", chromedriver.port);
        let site = TestSite::new().await;
        let browser = Self {
            url: site.listen().await,
            site,
            driver: WebDriver::new(&server, wanted).await.unwrap(),
        };
        browser.size(1280, 900).await;
        // Windows without a screen take the focus from each other.
        let focused = json!({ "enabled": true });
        browser.emulate("Emulation.setFocusEmulationEnabled", focused).await;
        browser
    }

    /// The window, in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        self.emulate(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )
        .await;
    }

    /// Media features as if the reader's system asked for them, such as `prefers-color-scheme: dark`.
    pub async fn media(&self, features: &[(&str, &str)]) {
        let features = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }));
        let features = json!({ "features": features.collect::<Vec<_>>() });
        self.emulate("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn emulate(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap()
    }

    pub async fn open_page(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    /// Posts a form as if it had been filled in, and shows what comes back.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) {
        self.open_page("/privacy").await;
        self.js(
            "const form = document.createElement('form'); form.method = 'post'; form.action = arguments[0];
             for (const [name, value] of new URLSearchParams(arguments[1])) {
                 const field = document.createElement('textarea'); field.name = name; field.value = value; form.append(field);
             }
             document.body.append(form); window.isLeft = false; form.submit();",
            vec![json!(path), json!(encode(fields))],
        )
        .await;
        self.until(HAS_LEFT).await;
    }

    pub async fn js(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.driver.execute(script, arguments).await.unwrap().json().clone()
    }

    /// What a script without arguments returns.
    pub async fn see(&self, script: &str) -> Value {
        self.js(&format!("return {script}"), Vec::new()).await
    }

    /// Waits for what a script asks; the time given is for a machine that is busy.
    pub async fn until(&self, script: &str) {
        let seen = async {
            // While a page changes, no script can run in it.
            while !matches!(self.driver.execute(script, Vec::new()).await, Ok(answer) if answer.json() == &json!(true))
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), seen).await;
        assert!(waited.is_ok(), "waited in vain for {script}");
    }

    /// Presses keys, one after the other.
    pub async fn keys(&self, keys: impl AsRef<str>) {
        let chain = self
            .driver
            .action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
        chain.send_keys(keys.as_ref()).perform().await.unwrap();
    }

    /// Presses Enter where that leads to another page, and waits until that page is there.
    pub async fn enter(&self) {
        self.see("(window.isLeft = false)").await;
        // ChromeDriver does its own key presses again when the page goes while it does them:
        // the next page would take the second.
        let key = json!({ "type": "keyDown", "key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        self.emulate("Input.dispatchKeyEvent", key).await;
        self.until(HAS_LEFT).await;
    }

    /// The id of the element that has the focus; the name of one without id.
    pub async fn focus(&self) -> String {
        let script = "(e => e.id || e.name || e.className || e.tagName)(document.activeElement)";
        self.see(script).await.as_str().unwrap().to_owned()
    }

    /// Goes to a field or button by the tab key alone. Radio buttons take one stop together.
    pub async fn tab_to(&self, selector: &str) {
        let is_there = format!("document.activeElement.matches({selector:?})");
        let mut stops = 0;
        while self.see(&is_there).await != json!(true) {
            assert!(stops < 120, "{selector} cannot be reached by the tab key");
            self.keys(char::from(Key::Tab).to_string()).await;
            stops += 1;
        }
    }

    pub async fn title(&self) -> String {
        self.driver.title().await.unwrap()
    }
}
