//! Every sentence about a question that a person reads: labels, hints, choices and problems.
//! In one place, so that it can be read as a whole and said in another language one day.

use super::doubts::Doubt;
use super::form::{Answers, Application, Field, Field as F, Group, Problem, QUESTIONS, Rule};
use super::unlinked::{mail_address, unlinked};
use crate::values::{Country, DomainFault, DomainName, EmailFault, Fault, text};

/// What is shown in the place of an answer.
pub const NOT_PROVIDED: &str = "Not provided";

/// Where an organization applies to the NCSG, which NPOC's members are accepted by too.
pub const NCSG_APPLICATION: &str = "https://members.ncsg.is/membership_application";

/// The heading of a part of the form.
#[must_use]
pub fn heading(group: Group) -> &'static str {
    match group {
        Group::Organization => "Your organization",
        Group::Representative => "Its representative in NPOC",
        Group::Icann => "Your organization and ICANN",
        Group::Declarations => "Declarations",
    }
}

/// What is above a field, and before its answer wherever that is shown.
#[must_use]
pub fn label(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "Name of the organization",
        F::OrganizationNameLatin => "Its name in Latin letters",
        F::DomainName => "Domain name",
        F::Website => "Address of the website",
        F::Country => "Country or territory",
        F::Registered => "Is it a registered not-for-profit or non-governmental organization?",
        F::RegistrationNote => "About the registration",
        F::KindOfWork => "Kind of work",
        F::Statement => "What the organization does, and why it wishes to join",
        F::RepresentativeName => "Full name of the representative",
        F::RepresentativeRole => "Role in the organization",
        F::RepresentativeEmail => "E-mail address of the representative",
        F::RepresentativePhone => "Phone number of the representative",
        F::AlternateName => "Full name of an alternate representative",
        F::AlternateEmail => "E-mail address of the alternate representative",
        F::NcsgStatus => "Is the organization a member of the NCSG, ICANN’s Non-Commercial Stakeholder Group?",
        F::IcannGroups => "Other ICANN groups it belongs to",
        F::NotEligible => "Does any of these apply to the organization?",
        F::Authorised => "Authority to apply",
        F::Authoriser => "Who in the organization has agreed",
        F::Publish => "Listing as a member",
        F::MailingList => "Members’ mailing list",
    }
}

/// One short sentence that helps to answer, or "".
#[must_use]
pub fn hint(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "As it is registered, in its own script",
        F::OrganizationNameLatin => "Where the name above is written in another script",
        F::DomainName => "The one that the organization alone uses, for example example.org, in any script",
        F::Website => "Where it differs from the domain name",
        F::Country => {
            "Where it is registered, or else where it works; if none fits, select the nearest and say so under “About the \
            registration”"
        }
        F::Registered => "If it is not, you can still apply: the executive committee decides case by case",
        F::RegistrationNote => "With which authority and under what number, or why it is not registered",
        F::KindOfWork => "Select the one that fits best",
        F::Statement => "A few sentences, between 20 and 2,000 characters",
        F::RepresentativeName => "The person who speaks for the organization in NPOC, in any script",
        F::RepresentativeRole => "For example: director, secretary, volunteer",
        F::RepresentativeEmail => "NPOC answers to this address; any script works",
        F::RepresentativePhone => "In any form, with the country code",
        F::AlternateName => "Someone who can stand in; give both name and address, or neither",
        F::NcsgStatus => "NPOC’s members are also accepted by the NCSG, which has an application of its own",
        F::NotEligible => "Nothing is refused on the spot: NPOC reads what you select",
        F::Authoriser => "Name and position, for example of a director or board, where it is someone else",
        _ => "",
    }
}

/// An answer as a person reads it: the words of a choice, the name of a country.
#[must_use]
pub fn answer(field: Field, given: &str) -> String {
    match field.question().rule {
        Rule::Country => Country::parse(given).map_or_else(|_| given.to_owned(), |country| country.name().to_owned()),
        Rule::OneOf(_) | Rule::AnyOf(_) | Rule::Yes => choice(field, given).unwrap_or(given).to_owned(),
        _ => given.to_owned(),
    }
}

