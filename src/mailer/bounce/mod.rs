//! Mail that comes back: the address to which it goes, and what it says.

mod bounce_address;
mod bounce_report;
mod delivery_status;
mod free_text_bounce;
mod mail_parts;

pub use bounce_address::BounceAddress;
pub use bounce_report::{BounceClass, BounceDetails, BounceReport, BounceVerdict, read as read_bounce};
