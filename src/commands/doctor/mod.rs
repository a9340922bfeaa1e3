//! Looks whether all that the site needs is as it should be, and says in sentences what is not and what to do. Sends no
//! mail and changes nothing.

mod database;
mod machine;
mod relay;
mod retention;
mod server;
mod site;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::terminal::{Output, Terminal, Tone};
use super::write_json;
use crate::settings::{InvalidSettings, Settings};

/// What findings of the database are about.
const DATABASE: &str = "Database";

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, and may not be meant.
    Doubtful,
    /// To be repaired.
    Bad,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct Finding {
    subject: &'static str,
    verdict: Verdict,
    /// A sentence.
    says: String,
    /// What to do, a sentence; none where nothing is to be done.
    advice: Option<String>,
}

impl Finding {
    fn good(subject: &'static str, says: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Good,
            says: says.into(),
            advice: None,
        }
    }

    fn doubtful(subject: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Doubtful,
            advice: Some(advice.into()),
            ..Self::good(subject, says)
        }
    }

    fn bad(subject: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Bad,
            ..Self::doubtful(subject, says, advice)
        }
    }
}

/// Where findings go as they are made: some take their time.
struct Chart<W> {
    out: W,
    terminal: Terminal,
    json: bool,
    bad: usize,
    doubtful: usize,
}

impl<W: Write> Chart<W> {
    fn note(&mut self, findings: impl IntoIterator<Item = Finding>) -> anyhow::Result<()> {
        findings.into_iter().try_for_each(|finding| self.note_one(&finding))
    }

    fn note_one(&mut self, finding: &Finding) -> anyhow::Result<()> {
        match finding.verdict {
            Verdict::Good => {}
            Verdict::Doubtful => self.doubtful += 1,
            Verdict::Bad => self.bad += 1,
        }
        if self.json {
            write_json(finding, &mut self.out)?;
        } else {
            self.write(finding)?;
        }
        Ok(self.out.flush()?)
    }

    fn write(&mut self, finding: &Finding) -> io::Result<()> {
        let (tone, mark) = match finding.verdict {
            Verdict::Good => (Tone::Good, "ok   "),
            Verdict::Doubtful => (Tone::Doubtful, "look "),
            Verdict::Bad => (Tone::Bad, "BAD  "),
        };
        let mark = self.terminal.toned(tone, mark);
        let says = format!("{}: {}", finding.subject, finding.says);
        let says = self.terminal.lines(&says, MARGIN).join("\n");
        writeln!(self.out, "{mark}{}", says.trim_start())?;
        let advice = finding
            .advice
            .iter()
            .flat_map(|advice| self.terminal.lines(advice, DEEPER));
        advice.into_iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    fn sum(mut self) -> anyhow::Result<bool> {
        if !self.json {
            writeln!(
                self.out,
                "\n{} to be repaired, {} to be looked at.",
                self.bad, self.doubtful
            )?;
        }
        self.out.flush()?;
        Ok(self.bad == 0)
    }
}

/// As wide as a mark.
const MARGIN: &str = "     ";

/// Of what is to be done.
const DEEPER: &str = "       ";

/// Looks at everything, one thing after the other. Returns whether nothing is to be repaired.
///
/// # Errors
/// That standard output cannot be written.
pub async fn doctor(
    settings: Result<Settings, InvalidSettings>,
    file: Option<&Path>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut chart = Chart {
        out: Output::lock(),
        terminal: Terminal::of_stdout(),
        json,
        bad: 0,
        doubtful: 0,
    };
    match settings {
        Ok(settings) => examine(&settings, file, &mut chart).await?,
        Err(InvalidSettings(faults)) => {
            let advice = "Repair it first: nothing else can be looked at.";
            chart.note(faults.into_iter().map(|fault| Finding::bad("Settings", fault, advice)))?;
        }
    }
    chart.sum()
}

async fn examine(settings: &Settings, file: Option<&Path>, chart: &mut Chart<impl Write>) -> anyhow::Result<()> {
    chart.note(site::settings(settings))?;
    chart.note(machine::newer_settings(file).await)?;
    chart.note(machine::disks(settings))?;
    chart.note(machine::backups())?;
    chart.note([machine::clock().await])?;
    chart.note(database::all(settings).await)?;
    chart.note(relay::all(settings).await)?;
    chart.note(site::answers(settings).await)
}
