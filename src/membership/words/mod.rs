//! Which sentence says what: labels, problems and doubts in the language of the applicant, from `locales/`; findings and
//! emails for staff in English.

mod course;
mod domain;
mod doubts;
mod emails;
mod findings;
mod labels;
mod problems;

pub(super) use course::{
    THREAD_ACCEPTED, THREAD_ANSWERED, THREAD_APPEAL_ACCEPTED, THREAD_APPEAL_NOT_ACCEPTED, THREAD_APPEALED,
    THREAD_APPEALED_LATE, THREAD_CORRECTED, THREAD_DOMAIN_PROVED, THREAD_LAPSES, THREAD_NOT_ACCEPTED, THREAD_REOPENED,
    THREAD_REPRESENTATIVE, THREAD_UNDONE, THREAD_WITHDRAWN,
};
pub use course::{entry_words, event_words, refusal_words, state_words, why_words};
pub(super) use domain::THREAD_DOMAIN_FACTS;
pub use domain::{DomainFact, domain_facts, fetch_fault_words, proof_lines};
pub use doubts::{DoubtInWords, hold_reason};
pub(super) use emails::{
    BY_REPLY, NOT_BY_REPLY, applications_ahead, emails_brought_back, erasure_paused, reports_withdrawn,
    undelivered_advice, undelivered_fact, undelivered_subject, without_reply_line,
};
pub use emails::{day, in_utc};
pub(super) use findings::of_arrival;
pub use findings::{Finding, findings, verdict};
pub use labels::{
    AnswerInWords, answer, answers_in_words, choice, heading, hint, label, not_provided, short_label, staff_heading,
    unticked,
};
pub use problems::problem;

/// The address of the NCSG's own application form.
pub const NCSG_APPLICATION: &str = "https://members.ncsg.is/membership_application";
