//! Finds what is doubtful about an application that keeps every rule. The check page, the staff mail and the terminal all
//! show these doubts. Nothing is refused for one.

use std::collections::HashSet;

use super::check::{Application, check, emails};
use super::question::Field;
use super::slip::{Slip, slips};
use crate::values::shared_domains::shared_host;
use crate::values::{DomainName, EmailAddress};

/// One thing that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A mail address looks like another that is likelier.
    Slip(Slip),
    /// A mailbox holds characters that a keyboard hardly meant, and no likelier one is known.
    OddMailbox {
        /// The question it answers.
        field: Field,
        /// As given.
        address: EmailAddress,
    },
    /// A mailbox has more than the 64 octets that every server takes.
    LongMailbox {
        /// The question it answers.
        field: Field,
        /// As given.
        address: EmailAddress,
    },
    /// A domain name mixes scripts within a label, so that it may look like another.
    MixedScripts {
        /// The first question that it answers.
        field: Field,
        /// As people read it and as the DNS has it.
        name: DomainName,
    },
    /// A domain name has an ending that this site does not know.
    UnknownEnding {
        /// The first question that it answers.
        field: Field,
        /// In Unicode.
        name: String,
    },
    /// Others use the organization's domain name too.
    SharedDomain {
        /// The part that is theirs.
        host: String,
    },
    /// The organization is not registered, by its own answer.
    NotRegistered,
    /// The organization selected this, which may keep it from joining.
    NotEligible(String),
}

impl Doubt {
    /// Finds all doubts about an application, in the order in which the check page asks about them.
    #[must_use]
    pub fn all(application: &Application) -> Vec<Self> {
        let slips = slips(application.answers(), application.domain_name());
        let asked: Vec<Field> = slips.iter().map(|slip| slip.field).collect();
        let mut doubts: Vec<Self> = slips.into_iter().map(Self::Slip).collect();
        doubts.extend(of_mailboxes(application, &asked));
        doubts.extend(of_names(application, &asked));
        doubts.extend(of_eligibility(application));
        doubts
    }
}

/// Returns the same application with the likelier address in place of a slip; unchanged where there is no slip at that question.
#[must_use]
pub fn without_slip(application: Application, field: Field) -> Application {
    let slips = slips(application.answers(), application.domain_name());
    let Some(slip) = slips.into_iter().find(|slip| slip.field == field && !slip.is_twin) else {
        return application;
    };
    let mut answers = application.answers().clone();
    answers.set_one(field, Some(slip.meant.to_string()));
    check(&answers).unwrap_or(application)
}

/// A likely slip is asked about already.
fn of_mailboxes(application: &Application, asked: &[Field]) -> impl Iterator<Item = Doubt> {
    let odd = emails(application.answers()).filter(|(field, address)| address.is_doubtful() && !asked.contains(field));
    let long = emails(application.answers()).filter(|(_, address)| address.is_long());
    odd.map(|(field, address)| Doubt::OddMailbox { field, address })
        .chain(long.map(|(field, address)| Doubt::LongMailbox { field, address }))
}

/// Of the organization's domain and those of the mail addresses, each once.
fn of_names(application: &Application, asked: &[Field]) -> Vec<Doubt> {
    let own = (Field::DomainName, application.domain_name().clone());
    let others = emails(application.answers()).map(|(field, address)| (field, address.domain().clone()));
    let mut seen = HashSet::new();
    let names: Vec<(Field, DomainName)> = std::iter::once(own)
        .chain(others)
        .filter(|(field, name)| !asked.contains(field) && seen.insert(name.ascii().to_owned()))
        .collect();
    let mixed = names.iter().filter(|(_, name)| name.mixes_scripts());
    let unknown = names.iter().filter(|(_, name)| !name.has_known_ending());
    mixed
        .map(|(field, name)| Doubt::MixedScripts {
            field: *field,
            name: name.clone(),
        })
        .chain(unknown.map(|(field, name)| Doubt::UnknownEnding {
            field: *field,
            name: name.unicode().to_owned(),
        }))
        .collect()
}

fn of_eligibility(application: &Application) -> impl Iterator<Item = Doubt> {
    let answers = application.answers();
    let is_registered = answers.is_yes(Field::Registered);
    let shared = shared_host(application.domain_name());
    let selected = answers.all(Field::NotEligible).iter().cloned();
    (!is_registered)
        .then_some(Doubt::NotRegistered)
        .into_iter()
        .chain(shared.map(|host| Doubt::SharedDomain { host: host.to_owned() }))
        .chain(selected.map(Doubt::NotEligible))
}
