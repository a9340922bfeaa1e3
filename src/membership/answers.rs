//! What was answered to each question: as typed, as checked, or as stored. The same shape all the
//! way, so that the form, the check page, the emails and the terminal show the same thing.

use super::question::{Field, QUESTIONS};

/// Answers by question, each a list, since some questions take several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers([Vec<String>; QUESTIONS.len()]);

impl Answers {
    /// Takes what the form's fields hold and leaves the rest. Never fails: a missing field is an
    /// empty answer, a repeated one is kept as often as it came.
    #[must_use]
    pub fn typed<'a>(pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>) -> Self {
        let mut answers = Self::default();
        for (name, value) in pairs {
            if let Some(field) = Field::named(&name) {
                answers.0[field as usize].push(value.into_owned());
            }
        }
        answers
    }

    /// Replaces the answer to one question.
    pub fn set(&mut self, field: Field, given: Vec<String>) {
        self.0[field as usize] = given;
    }

    /// Replaces the answer to a question that takes one; `None` and "" are no answer.
    pub fn set_one(&mut self, field: Field, given: Option<String>) {
        self.set(field, given.into_iter().filter(|answer| !answer.is_empty()).collect());
    }

    /// All that was given to a question.
    #[must_use]
    pub fn all(&self, field: Field) -> &[String] {
        &self.0[field as usize]
    }

    /// The one answer, if there is one.
    #[must_use]
    pub fn one(&self, field: Field) -> Option<&str> {
        self.all(field).first().map(String::as_str)
    }

    /// Whether the answer is `yes`.
    #[must_use]
    pub fn is_yes(&self, field: Field) -> bool {
        self.one(field) == Some("yes")
    }
}
