//! The desk: sign-in, accounts, decisions; and the status page.

mod accounts;
mod attacks;
mod change_links;
mod conflicts;
pub mod corrections;
mod decisions;
mod digest;
mod erasure;
mod opinions;
mod own_account;
mod pages;
mod representative;
mod second_factor;
mod sessions;
mod sign_in;
mod silence;
mod staff_page;
mod status;
