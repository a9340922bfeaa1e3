//! The people who sign in at the desk: accounts, roles, sign-in and sessions. Knows nothing of membership.
//!
//! One sign-in: [`request_sign_in`] → an email with a link and a code → [`sign_in_by_code`] or [`sign_in_by_link`] → a
//! session → [`session`] at each request. Link and code work once, in the browser that asked. The database holds hashes.

use crate::outbox::address;
use crate::values::EmailAddress;

mod accounts;
mod limits;
mod log;
mod role;
mod sessions;
mod sign_in;
mod tokens;

pub use accounts::{
    Account, NotDone, add, disable, enable, enabled, end_sessions, forget, id_of, is_any, list, lock_enabled, set_role,
};
pub use log::{log_refusal, log_shell};
pub use role::Role;
pub use sessions::{Session, end_replaced, end_session, session};
pub use sign_in::{
    Asked, Asking, Entered, Link, SIGN_IN_MINUTES, SignInEmail, delete_expired, link, request_sign_in, shell_link,
    sign_in_by_code, sign_in_by_link,
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
