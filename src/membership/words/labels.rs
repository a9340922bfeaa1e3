//! The form in the words of a language: headings, labels, hints, choices, and answers as people read them.

use std::borrow::Cow;

use crate::locale::{Language, Words, country_name};
use crate::membership::form::{Field as F, Group, Rule};
use crate::membership::{Answers, Field};
use crate::values::{Country, DomainName, text};

use super::super::unlinked::{mail_address, unlinked};

/// Returns the heading of a part of the form.
#[must_use]
pub fn heading(language: Language, group: Group) -> &'static str {
    let words = Words::of(language);
    match group {
        Group::Organization => words.part_organization,
        Group::Representative => words.part_representative,
        Group::Icann => words.part_icann,
        Group::Declarations => words.part_declarations,
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
pub fn label(language: Language, field: Field) -> &'static str {
    let words = Words::of(language);
    match field {
        F::OrganizationName => words.label_organization_name,
        F::OrganizationNameLatin => words.label_organization_name_latin,
        F::DomainName => words.label_domain_name,
        F::Website => words.label_website,
        F::Country => words.label_country,
        F::Registered => words.label_registered,
        F::RegistrationNote => words.label_registration_note,
        F::KindOfWork => words.label_kind_of_work,
        F::Statement => words.label_statement,
        F::RepresentativeName => words.label_representative_name,
        F::RepresentativeRole => words.label_representative_role,
        F::RepresentativeEmail => words.label_representative_email,
        F::RepresentativePhone => words.label_representative_phone,
        F::AlternateName => words.label_alternate_name,
        F::AlternateEmail => words.label_alternate_email,
        F::NcsgStatus => words.label_ncsg_status,
        F::IcannGroups => words.label_icann_groups,
        F::NotEligible => words.label_not_eligible,
        F::Authorised => words.label_authorised,
        F::Authoriser => words.label_authoriser,
        F::Publish => words.label_publish,
        F::MailingList => words.label_mailing_list,
    }
}

/// Returns the label of an answer, below the heading of its part: on the check page, in emails and on the terminal.
#[must_use]
pub fn short_label(language: Language, field: Field) -> &'static str {
    let words = Words::of(language);
    match field {
        F::OrganizationName => words.short_organization_name,
        F::Website => words.short_website,
        F::Registered => words.short_registered,
        F::Statement => words.short_statement,
        F::RepresentativeName => words.short_representative_name,
        F::RepresentativeRole => words.short_representative_role,
        F::RepresentativeEmail => words.short_representative_email,
        F::RepresentativePhone => words.short_representative_phone,
        F::AlternateName => words.short_alternate_name,
        F::AlternateEmail => words.short_alternate_email,
        F::NcsgStatus => words.short_ncsg_status,
        F::IcannGroups => words.short_icann_groups,
        F::NotEligible => words.short_not_eligible,
        F::Authorised => words.short_authorised,
        F::Authoriser => words.short_authoriser,
        F::Publish => words.short_publish,
        F::MailingList => words.short_mailing_list,
        F::OrganizationNameLatin | F::DomainName | F::Country | F::RegistrationNote | F::KindOfWork => {
            label(language, field)
        }
    }
}

/// Returns a short text that helps to answer, if there is one.
#[must_use]
pub fn hint(language: Language, field: Field) -> Option<Cow<'static, str>> {
    let words = Words::of(language);
    Some(Cow::Borrowed(match field {
        F::OrganizationName => words.hint_organization_name,
        F::OrganizationNameLatin => words.hint_organization_name_latin,
        F::DomainName => words.hint_domain_name,
        F::Website => words.hint_website,
        F::Registered => words.hint_registered,
        F::RegistrationNote => words.hint_registration_note,
        F::KindOfWork => words.hint_kind_of_work,
        F::RepresentativeName => words.hint_representative_name,
        F::RepresentativeRole => words.hint_representative_role,
        F::RepresentativeEmail => words.hint_representative_email,
        F::RepresentativePhone => words.hint_representative_phone,
        F::AlternateName => words.hint_alternate_name,
        F::NcsgStatus => words.hint_ncsg_status,
        F::NotEligible => words.hint_not_eligible,
        F::Authoriser => words.hint_authoriser,
        F::Country => return Some(words.hint_country(words.label_registration_note).into()),
        F::Statement => return statement_hint(words).map(Cow::Owned),
        F::AlternateEmail | F::IcannGroups | F::Authorised | F::Publish | F::MailingList => return None,
    }))
}

