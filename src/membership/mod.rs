//! The rules of joining: what is asked, what is taken, what is stored, what is written to whom.
//! No HTTP and no pages: `web` shows what is here.
//!
//! `Answers::typed` → [`check`] → [`Application`] → [`Submission`] → [`Intake`] → [`Receipt`], one way.

mod answers;
mod ceiling;
mod check;
mod counted_as;
mod daily_report;
mod digest;
mod doubts;
mod emails;
mod erasure;
mod insert;
mod intake;
mod known;
mod notices;
mod own_domain;
mod question;
mod record;
mod reference;
mod search;
mod search_index;
mod slip;
mod store;
mod submission_key;
mod suspicion;
mod unlinked;
pub mod words;

pub use answers::Answers;
pub use ceiling::Hold;
pub use check::{Application, Problem, check};
pub use daily_report::{queue_daily_report, withdraw_future_reports};
pub use digest::queue_digests;
pub use doubts::{Doubt, without_slip};
pub use emails::{Earlier, MailIdentity, NewApplication, emails};
pub use erasure::{
    Announced, Erase, announced, count_older_than, erase, erase_announced, erase_older_than, is_anything_announced,
};
pub use insert::Submission;
pub use intake::{Intake, Place};
pub use question::{Field, Group, QUESTIONS, Question, Rule};
pub use record::Record;
pub use search::Search;
pub use search_index::{index_all, index_for_search};
pub use slip::Slip;
pub use store::{
    Filter, Receipt, State, can_store, count, find, history, lock, prepare_search, receipt, receipt_of_key, records,
    release,
};
pub use submission_key::submission_key;
pub use suspicion::Suspicions;
pub use words::{AnswerInWords, Finding, findings, in_utc, verdict};
