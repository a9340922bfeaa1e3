//! The site survives crashes, outages and wrong clocks, and reports its state.

mod clocks;
mod crash_recovery;
mod database_outage;
mod database_setup;
mod embedded_database;
mod environment;
mod failover;
mod faults;
mod instances;
mod monitoring;
mod start_and_stop;
mod upgrades;
