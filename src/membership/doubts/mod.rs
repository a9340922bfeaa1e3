//! Finds what is doubtful about an application that keeps every rule. The check page, the staff email and the terminal
//! show these doubts. No application is refused for one.

mod spam;
mod typos;

use std::collections::HashSet;

use super::form::{Application, Field};
use crate::values::shared_domains::shared_host;
use crate::values::{DomainName, EmailAddress};
pub use spam::SpamSigns;
pub use typos::{Typo, with_suggestion};

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// An email address is close to a likelier one.
    Typo(Typo),
    /// A mailbox holds characters that were probably not meant, and no likelier mailbox is known.
    OddMailbox {
        /// The question.
        field: Field,
        /// The address as given.
        address: EmailAddress,
    },
    /// A mailbox has more than the 64 octets that every server accepts.
    LongMailbox {
        /// The question.
        field: Field,
        /// The address as given.
        address: EmailAddress,
    },
    /// A label of a domain name mixes scripts, so the name may look like another.
    MixedScripts {
        /// The first question that has this name in its answer.
        field: Field,
        /// The name, in Unicode and in ASCII.
        name: DomainName,
    },
    /// A domain name has an ending that the site does not know.
    UnknownEnding {
        /// The first question that has this name in its answer.
        field: Field,
        /// The name in Unicode.
        name: String,
    },
    /// The domain name of the organization is shared with others.
    SharedDomain {
        /// The shared part of the name.
        host: String,
    },
    /// The organization says that it is not registered.
    NotRegistered,
    /// The organization selected this reason, which may keep it from joining.
    NotEligible(String),
}

impl Doubt {
    /// Finds all doubts about an application, in the order in which the check page asks about them.
    #[must_use]
    pub fn all(application: &Application) -> Vec<Self> {
        let typos: Vec<Typo> = Typo::all(application).collect();
        let asked: Vec<Field> = typos.iter().map(|typo| typo.field).collect();
        let mut doubts: Vec<Self> = typos.into_iter().map(Self::Typo).collect();
        doubts.extend(mailbox_doubts(application, &asked));
        doubts.extend(name_doubts(application, &asked));
        doubts.extend(eligibility_doubts(application));
        doubts
    }

    /// Returns the question whose answer is doubtful.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Typo(typo) => typo.field,
            Self::OddMailbox { field, .. }
            | Self::LongMailbox { field, .. }
            | Self::MixedScripts { field, .. }
            | Self::UnknownEnding { field, .. } => *field,
            Self::SharedDomain { .. } => Field::DomainName,
            Self::NotRegistered => Field::Registered,
            Self::NotEligible(_) => Field::NotEligible,
        }
    }
}

/// Finds odd and long mailboxes. An address with a likely typo is not also odd.
fn mailbox_doubts(application: &Application, asked: &[Field]) -> impl Iterator<Item = Doubt> {
    let is_odd = |field: Field, address: &EmailAddress| address.is_doubtful() && !asked.contains(&field);
    let odd = application
        .emails()
        .filter(move |(field, address)| is_odd(*field, address));
    let long = application.emails().filter(|(_, address)| address.is_long());
    let odd = odd.map(|(field, address)| Doubt::OddMailbox {
        field,
        address: address.clone(),
    });
    odd.chain(long.map(|(field, address)| Doubt::LongMailbox {
        field,
        address: address.clone(),
    }))
}

/// Finds doubts about the domain name and about the domains of the email addresses. Each name counts once.
fn name_doubts(application: &Application, asked: &[Field]) -> Vec<Doubt> {
    let own = (Field::DomainName, application.domain_name());
    let others = application.emails().map(|(field, address)| (field, address.domain()));
    let mut seen = HashSet::new();
    let names: Vec<(Field, &DomainName)> = std::iter::once(own)
        .chain(others)
        .filter(|(field, name)| !asked.contains(field) && seen.insert(name.ascii()))
        .collect();
    let mixed = names.iter().filter(|(_, name)| name.mixes_scripts());
    let unknown = names.iter().filter(|(_, name)| !name.has_known_ending());
    let mixed = mixed.map(|&(field, name)| Doubt::MixedScripts {
        field,
        name: name.clone(),
    });
    let unknown = unknown.map(|&(field, name)| Doubt::UnknownEnding {
        field,
        name: name.unicode().to_owned(),
    });
    mixed.chain(unknown).collect()
}

fn eligibility_doubts(application: &Application) -> impl Iterator<Item = Doubt> {
    let answers = application.answers();
    let not_registered = (!answers.is_yes(Field::Registered)).then_some(Doubt::NotRegistered);
    let shared = shared_host(application.domain_name());
    let shared = shared.map(|host| Doubt::SharedDomain { host: host.to_owned() });
    let selected = answers.all(Field::NotEligible).iter().cloned();
    let not_eligible = selected.map(Doubt::NotEligible);
    not_registered.into_iter().chain(shared).chain(not_eligible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::form::{check, good_with};

    fn doubts(changes: &[(Field, &str)]) -> Vec<Doubt> {
        Doubt::all(&check(&good_with(changes)).unwrap())
    }

    #[test]
    fn a_doubtful_mailbox_with_a_suggestion_is_only_a_typo() {
        let email = |address| doubts(&[(Field::RepresentativeEmail, address)]);
        assert!(matches!(email("o’brien@afyabora.or.ke")[..], [Doubt::Typo(_)]));
        assert!(matches!(email("мmax@afyabora.or.ke")[..], [Doubt::OddMailbox { .. }]));
    }

    #[test]
    fn a_doubtful_name_in_two_answers_is_one_doubt() {
        let mixed = "exаmple.org"; // a Cyrillic а
        let changes = [
            (Field::DomainName, mixed),
            (Field::RepresentativeEmail, "ann@exаmple.org"),
        ];
        let doubts = doubts(&changes);
        assert!(
            matches!(
                doubts[..],
                [Doubt::MixedScripts {
                    field: Field::DomainName,
                    ..
                }]
            ),
            "{doubts:?}"
        );
    }
}
