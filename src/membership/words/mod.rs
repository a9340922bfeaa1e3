//! Sentences for people, apart from those in the templates. They stand together so that they can be read as a whole,
//! and translated one day.

mod doubts;
mod emails;
mod findings;
mod labels;
mod problems;

pub use doubts::{DoubtQuestion, eligibility_note, hold_reason, question};
pub use emails::in_utc;
pub(super) use emails::{
    BY_REPLY, NOT_BY_REPLY, applications_ahead, day, emails_brought_back, erasure_paused, reports_withdrawn,
    undelivered_advice, undelivered_fact, undelivered_subject, without_reply_line,
};
pub(super) use findings::of_arrival;
pub use findings::{Finding, findings, verdict};
pub use labels::{
    AnswerInWords, answer, answers_in_words, choice, heading, hint, label, short_label, staff_heading, unticked,
};
pub use problems::problem;

/// Replaces an answer that was not given.
pub const NOT_PROVIDED: &str = "Not provided";

/// The address of the NCSG's own application form.
pub const NCSG_APPLICATION: &str = "https://members.ncsg.is/membership_application";
