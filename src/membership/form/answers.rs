//! What was answered to each question: as typed, as checked, or as stored. The same shape all the
//! way, so that the form, the check page, the emails and the terminal show the same thing.

use super::questions::{Field, QUESTIONS};
use crate::membership::unlinked::{mail_address, unlinked};
use crate::membership::wording;
use crate::values::{DomainName, EmailAddress, text};

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

    /// Each question with its answer in the words of the form, in form order.
    pub fn for_people(&self) -> impl Iterator<Item = ForPeople> {
        QUESTIONS.iter().map(|question| ForPeople {
            field: question.field,
            label: wording::label(question.field),
            lines: self.in_words(question.field),
        })
    }

    /// A box that was left unticked is an answer too.
    fn in_words(&self, field: Field) -> Vec<String> {
        if let Some(unticked) = wording::unticked(field).filter(|_| self.all(field).is_empty()) {
            return vec![unticked.to_owned()];
        }
        let words = self.all(field).iter().map(|given| wording::answer(field, given));
        words
            .flat_map(|answer| answer.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

/// A question and its answer as a person reads them.
pub struct ForPeople {
    /// Which question.
    pub field: Field,
    /// Its label.
    pub label: &'static str,
    /// The answer by lines; none where it was not provided.
    pub lines: Vec<String>,
}

impl ForPeople {
    /// The same without anything of which a mail program makes a link, but for this domain.
    #[must_use]
    pub fn unlinked(mut self, own: &DomainName) -> Self {
        for line in &mut self.lines {
            *line = unlinked(line, Some(own));
        }
        self
    }

    /// The same with mail addresses that staff can use, unless a program could take one for a page.
    #[must_use]
    pub fn with_usable_addresses(mut self) -> Self {
        for line in &mut self.lines {
            *line = EmailAddress::parse(line).map_or_else(|_| unlinked(line, None), |address| mail_address(&address));
        }
        self
    }

    /// Whether it is a phone number without words.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.field == Field::RepresentativePhone && self.lines.iter().all(|line| text::is_number(line))
    }
}
