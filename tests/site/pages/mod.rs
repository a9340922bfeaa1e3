//! The pages: their contents, and how browsers show and print them.

mod browser;
mod content;
mod errors;
mod paper;
