//! What staff read about the course of an application: in their thread of emails and on the desk.

use super::emails::day;
use crate::membership::review::{EntryKind, Event, Refusal, ReviewState, WhyReason};
use crate::values::Fault;

/// The applicant answered a question.
pub const THREAD_ANSWERED: &str = "The applicant has answered on the status page:";

/// An application was accepted.
pub const THREAD_ACCEPTED: &str = "NPOC has accepted the application. The applicant has been told.";

/// An application was not accepted.
pub const THREAD_NOT_ACCEPTED: &str =
    "NPOC has not accepted the application. The applicant has been given this reason:";

/// An appeal was granted.
pub const THREAD_APPEAL_ACCEPTED: &str =
    "NPOC has decided the appeal, and accepts the application. The applicant has been told.";

/// An appeal was not granted.
pub const THREAD_APPEAL_NOT_ACCEPTED: &str =
    "NPOC has decided the appeal, and does not accept the application. The applicant has been given this reason:";

/// The applicant appealed.
pub const THREAD_APPEALED: &str =
    "The applicant has appealed. A person who did not take the first decision must decide. The appeal says:";

/// The applicant appealed after the last day.
pub const THREAD_APPEALED_LATE: &str = "The applicant has appealed, after the last day for an appeal. \
    A person who did not take the first decision must decide. The appeal says:";

/// The applicant withdrew.
pub const THREAD_WITHDRAWN: &str =
    "The application was withdrawn on the status page. The applicant can undo this within 14 days.";

/// The applicant undid the withdrawal.
pub const THREAD_UNDONE: &str =
    "The withdrawal was undone on the status page. The application stands where it stood before.";

/// Staff opened the application again.
pub const THREAD_REOPENED: &str = "NPOC has reopened the application. The applicant has been given this reason:";

/// The applicant corrected answers.
pub const THREAD_CORRECTED: &str = "The applicant has corrected answers:";

/// Staff changed the address of the representative.
pub const THREAD_REPRESENTATIVE: &str =
    "NPOC has changed the email address of the representative. Both addresses have been told. The new one is:";

/// The applicant proved the domain name.
pub const THREAD_DOMAIN_PROVED: &str = "The applicant has proved that the domain name is theirs. The site found this:";

/// The applicant did not answer.
pub const THREAD_LAPSES: &str = "The applicant has not answered after two reminders. The application lapses in 7 days, unless an \
    answer comes. If the applicant answered by email, enter the answer at the desk.";

/// Returns the words for a state.
#[must_use]
pub fn state_words(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Received => "Received",
        ReviewState::InReview => "In review",
        ReviewState::Asked => "Waiting for the applicant",
        ReviewState::Accepted => "Accepted",
        ReviewState::NotAccepted => "Not accepted",
        ReviewState::Appealed => "Appealed",
        ReviewState::Withdrawn => "Withdrawn",
        ReviewState::Lapsed => "Lapsed",
        ReviewState::Dismissed => "Closed without review",
    }
}

/// Returns the words for an event of the history.
#[must_use]
pub fn event_words(event: &Event) -> &str {
    match event.name.as_str() {
        "received" => "The application arrived",
        "released" => "The suspicion of spam was cleared",
        "review-begun" => "The review began",
        "asked" => "NPOC asked a question",
        "answered" if event.by.is_some() => "An answer by email was entered",
        "answered" => "The applicant answered",
        "accepted" => "Accepted",
        "not-accepted" => "Not accepted",
        "appealed" => "The applicant appealed",
        "withdrawn" => "The applicant withdrew the application",
        "undone" => "The applicant undid the withdrawal",
        "lapsed" => "The application lapsed",
        "dismissed" => "Closed without review",
        "reopened" => "Reopened",
        "corrected" => "The applicant corrected answers",
        "representative-changed" => "The address of the representative changed",
        other => other,
    }
}

/// Returns the words for an entry.
#[must_use]
pub fn entry_words(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Note => "Note",
        EntryKind::Question => "Question",
        EntryKind::Answer => "Answer",
        EntryKind::Reason => "Reason",
        EntryKind::Appeal => "Appeal",
        EntryKind::Correction => "Corrected answers",
    }
}

/// Tells staff why a change is refused.
#[must_use]
pub fn refusal_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotPermitted => "Your role does not allow this.".to_owned(),
        Refusal::NotNow => "This is not possible in the present state of the application.".to_owned(),
        Refusal::Outdated => {
            "The application changed since you opened this page. Nothing was sent. Read the page again, \
            then try again."
                .to_owned()
        }
        Refusal::ConflictOfInterest => "You have a conflict of interest with this application.".to_owned(),
        Refusal::NewObjection => {
            "Somebody objected since you opened this page. Nothing was sent. Read the objection, then try again."
                .to_owned()
        }
        Refusal::AnotherDeciderNeeded => {
            "You took the first decision, so a colleague must decide the appeal.".to_owned()
        }
        Refusal::ReasonNeeded(why) => format!("{} Give a reason. Only staff read it.", why_words(*why)),
        Refusal::SameAddress => "The representative has this address already.".to_owned(),
        Refusal::NoColleague => "This colleague cannot sign in any more. Choose another one.".to_owned(),
        Refusal::Text(fault) => fault_words(fault),
        Refusal::DayOutOfRange { last } => format!("Choose a day from today to {}.", day(*last)),
    }
}

/// Tells staff why accepting needs a reason.
#[must_use]
pub fn why_words(why: WhyReason) -> &'static str {
    match why {
        WhyReason::Objection => "Somebody objects.",
        WhyReason::Early => "The time for the review is not over yet, and not every reviewer approved.",
        WhyReason::Ncsg => "The organization does not say that it is a member of the NCSG.",
        WhyReason::Appeal => "The first decision was not to accept the application.",
        WhyReason::Member => {
            "NPOC has accepted another application of this domain, and one organization is one member."
        }
    }
}

/// Tells staff what is wrong with a text.
#[must_use]
fn fault_words(fault: &Fault) -> String {
    match fault {
        Fault::TooShort { min, given } => format!("Write at least {min} characters. The text has {given}."),
        Fault::TooLong { max, given } => format!("Write at most {max} characters. The text has {given}."),
        Fault::Damaged => "A part of the text cannot be read. Type it again.".to_owned(),
        _ => "Write a text.".to_owned(),
    }
}
