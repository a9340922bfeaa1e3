//! The review of an application: its states, the changes that staff and applicants make, and the emails about them.
//!
//! A change: text of a form → [`Change`] → [`Course::after`], which is pure → [`store`], which locks the application,
//! checks everything again and commits state, history, words and emails together.

mod change_links;
mod conflict;
mod correcting;
mod counts;
mod course;
#[cfg(test)]
mod course_table;
mod desk_digest;
mod emails;
mod listing;
mod loading;
mod notes;
mod opining;
mod opinions;
mod recording;
mod reminders;
mod states;
mod status;
mod storing;
mod waiting;

use thiserror::Error;
use time::Date;

use crate::staff::StaffMember;
use crate::values::EmailAddress;
use crate::values::Fault;
use crate::values::Region;
use crate::values::text::prose;

pub(in crate::membership) use change_links::is_limited;
pub use change_links::{LinkAsked, OpenedLink, ask_for_link, open_link, send_page_link, store_correction};
pub use conflict::{Conflict, conflicts, hidden_from};
pub use correcting::Correction;
pub use counts::{Counts, Tab, counts};
pub use course::{Course, UNDO_DAYS, WhyReason, is_over, may};
pub use desk_digest::queue_desk_digests;
pub(in crate::membership) use emails::{Link, to_applicant, to_thread};
pub use emails::{UpdateWords, update_words};
pub use listing::{Cursor, ListedApplication, Listing, Selection, listing, same_domain};
pub use loading::{Entry, EntryKind, Event, Key, entries, events, find_course};
pub(in crate::membership) use loading::{Found, find, lock};
pub use notes::{add_note, assign, assigned_to};
pub use opining::{give_opinion, state_conflict, take_back_conflict};
pub use opinions::{Opinion, Opinions, Verdict, may_give_opinion, opinions};
pub use recording::{Recorded, record};
pub use reminders::remind_and_lapse;
pub use states::{ChangeKind, ChangeRule, Permitted, ReviewState};
pub use status::{Standing, standing};
pub use storing::{Review, preview, store};
pub use waiting::{Stuck, stuck, waiting_for};

/// The length of each period of the process, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// Of the review.
    pub review: u16,
    /// To answer a question.
    pub answer: u16,
    /// To appeal.
    pub appeal: u16,
}

/// Who makes a change.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// The holder of the secret address.
    Applicant,
    /// A signed-in member of the staff.
    Staff(&'a StaffMember),
    /// The site itself, when the time for an answer is over.
    Site,
}

impl Actor<'_> {
    fn staff_id(self) -> Option<i64> {
        match self {
            Self::Applicant | Self::Site => None,
            Self::Staff(member) => Some(member.id),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Applicant => "applicant",
            Self::Staff(_) => "staff",
            Self::Site => "site",
        }
    }
}

/// Why an application is closed without review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissal {
    /// It is spam. No email is sent.
    Spam,
    /// There is another application of the organization.
    Duplicate,
}

impl Dismissal {
    /// Returns the name in the database and in forms.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Duplicate => "duplicate",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Spam, Self::Duplicate]
            .into_iter()
            .find(|dismissal| dismissal.name() == name)
    }
}

/// A change with its words, which are clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Staff begin the review.
    BeginReview,
    /// Staff ask the applicant.
    Ask {
        /// The question.
        question: String,
        /// The last day for an answer; `None` for the usual period.
        until: Option<Date>,
    },
    /// The applicant answers.
    Answer(String),
    /// Staff enter an answer that came by email.
    AnswerByEmail(String),
    /// Staff accept the application.
    Accept {
        /// The reason, for staff alone.
        reason: Option<String>,
        /// The region, if it is not that of the country.
        region: Option<Region>,
        /// The ids of the objections that the page showed.
        seen: Vec<i64>,
    },
    /// Staff do not accept it, for a reason that the applicant reads.
    NotAccept(String),
    /// The applicant appeals.
    Appeal(String),
    /// The applicant withdraws.
    Withdraw,
    /// The applicant undoes the withdrawal.
    Undo,
    /// Staff close it without review.
    Dismiss(Dismissal),
    /// Staff open it again, for a reason that the applicant reads.
    Reopen(String),
    /// The time for an answer is over.
    Lapse,
    /// The applicant corrects answers.
    Correct(Box<Correction>),
    /// Staff change the email address of the representative.
    SetRepresentative(EmailAddress),
}

