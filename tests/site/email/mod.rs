//! Emails: their contents, their delivery and their bounces.

mod bounces;
mod contents;
mod daily_report;
mod delivery;
mod digest;
mod queue;
mod relay_limits;
mod smtp;
