//! The site of NPOC, ICANN's Not-for-Profit Organizations Constituency: its pages, and the
//! application for membership.
//!
//! *The life of a request*: layers → route → handler (take, check, do, answer) →
//! [`membership::check()`] gives an application, or all its problems in form order →
//! [`membership::Intake`] writes the application, its history and both mails in one statement,
//! together with those that came meanwhile → 303 → the receipt.
//!
//! *The life of a mail*: rendered when it is owed, in the statement that stores its application →
//! claimed by one `UPDATE` that moves its due time forward, which is the worker's lease → sent,
//! with no transaction open → marked. A crash in between means "again later", with the same
//! Message-ID. From time to time [`watch`] looks whether a mail has waited too long, and owes staff
//! their daily report.
//!
//! Who may call whom: `main` → [`commands`], [`web`] → [`membership`] → [`outbox`] → [`mailer`];
//! [`values`] and [`clock`] lie under all, [`settings`] is read by `main` and handed down in pieces,
//! [`database`] is opened by `main`, and its pool handed down. SQL is beside the table it serves, HTML in `templates/`, the
//! environment in [`settings`]. The one statement of [`membership::Intake`] also fills the outbox,
//! because "stored and owed" is one promise.

#![warn(clippy::print_stderr)] // It panics where standard error is gone.

pub mod clock;
pub mod commands;
pub mod database;
mod directory;
mod http;
pub mod mailer;
pub mod membership;
pub mod outbox;
mod plain_text;
pub mod settings;
pub mod signals;
pub mod standard_error;
pub mod values;
pub mod watch;
pub mod web;

pub use plain_text::{error_chain, single_line, without_controls};
