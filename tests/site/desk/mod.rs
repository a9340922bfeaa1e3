//! The desk: sign-in, accounts, decisions; and the status page.

mod accounts;
mod attacks;
mod conflicts;
mod decisions;
mod erasure;
mod opinions;
mod pages;
mod sessions;
mod sign_in;
mod silence;
mod status;
