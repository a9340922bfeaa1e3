//! Checks what the lookups of domain names need, and the records of the domain that sends NPOC's emails.

use std::time::Duration;

use tokio::time::timeout;

use super::CheckResult;
use crate::outbound::{DnsFacts, DnsFault, Outbound, can_read_own_addresses};
use crate::settings::Settings;
use crate::values::DomainName;

const DOMAINS: &str = "Domain names";

/// The time limit of each question to the resolver.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Checks the way out, if it is on.
pub(super) async fn check(settings: &Settings) -> Vec<CheckResult> {
    let Some(outbound) = settings.outbound() else {
        return vec![CheckResult::ok(DOMAINS, "they are not looked up (NPOC_DNS is off).")];
    };
    let own = settings.sender_domain();
    let mut results = match timeout(TIME_LIMIT, outbound.addresses(&own)).await {
        Err(_) => vec![no_answer(DnsFault::NoAnswer)],
        Ok(Err(fault)) if !fault.is_absence() => vec![no_answer(fault)],
        Ok(_) => resolver(&outbound, &own).await,
    };
    results.extend(guard());
    results
}

/// Checks a resolver that answers.
async fn resolver(outbound: &Outbound, own: &str) -> Vec<CheckResult> {
    let signatures = match timeout(TIME_LIMIT, outbound.validates()).await {
        Ok(true) => "it passes DNSSEC signatures on.",
        _ => "it passes no DNSSEC signatures on, so the site says that DNSSEC is not checked.",
    };
    let answers = CheckResult::ok(DOMAINS, format!("the resolver answers, and {signatures}"));
    let registered = DomainName::parse(own).map_or_else(|_| own.to_owned(), |name| name.registered_ascii().to_owned());
    let facts = timeout(TIME_LIMIT, outbound.dns_facts(own, &registered)).await;
    let sender = facts.ok().and_then(|facts| sender(own, &facts));
    std::iter::once(answers).chain(sender).collect()
}

fn no_answer(fault: DnsFault) -> CheckResult {
    CheckResult::warn(
        DOMAINS,
        format!("the resolver gives no answer: {fault}. Applications arrive as usual, and lookups wait."),
        "Check /etc/resolv.conf, or set NPOC_DNS to the address of a resolver, or to off.",
    )
}

/// Warns if other mail servers cannot check who may send emails of this domain.
fn sender(own: &str, facts: &DnsFacts) -> Option<CheckResult> {
    let missing = match (facts.has_spf, facts.has_dmarc) {
        (Some(false), Some(false)) => "neither an SPF nor a DMARC record",
        (Some(false), _) => "no SPF record",
        (_, Some(false)) => "no DMARC record",
        _ => return None,
    };
    Some(CheckResult::warn(
        DOMAINS,
        format!("{own}, which sends NPOC's emails, has {missing}. Mail servers may take its emails for spam."),
        "Add the records that the provider of the relay names.",
    ))
}

/// Warns if the guard cannot know this machine's addresses.
fn guard() -> Option<CheckResult> {
    (!can_read_own_addresses()).then(|| {
        CheckResult::warn(
            DOMAINS,
            "the addresses of this machine cannot be read, so the site visits no website.",
            "Allow netlink to the site's user; see RestrictAddressFamilies in npoc.service.",
        )
    })
}
