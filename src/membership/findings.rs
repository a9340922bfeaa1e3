//! What the site worked out about an application, for staff: the mail and the terminal show the same. Never mixed with
//! what was answered.

use super::doubts::Doubt;
use super::form::Application;
use super::form::Field;
use super::unlinked::{mail_address, unlinked};
use crate::values::DomainName;

/// One thing that the site worked out.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is about.
    pub label: &'static str,
    /// What was found.
    pub value: String,
    /// What the verdict says of it, where staff must not miss it.
    pub caution: Option<&'static str>,
}

impl Finding {
    /// Makes one without a caution.
    pub fn of(label: &'static str, value: impl Into<String>) -> Self {
        Self {
            label,
            value: value.into(),
            caution: None,
        }
    }

    /// Lists all of these, with a caution; or says the word for none.
    pub fn any(label: &'static str, none: &str, each: impl Iterator<Item = String>, caution: &'static str) -> Self {
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            Self::of(label, none)
        } else {
            Self::of(label, format!("YES: {}", each.join("; "))).with_caution(caution)
        }
    }

    /// Returns the same with what staff must not miss.
    #[must_use]
    pub fn with_caution(self, caution: &'static str) -> Self {
        let caution = Some(caution);
        Self { caution, ..self }
    }
}

const SHARED: &str = "Others who use the domain name";
const SCRIPTS: &str = "Scripts in the domain name";
const SLIPS: &str = "Mail addresses that look like a slip";
const MAILBOXES: &str = "Mail addresses with an unusual mailbox";
const ENDINGS: &str = "Endings that the site does not know";

/// What is said of each kind of doubt where there is none, and the caution where there is one.
const KINDS: [(&str, &str, &str); 5] = [
    (
        SHARED,
        "none that the site knows of",
        "a domain name that others use too",
    ),
    (SCRIPTS, "not mixed", "a domain name of mixed scripts"),
    (SLIPS, "none", "a mail address that may be mistyped"),
    (MAILBOXES, "none", "a mail address with an unusual mailbox"),
    (ENDINGS, "none", "an ending that the site does not know"),
];

/// Works out what the answers alone show.
#[must_use]
pub fn findings(application: &Application, doubts: &[Doubt]) -> Vec<Finding> {
    let domain = application.domain_name();
    let is_own = application.representative_email().domain().is_within(domain);
    let own = if is_own {
        "under the organization’s own domain"
    } else {
        "NOT under the organization’s own domain"
    };
    let doubtful: Vec<_> = doubts.iter().filter_map(|doubt| in_words(doubt, domain)).collect();
    let mut findings = vec![
        Finding::of("ICANN region", application.country().region().to_string()),
        Finding::of("Domain name as the DNS has it", domain.ascii()),
        Finding::of("The representative’s mail address", own),
    ];
    findings.extend(KINDS.map(|(label, none, caution)| {
        let of_kind = doubtful.iter().filter(|(kind, _)| *kind == label);
        Finding::any(label, none, of_kind.map(|(_, words)| words.clone()), caution)
    }));
    findings
}

/// The kind of a doubt and what it is about. The verdict names what the organization says of itself.
fn in_words(doubt: &Doubt, own: &DomainName) -> Option<(&'static str, String)> {
    Some(match doubt {
        Doubt::SharedDomain { host } => (SHARED, format!("everybody at {}", unlinked(host, None))),
        Doubt::MixedScripts { name, .. } => {
            let name = unlinked(name.unicode(), Some(own));
            (
                SCRIPTS,
                format!("MIXED within a label of {name}: it may be meant to look like another name"),
            )
        }
        Doubt::Typo(typo) => {
            let (given, meant) = (mail_address(&typo.given), mail_address(&typo.suggestion));
            (SLIPS, format!("{given} (is it {meant}?)"))
        }
        Doubt::OddMailbox { address, .. } => {
            let address = mail_address(address);
            (MAILBOXES, format!("{address} (with characters of several kinds)"))
        }
        Doubt::LongMailbox { address, .. } => (
            MAILBOXES,
            format!(
                "{} (over 64 octets, which not every server takes)",
                mail_address(address)
            ),
        ),
        Doubt::UnknownEnding { name, .. } => (ENDINGS, unlinked(name, Some(own))),
        Doubt::NotRegistered | Doubt::NotEligible(_) => return None,
    })
}

/// Sums up what staff decide about, in one paragraph.
#[must_use]
pub fn verdict(application: &Application, findings: &[Finding]) -> String {
    let answers = application.answers();
    let registered = if answers.is_yes(Field::Registered) {
        "It says that it is a registered organization."
    } else {
        "NOT REGISTERED, by its own answer: for the executive committee to decide case by case."
    };
    let eligible = match answers.all(Field::NotEligible).len() {
        0 => "It selected nothing that would keep it from joining.",
        _ => "It SELECTED WHAT MAY KEEP IT FROM JOINING, see below.",
    };
    let cautions: Vec<&str> = findings.iter().filter_map(|finding| finding.caution).collect();
    let cautions = match cautions.join("; ") {
        none if none.is_empty() => none,
        cautions => format!(" LOOK AT: {cautions}."),
    };
    format!("Complete: every required answer is given. {registered} {eligible}{cautions}")
}
