//! A real Chromium on a listening site, driven by keys.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use super::delivery::wait_until;
use super::{TestSite, encode};

/// Options to run Chromium without a screen and without requests to other hosts.
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

/// Whether the browser has left the marked page.
const HAS_LEFT: &str = "return window.isLeft === undefined && document.readyState === 'complete'";

/// A browser with its own site.
pub struct Browser {
    pub site: TestSite,
    pub driver: WebDriver,
    url: String,
}

/// `ChromeDriver`, and the profile directory of the browser.
struct Chromedriver {
    process: Child,
    port: u16,
    profile: PathBuf,
}

/// Runs a test in a browser. Closes the browser even if the test fails.
pub async fn in_a_browser(test: impl AsyncFnOnce(&Browser)) {
    in_a_browser_with(&[], test).await;
}

/// The same, with additional settings of the site.
pub async fn in_a_browser_with(settings: &[(&str, &str)], test: impl AsyncFnOnce(&Browser)) {
    in_a_browser_on(TestSite::with(settings).await, test).await;
}

/// The same, on this site.
pub async fn in_a_browser_on(site: TestSite, test: impl AsyncFnOnce(&Browser)) {
    let chromedriver = Chromedriver::start();
    let browser = Browser::open(&chromedriver, site).await;
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.driver.quit().await.unwrap();
    drop(chromedriver);
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// `ChromeDriver` takes a free port of IPv4 and ends if the same port of IPv6 is in use.
const STARTS: usize = 10;

impl Chromedriver {
    fn start() -> Self {
        let again = (1..STARTS).find_map(|_| Self::try_to_start().ok());
        again.unwrap_or_else(|| Self::try_to_start().expect("chromedriver ends at each start"))
    }

    /// Returns the lines that the driver printed if it ended without a port.
    fn try_to_start() -> Result<Self, Vec<String>> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C goes to the tests alone, which then stop the driver.
            .process_group(0)
            .spawn()
            .expect("chromedriver is missing: bin/browser installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut said = Vec::new();
        let port = lines.by_ref().inspect(|line| said.push(line.clone())).find_map(|line| {
            let port = line.split_once("successfully on port ")?.1;
            port.trim_end_matches('.').parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let Some(port) = port else {
            drop(process.wait());
            return Err(said);
        };
        let profile = std::env::temp_dir().join(format!("npoc-chromium-{}", uuid::Uuid::new_v4()));
        Ok(Self { process, port, profile })
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
    async fn open(chromedriver: &Chromedriver, site: TestSite) -> Self {
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
        let browser = Self {
            url: site.listen().await,
            site,
            driver: WebDriver::new(&server, wanted).await.unwrap(),
        };
        browser.size(1280, 900).await;
        // Without emulation, headless windows take the focus from each other.
        let focused = json!({ "enabled": true });
        browser.emulate("Emulation.setFocusEmulationEnabled", focused).await;
        browser
    }

    /// Sets the size of the window in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        self.emulate(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )
        .await;
    }

    /// Sets the browser's default text size in pixels.
    pub async fn text_size(&self, pixels: u32) {
        let sizes = json!({ "fontSizes": { "standard": pixels, "fixed": pixels } });
        self.emulate("Page.setFontSizes", sizes).await;
    }

    /// Sets media features of the system, such as `prefers-color-scheme: dark`.
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

    /// Posts a form and shows the answer.
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

    /// Returns the value of an expression.
    pub async fn see(&self, script: &str) -> Value {
        self.js(&format!("return {script}"), Vec::new()).await
    }

    /// Waits until a script returns true, long enough for a busy machine.
    pub async fn until(&self, script: &str) {
        wait_until(script, async || {
            // Scripts fail while the page changes.
            let answer = self.driver.execute(script, Vec::new()).await;
            answer.is_ok_and(|answer| answer.json() == &json!(true))
        })
        .await;
    }

    /// Presses keys, one after the other.
    pub async fn keys(&self, keys: impl AsRef<str>) {
        let chain = self
            .driver
            .action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
        chain.send_keys(keys.as_ref()).perform().await.unwrap();
    }

    /// Presses Enter and waits for the next page.
    pub async fn enter(&self) {
        self.see("(window.isLeft = false)").await;
        // ChromeDriver repeats its own key presses if the page changes meanwhile, and the next page would get the second.
        let key = json!({ "type": "keyDown", "key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        self.emulate("Input.dispatchKeyEvent", key).await;
        self.until(HAS_LEFT).await;
    }

    /// Returns the id of the focused element, or its name, class or tag.
    pub async fn focus(&self) -> String {
        let script = "(e => e.id || e.name || e.className || e.tagName)(document.activeElement)";
        self.see(script).await.as_str().unwrap().to_owned()
    }

    /// Waits until an element has the focus. A page gives it with its first frame, which may come later than the page.
    pub async fn until_focused(&self, selector: &str) {
        self.until(&format!("return document.activeElement.matches({selector:?})"))
            .await;
    }

    /// Moves the focus to an element with the tab key. A group of radio buttons is one stop.
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