impl Change {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::BeginReview => ChangeKind::BeginReview,
            Self::Ask { .. } => ChangeKind::Ask,
            Self::Answer(_) => ChangeKind::Answer,
            Self::AnswerByEmail(_) => ChangeKind::AnswerByEmail,
            Self::Accept { .. } => ChangeKind::Accept,
            Self::NotAccept(_) => ChangeKind::NotAccept,
            Self::Appeal(_) => ChangeKind::Appeal,
            Self::Withdraw => ChangeKind::Withdraw,
            Self::Undo => ChangeKind::Undo,
            Self::Dismiss(_) => ChangeKind::Dismiss,
            Self::Reopen(_) => ChangeKind::Reopen,
            Self::Lapse => ChangeKind::Lapse,
            Self::Correct(_) => ChangeKind::Correct,
            Self::SetRepresentative(_) => ChangeKind::SetRepresentative,
        }
    }

    /// Returns the address of the representative, if the change gives it.
    fn representative(&self) -> Option<&EmailAddress> {
        match self {
            Self::Correct(correction) => Some(correction.representative()),
            Self::SetRepresentative(address) => Some(address),
            _ => None,
        }
    }

    /// Returns the words to store, with their kind and whether the applicant reads them.
    fn entry(&self) -> Option<(EntryKind, bool, &str)> {
        match self {
            Self::Ask { question, .. } => Some((EntryKind::Question, true, question)),
            Self::Answer(text) | Self::AnswerByEmail(text) => Some((EntryKind::Answer, false, text)),
            Self::Accept { reason, .. } => reason.as_deref().map(|reason| (EntryKind::Reason, false, reason)),
            Self::NotAccept(reason) | Self::Reopen(reason) => Some((EntryKind::Reason, true, reason)),
            Self::Appeal(text) => Some((EntryKind::Appeal, false, text)),
            Self::Correct(correction) => Some((EntryKind::Correction, false, correction.text())),
            Self::BeginReview
            | Self::Withdraw
            | Self::Undo
            | Self::Dismiss(_)
            | Self::Lapse
            | Self::SetRepresentative(_) => None,
        }
    }
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This person may not make it.
    NotPermitted,
    /// The application is in a state in which it is not possible, or the time for it is over.
    NotNow,
    /// The page showed an older version of the application.
    Outdated,
    /// This person has a conflict of interest.
    ConflictOfInterest,
    /// Somebody objected since the page was shown.
    NewObjection,
    /// The staff member who took the first decision cannot decide the appeal.
    AnotherDeciderNeeded,
    /// Accepting needs a reason.
    ReasonNeeded(WhyReason),
    /// The colleague cannot sign in any more.
    NoColleague,
    /// The representative has this address already.
    SameAddress,
    /// The text is missing, too short or too long.
    Text(Fault),
    /// The day is in the past or too late.
    DayOutOfRange {
        /// The last possible day.
        last: Date,
    },
}

/// Why a change is not stored.
#[derive(Debug, Error)]
pub enum NotChanged {
    /// There is no such application.
    #[error("there is no such application")]
    NotFound,
    /// The rules refuse it.
    #[error("the change is not possible: {0:?}")]
    Refused(Refusal),
    /// The database is unavailable. The change may be stored all the same.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An email cannot be rendered.
    #[error(transparent)]
    Email(#[from] askama::Error),
}

impl From<Refusal> for NotChanged {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Cleans the text of a change and measures it.
///
/// # Errors
/// Returns [`Refusal::Text`] if it is missing, too short or too long.
pub fn text_of(kind: ChangeKind, typed: &str) -> Result<String, Refusal> {
    let length = kind.rule().length.clone().unwrap_or(0..=0);
    prose(typed, *length.start(), *length.end()).map_err(Refusal::Text)
}
