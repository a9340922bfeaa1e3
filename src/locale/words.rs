//! The sentences of each language, made of `locales/` by `build/`.

#![expect(clippy::all, clippy::pedantic, reason = "generated")]

use std::fmt::Write as _;

use super::plural::{Plural, plural};
use super::sentence::slot;
use super::{Element, Language, Sentence};

/// Who reviewed a translation.
#[derive(Clone, Copy, Debug)]
pub struct Review {
    /// Who reviewed it; empty if nobody did.
    pub by: &'static str,
    /// The day of the review.
    pub on: &'static str,
    /// The number of messages.
    pub messages: usize,
    /// The number of messages that are not reviewed, or changed since.
    pub changed: usize,
}

include!(concat!(env!("OUT_DIR"), "/words.rs"));
