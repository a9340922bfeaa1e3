//! Turns typed answers into an application, or returns all problems.

use std::collections::BTreeMap;

use super::{Answers, Field, QUESTIONS, Value};
use crate::values::domain_name::pasted;
use crate::values::shared_domains::shared_host;
use crate::values::{Country, DomainName, EmailAddress, Fault, Website};

/// An application that keeps every rule. Only [`check`] makes one, so nothing unchecked is stored.
#[derive(Clone, Debug)]
pub struct Application {
    answers: Answers,
    domain_name: DomainName,
    website: Option<Website>,
    country: Country,
    representative_email: EmailAddress,
    alternate_email: Option<EmailAddress>,
}

/// An answer that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The question.
    pub field: Field,
    /// The broken rule.
    pub fault: Fault,
}

impl Problem {
    fn missing(field: Field) -> Self {
        let fault = Fault::Missing;
        Self { field, fault }
    }
}

/// The parsed answers, without empty ones.
type Values = BTreeMap<Field, Value>;

/// Checks every answer. Each is parsed once; the application keeps the parsed values.
///
/// # Errors
/// Returns all problems in form order, at least one.
pub fn check(typed: &Answers) -> Result<Application, Vec<Problem>> {
    let (mut values, mut problems) = parse_all(typed);
    if !is_refused(&problems, Field::Website) {
        problems.extend(keep_page(&mut values, typed));
    }
    let is_given = |field| values.contains_key(&field) || is_refused(&problems, field);
    let missing = missing_half_of_alternate(is_given);
    problems.extend(missing);
    problems.sort_by_key(|problem| problem.field);
    if problems.is_empty() {
        Application::of(values)
    } else {
        Err(problems)
    }
}

fn parse_all(typed: &Answers) -> (Values, Vec<Problem>) {
    let (mut values, mut problems) = (Values::new(), Vec::new());
    for question in QUESTIONS {
        let field = question.field;
        match question.parse(typed.all(field)) {
            Ok(Value::Empty) => {}
            Ok(value) => drop(values.insert(field, value)),
            Err(fault) => problems.push(Problem { field, fault }),
        }
    }
    (values, problems)
}

fn is_refused(problems: &[Problem], field: Field) -> bool {
    problems.iter().any(|problem| problem.field == field)
}

/// Stores the page that was typed as the domain name as the website, if the name alone would lose it.
fn keep_page(values: &mut Values, typed: &Answers) -> Option<Problem> {
    let Some(Value::DomainName(name)) = values.get(&Field::DomainName) else {
        return None;
    };
    if values.contains_key(&Field::Website) {
        return None;
    }
    match page(typed.one(Field::DomainName)?, name) {
        Ok(page) => {
            values.extend(page.map(|page| (Field::Website, Value::Website(page))));
            None
        }
        Err(fault) => Some(Problem {
            field: Field::Website,
            fault,
        }),
    }
}

/// Returns the address of the page that was typed as a domain name, if others share that name.
///
/// # Errors
/// Returns the [`Fault`] of [`Website::parse`]: without the page, staff could not find the organization.
fn page(typed: &str, name: &DomainName) -> Result<Option<Website>, Fault> {
    let pasted = pasted(typed);
    let has_path = pasted.split_once(['/', '?']).is_some_and(|(_, path)| !path.is_empty());
    if shared_host(name).is_none() || !has_path {
        return Ok(None);
    }
    Website::parse(&format!("https://{}", pasted.replace(' ', "%20"))).map(Some)
}

/// Requires both name and address of an alternate, or neither. A refused answer counts as given.
fn missing_half_of_alternate(is_given: impl Fn(Field) -> bool) -> Option<Problem> {
    match (is_given(Field::AlternateName), is_given(Field::AlternateEmail)) {
        (true, false) => Some(Problem::missing(Field::AlternateEmail)),
        (false, true) => Some(Problem::missing(Field::AlternateName)),
        _ => None,
    }
}

impl Application {
    fn of(mut values: Values) -> Result<Self, Vec<Problem>> {
        let mut answers = Answers::default();
        for (field, value) in &values {
            answers.set(*field, value.texts());
        }
        let mut take = |field| values.remove(&field);
        let missing = |field| move || vec![Problem::missing(field)];
        let domain_name = take(Field::DomainName).and_then(Value::into_domain_name);
        let representative_email = take(Field::RepresentativeEmail).and_then(Value::into_email);
        let country = take(Field::Country).and_then(Value::into_country);
        Ok(Self {
            answers,
            domain_name: domain_name.ok_or_else(missing(Field::DomainName))?,
            website: take(Field::Website).and_then(Value::into_website),
            country: country.ok_or_else(missing(Field::Country))?,
            representative_email: representative_email.ok_or_else(missing(Field::RepresentativeEmail))?,
            alternate_email: take(Field::AlternateEmail).and_then(Value::into_email),
        })
    }

