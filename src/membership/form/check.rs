//! From what was typed to an application, or to all its problems at once in form order.

use super::answers::Answers;
use super::questions::{Field, QUESTIONS, Question, Rule};
use crate::values::domain_name::pasted;
use crate::values::shared_domains::shared_host;
use crate::values::{Country, DomainName, EmailAddress, Fault, Website};

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

/// The mail addresses among the answers, in form order.
pub(in crate::membership) fn emails(answers: &Answers) -> impl Iterator<Item = (Field, EmailAddress)> {
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
    match page(typed.one(Field::DomainName)?, &name) {
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

/// The address of the page that was typed where a domain name was asked for, if a name that others
/// use too would lose it.
///
/// # Errors
/// The [`Fault`] of [`Website::parse`]: with the page unsaid, nobody would find the organization.
fn page(typed: &str, name: &DomainName) -> Result<Option<String>, Fault> {
    let pasted = pasted(typed);
    let has_path = pasted.split_once(['/', '?']).is_some_and(|(_, path)| !path.is_empty());
    if shared_host(name).is_none() || !has_path {
        return Ok(None);
    }
    let address = format!("https://{}", pasted.replace(' ', "%20"));
    Website::parse(&address).map(|website| Some(website.as_str().to_owned()))
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

    /// Where the organization is registered.
    #[must_use]
    pub fn country(&self) -> Country {
        self.country
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_below_a_shared_name_is_not_lost() {
        let page = |typed: &str| page(typed, &DomainName::parse(typed).unwrap());
        let group = "https://www.facebook.com/groups/1";
        for (typed, kept) in [
            (group, group),
            ("<https://www.facebook.com/groups/1>", group),
            ("“www.facebook.com/groups/1”", group),
            ("Facebook: https://www.facebook.com/groups/1", group),
            ("facebook.com/Afya Bora", "https://facebook.com/Afya%20Bora"),
            ("linktr.ee/grupo", "https://linktr.ee/grupo"),
        ] {
            assert_eq!(page(typed), Ok(Some(kept.to_owned())), "{typed}");
        }
        assert_eq!(page("https://grupo.github.io/"), Ok(None), "nothing is lost");
        assert_eq!(page("https://example.org/about"), Ok(None), "the name says it all");
        assert!(
            page(&format!("facebook.com/{}", "a".repeat(600))).is_err(),
            "asked about"
        );
    }
}
