//! Sentences for applicants about doubtful answers, and for staff about held emails. No answer is refused for a doubt.

use crate::locale::{Element, Language, Sentence, Words};
use crate::membership::doubts::{Doubt, Typo};
use crate::membership::submit::Hold;

/// A doubt in the words of the check page.
#[derive(Debug)]
pub enum DoubtInWords {
    /// An address that may be mistyped, which looks like another one.
    Typo {
        /// The address as given.
        subject: String,
        /// What it looks like.
        why: Sentence<'static>,
        /// The words of the button that takes the suggestion, unless neither address is likelier.
        suggestion: Option<Sentence<'static>>,
        /// Whether the domain name of the organization may be the wrong one.
        is_near_own_domain: bool,
    },
    /// An address or a name that may be wrong.
    Question {
        /// The address or name.
        subject: String,
        /// The reason for the question.
        why: Sentence<'static>,
    },
    /// A reason for which NPOC may not be able to accept the organization, by its own answers. States only facts of the
    /// charter and of NPOC's page on joining.
    Eligibility(Sentence<'static>),
}

impl DoubtInWords {
    /// Returns a doubt in words; `None` for an unknown reason that an older form offered.
    #[must_use]
    pub fn of(language: Language, doubt: &Doubt) -> Option<Self> {
        let words = Words::of(language);
        Some(match doubt {
            Doubt::Typo(typo) => Self::typo(words, typo),
            Doubt::OddMailbox { address, .. } => Self::question(address.to_string(), words.doubt_odd_mailbox.into()),
            Doubt::LongMailbox { address, .. } => Self::question(address.to_string(), words.doubt_long_mailbox.into()),
            Doubt::MixedScripts { name, .. } => {
                let why = words.doubt_mixed_scripts(Element::ltr(name.ascii().to_owned()));
                Self::question(name.unicode().to_owned(), why)
            }
            Doubt::UnknownEnding { name, .. } => {
                let ending = name.rsplit('.').next().unwrap_or_default();
                let why = words.doubt_unknown_ending(Element::isolated(format!(".{ending}")));
                Self::question(name.clone(), why)
            }
            Doubt::NotRegistered => Self::Eligibility(words.doubt_not_registered.into()),
            Doubt::SharedDomain { host } => {
                Self::Eligibility(words.doubt_shared_domain(Element::isolated(host.clone())))
            }
            Doubt::NotEligible(selected) => Self::Eligibility(not_eligible(words, selected)?.into()),
        })
    }

    fn question(subject: String, why: Sentence<'static>) -> Self {
        Self::Question { subject, why }
    }

    fn typo(words: &'static Words, typo: &Typo) -> Self {
        let given = Element::isolated(typo.given.to_string());
        let suggestion = || typo.suggestion.to_string();
        let why = if typo.is_near_own_domain {
            words.doubt_typo_own_text(given, Element::strong(suggestion()))
        } else {
            words.doubt_typo_text(given, Element::strong(suggestion()))
        };
        let button = || words.doubt_typo_use(Element::isolated(suggestion()));
        Self::Typo {
            subject: typo.given.to_string(),
            why,
            suggestion: (!typo.same_name_other_ending).then(button),
            is_near_own_domain: typo.is_near_own_domain,
        }
    }

    /// Returns the address or name that may be wrong.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Typo { subject, .. } | Self::Question { subject, .. } => Some(subject),
            Self::Eligibility(_) => None,
        }
    }
}

fn not_eligible(words: &Words, selected: &str) -> Option<&'static str> {
    Some(match selected {
        "commercial" => words.doubt_commercial,
        "icann-contract" => words.doubt_icann_contract,
        "seeks-office" => words.doubt_seeks_office,
        "government" => words.doubt_government,
        _ => return None,
    })
}

/// Returns why an email to an applicant is held, for staff and operators: a clause without a full stop, which names no
/// person.
#[must_use]
pub fn hold_reason(hold: Hold) -> &'static str {
    match hold {
        Hold::Complaint => "the recipient reported an earlier email as spam",
        Hold::Mailbox => "the daily limit of emails to this mailbox is reached",
        Hold::Domain => "the daily limit of emails to this email domain is reached",
        Hold::All => "the daily limit of emails to all applicants is reached",
        Hold::Network => "the daily limit of confirmed applications from the sender's network is reached",
    }
}
