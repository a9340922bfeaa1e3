//! Browsers that print, and the text on their paper.

use std::process::Stdio;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use thirtyfour::By;
use tokio::io::AsyncWriteExt as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::support::browser::Browser;
use crate::support::firefox::Firefox;

/// Whether the browser has left the marked page, and shows another one. Firefox shows an empty one in between.
const HAS_LEFT: &str =
    "const isComplete = document.readyState === 'complete' && document.querySelector('main') !== null;
    return window.isLeft === undefined && isComplete";

/// A size of paper, in inches.
#[derive(Clone, Copy)]
pub struct Paper {
    pub name: &'static str,
    width: f64,
    height: f64,
}

pub const SIZES: [Paper; 2] = [
    Paper {
        name: "A4",
        width: 210.0 / 25.4,
        height: 297.0 / 25.4,
    },
    Paper {
        name: "US Letter",
        width: 8.5,
        height: 11.0,
    },
];

/// A browser that shows pages of the site and prints them.
pub enum Printer<'a> {
    Chromium(&'a Browser),
    Firefox(&'a mut Firefox),
}

impl Printer<'_> {
    pub async fn open_page(&mut self, path: &str) {
        match self {
            Self::Chromium(browser) => browser.open_page(path).await,
            Self::Firefox(firefox) => firefox.open_page(path).await,
        }
    }

    pub async fn js(&mut self, script: &str, arguments: Vec<Value>) -> Value {
        match self {
            Self::Chromium(browser) => browser.js(script, arguments).await,
            Self::Firefox(firefox) => firefox.js(script, arguments).await,
        }
    }

    /// Presses a button that leads to another page, and waits for that page.
    pub async fn press(&mut self, selector: &str) {
        let press = "window.isLeft = false; document.querySelector(arguments[0]).click()";
        self.js(press, vec![json!(selector)]).await;
        let left = async {
            while self.js(HAS_LEFT, Vec::new()).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let left = tokio::time::timeout(Duration::from_mins(1), left).await;
        assert!(left.is_ok(), "{selector} leads to another page");
    }

    /// Types into a field as a person does, and leaves it.
    pub async fn type_into(&mut self, selector: &str, text: &str) {
        match self {
            Self::Chromium(browser) => {
                let field = browser.driver.find(By::Css(selector)).await.unwrap();
                field.send_keys(text).await.unwrap();
            }
            Self::Firefox(firefox) => firefox.type_into(selector, text).await,
        }
        self.js("document.activeElement.blur()", Vec::new()).await;
    }

    /// Returns the text of each sheet, as [`folded`] returns it.
    pub async fn print(&mut self, paper: Paper) -> Vec<String> {
        let Paper { width, height, .. } = paper;
        let pdf = match self {
            Self::Chromium(browser) => {
                let size = json!({ "paperWidth": width, "paperHeight": height });
                browser.emulate("Page.printToPDF", size).await["data"].clone()
            }
            Self::Firefox(firefox) => {
                let size = json!({ "page": { "width": width * 2.54, "height": height * 2.54 } });
                firefox.command("WebDriver:Print", size).await["value"].clone()
            }
        };
        let pdf = BASE64_STANDARD.decode(pdf.as_str().unwrap()).unwrap();
        let text = pdftotext(&pdf).await;
        text.split_terminator('\u{c}').map(folded).collect()
    }
}

/// Returns the text in drawing order, with a form feed after each sheet.
async fn pdftotext(pdf: &[u8]) -> String {
    let mut process = tokio::process::Command::new("pdftotext")
        .args(["-raw", "-enc", "UTF-8", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pdftotext is missing: bin/paper installs it");
    process.stdin.take().unwrap().write_all(pdf).await.unwrap();
    String::from_utf8(process.wait_with_output().await.unwrap().stdout).unwrap()
}

/// Removes white space and direction marks, because lines may break anywhere. Replaces presentation forms of letters.
pub fn folded(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.nfkc().filter(|c| !c.is_whitespace() && !is_mark(*c)).collect()
}
