//! DNS: the records of a domain, from the resolver and from the zone's own name servers, and its DNSSEC state.
//!
//! A new resolver for each question keeps no cache and follows changes of `/etc/resolv.conf`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{DnsServer, Outbound, is_public};

/// The time limit of each of two tries of one question.
const TRY_LIMIT: Duration = Duration::from_secs(2);

/// The most name servers of a zone whose addresses are looked up, and the most addresses that are asked.
const MAX_SERVERS: usize = 4;

/// The most records and the most characters of one that are kept.
const MAX_RECORDS: usize = 20;
const MAX_CHARACTERS: usize = 300;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsFault {
    /// The name does not exist.
    #[error("no such name")]
    NoSuchName,
    /// The name has no such record.
    #[error("no such record")]
    NoSuchRecord,
    /// The resolver could not verify the answer, or could not reach the zone (SERVFAIL).
    #[error("could not be verified or reached")]
    Failed,
    /// The server answers such questions with another error.
    #[error("refused")]
    Refused,
    /// No answer in time.
    #[error("no answer")]
    NoAnswer,
    /// It is not a name that DNS can hold.
    #[error("not a name")]
    NotAName,
    /// The machine has no resolver.
    #[error("the machine has no resolver")]
    NoResolver,
}

impl DnsFault {
    /// Returns whether the servers said that there is nothing, so a later answer may differ only if the zone changes.
    #[must_use]
    pub fn is_absence(self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoSuchRecord)
    }
}

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

