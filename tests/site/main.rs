//! What the site promises, each promise a test with its sentence for a name. Against a real
//! PostgreSQL, one server for the run and a database for each test, and real SMTP conversations.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod acceptance;
mod availability;
mod bounces;
mod browser;
mod ceilings;
mod clocks;
mod commands;
mod delivery;
mod digest;
mod doctor;
mod doubts;
mod embedded;
mod erasure;
mod failover;
mod failure;
mod faults;
mod fuzz;
mod hostile;
mod instances;
mod kill;
mod letters;
mod load;
mod membership;
mod messages;
mod operation;
mod outage;
mod pages;
mod paper;
mod proxies;
mod queue;
mod refusals;
mod report;
mod representation;
mod search;
mod settings;
mod smtp;
mod spreadsheet;
mod support;
mod surroundings;
mod terminal;
mod together;