/// What an answer says whose boxes were all left unticked; `None` for a question without boxes.
#[must_use]
pub fn unticked(field: Field) -> Option<&'static str> {
    match field.question().rule {
        Rule::AnyOf(_) => Some("None of these"),
        Rule::Yes => Some("No"),
        _ => None,
    }
}

/// What is beside a radio button or a checkbox; `None` for a value that is not on offer.
#[must_use]
pub fn choice(field: Field, value: &str) -> Option<&'static str> {
    Some(match (field, value) {
        (F::Registered, "yes") => "Yes",
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
        (F::NcsgStatus, "member") => "Yes, it is a member",
        (F::NcsgStatus, "applied") => "It has applied",
        (F::NcsgStatus, "not-yet") => "Not yet",
        (F::NcsgStatus, "unsure") => "I am not sure",
        (F::NotEligible, "commercial") => {
            "It is a commercial entity, or its members are mainly commercial, as in a chamber of commerce"
        }
        (F::NotEligible, "icann-contract") => "It provides services under a contract or memorandum with ICANN",
        (F::NotEligible, "seeks-office") => "It is a political organization whose main purpose is to hold office",
        (F::NotEligible, "government") => "It represents a government in ICANN",
        (F::Authorised, "yes") => "I am authorized to apply for the organization",
        (F::Publish, "yes") => "If accepted, the organization may be listed as a member on NPOC’s site",
        (F::MailingList, "yes") => "The representative may be added to the members’ mailing list",
        _ => return None,
    })
}

/// What an applicant should know before sending: why NPOC may not be able to take the organization, by its own answers.
/// Facts of the charter and of NPOC's page on joining; nothing is refused for it.
#[must_use]
pub fn reservation(doubt: &Doubt) -> Option<String> {
    match doubt {
        Doubt::NotRegistered => Some(
            "NPOC’s members are registered organizations. The executive committee may make an exception, case by case: \
             what you wrote about the registration is what it will read."
                .to_owned(),
        ),
        Doubt::SharedDomain { host } => Some(format!(
            "NPOC asks for a domain name that the organization alone uses. Others use {host} too: if you have a domain name \
             of your own, give that one."
        )),
        Doubt::NotEligible(selected) => not_eligible(selected).map(str::to_owned),
        _ => None,
    }
}

fn not_eligible(selected: &str) -> Option<&'static str> {
    Some(match selected {
        "commercial" => {
            "Commercial organizations cannot be members, and neither can organizations whose members are mainly commercial, such as a chamber of commerce."
        }
        "icann-contract" => {
            "Organizations that provide services under a contract or memorandum with ICANN cannot be members."
        }
        "seeks-office" => "Political organizations whose main purpose is to hold office cannot be members.",
        "government" => "Bodies that represent a government in ICANN cannot be members.",
        _ => return None,
    })
}

/// A question about one answer, for the check page.
#[derive(Debug)]
pub struct AskedAgain {
    /// About which.
    pub field: Field,
    /// The address or name that may not be right.
    pub subject: String,
    /// Why it is asked about.
    pub why: String,
}

/// The question about an address or a name that may be right, since anything that is not refused may be.
#[must_use]
pub fn asked_again(doubt: &Doubt) -> Option<AskedAgain> {
    let (field, subject, why) = match doubt {
        Doubt::OddMailbox { field, address } => (
            field,
            address.to_string(),
            "It has characters before the @ sign that look like others, or that a keyboard seldom types.".to_owned(),
        ),
        Doubt::LongMailbox { field, address } => (
            field,
            address.to_string(),
            "The part before the @ sign is longer than some mail servers accept.".to_owned(),
        ),
        Doubt::MixedScripts { field, name } => (
            field,
            name.unicode().to_owned(),
            format!(
                "It mixes letters of several scripts, so one may be another letter that looks the same: in the domain name \
                 system it is {}.",
                name.ascii()
            ),
        ),
        Doubt::UnknownEnding { field, name } => {
            let ending = name.rsplit('.').next().unwrap_or_default();
            (
                field,
                name.clone(),
                format!("This site knows of no names that end in .{ending}."),
            )
        }
        _ => return None,
    };
    let why = format!("{why} If it is right, leave it as it is.");
    Some(AskedAgain {
        field: *field,
        subject,
        why,
    })
}

