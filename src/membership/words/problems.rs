//! Sentences for applicants about answers that break a rule.

use crate::membership::form::Problem;
use crate::membership::form::{Field, Field as F};
use crate::values::{DomainFault, EmailFault, Fault};

/// Returns what to do about a problem. The error summary and the field show the same sentence.
#[must_use]
pub fn problem(problem: &Problem) -> String {
    let Problem { field, fault } = problem;
    let thing = thing(*field);
    match fault {
        Fault::Missing => missing(*field),
        Fault::TooShort { min, given } if *field == F::Statement => format!(
            "Say more about your organization and why it wishes to join: at least {min} characters (now {given})"
        ),
        Fault::TooShort { min, given } => format!("Enter {thing} in at least {min} characters (now {given})"),
        Fault::TooLong { max, given } => format!("Enter {thing} in at most {max} characters (now {given})"),
        Fault::Damaged => format!("Enter {thing} again: part of the text was damaged when it was sent"),
        Fault::Repeated => format!("Enter {thing} only once: different answers arrived"),
        Fault::NotOffered(given) => format!("Select {thing} from the list: “{given}” is not on it"),
        Fault::NotAWebsite => {
            format!("Enter {thing} in full and without spaces, like https://example.org, or leave it empty")
        }
        Fault::Domain(fault) => domain(*fault),
        Fault::Email(fault) => email(thing, *fault),
    }
}

/// Names what a question asks for, inside a sentence.
fn thing(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "the name of your organization",
        F::OrganizationNameLatin => "the name of your organization in Latin letters",
        F::DomainName => "the domain name of your organization",
        F::Website => "the address of your website",
        F::Country => "the country or territory of your organization",
        F::Registered => "whether your organization is registered",
        F::RegistrationNote => "the details of the registration",
        F::KindOfWork => "the kind of work that your organization does",
        F::Statement => "what your organization does and why it wishes to join",
        F::RepresentativeName => "the full name of your representative",
        F::RepresentativeRole => "the role of your representative",
        F::RepresentativeEmail => "the email address of your representative",
        F::RepresentativePhone => "the phone number",
        F::AlternateName => "the name of the alternate representative",
        F::AlternateEmail => "the email address of the alternate representative",
        F::NcsgStatus => "whether your organization is a member of the NCSG",
        F::IcannGroups => "the other ICANN groups",
        F::NotEligible => "what applies to your organization",
        F::Authorised => "whether you are authorized to apply for your organization",
        F::Authoriser => "who in your organization has agreed",
        F::Publish => "whether your organization may be listed as a member",
        F::MailingList => "whether your representative may be added to the mailing list",
    }
}

fn missing(field: Field) -> String {
    let thing = thing(field);
    match field {
        F::DomainName => format!("Enter {thing}. If your organization has none, write to info@npoc.org"),
        F::RegistrationNote => {
            "Enter the registration authority and number, or why your organization is not registered".into()
        }
        F::Authorised => {
            "Select “I am authorized to apply for my organization”. Without this, NPOC cannot accept the application"
                .into()
        }
        F::AlternateName | F::AlternateEmail => {
            format!("Enter {thing} as well, or leave both fields about the alternate empty")
        }
        _ if !field.question().offers().is_empty() || field == F::Country => format!("Select {thing}"),
        _ => format!("Enter {thing}"),
    }
}

fn domain(fault: DomainFault) -> String {
    let sentence = match fault {
        DomainFault::NoDot => "Enter the full domain name with its ending, like example.org",
        DomainFault::IpAddress => "Enter a domain name like example.org, not an IP address",
        DomainFault::EmptyLabel => "Enter the domain name with one dot between its parts, like example.org",
        DomainFault::Space => "Enter one domain name without spaces, like example.org",
        DomainFault::Character(stray) => {
            return format!("Enter the domain name without “{stray}”, like example.org");
        }
        DomainFault::Underscore => {
            "Enter the domain name without underscores ( _ ): no registered domain name has them"
        }
        DomainFault::TooLong => {
            "Enter a shorter domain name: at most 63 letters between two dots, and at most 253 letters in all"
        }
        DomainFault::PublicSuffix => {
            "Enter your organization’s own domain name: this is only an ending, and other names are registered under it"
        }
        DomainFault::EmailAddress => "Enter only the domain name, the part after the @: this is an email address",
        DomainFault::NotAllowed => {
            "Enter the domain name as it is registered, like example.org: it has a character that domain names do not allow"
        }
    };
    sentence.to_owned()
}

fn email(thing: &str, fault: EmailFault) -> String {
    match fault {
        EmailFault::NoAt => format!("Enter {thing} with an @ sign, like name@example.org"),
        EmailFault::ManyAts => format!("Enter only one address as {thing}, with one @ sign"),
        EmailFault::NoMailbox => format!("Enter {thing} with the part before the @ sign, like name@example.org"),
        EmailFault::NoDomain => format!("Enter {thing} with the part after the @ sign, like name@example.org"),
        EmailFault::Dots => {
            format!(
                "Enter {thing} without two dots in a row, and without a dot at the start, at the end or beside the @"
            )
        }
        EmailFault::Space => format!("Enter {thing} without spaces, line breaks or invisible characters"),
        EmailFault::NotAlone => format!("Enter only {thing}, without a name, < > or mailto:"),
        EmailFault::TooLong => format!(
            "Enter a shorter address as {thing}: at most 64 characters before the @ and 254 bytes in all; a letter \
             outside a to z takes two bytes or more"
        ),
        EmailFault::NotPublic => format!("Enter {thing} with a public domain name, like name@example.org"),
        EmailFault::Domain => format!("Check the part after the @ sign in {thing}: it is not a domain name"),
        EmailFault::Character(stray) => format!("Enter {thing} without “{stray}”"),
        EmailFault::Mailbox => {
            format!("Check the part before the @ sign in {thing}: it has a character that email does not allow")
        }
    }
}
