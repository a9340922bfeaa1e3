//! Checks what the lookups of domain names need: a resolver, the guard, and the records of NPOC's own domain.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::time::timeout;

use super::CheckResult;
use crate::outbound::{DnsFacts, DnsFault, Outbound, can_read_own_addresses, is_public};
use crate::settings::Settings;

const DOMAINS: &str = "Domain names";

/// The time limit of the questions to the resolver.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Checks the way out, if it is on.
pub(super) async fn check(settings: &Settings) -> Vec<CheckResult> {
    let Some(outbound) = settings.outbound() else {
        return vec![CheckResult::ok(DOMAINS, "they are not looked up (NPOC_DNS is off).")];
    };
    let own = settings.mail_from.email.domain();
    let resolver = timeout(TIME_LIMIT, resolver(&outbound, own)).await;
    let mut results = resolver.unwrap_or_else(|_| vec![no_answer(DnsFault::NoAnswer)]);
    results.push(guard());
    results
}

async fn resolver(outbound: &Outbound, own: &str) -> Vec<CheckResult> {
    match outbound.addresses(own).await {
        Err(fault) if !fault.is_absence() => return vec![no_answer(fault)],
        _ => {}
    }
    let signatures = if outbound.validates().await {
        "it passes DNSSEC signatures on."
    } else {
        "it passes no DNSSEC signatures on, so the site says that DNSSEC is not checked."
    };
    let facts = outbound.dns_facts(own, own).await;
    let mut results = vec![CheckResult::ok(
        DOMAINS,
        format!("the resolver answers, and {signatures}"),
    )];
    results.extend(sender(own, &facts));
    results
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
        format!("{own}, the domain of NPOC_MAIL_FROM, has {missing}. Mail servers may take its emails for spam."),
        "Add the records that the provider of the relay names.",
    ))
}

/// Checks the guard, which keeps lookups from this machine and its neighbours.
fn guard() -> CheckResult {
    let private = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(169, 254, 169, 254)];
    if private.iter().any(|address| is_public(IpAddr::V4(*address), &[])) {
        return CheckResult::fail(
            DOMAINS,
            "the guard of lookups lets this machine through.",
            "Report this as a fault.",
        );
    }
    if !can_read_own_addresses() {
        return CheckResult::warn(
            DOMAINS,
            "the addresses of this machine cannot be read, so the site visits no website.",
            "Allow netlink to the site's user; see RestrictAddressFamilies in npoc.service.",
        );
    }
    CheckResult::ok(DOMAINS, "lookups cannot reach this machine or a private network.")
}
