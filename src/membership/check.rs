//! From what was typed to an application, or to all its problems at once in form order.

use std::collections::HashSet;

use super::answers::Answers;
use super::own_domain;
use super::question::{Field, QUESTIONS, Question, Rule};
use super::slip::{Slip, slips};
use crate::values::{Country, DomainName, EmailAddress, Fault};

/// An application that keeps every rule. Only [`check`] makes one, so nothing unchecked is stored.
#[derive(Clone, Debug)]
pub struct Application {
    answers: Answers,
    domain_name: DomainName,
    representative_email: EmailAddress,
    country: Country,
}

/// An answer that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// To which question.
    pub field: Field,
    /// Why.
    pub fault: Fault,
}

/// A name whose ending this site does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEnding {
    /// The first question that it answers.
    pub field: Field,
    /// The whole name, in Unicode.
    pub name: String,
}

/// The mail addresses among the answers, in form order.
pub(super) fn emails(answers: &Answers) -> impl Iterator<Item = (Field, EmailAddress)> {
    let is_email = |question: &&Question| question.rule == Rule::Email;
    let address = |question: &Question| Some((question.field, EmailAddress::parse(answers.one(question.field)?).ok()?));
    QUESTIONS.iter().filter(is_email).filter_map(address)
}

/// Judges every answer before it says anything.
///
/// # Errors
/// All problems, in form order; never empty.
pub fn check(typed: &Answers) -> Result<Application, Vec<Problem>> {
    let mut clean = Answers::default();
    let mut problems = Vec::new();
    for question in &QUESTIONS {
        match question.check(typed.all(question.field)) {
            Ok(answer) => clean.set(question.field, answer),
            Err(fault) => problems.push(Problem {
                field: question.field,
                fault,
            }),
        }
    }
    if !problems.iter().any(|problem| problem.field == Field::Website) {
        problems.extend(keep_the_page(&mut clean, typed));
    }
    problems.extend(half_an_alternate(&clean, &problems));
    problems.sort_by_key(|problem| problem.field);
    if problems.is_empty() {
        Application::of(clean)
    } else {
        Err(problems)
    }
}

/// What was typed as the domain name goes to the website, where the name alone would lose it.
fn keep_the_page(clean: &mut Answers, typed: &Answers) -> Option<Problem> {
    let name = DomainName::parse(clean.one(Field::DomainName)?).ok()?;
    if clean.one(Field::Website).is_some() {
        return None;
    }
    match own_domain::page(typed.one(Field::DomainName)?, &name) {
        Ok(page) => {
            clean.set_one(Field::Website, page);
            None
        }
        Err(fault) => Some(Problem {
            field: Field::Website,
            fault,
        }),
    }
}

/// An alternate has a name and an address, or there is none. Judged after cleaning, since what is
/// invisible is no answer; an answer that was refused for itself is not missing as well.
fn half_an_alternate(clean: &Answers, problems: &[Problem]) -> Option<Problem> {
    let is_given = |field| clean.one(field).is_some() || problems.iter().any(|problem| problem.field == field);
    let missing = match (is_given(Field::AlternateName), is_given(Field::AlternateEmail)) {
        (true, false) => Field::AlternateEmail,
        (false, true) => Field::AlternateName,
        _ => return None,
    };
    Some(Problem {
        field: missing,
        fault: Fault::Missing,
    })
}

impl Application {
    fn of(answers: Answers) -> Result<Self, Vec<Problem>> {
        let text = |field| answers.one(field).unwrap_or_default();
        let refused = |field| move |fault| vec![Problem { field, fault }];
        Ok(Self {
            domain_name: DomainName::parse(text(Field::DomainName)).map_err(refused(Field::DomainName))?,
            representative_email: EmailAddress::parse(text(Field::RepresentativeEmail))
                .map_err(refused(Field::RepresentativeEmail))?,
            country: Country::parse(text(Field::Country)).map_err(refused(Field::Country))?,
            answers,
        })
    }

    /// The cleaned answers.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The organization's domain name.
    #[must_use]
    pub fn domain_name(&self) -> &DomainName {
        &self.domain_name
    }

    /// Where a reply goes.
    #[must_use]
    pub fn representative_email(&self) -> &EmailAddress {
        &self.representative_email
    }

    /// Addresses that look like slips of the hand, in form order.
    #[must_use]
    pub fn slips(&self) -> Vec<Slip> {
        slips(&self.answers, &self.domain_name)
    }

    /// The same application with the likelier address in place of a slip; unchanged where there is
    /// no slip at that question.
    #[must_use]
    pub fn without_slip(self, field: Field) -> Self {
        let Some(slip) = self
            .slips()
            .into_iter()
            .find(|slip| slip.field == field && !slip.is_twin)
        else {
            return self;
        };
        let mut answers = self.answers.clone();
        answers.set_one(field, Some(slip.meant.to_string()));
        check(&answers).unwrap_or(self)
    }

    /// The names whose ending is not known, of the domain and of mail addresses, each once. An
    /// address with a likely slip is asked about already.
    #[must_use]
    pub fn unknown_endings(&self) -> Vec<UnknownEnding> {
        let addresses = emails(&self.answers).map(|(field, address)| (field, address.domain().clone()));
        let mut unknown: Vec<UnknownEnding> = std::iter::once((Field::DomainName, self.domain_name.clone()))
            .chain(addresses)
            .filter(|(_, name)| !name.has_known_ending())
            .map(|(field, name)| UnknownEnding {
                field,
                name: name.unicode().to_owned(),
            })
            .collect();
        if !unknown.is_empty() {
            let slips = self.slips();
            unknown.retain(|ending| !slips.iter().any(|slip| slip.field == ending.field));
        }
        let mut seen = HashSet::new();
        unknown.retain(|ending| seen.insert(ending.name.clone()));
        unknown
    }

    /// Where the organization is registered.
    #[must_use]
    pub fn country(&self) -> Country {
        self.country
    }
}
