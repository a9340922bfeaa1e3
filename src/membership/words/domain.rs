//! What staff read about the domain of an application: on the desk, in the thread and in the terminal.

use super::emails::{day, in_utc};
use crate::membership::domain_proof::{Facts, Proof, RegistryFact, Taken, Way, WebsiteAnswer, WebsiteFact};
use crate::outbound::rdap::Registration;
use crate::outbound::{DnsFacts, DnsFault, Dnssec, FetchFault, Forbidden};

/// The line of the thread before the facts that matter.
pub const THREAD_DOMAIN_FACTS: &str = "The site looked up the domain name, and found something that may matter:";

/// A fact with its label and the time when it was taken.
#[derive(Clone, Debug)]
pub struct DomainFact {
    /// Its label.
    pub label: &'static str,
    /// What it says.
    pub lines: Vec<String>,
    /// When it was taken, in UTC.
    pub at: String,
}

/// Returns what is proved about a domain.
#[must_use]
pub fn proof_lines(proofs: &[Proof]) -> Vec<String> {
    let proved = proofs.iter().filter_map(|proof| Some((proof, proof.proved_at?)));
    let mut lines: Vec<String> = proved
        .map(|(proof, at)| match proof.way {
            Way::Dns => format!(
                "Proved on {} by DNS (DNSSEC: {}).",
                day(at.date()),
                dnssec_words(proof.dnssec)
            ),
            Way::Web => format!("Proved on {} by a file on the website.", day(at.date())),
            Way::Mail => format!(
                "On {}, the representative showed a mailbox at the domain. Others may have one too.",
                day(at.date())
            ),
        })
        .collect();
    if !proofs.iter().any(Proof::is_proof) {
        lines.insert(0, "Not proved. A proof is not required.".to_owned());
    }
    lines
}

/// Returns the facts about a domain.
#[must_use]
pub fn domain_facts(facts: &Facts) -> Vec<DomainFact> {
    let dns = facts
        .dns
        .as_ref()
        .map(|taken| fact("DNS", taken, dns_lines(&taken.fact, facts.is_dns_asked_again)));
    let website = facts
        .website
        .as_ref()
        .map(|taken| fact("Website", taken, vec![website_line(taken)]));
    let registry = facts
        .registry
        .as_ref()
        .map(|taken| fact("From RDAP", taken, registry_lines(&taken.fact)));
    dns.into_iter().chain(website).chain(registry).collect()
}

fn fact<T>(label: &'static str, taken: &Taken<T>, lines: Vec<String>) -> DomainFact {
    let at = in_utc(taken.at);
    DomainFact { label, lines, at }
}

fn dns_lines(dns: &DnsFacts, is_asked_again: bool) -> Vec<String> {
    let exists = match dns.exists {
        Some(true) => "The name exists.",
        Some(false) if is_asked_again => "The name does not exist. The site asks again within a day.",
        Some(false) => "The name does not exist.",
        None => "DNS gave no answer.",
    };
    let list = |label: &str, found: Option<&Vec<String>>| match found {
        Some(found) if found.is_empty() => format!("{label}: none"),
        Some(found) => format!("{label}: {}", found.join(", ")),
        None => format!("{label}: not checked"),
    };
    let mail = match dns.mail_servers.as_deref() {
        Some([only]) if only == "." => "Mail servers: the domain takes no mail".to_owned(),
        _ => list("Mail servers", dns.mail_servers.as_ref()),
    };
    let policies = format!("SPF: {}. DMARC: {}", yes_or_no(dns.has_spf), yes_or_no(dns.has_dmarc));
    vec![
        exists.to_owned(),
        list("Addresses", dns.addresses.as_ref()),
        mail,
        list("Name servers", dns.name_servers.as_ref()),
        policies,
        format!(
            "DNSSEC: {}. DS record: {}",
            dnssec_words(dns.dnssec),
            yes_or_no(dns.has_ds)
        ),
    ]
}

fn yes_or_no(found: Option<bool>) -> &'static str {
    match found {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not checked",
    }
}

fn dnssec_words(dnssec: Dnssec) -> &'static str {
    match dnssec {
        Dnssec::Secure => "secure",
        Dnssec::Insecure => "not signed, like most domains",
        Dnssec::Bogus => "wrong signatures",
        Dnssec::Unchecked => "not checked",
    }
}

fn website_line(taken: &Taken<WebsiteFact>) -> String {
    let WebsiteFact { url, answer, .. } = &taken.fact;
    match answer {
        WebsiteAnswer::Status {
            status,
            host,
            is_encrypted,
        } if answer.is_good() => {
            let plainly = if *is_encrypted { "" } else { ", but only without https" };
            format!("{url} answers{plainly} (status {status}, from {host}).")
        }
        WebsiteAnswer::Status { status, host, .. } => {
            format!("{url} answers with the status {status} instead of a page (from {host}).")
        }
        WebsiteAnswer::None(fault) => {
            let since = match taken.is_down_since() {
                Some(since) => format!("has not answered since {}", day(since.date())),
                None if taken.fact.failing_since.is_some() => {
                    "has not answered yet; the site asks again within a day".to_owned()
                }
                None => "was not visited".to_owned(),
            };
            format!("{url} {since}: {}.", fetch_fault_words(*fault))
        }
    }
}

/// Returns why a website did not answer.
#[must_use]
pub fn fetch_fault_words(fault: FetchFault) -> &'static str {
    match fault {
        FetchFault::Name(DnsFault::NoSuchName) => "no such name",
        FetchFault::Name(DnsFault::NoSuchRecord) => "the name has no address",
        FetchFault::Name(_) => "the name could not be looked up",
        FetchFault::Forbidden(Forbidden::NotPublic) => "its address is not public",
        FetchFault::Forbidden(Forbidden::Port) => "its address has a port, which the site does not visit",
        FetchFault::Forbidden(_) => "the site does not visit such an address",
        FetchFault::Redirects => "too many redirects",
        FetchFault::Refused => "no connection",
        FetchFault::TimedOut => "it took too long",
        FetchFault::Certificate => "its certificate is not valid",
        FetchFault::Tls => "TLS failed",
        FetchFault::Broken => "its answer could not be read",
    }
}

fn registry_lines(fact: &RegistryFact) -> Vec<String> {
    match fact {
        RegistryFact::Registration(found) => registration_lines(found),
        RegistryFact::NotOffered => {
            vec!["The registry offers no RDAP. This says nothing about the applicant.".to_owned()]
        }
        RegistryFact::NotFound => vec!["The registry does not know the name.".to_owned()],
        RegistryFact::NoAnswer => vec!["The registry gave no answer.".to_owned()],
    }
}

fn registration_lines(found: &Registration) -> Vec<String> {
    let organization = match (&found.organization, found.is_withheld) {
        (Some(organization), _) => organization.as_str(),
        (None, true) => "withheld",
        (None, false) => "not given",
    };
    let date = |label: &str, date: Option<time::Date>| date.map(|date| format!("{label}: {}", day(date)));
    let list = |label: &str, found: &[String]| (!found.is_empty()).then(|| format!("{label}: {}", found.join(", ")));
    let lines = [
        Some(format!("Registered for: {organization}")),
        found
            .registrar
            .as_ref()
            .map(|registrar| format!("Registrar: {registrar}")),
        date("Registered on", found.registered_on),
        date("Registration ends on", found.expires_on),
        list("States", &found.states),
        list("Name servers", &found.name_servers),
    ];
    lines.into_iter().flatten().collect()
}
