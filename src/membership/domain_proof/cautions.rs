//! Facts about a domain that staff should not miss. Facts without an answer, a missing registry server, withheld data and an
//! unsigned domain are none.

use time::Date;

use super::facts::{Facts, WebsiteAnswer};
use super::registry::RegistryFact;
use crate::membership::words::{day, fetch_fault_words};
use crate::outbound::Dnssec;

/// Checks of a website without an answer after which it is a caution: sites sleep.
const FAILURES: i32 = 3;

/// The days before the end of a registration at which it is a caution.
const DAYS_BEFORE_END: i64 = 60;

/// Returns the sentences for staff.
#[must_use]
pub fn cautions(facts: &Facts, today: Date) -> Vec<String> {
    let mut cautions = Vec::new();
    if let Some(dns) = &facts.dns {
        if dns.fact.exists == Some(false) {
            cautions.push("The domain name does not exist in DNS.".to_owned());
        }
        if dns.fact.dnssec == Dnssec::Bogus {
            cautions.push("The DNSSEC signatures of the domain are wrong.".to_owned());
        }
    }
    cautions.extend(website(facts));
    cautions.extend(registration(facts, today));
    cautions
}

fn website(facts: &Facts) -> Option<String> {
    let website = &facts.website.as_ref()?.fact;
    if website.failures < FAILURES {
        return None;
    }
    Some(match &website.answer {
        WebsiteAnswer::None(fault) => format!(
            "The website did not answer three times in a day: {}.",
            fetch_fault_words(*fault)
        ),
        WebsiteAnswer::Status { status, .. } => {
            format!("The website answered three times in a day with the status {status} instead of a page.")
        }
    })
}

fn registration(facts: &Facts, today: Date) -> Vec<String> {
    let fact = facts.registry.as_ref().map(|taken| &taken.fact);
    let mut cautions = Vec::new();
    match fact {
        Some(RegistryFact::NotFound) => cautions.push("The registry does not know the domain name.".to_owned()),
        Some(RegistryFact::Registration(found)) => {
            if let Some(end) = found
                .expires_on
                .filter(|_| found.expires_within(today, DAYS_BEFORE_END))
            {
                cautions.push(format!("The registration of the domain name ends on {}.", day(end)));
            }
            if found.is_on_hold() {
                cautions.push(format!(
                    "The registry has suspended the domain name: {}.",
                    found.states.join(", ")
                ));
            }
        }
        _ => {}
    }
    cautions
}
