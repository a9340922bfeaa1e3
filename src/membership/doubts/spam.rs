//! Finds signs of spam without asking the applicant anything. One sign alone proves nothing: a person may paste text or
//! name many addresses. A suspected application is stored and mailed like any other.

use std::time::Duration;

use super::super::form::{Answers, QUESTIONS, Rule};

/// An application with at least this number of signs is suspected.
const ENOUGH_SIGNS: usize = 2;

/// The least time in which a person fills in the form.
const LEAST_TIME: Duration = Duration::from_secs(10);

/// The number of web addresses that is a sign of spam.
const MANY_LINKS: usize = 4;

/// The signs of spam in one application, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpamSigns(Vec<&'static str>);

impl SpamSigns {
    /// Finds the signs in these answers. `filled_in` is the time from opening the form to sending it, if it is known.
    #[must_use]
    pub fn of(answers: &Answers, filled_in: Option<Duration>) -> Self {
        let signs = [
            ("sent in no time", filled_in.is_some_and(|time| time < LEAST_TIME)),
            ("many links", links(answers) >= MANY_LINKS),
            ("markup", has_markup(answers)),
            ("the same words everywhere", repeats_itself(answers)),
        ];
        let seen = signs.into_iter().filter(|(_, is_seen)| *is_seen);
        Self(seen.map(|(name, _)| name).collect())
    }

    /// Returns the names of the signs.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    /// Returns whether there are enough signs to suspect spam.
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        self.0.len() >= ENOUGH_SIGNS
    }
}

/// Returns the answers in free text.
fn texts(answers: &Answers) -> impl Iterator<Item = &str> {
    let is_text = |rule: Rule| matches!(rule, Rule::Line(..) | Rule::Prose(..));
    let of_text = QUESTIONS.iter().filter(move |question| is_text(question.rule));
    of_text.filter_map(|question| answers.one(question.field))
}

fn links(answers: &Answers) -> usize {
    texts(answers).map(|text| text.matches("://").count()).sum()
}

fn has_markup(answers: &Answers) -> bool {
    let tags = ["<a ", "</", "[url", "[/"];
    texts(answers).any(|text| {
        let lower = text.to_lowercase();
        tags.iter().any(|tag| lower.contains(tag))
    })
}

/// Returns whether three answers are the same, as from a program that fills every field.
fn repeats_itself(answers: &Answers) -> bool {
    let texts: Vec<&str> = texts(answers).collect();
    texts
        .iter()
        .any(|text| texts.iter().filter(|other| *other == text).count() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Field;

    fn signs(given: &[(Field, &str)], seconds: Option<u64>) -> SpamSigns {
        let mut answers = Answers::default();
        for (field, text) in given {
            answers.set_one(*field, Some((*text).to_owned()));
        }
        SpamSigns::of(&answers, seconds.map(Duration::from_secs))
    }

    #[test]
    fn two_signs_are_suspicious_and_one_is_not() {
        let links = "http://a.example http://b.example http://c.example http://d.example";
        assert_eq!(
            signs(&[(Field::Statement, "We run health posts.")], Some(1200)).names(),
            [""; 0]
        );
        assert!(!signs(&[(Field::Statement, "We run health posts.")], Some(1)).is_suspected());
        assert!(!signs(&[(Field::Statement, links)], None).is_suspected());
        assert!(signs(&[(Field::Statement, links)], Some(1)).is_suspected());
        assert!(signs(&[(Field::Statement, "<a href=x>[url=y]")], Some(1)).is_suspected());
        assert_eq!(signs(&[], Some(9)).names(), ["sent in no time"]);
        assert_eq!(signs(&[], Some(10)).names(), [""; 0]);
        let everywhere = [
            Field::OrganizationName,
            Field::RepresentativeName,
            Field::RepresentativeRole,
        ];
        assert_eq!(
            signs(&everywhere.map(|field| (field, "test")), None).names(),
            ["the same words everywhere"]
        );
    }
}
