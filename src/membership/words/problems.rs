//! Sentences for applicants about answers that break a rule.

use super::label;
use crate::locale::{Language, Words};
use crate::membership::form::Problem;
use crate::membership::form::{Field, Field as F};
use crate::values::{DomainFault, EmailFault, Fault};

/// Returns what to do about a problem. The error summary and the field show the same sentence.
#[must_use]
pub fn problem(language: Language, problem: &Problem) -> String {
    let Problem { field, fault } = problem;
    let words = Words::of(language);
    let question = label(language, *field);
    match fault {
        Fault::Missing => missing(words, *field, question),
        Fault::TooShort { min, given } if *field == F::Statement => words.problem_statement_too_short(*min, *given),
        Fault::TooShort { min, given } => words.problem_too_short(question, *min, *given),
        Fault::TooLong { max, given } => words.problem_too_long(question, *max, *given),
        Fault::Damaged => words.problem_damaged(question),
        Fault::Repeated => words.problem_repeated(question),
        Fault::NotOffered(given) => words.problem_not_offered(question, given),
        Fault::NotAWebsite => words.problem_website.to_owned(),
        Fault::Domain(fault) => domain(words, *fault),
        Fault::Email(fault) => email(words, question, *fault),
    }
}

fn missing(words: &Words, field: Field, question: &str) -> String {
    let sentence = match field {
        F::OrganizationName => words.missing_organization_name,
        F::DomainName => words.missing_domain_name,
        F::Country => words.missing_country,
        F::Registered => words.missing_registered,
        F::RegistrationNote => words.missing_registration_note,
        F::KindOfWork => words.missing_kind_of_work,
        F::Statement => words.missing_statement,
        F::RepresentativeName => words.missing_representative_name,
        F::RepresentativeRole => words.missing_representative_role,
        F::RepresentativeEmail => words.missing_representative_email,
        F::AlternateName => words.missing_alternate_name,
        F::AlternateEmail => words.missing_alternate_email,
        F::NcsgStatus => words.missing_ncsg_status,
        F::Authorised => return words.missing_authorised(words.choice_authorised),
        _ => return words.missing_other(question),
    };
    sentence.to_owned()
}

fn domain(words: &Words, fault: DomainFault) -> String {
    /// Octets of a label and of a name in the domain name system (RFC 1035, 2.3.4).
    const LONGEST: (u64, u64) = (63, 253);
    let sentence = match fault {
        DomainFault::NoDot => words.domain_no_dot,
        DomainFault::IpAddress => words.domain_ip_address,
        DomainFault::EmptyLabel => words.domain_empty_label,
        DomainFault::Space => words.domain_space,
        DomainFault::Character(stray) => return words.domain_character(stray.encode_utf8(&mut [0; 4])),
        DomainFault::Underscore => words.domain_underscore,
        DomainFault::TooLong => return words.domain_too_long(LONGEST.0, LONGEST.1),
        DomainFault::PublicSuffix => words.domain_public_suffix,
        DomainFault::EmailAddress => words.domain_email_address,
        DomainFault::NotAllowed => words.domain_not_allowed,
    };
    sentence.to_owned()
}

fn email(words: &Words, question: &str, fault: EmailFault) -> String {
    /// Characters of a mailbox, as [`crate::values::EmailAddress`] allows them, and octets of an address (RFC 5321).
    const LONGEST: (u64, u64) = (64, 254);
    match fault {
        EmailFault::NoAt => words.email_no_at(question),
        EmailFault::ManyAts => words.email_many_ats(question),
        EmailFault::NoMailbox => words.email_no_mailbox(question),
        EmailFault::NoDomain => words.email_no_domain(question),
        EmailFault::Dots => words.email_dots(question),
        EmailFault::Space => words.email_space(question),
        EmailFault::NotAlone => words.email_not_alone(question),
        EmailFault::TooLong => words.email_too_long(question, LONGEST.0, LONGEST.1),
        EmailFault::NotPublic => words.email_not_public(question),
        EmailFault::Domain => words.email_domain(question),
        EmailFault::Character(stray) => words.email_character(question, stray.encode_utf8(&mut [0; 4])),
        EmailFault::Mailbox => words.email_mailbox(question),
    }
}