/// What to do about a problem. The same sentence in the summary and at the field.
#[must_use]
pub fn sentence(problem: &Problem) -> String {
    let Problem { field, fault } = problem;
    let thing = thing(*field);
    match fault {
        Fault::Missing => missing(*field),
        Fault::TooShort { min, given } => {
            format!(
                "{} must be at least {min} characters long; it has {given}",
                sentence_case(thing)
            )
        }
        Fault::TooLong { max, given } => {
            format!(
                "{} must be {max} characters or fewer; it has {given}",
                sentence_case(thing)
            )
        }
        Fault::Damaged => format!("Enter {thing} again: part of it was damaged on the way"),
        Fault::Repeated => format!("Give {thing} once: it arrived more than once, and differently"),
        Fault::NotOffered(given) => format!("Select {thing} from the list; “{given}” is not on it"),
        Fault::NotAWebsite => {
            format!("Enter {thing} whole and without spaces, like https://example.org, or leave it empty")
        }
        Fault::Domain(fault) => domain(*fault),
        Fault::Email(fault) => email(thing, *fault),
    }
}

/// What a question asks for, inside a sentence.
fn thing(field: Field) -> &'static str {
    match field {
        F::OrganizationName => "the name of your organization",
        F::OrganizationNameLatin => "its name in Latin letters",
        F::DomainName => "the domain name of your organization",
        F::Website => "the address of your website",
        F::Country => "the country or territory of your organization",
        F::Registered => "whether it is a registered organization",
        F::RegistrationNote => "what you say about the registration",
        F::KindOfWork => "the kind of work your organization does",
        F::Statement => "what the organization does and why it wishes to join",
        F::RepresentativeName => "the full name of the representative",
        F::RepresentativeRole => "the representative’s role in the organization",
        F::RepresentativeEmail => "the e-mail address of the representative",
        F::RepresentativePhone => "the phone number",
        F::AlternateName => "the name of the alternate representative",
        F::AlternateEmail => "the e-mail address of the alternate representative",
        F::NcsgStatus => "whether your organization is a member of the NCSG",
        F::IcannGroups => "the other ICANN groups",
        F::NotEligible => "what applies to your organization",
        F::Authorised => "whether you are authorized to apply for the organization",
        F::Authoriser => "who in the organization has agreed",
        F::Publish => "whether the organization may be listed as a member",
        F::MailingList => "whether the representative may be added to the mailing list",
    }
}

fn missing(field: Field) -> String {
    let thing = thing(field);
    match field {
        F::DomainName => format!("Enter {thing}; if it has none, write to info@npoc.org"),
        F::RegistrationNote => "Enter the authority and the number of the registration, or why it is not registered".into(),
        F::Authorised => "Select that you are authorized to apply for the organization; without that NPOC cannot accept the application".into(),
        F::AlternateName | F::AlternateEmail => format!("Enter {thing} as well, or leave both fields about the alternate empty"),
        _ if !field.question().offers().is_empty() || field == F::Country => format!("Select {thing}"),
        _ => format!("Enter {thing}"),
    }
}

