//! The rules of joining, in the order of an application's life: form, doubts, storing, emails, search and retention.
//! No HTTP and no pages: `web` shows what is here.
//!
//! `Answers::typed` → [`check`] → [`Application`] → [`Submission`] → [`Submissions`] → [`Receipt`].

mod applications;
mod daily_report;
mod digest;
pub mod domain_proof;
mod doubts;
mod emails;
mod form;
mod new_application;
mod notices;
mod retention;
pub mod review;
mod search;
mod search_index;
mod stored_application;
mod submit;
mod table;
mod unlinked;
pub mod words;

pub use applications::{
    Filter, State, can_store, count, find, history, list, lock, prepare_search, references, release,
};
pub use daily_report::{queue_daily_report, withdraw_future_reports};
pub use digest::queue_digests;
pub use doubts::{Doubt, SpamSigns, Typo, with_suggestion};
pub use emails::{MailIdentity, emails};
pub use form::{Answers, Application, Field, Group, Problem, QUESTIONS, Question, Rule, Value, check};
pub use new_application::{Earlier, NewApplication};
pub use retention::{
    Announced, Erase, announced, count_older_than, erase, erase_announced, erase_older_than, is_anything_announced,
};
pub use search::Search;
pub use search_index::{index_all, index_for_search};
pub use stored_application::StoredApplication;
pub use submit::{
    Hold, Receipt, SINGLE_EMAILS, SenderNetwork, Status, Submission, Submissions, SubmitPermit,
    language_of_former_secret, receipt_of_key, set_language, status, submission_key,
};
pub use table::{icann_region, table_head, table_row};
pub use words::{AnswerInWords, Finding, findings, in_utc, verdict};