fn statement_hint(words: &Words) -> Option<String> {
    match F::Statement.question().rule {
        Rule::Prose(min, max) => Some(words.hint_statement(min, max)),
        _ => None,
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
pub fn answers_in_words(language: Language, answers: &Answers, group: Group) -> impl Iterator<Item = AnswerInWords> {
    group.questions().map(move |question| AnswerInWords {
        field: question.field,
        label: short_label(language, question.field),
        lines: lines(language, question.field, answers.all(question.field)),
    })
}

/// An unticked box is an answer too.
fn lines(language: Language, field: Field, given: &[String]) -> Vec<String> {
    if let Some(unticked) = unticked(language, field).filter(|_| given.is_empty()) {
        return vec![unticked.to_owned()];
    }
    let words = given.iter().map(|given| answer(language, field, given));
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
pub fn answer(language: Language, field: Field, given: &str) -> String {
    let country = |country| country_name(language, country);
    let in_words = match field.question().rule {
        Rule::Country => Country::parse(given).ok().map(country),
        Rule::Yes => Some(Words::of(language).answer_yes),
        Rule::OneOf(_) | Rule::AnyOf(_) => choice(language, field, given),
        _ => None,
    };
    in_words.unwrap_or(given).to_owned()
}

/// Returns the answer that unticked boxes give; `None` for a question without boxes.
#[must_use]
pub fn unticked(language: Language, field: Field) -> Option<&'static str> {
    let words = Words::of(language);
    match field.question().rule {
        Rule::AnyOf(_) => Some(words.answer_none),
        Rule::Yes => Some(words.answer_no),
        _ => None,
    }
}

/// Returns the words beside a radio button or a checkbox; `None` for a value that is not offered.
#[must_use]
pub fn choice(language: Language, field: Field, value: &str) -> Option<&'static str> {
    let words = Words::of(language);
    Some(match (field, value) {
        (F::Registered, "yes") => words.choice_registered_yes,
        (F::Registered, "no") => words.choice_registered_no,
        (F::KindOfWork, "philanthropic") => words.choice_work_philanthropic,
        (F::KindOfWork, "humanitarian") => words.choice_work_humanitarian,
        (F::KindOfWork, "educational") => words.choice_work_educational,
        (F::KindOfWork, "academic-professional") => words.choice_work_academic_professional,
        (F::KindOfWork, "religious") => words.choice_work_religious,
        (F::KindOfWork, "community") => words.choice_work_community,
        (F::KindOfWork, "arts") => words.choice_work_arts,
        (F::KindOfWork, "public-interest-advocacy") => words.choice_work_public_interest_advocacy,
        (F::KindOfWork, "health") => words.choice_work_health,
        (F::KindOfWork, "social-inclusion") => words.choice_work_social_inclusion,
        (F::KindOfWork, "other") => words.choice_work_other,
        (F::NcsgStatus, "member") => words.choice_ncsg_member,
        (F::NcsgStatus, "applied") => words.choice_ncsg_applied,
        (F::NcsgStatus, "not-yet") => words.choice_ncsg_not_yet,
        (F::NcsgStatus, "unsure") => words.choice_ncsg_unsure,
        (F::NotEligible, "commercial") => words.choice_excluded_commercial,
        (F::NotEligible, "icann-contract") => words.choice_excluded_icann_contract,
        (F::NotEligible, "seeks-office") => words.choice_excluded_seeks_office,
        (F::NotEligible, "government") => words.choice_excluded_government,
        (F::Authorised, "yes") => words.choice_authorised,
        (F::Publish, "yes") => words.choice_publish,
        (F::MailingList, "yes") => words.choice_mailing_list,
        _ => return None,
    })
}

/// Returns the words that replace an answer that was not given.
#[must_use]
pub fn not_provided(language: Language) -> &'static str {
    Words::of(language).answer_missing
}
