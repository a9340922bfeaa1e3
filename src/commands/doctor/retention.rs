//! Checks the clocks over time, what a wrong clock left behind, and the next erasure.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::CheckResult;
use super::machine::CLOCK;
use crate::clock::{Clock, Corrections, Trust, corrections};
use crate::membership::{Announced, announced, in_utc};

const RETENTION: &str = "Retention";

/// Checks an up-to-date database. `days` is the retention period; `None` keeps applications.
pub(super) async fn check(connection: &mut PgConnection, days: Option<u16>) -> sqlx::Result<Vec<CheckResult>> {
    let check = Clock::default().check(connection).await?;
    let corrected = corrections(&mut *connection).await?;
    let mut findings: Vec<_> = trust(check.trust)
        .into_iter()
        .chain(of_corrections(corrected))
        .collect();
    if let Some(days) = days {
        findings.push(next_erasure(&announced(connection).await?, days, check.trust));
    }
    Ok(findings)
}

fn trust(trust: Trust) -> Option<CheckResult> {
    match trust {
        Trust::Steady => None,
        Trust::Apart(_) => Some(CheckResult::fail(
            CLOCK,
            "the two clocks differ by more than an hour, so no daily report is queued and no application is erased.",
            "Set the wrong clock (date -u on each machine). The site resumes within five minutes, and loses nothing.",
        )),
        Trust::Jumped { until } => Some(CheckResult::warn(
            CLOCK,
            format!(
                "it jumped by more than a week, or back. No application is erased by age before {}.",
                in_utc(until)
            ),
            "Check that it is right now: date -u. Then wait. To erase earlier: sudo npoc applications erase --older-than DAYS \
             --despite-clock --yes.",
        )),
    }
}

fn of_corrections(corrections: Corrections) -> Option<CheckResult> {
    let Corrections {
        mails_brought_back: emails,
        reports_taken_back: reports,
    } = corrections;
    (emails + reports > 0).then(|| {
        CheckResult::warn(
            CLOCK,
            format!(
                "it was ahead. Emails with future times that were made due: {emails}. Reports of future days that were \
                 withdrawn: {reports}."
            ),
            "Let the network set the clock of the database's machine. This warning ends with the next daily report.",
        )
    })
}

fn next_erasure(announced: &[Announced], days: u16, trust: Trust) -> CheckResult {
    let announced: Vec<_> = announced.iter().filter(|announced| announced.days == days).collect();
    let count: i64 = announced.iter().map(|announced| announced.applications).sum();
    let period = format!("applications are erased after {days} days, a day after the daily report announced them");
    if count == 0 {
        return CheckResult::ok(RETENTION, format!("{period}. Nothing is announced."));
    }
    let sent_at: Option<OffsetDateTime> = announced.iter().find_map(|announced| announced.sent_at);
    let Some(sent_at) = sent_at else {
        let says = format!("{period}. Announced in a report that was not sent yet, so not erased: {count}.");
        return CheckResult::warn(RETENTION, says, "sudo npoc mail list says why it was not sent.");
    };
    let from = match trust {
        Trust::Jumped { until } => until,
        _ => sent_at.saturating_add(Duration::DAY),
    };
    let says = format!(
        "{period}. Announced: {count}, erased from {} on. To keep them, raise or remove NPOC_RETENTION_DAYS and restart the \
         site before then.",
        in_utc(from)
    );
    CheckResult::ok(RETENTION, says)
}
