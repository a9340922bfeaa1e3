//! Hostile input, rate limits and the erasure of personal data.

mod erasure;
mod fuzz;
mod hostile_clients;
mod rate_limits;
