//! How a command ends that could not do what was asked, for scripts and supervisors.
//! [`EXIT_STATUS`](super::command_line::EXIT_STATUS) tells people.

use crate::database::{Unsuitable, embedded, is_unavailable};
use crate::settings::InvalidSettings;

const FAILED: u8 = 1;
const NOT_FOUND: u8 = 3;
/// `EX_TEMPFAIL` of sysexits.h: the mail server keeps the mail and tries again.
pub const TRY_AGAIN: u8 = 75;
/// `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;
/// `EX_CONFIG` of sysexits.h: to start again cannot help.
const CONFIG: u8 = 78;

/// Nothing has what was asked for. A sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

/// A mail that a mail server handed over could not be processed.
#[derive(Debug, thiserror::Error)]
#[error("The mail could not be processed now. Deliver it again later")]
pub struct NotNow;

/// Whether somebody has to change the database or the settings.
fn is_for_people(why: &Unsuitable) -> bool {
    !matches!(why, Unsuitable::Empty | Unsuitable::Behind)
}

/// The exit status for this error.
#[must_use]
pub fn status(error: &anyhow::Error) -> u8 {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        let embedded = cause.downcast_ref::<embedded::Error>();
        let is_final = embedded.is_some_and(embedded::Error::is_final);
        if is_final || cause.is::<InvalidSettings>() || cause.downcast_ref().is_some_and(is_for_people) {
            Some(CONFIG)
        } else if cause.is::<NotFound>() {
            Some(NOT_FOUND)
        } else {
            cause.downcast_ref().is_some_and(is_unavailable).then_some(UNAVAILABLE)
        }
    };
    // It comes with its reason, which would have a status of its own.
    if error.downcast_ref::<NotNow>().is_some() {
        return TRY_AGAIN;
    }
    error.chain().find_map(of).unwrap_or(FAILED)
}
