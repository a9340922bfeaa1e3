//! The promises of the site. The name of each test is a promise.
//!
//! The tests use a real PostgreSQL server, with a database for each test, and real SMTP conversations.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod apply;
mod commands;
mod desk;
mod domain;
mod email;
mod http;
mod languages;
mod outbound;
mod pages;
mod reliability;
mod security;
mod support;
