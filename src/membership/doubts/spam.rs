//! Quiet signs of spam, which ask nothing of people. One alone is no sign: a person may paste, or
//! name many addresses. What is marked is stored and mailed all the same.

use std::time::Duration;

use super::super::form::{Answers, QUESTIONS, Rule};

/// An application with at least this number of signs is marked.
const ENOUGH: usize = 2;

/// Nobody fills in this form in less, from opening it to sending it.
const IN_NO_TIME: Duration = Duration::from_secs(10);

/// This number of addresses of websites is more than an organization has.
const MANY_LINKS: usize = 4;

/// What looks like spam in one application, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspicions(Vec<&'static str>);

impl Suspicions {
    /// Of these answers, sent so long after the form was opened, where that is known.
    #[must_use]
    pub fn of(answers: &Answers, filled_in: Option<Duration>) -> Self {
        let signs = [
            ("sent in no time", filled_in.is_some_and(|time| time < IN_NO_TIME)),
            ("many links", links(answers) >= MANY_LINKS),
            ("markup", has_markup(answers)),
            ("the same words everywhere", repeats_itself(answers)),
        ];
        Self(
            signs
                .into_iter()
                .filter(|(_, is_seen)| *is_seen)
                .map(|(name, _)| name)
                .collect(),
        )
    }

    /// The signs that were seen.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    /// Whether they are enough.
    #[must_use]
    pub fn are_enough(&self) -> bool {
        self.0.len() >= ENOUGH
    }
}

/// What was written freely.
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

/// Three answers alike, as from a program that fills every field.
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

    fn seen(given: &[(Field, &str)], seconds: Option<u64>) -> Suspicions {
        let mut answers = Answers::default();
        for (field, text) in given {
            answers.set_one(*field, Some((*text).to_owned()));
        }
        Suspicions::of(&answers, seconds.map(Duration::from_secs))
    }

    #[test]
    fn one_sign_is_no_sign_and_two_are() {
        let links = "http://a.example http://b.example http://c.example http://d.example";
        assert_eq!(
            seen(&[(Field::Statement, "We run health posts.")], Some(1200)).names(),
            [""; 0]
        );
        assert!(!seen(&[(Field::Statement, "We run health posts.")], Some(1)).are_enough());
        assert!(!seen(&[(Field::Statement, links)], None).are_enough());
        assert!(seen(&[(Field::Statement, links)], Some(1)).are_enough());
        assert!(seen(&[(Field::Statement, "<a href=x>[url=y]")], Some(1)).are_enough());
        let everywhere = [
            Field::OrganizationName,
            Field::RepresentativeName,
            Field::RepresentativeRole,
        ];
        assert_eq!(
            seen(&everywhere.map(|field| (field, "test")), None).names(),
            ["the same words everywhere"]
        );
    }
}
