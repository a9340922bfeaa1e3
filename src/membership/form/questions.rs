//! The form as a table: one row for each question, in form order, with its field name and its rule. The page, the
//! check, the emails, the commands and the tests read this table. `membership::words` has the words for people.

use crate::values::characters::has_visible_text;
use crate::values::{Country, DomainName, EmailAddress, Fault, Website, text};

/// A question of the form, in form order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the form fields, which their labels explain")]
pub enum Field {
    OrganizationName,
    OrganizationNameLatin,
    DomainName,
    Website,
    Country,
    Registered,
    RegistrationNote,
    KindOfWork,
    Statement,
    RepresentativeName,
    RepresentativeRole,
    RepresentativeEmail,
    RepresentativePhone,
    AlternateName,
    AlternateEmail,
    NcsgStatus,
    IcannGroups,
    NotEligible,
    Authorised,
    Authoriser,
    Publish,
    MailingList,
}

/// A part of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names explain themselves")]
pub enum Group {
    Organization,
    Representative,
    Icann,
    Declarations,
}

/// The rule that an answer must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One line with at least and at most this number of characters.
    Line(u64, u64),
    /// Text with line breaks, with at least and at most this number of characters.
    Prose(u64, u64),
    /// A [`DomainName`].
    DomainName,
    /// A [`Website`].
    Website,
    /// A [`Country`].
    Country,
    /// An [`EmailAddress`].
    Email,
    /// Exactly one of these values.
    OneOf(&'static [&'static str]),
    /// Any number of these values.
    AnyOf(&'static [&'static str]),
    /// The value `yes`.
    Yes,
}

/// A row of the table.
#[derive(Debug)]
pub struct Question {
    /// The question.
    pub field: Field,
    /// The name of the HTML field and of the column. It is fixed, because other programs post it.
    pub name: &'static str,
    /// The part of the form that shows the question.
    pub group: Group,
    /// The rule for the answer.
    pub rule: Rule,
    /// Whether an answer is required.
    pub required: bool,
    /// The autofill token (WCAG 1.3.5), or "" if a browser could only guess wrong.
    pub autocomplete: &'static str,
}

const SHORT: Rule = Rule::Line(1, 200);
const YES_NO: Rule = Rule::OneOf(&["yes", "no"]);
const KINDS_OF_WORK: Rule = Rule::OneOf(&[
    "philanthropic",
    "humanitarian",
    "educational",
    "academic-professional",
    "religious",
    "community",
    "arts",
    "public-interest-advocacy",
    "health",
    "social-inclusion",
    "other",
]);
const NCSG: Rule = Rule::OneOf(&["member", "applied", "not-yet", "unsure"]);
const NOT_ELIGIBLE: Rule = Rule::AnyOf(&["commercial", "icann-contract", "seeks-office", "government"]);

use Field as F;
use Group::{Declarations, Icann, Organization, Representative};

/// Every question, in form order: `QUESTIONS[field as usize]` is the question of `field`.
#[rustfmt::skip]
pub const QUESTIONS: &[Question] = &[
    ask(F::OrganizationName, "organization_name", Organization, SHORT, true, "organization"),
    ask(F::OrganizationNameLatin, "organization_name_latin", Organization, SHORT, false, ""),
    ask(F::DomainName, "domain_name", Organization, Rule::DomainName, true, ""),
    ask(F::Website, "website", Organization, Rule::Website, false, "url"),
    ask(F::Country, "country", Organization, Rule::Country, true, "country"),
    ask(F::Registered, "registered", Organization, YES_NO, true, ""),
    ask(F::RegistrationNote, "registration_note", Organization, Rule::Prose(2, 500), true, ""),
    ask(F::KindOfWork, "kind_of_work", Organization, KINDS_OF_WORK, true, ""),
    ask(F::Statement, "statement", Organization, Rule::Prose(20, 2000), true, ""),
    ask(F::RepresentativeName, "representative_name", Representative, SHORT, true, "name"),
    ask(F::RepresentativeRole, "representative_role", Representative, SHORT, true, "organization-title"),
    ask(F::RepresentativeEmail, "representative_email", Representative, Rule::Email, true, "email"),
    ask(F::RepresentativePhone, "representative_phone", Representative, Rule::Line(1, 50), false, "tel"),
    ask(F::AlternateName, "alternate_name", Representative, SHORT, false, ""),
    ask(F::AlternateEmail, "alternate_email", Representative, Rule::Email, false, ""),
    ask(F::NcsgStatus, "ncsg_status", Icann, NCSG, true, ""),
    ask(F::IcannGroups, "icann_groups", Icann, Rule::Line(1, 500), false, ""),
    ask(F::NotEligible, "not_eligible", Icann, NOT_ELIGIBLE, false, ""),
    ask(F::Authorised, "authorised", Declarations, Rule::Yes, true, ""),
    ask(F::Authoriser, "authoriser", Declarations, SHORT, false, ""),
    ask(F::Publish, "publish", Declarations, Rule::Yes, false, ""),
    ask(F::MailingList, "mailing_list", Declarations, Rule::Yes, false, ""),
];

const fn ask(
    field: Field,
    name: &'static str,
    group: Group,
    rule: Rule,
    required: bool,
    autocomplete: &'static str,
) -> Question {
    Question {
        field,
        name,
        group,
        rule,
        required,
        autocomplete,
    }
}

