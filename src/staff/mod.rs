//! The people who sign in at the desk: accounts, roles, sign-in and sessions. Knows nothing of membership.
//!
//! One sign-in: [`request_sign_in`] → an email with a link and a code → [`sign_in_by_code`] or [`sign_in_by_link`] →
//! [`pass_second_step`], if a second factor is due → a session → [`session`] at each request. Link and code work once, in the
//! browser that asked. The database holds hashes of them.

use crate::outbox::address;
use crate::values::EmailAddress;

mod accounts;
mod digest;
mod emails;
mod limits;
mod log;
mod managing;
mod role;
mod second_factor;
mod second_step;
mod sessions;
mod sign_in;
mod tokens;

pub use accounts::{Account, enabled, id_of, is_any, list, lock_enabled};
pub use digest::{DigestEvery, digest_of, lock_due_for_digest, record_digest, set_digest};
pub use emails::DeskEmails;
pub use log::{LogLine, log_application, log_lines, log_member, log_refusal, log_shell};
pub use managing::{AccountChange, Manager, NotDone};
pub use role::Role;
pub use second_factor::{AppKey, Drawing, SecondFactorRule, wrong_codes};
pub use second_step::{SECOND_STEP_MINUTES, SecondStep, begin_new_key, pass_second_step, second_step};
pub use sessions::{
    Confirmed, Entered, OwnSession, Session, confirm, end_others, end_replaced, end_session, own_sessions, session,
};
pub use sign_in::{
    Asked, Asking, Link, Passed, SIGN_IN_MINUTES, delete_expired, link, request_sign_in, shell_link, sign_in_by_code,
    sign_in_by_link,
};
pub use tokens::{Known, Token};

/// A member of the staff who is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// The id in the database.
    pub id: i64,
    /// The name, for colleagues.
    pub name: String,
    /// The address, in which a conflict of interest may show.
    pub address: EmailAddress,
    /// What this person may do.
    pub role: Role,
}
