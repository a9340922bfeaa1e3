//! Answers by question: as typed, as checked, or as stored. The form, the check page, the emails and the terminal all
//! read this one type, so they show the same answers.

use std::borrow::Cow;

use super::{Field, QUESTIONS};

/// The answers by question. Each is a list, because some questions take several answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers([Vec<String>; QUESTIONS.len()]);

impl Answers {
    /// Takes the form's fields and ignores others. Never fails: a missing field is an empty answer, and a repeated
    /// field keeps all its answers.
    #[must_use]
    pub fn typed<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut answers = Self::default();
        for (name, value) in pairs {
            if let Some(field) = Field::named(&name) {
                answers.0[field as usize].push(value.into_owned());
            }
        }
        answers
    }

    /// Replaces all answers to one question.
    pub fn set(&mut self, field: Field, given: Vec<String>) {
        self.0[field as usize] = given;
    }

    /// Replaces the answer to a question that takes one. `None` and "" remove it.
    pub fn set_one(&mut self, field: Field, given: Option<String>) {
        self.set(field, given.into_iter().filter(|answer| !answer.is_empty()).collect());
    }

    /// Returns all answers to a question.
    #[must_use]
    pub fn all(&self, field: Field) -> &[String] {
        &self.0[field as usize]
    }

    /// Returns the first answer to a question, if there is one.
    #[must_use]
    pub fn one(&self, field: Field) -> Option<&str> {
        self.all(field).first().map(String::as_str)
    }

    /// Returns whether the answer is `yes`.
    #[must_use]
    pub fn is_yes(&self, field: Field) -> bool {
        self.one(field) == Some("yes")
    }
}
