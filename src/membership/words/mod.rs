//! Which sentence says what: labels, problems and doubts in the language of the applicant, from `locales/`; findings and
//! emails for staff in English.

mod doubts;
mod emails;
mod findings;
mod labels;
mod problems;

pub use doubts::{DoubtInWords, hold_reason};
pub use emails::in_utc;
pub(super) use emails::{
    BY_REPLY, NOT_BY_REPLY, applications_ahead, day, emails_brought_back, erasure_paused, reports_withdrawn,
    undelivered_advice, undelivered_fact, undelivered_subject, without_reply_line,
};
pub(super) use findings::of_arrival;
pub use findings::{Finding, findings, verdict};
pub use labels::{
    AnswerInWords, answer, answers_in_words, choice, heading, hint, label, not_provided, short_label, staff_heading,
    unticked,
};
pub use problems::problem;

/// The address of the NCSG's own application form.
pub const NCSG_APPLICATION: &str = "https://members.ncsg.is/membership_application";
