//! The sentences of each language, made of `locales/` by `build/`.

#![expect(clippy::all, clippy::pedantic, reason = "generated")]

use std::fmt::Write as _;

use super::plural::{Plural, plural};
use super::sentence::{push_text, slot};
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

/// Returns whether NPOC has not reviewed a translation, or not all of it.
#[must_use]
pub fn is_unreviewed(language: Language) -> bool {
    review(language).is_some_and(|review| review.changed > 0)
}

include!(concat!(env!("OUT_DIR"), "/words.rs"));
