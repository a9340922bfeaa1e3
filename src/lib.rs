//! The web site of NPOC, ICANN's Not-for-Profit Organizations Constituency: pages, and the application for membership.
//!
//! *A request* passes the layers and reaches the handler of its route. The handler checks the form with
//! [`membership::check()`], which returns an application or all problems. [`membership::Submissions`] stores concurrent
//! applications in one statement, with their history and emails. The answer is a redirect to the receipt.
//!
//! *An email* is rendered and queued in the statement that stores its application. One `UPDATE` claims it and moves its due
//! time forward, which is the worker's lease. The worker sends it without an open transaction, and records the result. After
//! a crash, it is sent again with the same Message-ID.
//!
//! *Housekeeping* runs every five minutes: the daily report, stuck emails, expired applications.
//!
//! | module | purpose | calls |
//! |---|---|---|
//! | [`settings`] | reads all settings; `main` hands them down | types of the modules below |
//! | [`commands`] | the operator's command line | [`housekeeping`], [`membership`], [`outbox`] |
//! | [`web`] | pages, the form, metrics; no SQL | [`membership`], [`outbox`], `http` |
//! | [`housekeeping`] | periodic tasks | [`membership`], [`outbox`] |
//! | [`membership`] | the rules; no HTTP | [`outbox`] |
//! | [`staff`] | accounts, roles, sign-in | [`outbox`] |
//! | [`outbox`] | the queue of emails | [`mailer`] |
//! | [`outbound`] | DNS and HTTP to hosts that applicants name | – |
//! | [`mailer`] | sends one email by SMTP or into a folder | – |
//! | `http` | connections, limits, compression; knows nothing of NPOC | – |
//! | [`database`] | connections, migrations, the embedded server | – |
//! | [`values`] | names, addresses, domains, countries | – |
//! | [`locale`] | languages, and sentences for visitors and applicants | [`values`] |
//! | [`clock`] | the trusted time | – |
//!
//! SQL is in the module whose rule it serves, HTML is in `templates/`.

#![warn(clippy::print_stderr)] // It panics if standard error is closed.

pub mod clock;
pub mod commands;
pub mod database;
mod directory;
pub mod housekeeping;
mod http;
pub mod locale;
pub mod mailer;
pub mod membership;
pub mod outbound;
pub mod outbox;
mod plain_text;
pub mod settings;
pub mod signals;
pub mod staff;
pub mod standard_error;
pub mod values;
pub mod web;

pub use plain_text::{error_chain, single_line, without_controls};