fn domain(fault: DomainFault) -> String {
    let sentence = match fault {
        DomainFault::NoDot => "Enter the whole domain name with its ending, like example.org",
        DomainFault::IpAddress => "Enter a domain name, like example.org: this is the number of a machine",
        DomainFault::EmptyLabel => "Enter the domain name with one dot at a time, like example.org",
        DomainFault::Space => "Enter one domain name without spaces, like example.org",
        DomainFault::Character(stray) => {
            return format!("Enter the domain name without “{stray}”, like example.org");
        }
        DomainFault::Underscore => "Enter the domain name without underscores ( _ ): none can be registered with them",
        DomainFault::TooLong => "Enter a shorter domain name: the DNS takes 63 letters between two dots and 253 in all",
        DomainFault::PublicSuffix => {
            "Enter the organization’s own domain name: this is an ending under which others register theirs"
        }
        DomainFault::EmailAddress => "Enter the domain name alone, the part after the @: this is an e-mail address",
        DomainFault::NotAllowed => {
            "Enter the domain name as it is registered, like example.org: it holds a character that domain names do not allow"
        }
    };
    sentence.to_owned()
}

fn email(thing: &str, fault: EmailFault) -> String {
    match fault {
        EmailFault::NoAt => format!("Enter {thing} with an @ sign, like name@example.org"),
        EmailFault::ManyAts => format!("Enter one address only as {thing}, with one @ sign"),
        EmailFault::NoMailbox => format!("Enter {thing} with the part before the @ sign, like name@example.org"),
        EmailFault::NoDomain => format!("Enter {thing} with the part after the @ sign, like name@example.org"),
        EmailFault::Dots => format!("Enter {thing} without a dot at the ends and without two dots in a row"),
        EmailFault::Space => format!("Enter {thing} without spaces, line breaks or invisible characters"),
        EmailFault::NotAlone => format!("Enter {thing} alone, without a name, < > or mailto:"),
        EmailFault::TooLong => {
            format!(
                "Enter a shorter address as {thing}: mail takes 64 characters before the @ and 254 bytes in all, \
                 and a letter outside ASCII has two bytes or more"
            )
        }
        EmailFault::NotPublic => {
            format!("Enter {thing} with a domain name that the whole Internet knows, like name@example.org")
        }
        EmailFault::Domain => format!("Check the part after the @ sign in {thing}: it is not a domain name"),
        EmailFault::Character(stray) => format!("Enter {thing} without “{stray}”"),
        EmailFault::Mailbox => {
            format!("Check the part before the @ sign in {thing}: it holds a character that mail does not allow")
        }
    }
}

fn sentence_case(thing: &str) -> String {
    let mut letters = thing.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl Answers {
    /// Returns each question with its answer in the words of the form, in form order.
    pub fn in_words(&self) -> impl Iterator<Item = AnswerInWords> {
        QUESTIONS.iter().map(|question| AnswerInWords {
            field: question.field,
            label: label(question.field),
            lines: lines(self, question.field),
        })
    }
}

/// Returns the lines of an answer. A box that was left empty is an answer too.
fn lines(answers: &Answers, field: Field) -> Vec<String> {
    if let Some(unticked) = unticked(field).filter(|_| answers.all(field).is_empty()) {
        return vec![unticked.to_owned()];
    }
    let words = answers.all(field).iter().map(|given| answer(field, given));
    words
        .flat_map(|answer| answer.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// A question and its answer as a person reads them.
pub struct AnswerInWords {
    /// The question.
    pub field: Field,
    /// The label of the question.
    pub label: &'static str,
    /// The lines of the answer; empty if there is no answer.
    pub lines: Vec<String>,
}

impl AnswerInWords {
    /// Breaks everything that a mail program makes a link of, except addresses of this domain.
    #[must_use]
    pub fn unlinked(mut self, own: &DomainName) -> Self {
        for line in &mut self.lines {
            *line = unlinked(line, Some(own));
        }
        self
    }

    /// Writes an email address so that staff can use it, unless a program could take it for a web page.
    #[must_use]
    pub fn with_usable_address(mut self, application: &Application) -> Self {
        self.lines = application.email(self.field).map(mail_address).into_iter().collect();
        self
    }

    /// Returns whether the answer is a phone number without words.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.field == Field::RepresentativePhone && self.lines.iter().all(|line| text::is_number(line))
    }
}
