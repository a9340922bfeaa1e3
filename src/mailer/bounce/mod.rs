//! Reads the emails that come to the bounce address.

mod address;
mod delivery_status;
mod free_text;
mod parts;
mod report;
mod status_codes;
mod verdict;

pub use address::BounceAddress;
pub use report::{BounceReport, read as read_bounce};
pub use verdict::{BounceClass, BounceDetails, BounceVerdict};