    /// Returns the cleaned answers.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Returns the domain name of the organization.
    #[must_use]
    pub fn domain_name(&self) -> &DomainName {
        &self.domain_name
    }

    /// Returns the website, if the organization gave one.
    #[must_use]
    pub fn website(&self) -> Option<&Website> {
        self.website.as_ref()
    }

    /// Returns the country or territory of the organization.
    #[must_use]
    pub fn country(&self) -> Country {
        self.country
    }

    /// Returns the email address of the representative.
    #[must_use]
    pub fn representative_email(&self) -> &EmailAddress {
        &self.representative_email
    }

    /// Returns all email addresses with their questions, in form order.
    pub fn emails(&self) -> impl Iterator<Item = (Field, &EmailAddress)> {
        let alternate = self.alternate_email.as_ref();
        std::iter::once((Field::RepresentativeEmail, &self.representative_email))
            .chain(alternate.map(|address| (Field::AlternateEmail, address)))
    }

    /// Returns the email address that answers this question.
    #[must_use]
    pub fn email(&self, field: Field) -> Option<&EmailAddress> {
        self.emails().find(|(of, _)| *of == field).map(|(_, address)| address)
    }

    /// Replaces the email address that answers this question, if there is one.
    #[must_use]
    pub(in crate::membership) fn with_email(mut self, field: Field, address: EmailAddress) -> Self {
        let answer = Some(address.to_string());
        match field {
            Field::RepresentativeEmail => self.representative_email = address,
            Field::AlternateEmail => self.alternate_email = Some(address),
            _ => return self,
        }
        self.answers.set_one(field, answer);
        self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns good answers to the required questions, with these changes.
    pub fn good_with(changes: &[(Field, &str)]) -> Answers {
        let mut answers = Answers::default();
        let good = [
            (Field::OrganizationName, "Afya Bora"),
            (Field::DomainName, "afyabora.or.ke"),
            (Field::Country, "KE"),
            (Field::Registered, "yes"),
            (Field::RegistrationNote, "OP.218/051/2014"),
            (Field::KindOfWork, "health"),
            (Field::Statement, "We run health posts in four counties."),
            (Field::RepresentativeName, "Ann"),
            (Field::RepresentativeRole, "Director"),
            (Field::RepresentativeEmail, "ann@afyabora.or.ke"),
            (Field::NcsgStatus, "not-yet"),
            (Field::Authorised, "yes"),
        ];
        for (field, answer) in good.iter().chain(changes) {
            answers.set_one(*field, Some((*answer).to_owned()));
        }
        answers
    }

    #[test]
    fn a_refused_alternate_is_not_also_missing() {
        let half = [(Field::AlternateName, "Bob"), (Field::AlternateEmail, "nobody")];
        let problems = check(&good_with(&half)).unwrap_err();
        let fields: Vec<Field> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, [Field::AlternateEmail], "{problems:?}");
    }

    #[test]
    fn an_application_returns_its_website_and_each_address() {
        let changes = [
            (Field::Website, "https://afyabora.or.ke/en"),
            (Field::AlternateName, "Bob"),
            (Field::AlternateEmail, "bob@gmial.com"),
        ];
        let application = check(&good_with(&changes)).unwrap();
        assert_eq!(
            application.website().map(Website::as_str),
            Some("https://afyabora.or.ke/en")
        );
        let address = |application: &Application, field| application.email(field).map(ToString::to_string);
        assert_eq!(
            address(&application, Field::RepresentativeEmail).as_deref(),
            Some("ann@afyabora.or.ke")
        );
        let meant = "bob@gmail.com";
        let corrected = application.with_email(Field::AlternateEmail, EmailAddress::parse(meant).unwrap());
        assert_eq!(address(&corrected, Field::AlternateEmail).as_deref(), Some(meant));
        assert_eq!(corrected.answers().one(Field::AlternateEmail), Some(meant));
    }

    #[test]
    fn a_page_below_a_shared_name_is_not_lost() {
        let page = |typed: &str| {
            let page = page(typed, &DomainName::parse(typed).unwrap());
            page.map(|page| page.map(|page| page.as_str().to_owned()))
        };
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
        let too_long = format!("facebook.com/{}", "a".repeat(600));
        assert!(page(&too_long).is_err(), "the applicant is asked");
    }
}
