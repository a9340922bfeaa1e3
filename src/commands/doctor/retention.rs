//! What the time is believed to be, what a wrong clock left behind, and what is erased next.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::Finding;
use super::machine::CLOCK;
use crate::clock::{Clock, Corrections, Trust, corrections};
use crate::membership::{Announced, announced, in_utc};

const RETENTION: &str = "Retention";

/// Of a database that is up to date, where applications are erased after this many days, or kept.
///
/// # Errors
/// The database's error.
pub(super) async fn all(connection: &mut PgConnection, days: Option<u16>) -> sqlx::Result<Vec<Finding>> {
    let look = Clock::default().check(connection).await?;
    let news = corrections(&mut *connection).await?;
    let mut findings: Vec<_> = trust(look.trust).into_iter().chain(brought_back(news)).collect();
    if let Some(days) = days {
        findings.push(erased_next(&announced(connection).await?, days, look.trust));
    }
    Ok(findings)
}

fn trust(trust: Trust) -> Option<Finding> {
    match trust {
        Trust::Steady => None,
        Trust::Apart(_) => Some(Finding::bad(
            CLOCK,
            "they are more than an hour apart, so no daily report is queued and no application is erased.",
            "Set the one that is wrong (date -u on each machine). All goes on within five minutes, and nothing is lost.",
        )),
        Trust::Jumped { until } => Some(Finding::doubtful(
            CLOCK,
            format!(
                "it jumped by more than a week, or back. No application is erased by its age before {}.",
                in_utc(until)
            ),
            "Look whether it is right now: date -u. Then there is nothing to do but to wait. To erase before: sudo npoc \
             applications erase --older-than DAYS --despite-clock --yes.",
        )),
    }
}

fn brought_back(news: Corrections) -> Option<Finding> {
    let Corrections {
        mails_brought_back: mails,
        reports_taken_back: reports,
    } = news;
    (mails + reports > 0).then(|| {
        Finding::doubtful(
            CLOCK,
            format!(
                "it was ahead. Mails with times in the future that were made due: {mails}. Reports of days to come that were \
                 taken back: {reports}."
            ),
            "Have the clock of the database's machine set by the network. The next daily mail says the same, and then this is gone.",
        )
    })
}

fn erased_next(announced: &[Announced], days: u16, trust: Trust) -> Finding {
    let of_this_period = || announced.iter().filter(|announced| announced.days == days);
    let applications: i64 = of_this_period().map(|announced| announced.applications).sum();
    let period = format!("applications are erased after {days} days, a day after the daily mail announced them");
    if applications == 0 {
        return Finding::good(RETENTION, format!("{period}. Nothing is announced."));
    }
    let sent_at: Option<OffsetDateTime> = of_this_period().find_map(|announced| announced.sent_at);
    let Some(sent_at) = sent_at else {
        return Finding::doubtful(
            RETENTION,
            format!("{period}. Announced by a mail that was not sent yet, so not erased: {applications}."),
            "sudo npoc mail list says why it was not sent.",
        );
    };
    let from = match trust {
        Trust::Jumped { until } => until,
        _ => sent_at.saturating_add(Duration::DAY),
    };
    Finding::good(
        RETENTION,
        format!(
            "{period}. Announced: {applications}, erased from {} on. To keep them, raise or remove NPOC_RETENTION_DAYS \
             and start the site again before.",
            in_utc(from)
        ),
    )
}