impl Field {
    /// Returns the row of the question.
    #[must_use]
    pub fn question(self) -> &'static Question {
        &QUESTIONS[self as usize]
    }

    /// Returns the question with this HTML field name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        QUESTIONS
            .iter()
            .find(|question| question.name == name)
            .map(|question| question.field)
    }
}

impl Group {
    /// All parts, in form order.
    pub const ALL: [Self; 4] = [Organization, Representative, Icann, Declarations];

    /// Returns the questions of this part, in form order.
    pub fn questions(self) -> impl Iterator<Item = &'static Question> {
        QUESTIONS.iter().filter(move |question| question.group == self)
    }
}

impl Question {
    /// Parses what was typed. An optional question without an answer gives [`Value::Empty`].
    ///
    /// # Errors
    /// Returns the [`Fault`] if the answer breaks the rule.
    pub fn parse(&self, typed: &[String]) -> Result<Value, Fault> {
        match self.rule.parse(typed) {
            Err(Fault::Missing) if !self.required => Ok(Value::Empty),
            parsed => parsed,
        }
    }

    /// Returns the values that the question offers, or none if the answer is typed.
    #[must_use]
    pub fn offers(&self) -> &'static [&'static str] {
        match self.rule {
            Rule::OneOf(offered) | Rule::AnyOf(offered) => offered,
            Rule::Yes => &["yes"],
            _ => &[],
        }
    }
}

/// A parsed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the types in them")]
pub enum Value {
    Empty,
    Text(String),
    Choices(Vec<String>),
    DomainName(DomainName),
    Website(Website),
    Country(Country),
    Email(EmailAddress),
}

impl Value {
    /// Returns the answer as it is shown and stored, or nothing for [`Value::Empty`].
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Empty => Vec::new(),
            Self::Text(text) => vec![text.clone()],
            Self::Choices(chosen) => chosen.clone(),
            Self::DomainName(name) => vec![name.unicode().to_owned()],
            Self::Website(website) => vec![website.as_str().to_owned()],
            Self::Country(country) => vec![country.code().to_owned()],
            Self::Email(address) => vec![address.to_string()],
        }
    }

    pub(super) fn into_domain_name(self) -> Option<DomainName> {
        if let Self::DomainName(value) = self {
            Some(value)
        } else {
            None
        }
    }

    pub(super) fn into_website(self) -> Option<Website> {
        if let Self::Website(value) = self {
            Some(value)
        } else {
            None
        }
    }

    pub(super) fn into_country(self) -> Option<Country> {
        if let Self::Country(value) = self {
            Some(value)
        } else {
            None
        }
    }

    pub(super) fn into_email(self) -> Option<EmailAddress> {
        if let Self::Email(value) = self {
            Some(value)
        } else {
            None
        }
    }
}

impl Rule {
    fn parse(self, typed: &[String]) -> Result<Value, Fault> {
        match self {
            Self::AnyOf(offered) => any_of(offered, typed).map(Value::Choices),
            _ => self.parse_one(only(typed)?),
        }
    }

    fn parse_one(self, typed: &str) -> Result<Value, Fault> {
        if !has_visible_text(typed) {
            return Err(Fault::Missing);
        }
        match self {
            Self::Line(min, max) => text::line(typed, min, max).map(Value::Text),
            Self::Prose(min, max) => text::prose(typed, min, max).map(Value::Text),
            Self::DomainName => DomainName::parse(typed).map(Value::DomainName),
            Self::Website => Website::parse(typed).map(Value::Website),
            Self::Country => Country::parse(typed).map(Value::Country),
            Self::Email => EmailAddress::parse(typed).map(Value::Email),
            Self::OneOf(offered) | Self::AnyOf(offered) => one_of(offered, typed).map(Value::Text),
            Self::Yes => one_of(&["yes"], typed).map(Value::Text),
        }
    }
}

/// Returns the one answer to a field. The same answer twice counts once; two different answers are a fault.
fn only(typed: &[String]) -> Result<&str, Fault> {
    match typed {
        [] => Ok(""),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Ok(first),
        _ => Err(Fault::Repeated),
    }
}

fn one_of(offered: &[&str], typed: &str) -> Result<String, Fault> {
    match typed.trim() {
        given if offered.contains(&given) => Ok(given.to_owned()),
        given => Err(Fault::not_offered(given)),
    }
}

/// Returns the chosen values in the order of the offer, whatever the order in which they came.
fn any_of(offered: &[&str], typed: &[String]) -> Result<Vec<String>, Fault> {
    let trimmed = typed.iter().map(|one| one.trim());
    let given: Vec<&str> = trimmed.filter(|one| has_visible_text(one)).collect();
    if let Some(unknown) = given.iter().find(|one| !offered.contains(one)) {
        return Err(Fault::not_offered(unknown));
    }
    let chosen = offered.iter().filter(|one| given.contains(one));
    Ok(chosen.map(|one| (*one).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_index_of_its_question() {
        for (index, question) in QUESTIONS.iter().enumerate() {
            assert_eq!(question.field as usize, index, "{}", question.name);
            assert_eq!(Field::named(question.name), Some(question.field));
        }
    }

    #[test]
    fn questions_of_a_group_stand_together() {
        let in_groups: Vec<_> = Group::ALL
            .iter()
            .flat_map(|group| group.questions())
            .map(|question| question.field)
            .collect();
        assert!(in_groups.iter().eq(QUESTIONS.iter().map(|question| &question.field)));
    }
}
