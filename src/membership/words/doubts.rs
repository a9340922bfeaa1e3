//! Sentences for applicants about doubtful answers, and for staff about held emails. No answer is refused for a doubt.

use crate::membership::doubts::Doubt;
use crate::membership::submit::Hold;

/// A question about an address or a name that may be wrong.
#[derive(Debug)]
pub struct DoubtQuestion {
    /// The address or name.
    pub subject: String,
    /// The reason for the question.
    pub why: String,
}

/// Returns the question about an address or a name that may be wrong.
#[must_use]
pub fn question(doubt: &Doubt) -> Option<DoubtQuestion> {
    let (subject, why) = match doubt {
        Doubt::OddMailbox { address, .. } => (
            address.to_string(),
            "Some characters before the @ sign look like other characters, or are rare on keyboards. Check the spelling."
                .to_owned(),
        ),
        Doubt::LongMailbox { address, .. } => (
            address.to_string(),
            "The part before the @ sign is longer than some email servers accept.".to_owned(),
        ),
        Doubt::MixedScripts { name, .. } => (
            name.unicode().to_owned(),
            format!(
                "The name mixes letters of several scripts. One letter may be another letter that looks the same. In the \
                 domain name system it is {}.",
                name.ascii()
            ),
        ),
        Doubt::UnknownEnding { name, .. } => {
            let ending = name.rsplit('.').next().unwrap_or_default();
            let why = format!("We do not know the ending .{ending}. Check the spelling.");
            (name.clone(), why)
        }
        _ => return None,
    };
    let why = format!("{why} If it is right, leave it.");
    Some(DoubtQuestion { subject, why })
}

/// Returns why NPOC may not be able to accept the organization, by its own answers. States only facts of the charter and
/// of NPOC's page on joining.
#[must_use]
pub fn eligibility_note(doubt: &Doubt) -> Option<String> {
    match doubt {
        Doubt::NotRegistered => Some(
            "NPOC’s members are registered organizations. The executive committee may make an exception, case by case. \
             The committee will read what you wrote about the registration."
                .to_owned(),
        ),
        Doubt::SharedDomain { host } => Some(format!(
            "NPOC asks for a domain name that only your organization uses. Others use {host} too. If your organization \
             has its own domain name, enter that one."
        )),
        Doubt::NotEligible(selected) => not_eligible(selected).map(str::to_owned),
        _ => None,
    }
}

fn not_eligible(selected: &str) -> Option<&'static str> {
    Some(match selected {
        "commercial" => {
            "Commercial organizations cannot be members. Organizations whose members are mainly commercial, such as a \
             chamber of commerce, cannot be members either."
        }
        "icann-contract" => {
            "Organizations that provide services under a contract or memorandum with ICANN cannot be members."
        }
        "seeks-office" => "Political organizations whose main purpose is to hold office cannot be members.",
        "government" => "Bodies that represent a government in ICANN cannot be members.",
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
