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

pub use accounts::{Account, enabled, id_of, is_any, list, lock_enabled, lock_in_order, not_forgotten};
pub use digest::{DigestEvery, claim_digest, digest_of, due_for_digest, set_digest};
pub use emails::DeskEmails;
pub use log::{LogLine, LogPage, log_application, log_lines, log_member, log_refusal, log_shell};
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
pub use tokens::{Code, Known, Token};

/// A member of the staff who is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// The id in the database.
    pub id: i64,
    /// The name, for colleagues.
    pub name: String,
    /// The address.
    pub address: EmailAddress,
    /// Addresses of the past. In any of them a conflict of interest may show.
    pub former_addresses: Vec<EmailAddress>,
    /// What this person may do.
    pub role: Role,
}

/// A member as the database has it.
struct StoredMember {
    id: i64,
    name: String,
    address: String,
    former_addresses: Vec<String>,
    role: String,
}

impl TryFrom<StoredMember> for StaffMember {
    type Error = sqlx::Error;

    fn try_from(row: StoredMember) -> sqlx::Result<Self> {
        let unknown = || sqlx::Error::Decode(format!("unknown role: {}", row.role).into());
        Ok(Self {
            id: row.id,
            role: Role::parse(&row.role).ok_or_else(unknown)?,
            name: row.name,
            address: address(&row.address)?,
            former_addresses: row
                .former_addresses
                .iter()
                .map(|former| address(former))
                .collect::<sqlx::Result<_>>()?,
        })
    }
}
