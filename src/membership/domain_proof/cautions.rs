//! Facts about a domain that staff should not miss. Facts without an answer, a registry that offers no RDAP or does not know a
//! name, withheld data and an unsigned domain are none.

use time::Date;

use super::facts::{Facts, WebsiteAnswer};
use super::registry::RegistryFact;
use crate::membership::words::{day, fetch_fault_words};
use crate::outbound::Dnssec;

/// The days before the end of a registration at which it is a caution.
const DAYS_BEFORE_END: i64 = 60;

/// Returns the sentences for staff.
#[must_use]
pub fn cautions(facts: &Facts, today: Date) -> Vec<String> {
    let dns = facts.dns.as_ref().filter(|_| !facts.is_dns_asked_again);
    let dns = dns.map(|taken| &taken.fact);
    let missing = dns.is_some_and(|dns| dns.exists == Some(false));
    let bogus = dns.is_some_and(|dns| dns.dnssec == Dnssec::Bogus);
    let of_dns = [
        missing.then(|| "The domain name does not exist in DNS.".to_owned()),
        bogus.then(|| "The DNSSEC signatures of the domain are wrong.".to_owned()),
    ];
    let of_dns = of_dns.into_iter().flatten();
    of_dns.chain(website(facts)).chain(registration(facts, today)).collect()
}

fn website(facts: &Facts) -> Option<String> {
    let taken = facts.website.as_ref()?;
    let since = day(taken.is_down_since()?.date());
    Some(match &taken.fact.answer {
        WebsiteAnswer::None(fault) => {
            format!(
                "The website has not answered since {since}: {}.",
                fetch_fault_words(*fault)
            )
        }
        WebsiteAnswer::Status { status, .. } => {
            format!("The website has answered with the status {status} instead of a page since {since}.")
        }
    })
}

fn registration(facts: &Facts, today: Date) -> Vec<String> {
    let Some(RegistryFact::Registration(found)) = facts.registry.as_ref().map(|taken| &taken.fact) else {
        return Vec::new();
    };
    let end = found
        .expires_on
        .filter(|_| found.expires_within(today, DAYS_BEFORE_END));
    let end = end.map(|end| {
        let ends = if end < today { "ended" } else { "ends" };
        format!("The registration of the domain name {ends} on {}.", day(end))
    });
    let holds = found.holds();
    let holds = (!holds.is_empty()).then(|| {
        format!(
            "The domain name is on hold or about to be deleted: {}.",
            holds.join(", ")
        )
    });
    end.into_iter().chain(holds).collect()
}
