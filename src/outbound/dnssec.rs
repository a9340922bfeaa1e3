//! The DNSSEC state of a domain. A validating lookup of its own, apart from that of a proof, since it errs in both directions.

use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::rr::RecordType;
use serde::{Deserialize, Serialize};

use super::Outbound;
use super::dns::{DnsFault, Unanswered, lookup, question};

/// What DNSSEC says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dnssec {
    /// Its records are signed, and the signatures lead to the root's key.
    Secure,
    /// It is not signed, like most domains. No fault.
    Insecure,
    /// It should be signed, and the signatures are wrong.
    Bogus,
    /// Not known: the resolver passes no signatures on, or the answer is ambiguous.
    Unchecked,
}

impl Dnssec {
    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus => "bogus",
            Self::Unchecked => "unchecked",
        }
    }

    /// Parses such a name. An unknown one is [`Dnssec::Unchecked`].
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let known = [Self::Secure, Self::Insecure, Self::Bogus];
        known
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Unchecked)
    }
}

impl Outbound {
    /// Returns the DNSSEC state of a domain. It is only said while the resolver proves that it passes signatures on.
    pub async fn dnssec(&self, domain: &str) -> Dnssec {
        if !self.validates().await {
            return Dnssec::Unchecked;
        }
        let Ok(resolver) = self.resolver(true) else {
            return Dnssec::Unchecked;
        };
        match question(&resolver, domain, RecordType::SOA).await {
            Ok(found) => state_of(found.answers().iter().map(|record| record.proof)),
            Err(Unanswered::Proven(proof)) => state_of([proof]),
            Err(Unanswered::Bogus) if !self.is_alias(domain).await => Dnssec::Bogus,
            Err(_) => Dnssec::Unchecked,
        }
    }

    /// Returns whether the resolver passes signatures on: the root, which is signed, can be verified.
    pub async fn validates(&self) -> bool {
        let Ok(resolver) = self.resolver(true) else {
            return false;
        };
        question(&resolver, "", RecordType::SOA)
            .await
            .is_ok_and(|found| found.answers().iter().any(|record| record.proof == Proof::Secure))
    }

    /// Returns whether a name is an alias, or may be one. A validating lookup of an alias is bogus at times without a fault.
    async fn is_alias(&self, domain: &str) -> bool {
        let Ok(resolver) = self.resolver(false) else {
            return true;
        };
        let found = lookup(&resolver, domain, RecordType::CNAME).await;
        !found.is_err_and(DnsFault::is_absence)
    }
}

/// Returns the state of records that were verified. The weakest counts.
fn state_of(proofs: impl IntoIterator<Item = Proof>) -> Dnssec {
    match proofs.into_iter().min() {
        Some(Proof::Secure) => Dnssec::Secure,
        Some(Proof::Insecure) => Dnssec::Insecure,
        Some(Proof::Bogus) => Dnssec::Bogus,
        Some(Proof::Indeterminate) | None => Dnssec::Unchecked,
    }
}
