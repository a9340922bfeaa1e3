//! The facts that DNS tells about a domain, for staff.

use std::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::RecordType;
use serde::{Deserialize, Serialize};

use super::Outbound;
use super::dns::{DnsFault, MAX_RECORDS, lookup, targets, texts};
use super::dnssec::Dnssec;

/// The facts that DNS tells about a domain. `None` means that there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsFacts {
    /// Whether the name exists.
    pub exists: Option<bool>,
    /// Its IP addresses.
    pub addresses: Option<Vec<String>>,
    /// Its mail servers. A single `.` says that it takes no mail (RFC 7505).
    pub mail_servers: Option<Vec<String>>,
    /// The name servers of its zone.
    pub name_servers: Option<Vec<String>>,
    /// Whether an SPF record names its senders.
    pub has_spf: Option<bool>,
    /// Whether it has a DMARC policy.
    pub has_dmarc: Option<bool>,
    /// Whether the parent zone says that it is signed (DS).
    pub has_ds: Option<bool>,
    /// Its DNSSEC state.
    pub dnssec: Dnssec,
}

impl DnsFacts {
    /// Returns whether the name exists and its signatures are not wrong. Anything else may be over in an hour.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.exists == Some(true) && self.dnssec != Dnssec::Bogus
    }
}

impl Outbound {
    /// Returns the facts about a domain in a zone whose registered name is `registered`.
    pub async fn dns_facts(&self, domain: &str, registered: &str) -> DnsFacts {
        let Ok(resolver) = self.resolver(false) else {
            return DnsFacts::UNKNOWN;
        };
        let (addresses, mail, servers, spf, policy, ds, soa, dnssec) = tokio::join!(
            self.addresses(domain),
            lookup(&resolver, domain, RecordType::MX),
            lookup(&resolver, registered, RecordType::NS),
            lookup(&resolver, domain, RecordType::TXT),
            dmarc(&resolver, domain, registered),
            lookup(&resolver, registered, RecordType::DS),
            lookup(&resolver, domain, RecordType::SOA),
            self.dnssec(domain),
        );
        let begins = |found: Result<Lookup, DnsFault>, version: &str| {
            known(found.map(|found| {
                let mut texts = texts(&found);
                texts.any(|text| text.to_ascii_lowercase().starts_with(version))
            }))
        };
        let mut exists = existence(&[addresses.as_ref().err().copied(), soa.err()]);
        // An alias exists, even if it leads to nothing.
        if exists == Some(false) && lookup(&resolver, domain, RecordType::CNAME).await.is_ok() {
            exists = Some(true);
        }
        DnsFacts {
            exists,
            addresses: known(addresses.map(|all| all.iter().take(MAX_RECORDS).map(IpAddr::to_string).collect())),
            mail_servers: known(mail.map(|found| targets(&found))),
            name_servers: known(servers.map(|found| targets(&found))),
            has_spf: begins(spf, "v=spf1"),
            has_dmarc: begins(policy, "v=dmarc1"),
            has_ds: known(ds.map(|found| !found.answers().is_empty())),
            dnssec,
        }
    }
}

/// Returns the policy records of a domain, or of the registered name that contains it.
async fn dmarc(resolver: &TokioResolver, domain: &str, registered: &str) -> Result<Lookup, DnsFault> {
    let found = lookup(resolver, &format!("_dmarc.{domain}"), RecordType::TXT).await;
    match found {
        Err(fault) if fault.is_absence() && domain != registered => {
            lookup(resolver, &format!("_dmarc.{registered}"), RecordType::TXT).await
        }
        found => found,
    }
}

impl DnsFacts {
    const UNKNOWN: Self = Self {
        exists: None,
        addresses: None,
        mail_servers: None,
        name_servers: None,
        has_spf: None,
        has_dmarc: None,
        has_ds: None,
        dnssec: Dnssec::Unchecked,
    };
}

/// Returns what is known: an absent record is known to be absent.
fn known<T: Default>(found: Result<T, DnsFault>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(fault) => fault.is_absence().then(T::default),
    }
}

/// Returns whether a name exists, from questions about it: `None` for an answer, otherwise why there was none. A record says
/// more than "no such name", which some name servers answer for types that they do not know (RFC 4074).
fn existence(answers: &[Option<DnsFault>]) -> Option<bool> {
    if answers.contains(&None) {
        return Some(true);
    }
    if answers.contains(&Some(DnsFault::NoSuchName)) {
        return Some(false);
    }
    answers.contains(&Some(DnsFault::NoSuchRecord)).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_enough_for_a_name_to_exist() {
        const MISSING: Option<DnsFault> = Some(DnsFault::NoSuchName);
        const EMPTY: Option<DnsFault> = Some(DnsFault::NoSuchRecord);
        const SILENT: Option<DnsFault> = Some(DnsFault::NoAnswer);
        for (answers, exists) in [
            ([None, MISSING], Some(true)),
            ([MISSING, None], Some(true)),
            ([None, SILENT], Some(true)),
            ([EMPTY, EMPTY], Some(true)),
            ([EMPTY, SILENT], Some(true)),
            ([MISSING, MISSING], Some(false)),
            ([MISSING, EMPTY], Some(false)),
            ([SILENT, MISSING], Some(false)),
            ([SILENT, SILENT], None),
        ] {
            assert_eq!(existence(&answers), exists, "{answers:?}");
        }
    }
}
