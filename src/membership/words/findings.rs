//! What the site worked out about an application, for staff. The email and the terminal show the same, apart from the
//! answers.

use super::super::unlinked::{mail_address, unlinked};
use super::{answer, hold_reason, in_utc};
use crate::locale::Language;
use crate::membership::{Application, Doubt, Earlier, Field, NewApplication};
use crate::values::DomainName;

/// One thing that the site worked out.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The subject.
    pub label: &'static str,
    /// What was found.
    pub value: String,
    /// What the verdict says about it, if staff must not miss it.
    pub caution: Option<&'static str>,
}

impl Finding {
    fn of(label: &'static str, value: impl Into<String>) -> Self {
        Self {
            label,
            value: value.into(),
            caution: None,
        }
    }

    /// Lists all values with a caution, or says the word for none.
    fn any(label: &'static str, none: &str, each: impl Iterator<Item = String>, caution: &'static str) -> Self {
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            Self::of(label, none)
        } else {
            Self::of(label, format!("YES: {}", each.join("; "))).with_caution(caution)
        }
    }

    fn with_caution(self, caution: &'static str) -> Self {
        let caution = Some(caution);
        Self { caution, ..self }
    }
}

/// A kind of doubt, as staff see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    SharedDomain,
    MixedScripts,
    Typo,
    Mailbox,
    Ending,
}

/// The kinds in the order of the findings, with the label, the words for no doubt of the kind, and the caution.
const KINDS: [(Kind, &str, &str, &str); 5] = [
    (
        Kind::SharedDomain,
        "Shared domain name",
        "none that the site knows of",
        "a domain name that others use too",
    ),
    (
        Kind::MixedScripts,
        "Mixed scripts in a domain name",
        "none",
        "a domain name with mixed scripts",
    ),
    (
        Kind::Typo,
        "Email addresses that may be mistyped",
        "none",
        "an email address that may be mistyped",
    ),
    (
        Kind::Mailbox,
        "Unusual email addresses",
        "none",
        "an unusual email address",
    ),
    (
        Kind::Ending,
        "Domain endings that the site does not recognize",
        "none",
        "a domain ending that the site does not recognize",
    ),
];

/// Returns what the answers alone show.
#[must_use]
pub fn findings(application: &Application, doubts: &[Doubt]) -> Vec<Finding> {
    let domain = application.domain_name();
    let is_own = application.representative_email().domain().is_within(domain);
    let is_shared = doubts.iter().any(|doubt| matches!(doubt, Doubt::SharedDomain { .. }));
    let own = match (is_shared, is_own) {
        (true, _) => "not comparable: the organization’s domain name is shared with others",
        (false, true) => "under the organization’s own domain",
        (false, false) => "NOT under the organization’s own domain",
    };
    let doubtful: Vec<_> = doubts.iter().filter_map(|doubt| in_words(doubt, domain)).collect();
    let mut findings = vec![
        Finding::of("ICANN region", application.country().region().to_string()),
        Finding::of("Domain name in ASCII", domain.ascii()),
        Finding::of("The representative’s email address", own),
    ];
    findings.extend(KINDS.map(|(kind, label, none, caution)| {
        let of_kind = doubtful.iter().filter(|(other, _)| *other == kind);
        Finding::any(label, none, of_kind.map(|(_, words)| words.clone()), caution)
    }));
    findings
}

/// Returns the kind of a doubt and its words. What the organization says about itself is in the verdict.
fn in_words(doubt: &Doubt, own: &DomainName) -> Option<(Kind, String)> {
    let mailbox = |address, why| (Kind::Mailbox, format!("{} ({why})", mail_address(address)));
    Some(match doubt {
        Doubt::SharedDomain { host } => (Kind::SharedDomain, format!("others use {} too", unlinked(host, None))),
        Doubt::MixedScripts { name, .. } => {
            let name = unlinked(name.unicode(), Some(own));
            (
                Kind::MixedScripts,
                format!("{name} mixes scripts; it may imitate another name"),
            )
        }
        Doubt::Typo(typo) => {
            let (given, meant) = (mail_address(&typo.given), mail_address(&typo.suggestion));
            (Kind::Typo, format!("{given} (is it {meant}?)"))
        }
        Doubt::OddMailbox { address, .. } => mailbox(address, "unusual characters before the @"),
        Doubt::LongMailbox { address, .. } => {
            mailbox(address, "more than 64 bytes before the @; some servers refuse it")
        }
        Doubt::UnknownEnding { name, .. } => (Kind::Ending, unlinked(name, Some(own))),
        Doubt::NotRegistered | Doubt::NotEligible(_) => return None,
    })
}

/// Returns what is known of a new application apart from its answers.
pub fn of_arrival(new: &NewApplication) -> [Finding; 5] {
    [
        language(new.language),
        earlier(new.earlier),
        spam_signs(new),
        confirmation(new),
        Finding::of("Received", in_utc(new.received_at)),
    ]
}

fn language(language: Language) -> Finding {
    Finding::of("Language", language.english_name())
}

fn earlier(earlier: &[Earlier]) -> Finding {
    let one = |one: &Earlier| format!("{} on {}", one.reference, in_utc(one.received_at));
    let label = "The same domain applied before";
    Finding::any(label, "no", earlier.iter().map(one), "the same domain applied before")
}

fn spam_signs(new: &NewApplication) -> Finding {
    let names = new.spam_signs.names();
    let value = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join("; ")
    };
    let finding = Finding::of("Signs of spam", value);
    if new.spam_signs.is_suspected() {
        finding.with_caution("signs of spam")
    } else {
        finding
    }
}

fn confirmation(new: &NewApplication) -> Finding {
    let label = "Confirmation email to the applicant";
    let Some(hold) = new.hold else {
        return Finding::of(label, "on its way; another email follows if it cannot be delivered");
    };
    let value = format!(
        "HELD: {}. To send it: npoc mail retry {}",
        hold_reason(hold),
        new.reference
    );
    Finding::of(label, value).with_caution("the applicant got no confirmation")
}

/// Returns what staff decide about, in one paragraph.
#[must_use]
pub fn verdict(application: &Application, findings: &[Finding]) -> String {
    let answers = application.answers();
    let registered = if answers.is_yes(Field::Registered) {
        "The organization says that it is registered."
    } else {
        "NOT REGISTERED, by its own answer: the executive committee decides case by case."
    };
    let selected = answers.all(Field::NotEligible).iter();
    let selected: Vec<String> = selected
        .map(|value| answer(Language::En, Field::NotEligible, value))
        .collect();
    let eligible = match selected.join("; ") {
        none if none.is_empty() => "It selected nothing that may keep it from joining.".to_owned(),
        selected => format!("It SELECTED SOMETHING THAT MAY KEEP IT FROM JOINING: {selected}."),
    };
    let cautions: Vec<&str> = findings.iter().filter_map(|finding| finding.caution).collect();
    let cautions = match cautions.join("; ") {
        none if none.is_empty() => none,
        cautions => format!(" CHECK: {cautions}."),
    };
    format!("Complete: every required answer is given. {registered} {eligible}{cautions}")
}
