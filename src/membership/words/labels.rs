//! The form in words: headings, labels, hints, choices, and answers as people read them.

use crate::membership::form::{Field as F, Group, Rule};
use crate::membership::{Answers, Field};
use crate::values::{Country, DomainName, text};

use super::super::unlinked::{mail_address, unlinked};

/// Returns the heading of a part of the form.
#[must_use]
pub fn heading(group: Group) -> &'static str {
    match group {
        Group::Organization => "Your organization",
        Group::Representative => "Your representative",
        Group::Icann => "Your organization and ICANN",
        Group::Declarations => "Before you send",
    }
}

/// Returns the heading of a part of an application, for staff.
#[must_use]
pub fn staff_heading(group: Group) -> &'static str {
    match group {
        Group::Organization => "The organization",
        Group::Representative => "The representative",
        Group::Icann => "The organization and ICANN",
        Group::Declarations => "Declarations",
    }
}

/// Returns the label of a field in the form.
#[must_use]
pub fn label(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "Name of your organization",
        F::OrganizationNameLatin => "Name in Latin letters",
        F::DomainName => "Domain name",
        F::Website => "Address of your website",
        F::Country => "Country or territory",
        F::Registered => "Is your organization a registered not-for-profit or non-governmental organization?",
        F::RegistrationNote => "About the registration",
        F::KindOfWork => "Kind of work",
        F::Statement => "What your organization does, and why it wants to join",
        F::RepresentativeName => "Full name of your representative",
        F::RepresentativeRole => "Role in your organization",
        F::RepresentativeEmail => "Email address of your representative",
        F::RepresentativePhone => "Phone number of your representative",
        F::AlternateName => "Full name of an alternate representative",
        F::AlternateEmail => "Email address of the alternate representative",
        F::NcsgStatus => "Is your organization a member of the NCSG, ICANN’s Non-Commercial Stakeholder Group?",
        F::IcannGroups => "Other ICANN groups that your organization belongs to",
        F::NotEligible => "Is your organization one of these?",
        F::Authorised => "Authority to apply",
        F::Authoriser => "Who in your organization has agreed to the application",
        F::Publish => "Listing as a member",
        F::MailingList => "Members’ mailing list",
    }
}

/// Returns the label of an answer, below the heading of its part: on the check page, in emails and on the terminal.
#[must_use]
pub fn short_label(field: Field) -> &'static str {
    match field {
        F::OrganizationName | F::RepresentativeName => "Name",
        F::Website => "Website",
        F::Registered => "Registered",
        F::Statement => "Work, and reasons to join",
        F::RepresentativeRole => "Role",
        F::RepresentativeEmail => "Email address",
        F::RepresentativePhone => "Phone number",
        F::AlternateName => "Name of the alternate",
        F::AlternateEmail => "Email address of the alternate",
        F::NcsgStatus => "NCSG member",
        F::IcannGroups => "Other ICANN groups",
        F::NotEligible => "Reasons it may not be eligible",
        F::Authorised => "Authorized to apply",
        F::Authoriser => "Agreed by",
        F::Publish => "Agrees to be listed as a member",
        F::MailingList => "Agrees to join the mailing list",
        F::OrganizationNameLatin | F::DomainName | F::Country | F::RegistrationNote | F::KindOfWork => label(field),
    }
}

/// Returns a short text that helps to answer, or an empty text.
#[must_use]
pub fn hint(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "The official name, as in your registration papers",
        F::OrganizationNameLatin => "Only if the name above is in another alphabet or script",
        F::DomainName => "A name that only your organization uses. For example, example.org",
        F::Website => "Only if it differs from the domain name",
        F::Country => {
            "Where your organization is registered, or where it works if it is not registered. If none fits, select the \
            nearest and say so under “About the registration”"
        }
        F::Registered => "If not, you can still apply. The executive committee decides case by case",
        F::RegistrationNote => "The registration authority and number, or why your organization is not registered",
        F::KindOfWork => "Select the one that fits best",
        F::Statement => "A few sentences, between 20 and 2,000 characters",
        F::RepresentativeName => "The person who speaks for your organization in NPOC",
        F::RepresentativeRole => "For example: director, secretary, volunteer",
        F::RepresentativeEmail => "NPOC will write to this address",
        F::RepresentativePhone => "With the country code, in any format",
        F::AlternateName => {
            "A person who can act for your representative. Give both name and email address, or neither"
        }
        F::NcsgStatus => "Members of NPOC are also members of the NCSG. The NCSG has its own form",
        F::NotEligible => "Select all that apply, or none. You can still send your application",
        F::Authoriser => "Name and position, if it is someone other than you. For example, a director or a board",
        _ => "",
    }
}