impl Outbound {
    /// Returns the TXT records of a name, as the resolver knows them. The strings of one record are joined.
    ///
    /// # Errors
    /// Returns a [`DnsFault`] if there is none.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, DnsFault> {
        let found = lookup(&self.resolver(false)?, name, RecordType::TXT).await?;
        Ok(texts(&found))
    }

    /// Returns the TXT records of a name as the zone's own name servers have them now. `zones` are names that may be the
    /// top of the zone, the nearest first.
    ///
    /// # Errors
    /// Returns a [`DnsFault`] if there is none, or if the servers cannot be asked.
    pub async fn txt_at_zone<'a>(
        &self,
        name: &str,
        zones: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>, DnsFault> {
        let mut servers = Vec::new();
        for zone in zones {
            servers = self.servers_of(zone).await;
            if !servers.is_empty() {
                break;
            }
        }
        if servers.is_empty() {
            return Err(DnsFault::NoAnswer);
        }
        let servers = servers
            .into_iter()
            .map(|address| server_at(address, self.reach.dns_port));
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set_options(builder.options_mut(), false);
        builder.options_mut().recursion_desired = false;
        let resolver = builder.build().map_err(|_| DnsFault::NoResolver)?;
        let found = lookup(&resolver, name, RecordType::TXT).await?;
        Ok(texts(&found))
    }

    /// Returns the public addresses of the name servers of a zone.
    async fn servers_of(&self, zone: &str) -> Vec<IpAddr> {
        let Ok(resolver) = self.resolver(false) else {
            return Vec::new();
        };
        let names = lookup(&resolver, zone, RecordType::NS).await;
        let names = names.map(|found| targets(&found)).unwrap_or_default();
        let mut servers = Vec::new();
        for name in names.iter().take(MAX_SERVERS) {
            let addresses = self.addresses(name).await.unwrap_or_default();
            let are_public = addresses.iter().all(|one| is_public(*one, &self.reach.also_public));
            servers.extend(addresses.into_iter().filter(|_| are_public));
        }
        servers.truncate(MAX_SERVERS);
        servers
    }

    /// Returns the IP addresses of a name, of both families.
    ///
    /// # Errors
    /// Returns a [`DnsFault`] if there is none.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsFault> {
        let name = absolute(host)?;
        let found = self.resolver(false)?.lookup_ip(name).await;
        let found: Vec<IpAddr> = found.map_err(|error| fault(&error))?.iter().collect();
        if found.is_empty() {
            Err(DnsFault::NoSuchRecord)
        } else {
            Ok(found)
        }
    }

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

    /// Returns the facts about a domain in a zone whose registered name is `registered`.
    pub async fn dns_facts(&self, domain: &str, registered: &str) -> DnsFacts {
        let Ok(resolver) = self.resolver(false) else {
            return DnsFacts::UNKNOWN;
        };
        let dmarc = format!("_dmarc.{domain}");
        let (addresses, mail, servers, spf, policy, ds, soa, dnssec) = tokio::join!(
            self.addresses(domain),
            lookup(&resolver, domain, RecordType::MX),
            lookup(&resolver, registered, RecordType::NS),
            lookup(&resolver, domain, RecordType::TXT),
            lookup(&resolver, &dmarc, RecordType::TXT),
            lookup(&resolver, registered, RecordType::DS),
            lookup(&resolver, domain, RecordType::SOA),
            self.dnssec(domain),
        );
        let begins = |found: Result<Lookup, DnsFault>, version: &str| {
            known(found.map(|found| {
                texts(&found)
                    .iter()
                    .any(|text| text.to_ascii_lowercase().starts_with(version))
            }))
        };
        DnsFacts {
            exists: existence(&[addresses.as_ref().err().copied(), soa.err()]),
            addresses: known(addresses.map(|all| all.iter().take(MAX_RECORDS).map(IpAddr::to_string).collect())),
            mail_servers: known(mail.map(|found| targets(&found))),
            name_servers: known(servers.map(|found| targets(&found))),
            has_spf: begins(spf, "v=spf1"),
            has_dmarc: begins(policy, "v=dmarc1"),
            has_ds: known(ds.map(|found| !found.answers().is_empty())),
            dnssec,
        }
    }

    fn resolver(&self, validates: bool) -> Result<TokioResolver, DnsFault> {
        let mut builder = self.builder().ok_or(DnsFault::NoResolver)?;
        set_options(builder.options_mut(), validates);
        if let Some(file) = self.reach.root_keys.as_ref().filter(|_| validates) {
            let keys = TrustAnchors::from_file(file).map_err(|_| DnsFault::NoResolver)?;
            builder = builder.with_trust_anchor(Arc::new(keys));
        }
        builder.build().map_err(|_| DnsFault::NoResolver)
    }

    fn builder(&self) -> Option<ResolverBuilder<TokioRuntimeProvider>> {
        match self.server {
            DnsServer::System => TokioResolver::builder_tokio().ok(),
            DnsServer::At(address) => {
                let server = server_at(address.ip(), address.port());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Some(TokioResolver::builder_with_config(
                    config,
                    TokioRuntimeProvider::default(),
                ))
            }
        }
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

fn set_options(options: &mut ResolverOpts, validates: bool) {
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.attempts = 1;
    options.timeout = TRY_LIMIT;
    options.validate = validates;
    options.edns0 = true;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

fn server_at(address: IpAddr, port: u16) -> NameServerConfig {
    let mut server = NameServerConfig::new(address, true, vec![ConnectionConfig::udp(), ConnectionConfig::tcp()]);
    for connection in &mut server.connections {
        connection.port = port;
    }
    server
}

/// Returns a name that no search list completes.
fn absolute(name: &str) -> Result<Name, DnsFault> {
    let mut absolute = Name::from_ascii(name.trim_end_matches('.')).map_err(|_| DnsFault::NotAName)?;
    absolute.set_fqdn(true);
    Ok(absolute)
}

/// Why a question has no answer, with what only a validating resolver knows.
enum Unanswered {
    Fault(DnsFault),
    /// DNSSEC proves with this strength that there is no such record.
    Proven(Proof),
    Bogus,
}

async fn question(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Lookup, Unanswered> {
    let name = absolute(name).map_err(Unanswered::Fault)?;
    resolver.lookup(name, kind).await.map_err(|error| match error {
        NetError::Dns(DnsError::DnssecBogus) => Unanswered::Bogus,
        NetError::Dns(DnsError::Nsec { proof, .. }) => Unanswered::Proven(proof),
        error => Unanswered::Fault(fault(&error)),
    })
}

async fn lookup(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Lookup, DnsFault> {
    question(resolver, name, kind)
        .await
        .map_err(|unanswered| match unanswered {
            Unanswered::Fault(fault) => fault,
            Unanswered::Proven(_) => DnsFault::NoSuchRecord,
            Unanswered::Bogus => DnsFault::Failed,
        })
}

fn fault(error: &NetError) -> DnsFault {
    match error {
        _ if error.is_nx_domain() => DnsFault::NoSuchName,
        _ if error.is_no_records_found() => DnsFault::NoSuchRecord,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => DnsFault::Failed,
        NetError::Dns(DnsError::ResponseCode(_)) => DnsFault::Refused,
        _ => DnsFault::NoAnswer,
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

/// Returns the texts of TXT records, each on one line and shortened.
fn texts(found: &Lookup) -> Vec<String> {
    let records = found.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    });
    let clean = records.map(|octets| {
        let text = String::from_utf8_lossy(&octets).into_owned();
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_CHARACTERS)
            .collect()
    });
    clean.take(MAX_RECORDS).collect()
}

/// Returns the names that NS and MX records lead to.
fn targets(found: &Lookup) -> Vec<String> {
    let names = found.answers().iter().filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.to_ascii()),
        RData::MX(server) => Some(server.exchange.to_ascii()),
        _ => None,
    });
    let names = names.map(|name| match name.trim_end_matches('.') {
        "" => ".".to_owned(),
        name => name.to_ascii_lowercase(),
    });
    names.take(MAX_RECORDS).collect()
}

/// Returns what is known: an absent record is known to be absent.
fn known<T: Default>(found: Result<T, DnsFault>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(fault) => fault.is_absence().then(T::default),
    }
}

/// Returns whether a name exists, from questions about it: `None` for an answer, otherwise why there was none.
fn existence(answers: &[Option<DnsFault>]) -> Option<bool> {
    if answers.contains(&Some(DnsFault::NoSuchName)) {
        return Some(false);
    }
    let is_there = |answer: &Option<DnsFault>| answer.is_none_or(|fault| fault == DnsFault::NoSuchRecord);
    answers.iter().any(is_there).then_some(true)
}
