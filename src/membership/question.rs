//! The form as a table: every question once, in form order, with its field name and its rule.
//! The page, the check, the letters, the commands and the tests read it; words for people stand
//! in [`super::words`]. To change a question, change its row here, its words there, and its
//! column in a migration.

use crate::values::characters::has_visible_text;
use crate::values::{Country, DomainName, EmailAddress, Fault, Website, text};

/// A question of the form. The order is the form's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the fields of the form, which their labels explain")]
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

/// The four parts of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Group {
    Organization,
    Representative,
    Icann,
    Declarations,
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One line of this many characters.
    Line(u64, u64),
    /// Text with line breaks of this many characters.
    Prose(u64, u64),
    /// See [`DomainName`].
    DomainName,
    /// See [`Website`].
    Website,
    /// See [`Country`].
    Country,
    /// See [`EmailAddress`].
    Email,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Any of these, or none.
    AnyOf(&'static [&'static str]),
    /// `yes`, or nothing.
    Yes,
}

/// One row of the form.
#[derive(Debug)]
pub struct Question {
    /// Which one.
    pub field: Field,
    /// The HTML field name, fixed since others post it, and the column.
    pub name: &'static str,
    /// Where it stands.
    pub group: Group,
    /// What its answer must be.
    pub rule: Rule,
    /// Whether it must be answered.
    pub required: bool,
    /// The autofill token (WCAG 1.3.5), or "" where a browser could only guess wrong.
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
pub const QUESTIONS: [Question; 22] = [
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
    /// The question's row.
    #[must_use]
    pub fn question(self) -> &'static Question {
        &QUESTIONS[self as usize]
    }

    /// The field of this HTML name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        QUESTIONS
            .iter()
            .find(|question| question.name == name)
            .map(|question| question.field)
    }
}

impl Group {
    /// The four, in form order.
    pub const ALL: [Self; 4] = [Organization, Representative, Icann, Declarations];

    /// Its questions, in form order.
    pub fn questions(self) -> impl Iterator<Item = &'static Question> {
        QUESTIONS.iter().filter(move |question| question.group == self)
    }
}

impl Question {
    /// What the rule makes of what was typed: the cleaned answer, empty where an optional one was
    /// left out.
    ///
    /// # Errors
    /// The [`Fault`] of the rule.
    pub fn check(&self, typed: &[String]) -> Result<Vec<String>, Fault> {
        match self.rule.clean(typed) {
            Err(Fault::Missing) if !self.required => Ok(Vec::new()),
            checked => checked,
        }
    }

    /// The answers on offer, for a question that offers some.
    #[must_use]
    pub fn offers(&self) -> &'static [&'static str] {
        match self.rule {
            Rule::OneOf(offered) | Rule::AnyOf(offered) => offered,
            Rule::Yes => &["yes"],
            _ => &[],
        }
    }
}

impl Rule {
    fn clean(self, typed: &[String]) -> Result<Vec<String>, Fault> {
        match self {
            Self::AnyOf(offered) => any_of(offered, typed),
            _ => Ok(vec![self.clean_one(only(typed)?)?]),
        }
    }

    fn clean_one(self, typed: &str) -> Result<String, Fault> {
        if !has_visible_text(typed) {
            return Err(Fault::Missing);
        }
        match self {
            Self::Line(min, max) => text::line(typed, min, max),
            Self::Prose(min, max) => text::prose(typed, min, max),
            Self::DomainName => DomainName::parse(typed).map(|name| name.unicode().to_owned()),
            Self::Website => Website::parse(typed).map(|website| website.as_str().to_owned()),
            Self::Country => Country::parse(typed).map(|country| country.code().to_owned()),
            Self::Email => EmailAddress::parse(typed).map(|email| email.to_string()),
            Self::OneOf(offered) | Self::AnyOf(offered) => one_of(offered, typed),
            Self::Yes => one_of(&["yes"], typed),
        }
    }
}

/// One field, one answer. The same answer twice is one; two different ones are a question back.
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

/// In the order in which they are offered, whatever the order in which they came.
fn any_of(offered: &[&str], typed: &[String]) -> Result<Vec<String>, Fault> {
    let given: Vec<&str> = typed
        .iter()
        .map(|one| one.trim())
        .filter(|one| has_visible_text(one))
        .collect();
    if let Some(unknown) = given.iter().find(|one| !offered.contains(one)) {
        return Err(Fault::not_offered(unknown));
    }
    Ok(offered
        .iter()
        .filter(|one| given.contains(one))
        .map(|one| (*one).to_owned())
        .collect())
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
            .map(|q| q.field)
            .collect();
        assert_eq!(in_groups, QUESTIONS.map(|q| q.field));
    }
}
