//! Sentences of the emails that their templates choose between, and days and times as their readers read them.

use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use crate::outbox::UndeliveredReason;

/// Introduces the representative if a reply reaches them.
pub const BY_REPLY: &str = "A reply to this email goes to the representative:";

/// Introduces the representative if a reply does not reach them.
pub const NOT_BY_REPLY: &str = "Do not reply to this email. Write to:";

/// The same in the emails of an earlier release.
const BY_REPLY_BEFORE: &str = "A reply to this mail goes to the representative:";

/// Removes what an email says about a reply, since a reply to a digest does not reach the representative. Answers are
/// indented, so the line is never an answer.
pub fn without_reply_line(text: &str) -> String {
    let lines = text.split('\n').map(|line| match line {
        BY_REPLY | BY_REPLY_BEFORE => "The representative:",
        other => other,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a time that people in every time zone can read.
#[must_use]
pub fn in_utc(at: OffsetDateTime) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    at.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// Returns a day in words.
#[must_use]
pub fn day(day: Date) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year]");
    day.format(format).unwrap_or_default()
}

/// Returns the subject of an email about an undelivered email, without the reference.
pub fn undelivered_subject(reason: &UndeliveredReason) -> &'static str {
    match reason {
        UndeliveredReason::GivenUp(_) => "An email could not be delivered",
        UndeliveredReason::Bounced(_) => "An email came back",
        UndeliveredReason::Delayed(_) => "An email is late",
        UndeliveredReason::Complaint => "An email was reported as spam",
    }
}

/// Returns what happened to an undelivered email.
pub fn undelivered_fact(reason: &UndeliveredReason) -> &'static str {
    match reason {
        UndeliveredReason::GivenUp(_) => {
            "An email from the site could not be delivered, and the site has stopped trying."
        }
        UndeliveredReason::Bounced(_) => {
            "An email from the site came back: the applicant’s email server did not accept it."
        }
        UndeliveredReason::Delayed(_) => {
            "An email from the site is late: another email server is still trying to deliver it."
        }
        UndeliveredReason::Complaint => "The recipient of an email from the site reported it as spam.",
    }
}

/// Returns what staff should do about an undelivered email.
pub fn undelivered_advice(reason: &UndeliveredReason) -> &'static str {
    match reason {
        UndeliveredReason::GivenUp(_) | UndeliveredReason::Bounced(_) => {
            "The applicant has not received this email. Contact them in another way."
        }
        UndeliveredReason::Delayed(_) => "There is nothing to do yet. You will get another email if it comes back.",
        UndeliveredReason::Complaint => {
            "This person may not have applied: someone may have typed their address. The site sends no more confirmations to it."
        }
    }
}

/// Says in the daily report that emails were brought back from the future.
pub fn emails_brought_back(count: i64) -> String {
    format!("Emails with a time in the future, which are now sent because a clock was ahead: {count}.")
}

/// Says in the daily report that reports of future days were withdrawn.
pub fn reports_withdrawn(count: i64) -> String {
    format!("Reports of future days, withdrawn because a clock was ahead: {count}.")
}

/// Says in the daily report that no application is erased for now.
pub fn erasure_paused(until: OffsetDateTime) -> String {
    format!(
        "The clock jumped, so no application is erased by its age before {}.",
        in_utc(until)
    )
}

/// Names the applications with a date in the future.
pub fn applications_ahead(references: &[String]) -> String {
    let listed = references.join(", ");
    format!("These applications arrived while a clock was ahead, and have a date in the future: {listed}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_changes_no_answer() {
        let answer = "    Every mail of ours goes to the representative: Bob";
        for line in [BY_REPLY, BY_REPLY_BEFORE] {
            let text = format!("{line}\n    Ann\n\n{answer}\n    {line}\n");
            let expected = format!("The representative:\n    Ann\n\n{answer}\n    {line}\n");
            assert_eq!(without_reply_line(&text), expected);
        }
        let text = format!("{NOT_BY_REPLY}\n{answer}\n");
        assert_eq!(without_reply_line(&text), text);
    }
}