/// A question and its answer as a person reads them.
pub struct AnswerInWords {
    /// The question.
    pub field: Field,
    /// The short label of the question.
    pub label: &'static str,
    /// The lines of the answer; none if it was not given.
    pub lines: Vec<String>,
}

/// Returns each question of a group with its answer in words, in form order. The check page, the emails and the terminal
/// show the same.
pub fn answers_in_words(answers: &Answers, group: Group) -> impl Iterator<Item = AnswerInWords> {
    group.questions().map(|question| AnswerInWords {
        field: question.field,
        label: short_label(question.field),
        lines: lines(question.field, answers.all(question.field)),
    })
}

/// An unticked box is an answer too.
fn lines(field: Field, given: &[String]) -> Vec<String> {
    if let Some(unticked) = unticked(field).filter(|_| given.is_empty()) {
        return vec![unticked.to_owned()];
    }
    let words = given.iter().map(|given| answer(field, given));
    words
        .flat_map(|answer| answer.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

impl AnswerInWords {
    /// Breaks every text that an email program would turn into a link, except links to this domain.
    #[must_use]
    pub fn unlinked(mut self, own: &DomainName) -> Self {
        for line in &mut self.lines {
            *line = unlinked(line, Some(own));
        }
        self
    }

    /// Keeps email addresses that staff can use, and breaks those that a program could take for a link to a page.
    #[must_use]
    pub fn with_usable_address(mut self, application: &crate::membership::Application) -> Self {
        for line in &mut self.lines {
            *line = application
                .email(self.field)
                .map_or_else(|| unlinked(line, None), mail_address);
        }
        self
    }

    /// Returns whether the answer is a phone number without words.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.field == Field::RepresentativePhone && self.lines.iter().all(|line| text::is_number(line))
    }
}

/// Returns an answer as a person reads it: the words of a choice, the name of a country.
#[must_use]
pub fn answer(field: Field, given: &str) -> String {
    match field.question().rule {
        Rule::Country => Country::parse(given).map_or_else(|_| given.to_owned(), |country| country.name().to_owned()),
        Rule::Yes => "Yes".to_owned(),
        Rule::OneOf(_) | Rule::AnyOf(_) => choice(field, given).unwrap_or(given).to_owned(),
        _ => given.to_owned(),
    }
}

/// Returns the answer that unticked boxes give; `None` for a question without boxes.
#[must_use]
pub fn unticked(field: Field) -> Option<&'static str> {
    match field.question().rule {
        Rule::AnyOf(_) => Some("None of these"),
        Rule::Yes => Some("No"),
        _ => None,
    }
}

/// Returns the words beside a radio button or a checkbox; `None` for a value that is not offered.
#[must_use]
pub fn choice(field: Field, value: &str) -> Option<&'static str> {
    Some(match (field, value) {
        (F::Registered, "yes") | (F::NcsgStatus, "member") => "Yes",
        (F::Registered, "no") => "No",
        (F::KindOfWork, "philanthropic") => "Philanthropic",
        (F::KindOfWork, "humanitarian") => "Humanitarian",
        (F::KindOfWork, "educational") => "Educational",
        (F::KindOfWork, "academic-professional") => "Academic or professional",
        (F::KindOfWork, "religious") => "Religious",
        (F::KindOfWork, "community") => "Community",
        (F::KindOfWork, "arts") => "Arts",
        (F::KindOfWork, "public-interest-advocacy") => "Public interest advocacy",
        (F::KindOfWork, "health") => "Health",
        (F::KindOfWork, "social-inclusion") => "Social inclusion",
        (F::KindOfWork, "other") => "Other",
        (F::NcsgStatus, "applied") => "Applied, not yet accepted",
        (F::NcsgStatus, "not-yet") => "Not yet",
        (F::NcsgStatus, "unsure") => "I am not sure",
        (F::NotEligible, "commercial") => {
            "A commercial entity, or an organization whose members are mainly commercial, such as a chamber of commerce"
        }
        (F::NotEligible, "icann-contract") => "A provider of services under a contract or memorandum with ICANN",
        (F::NotEligible, "seeks-office") => "A political organization whose main purpose is to hold office",
        (F::NotEligible, "government") => "A body that represents a government in ICANN",
        (F::Authorised, "yes") => "I am authorized to apply for my organization",
        (F::Publish, "yes") => "If accepted, my organization may be listed as a member on NPOC’s site",
        (F::MailingList, "yes") => "My organization’s representative may be added to the members’ mailing list",
        _ => return None,
    })
}
