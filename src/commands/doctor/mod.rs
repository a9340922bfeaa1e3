//! Checks everything that the site needs, and says what is wrong and how to fix it. Sends no email and changes nothing.

mod database;
mod desk;
mod domains;
mod machine;
mod relay;
mod retention;
mod server;
mod site;
mod translations;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::output::write_json;
use super::terminal::{Output, Terminal, Tone, counted};
use crate::settings::{InvalidSettings, Settings};

/// The subject of findings about the database.
const DATABASE: &str = "Database";

/// The time limit of one check.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The result of a check. JSON keeps the names of the first release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Verdict {
    /// In order.
    #[serde(rename = "good")]
    Ok,
    /// It works, but may not be intended.
    #[serde(rename = "doubtful")]
    Warn,
    /// The operator must fix it.
    #[serde(rename = "bad")]
    Fail,
}

/// What a check found.
#[derive(Debug, Serialize)]
struct CheckResult {
    subject: &'static str,
    verdict: Verdict,
    /// The finding, a sentence.
    says: String,
    /// What to do, a sentence; `None` if nothing is to be done.
    advice: Option<String>,
}

impl CheckResult {
    fn ok(subject: &'static str, says: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Ok,
            says: says.into(),
            advice: None,
        }
    }

    fn warn(subject: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            advice: Some(advice.into()),
            ..Self::ok(subject, says)
        }
    }

    fn fail(subject: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(subject, says, advice)
        }
    }
}

/// The report. It prints each finding at once, since some checks take long.
struct Report<W> {
    out: W,
    terminal: Terminal,
    json: bool,
    failures: u64,
    warnings: u64,
}

impl<W: Write> Report<W> {
    fn add_all(&mut self, findings: impl IntoIterator<Item = CheckResult>) -> anyhow::Result<()> {
        findings.into_iter().try_for_each(|finding| self.add(&finding))
    }

    fn add(&mut self, finding: &CheckResult) -> anyhow::Result<()> {
        match finding.verdict {
            Verdict::Ok => {}
            Verdict::Warn => self.warnings += 1,
            Verdict::Fail => self.failures += 1,
        }
        if self.json {
            write_json(finding, &mut self.out)?;
        } else {
            self.write(finding)?;
        }
        Ok(self.out.flush()?)
    }

    fn write(&mut self, finding: &CheckResult) -> io::Result<()> {
        let (tone, mark) = match finding.verdict {
            Verdict::Ok => (Tone::Good, "ok   "),
            Verdict::Warn => (Tone::Doubtful, "warn "),
            Verdict::Fail => (Tone::Bad, "FAIL "),
        };
        let mark = self.terminal.toned(tone, mark);
        let says = format!("{}: {}", finding.subject, finding.says);
        let says = self.terminal.lines(&says, MARGIN).join("\n");
        writeln!(self.out, "{mark}{}", says.trim_start())?;
        let advice = finding.advice.iter();
        let mut lines = advice.flat_map(|advice| self.terminal.lines(advice, ADVICE_MARGIN));
        lines.try_for_each(|line| writeln!(self.out, "{line}"))
    }

    fn finish(mut self) -> anyhow::Result<bool> {
        if !self.json {
            let (failures, warnings) = (counted(self.failures, "failure"), counted(self.warnings, "warning"));
            writeln!(self.out, "\n{failures}, {warnings}.")?;
        }
        self.out.flush()?;
        Ok(self.failures == 0)
    }
}

/// As wide as a mark.
const MARGIN: &str = "     ";

const ADVICE_MARGIN: &str = "       ";

/// Runs every check, one after the other. Returns whether there is no failure.
///
/// # Errors
/// Returns an error if standard output cannot be written.
pub async fn doctor(
    settings: Result<Settings, InvalidSettings>,
    file: Option<&Path>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut report = Report {
        out: Output::lock(),
        terminal: Terminal::of_stdout(),
        json,
        failures: 0,
        warnings: 0,
    };
    match settings {
        Ok(settings) => check_all(&settings, file, &mut report).await?,
        Err(InvalidSettings(faults)) => {
            let advice = "Fix this first. Other checks need valid settings.";
            report.add_all(
                faults
                    .into_iter()
                    .map(|fault| CheckResult::fail("Settings", fault, advice)),
            )?;
        }
    }
    report.finish()
}

async fn check_all(settings: &Settings, file: Option<&Path>, report: &mut Report<impl Write>) -> anyhow::Result<()> {
    report.add_all(site::settings(settings))?;
    report.add_all(machine::changed_settings(file).await)?;
    report.add_all(translations::check(&settings.languages))?;
    report.add_all(machine::disks(settings))?;
    report.add_all(machine::backups(&settings.database))?;
    report.add_all([machine::clock().await])?;
    report.add_all(database::check(settings).await)?;
    report.add_all(relay::check(settings).await)?;
    report.add_all(domains::check(settings).await)?;
    report.add_all(site::reachability(settings).await)
}
