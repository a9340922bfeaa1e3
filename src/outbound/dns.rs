//! DNS: the records of a name, from the resolver and from the zone's own name servers.
//!
//! A new resolver for each question keeps no cache and follows changes of `/etc/resolv.conf`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
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
pub(super) const MAX_RECORDS: usize = 20;
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

impl Outbound {
    /// Returns the TXT records of a name, as the resolver knows them. The strings of one record are joined.
    ///
    /// # Errors
    /// Returns a [`DnsFault`] if there is none.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, DnsFault> {
        let found = lookup(&self.resolver(false)?, name, RecordType::TXT).await?;
        Ok(texts(&found).collect())
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
        let asking = servers.into_iter().map(|address| self.txt_at(address, name));
        merged(&join_all(asking).await)
    }

    /// Returns the TXT records of a name as one name server has them.
    async fn txt_at(&self, server: IpAddr, name: &str) -> Result<Vec<String>, DnsFault> {
        let server = server_at(server, self.reach.dns_port);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        set_options(builder.options_mut(), false);
        builder.options_mut().recursion_desired = false;
        let resolver = builder.build().map_err(|_| DnsFault::NoResolver)?;
        let found = lookup(&resolver, name, RecordType::TXT).await?;
        Ok(texts(&found).collect())
    }

    /// Returns the public addresses of the name servers of a zone.
    async fn servers_of(&self, zone: &str) -> Vec<IpAddr> {
        let Ok(resolver) = self.resolver(false) else {
            return Vec::new();
        };
        let found = lookup(&resolver, zone, RecordType::NS).await;
        let names = found.map(|found| servers_named(&found, zone)).unwrap_or_default();
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

    pub(super) fn resolver(&self, validates: bool) -> Result<TokioResolver, DnsFault> {
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
pub(super) enum Unanswered {
    Fault(DnsFault),
    /// DNSSEC proves with this strength that there is no such record.
    Proven(Proof),
    Bogus,
}

pub(super) async fn question(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Lookup, Unanswered> {
    let name = absolute(name).map_err(Unanswered::Fault)?;
    let found = resolver.lookup(name, kind).await;
    found.map_err(|error| match proof_of_absence(&error) {
        Proof::Bogus => Unanswered::Bogus,
        Proof::Indeterminate => Unanswered::Fault(fault(&error)),
        proof => Unanswered::Proven(proof),
    })
}

/// Returns how strongly DNSSEC proves that there is no such record. Without validation it is indeterminate.
fn proof_of_absence(error: &NetError) -> Proof {
    match error {
        NetError::Dns(DnsError::DnssecBogus) => Proof::Bogus,
        NetError::Dns(DnsError::Nsec { proof, .. }) => *proof,
        // The zone's SOA comes with a verified absence.
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            none.soa.as_ref().map_or(Proof::Indeterminate, |soa| soa.proof)
        }
        _ => Proof::Indeterminate,
    }
}

pub(super) async fn lookup(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Lookup, DnsFault> {
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
        // A referral: the server does not know.
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.soa.is_none() && none.ns.is_some() => DnsFault::NoAnswer,
        _ if error.is_no_records_found() => DnsFault::NoSuchRecord,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => DnsFault::Failed,
        NetError::Dns(DnsError::ResponseCode(_)) => DnsFault::Refused,
        _ => DnsFault::NoAnswer,
    }
}

/// Returns the records of all servers, since one may be older than another, or no server of the zone.
fn merged(answers: &[Result<Vec<String>, DnsFault>]) -> Result<Vec<String>, DnsFault> {
    let mut records = Vec::new();
    for record in answers.iter().flatten().flatten() {
        if !records.contains(record) {
            records.push(record.clone());
        }
    }
    let faults = || answers.iter().filter_map(|answer| answer.as_ref().err().copied());
    let fault = faults().find(|fault| fault.is_absence()).or_else(|| faults().next());
    match fault {
        Some(fault) if records.is_empty() => Err(fault),
        _ => Ok(records),
    }
}

/// Returns the texts of TXT records, each on one line and shortened.
pub(super) fn texts(found: &Lookup) -> impl Iterator<Item = String> {
    let records = found.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    });
    records.map(|octets| {
        let text = String::from_utf8_lossy(&octets).into_owned();
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_CHARACTERS)
            .collect()
    })
}

/// Returns the name servers of exactly this zone. If the name is an alias, the answer holds those of another zone, whose owner
/// must not prove this one.
fn servers_named(found: &Lookup, zone: &str) -> Vec<String> {
    let Ok(zone) = absolute(zone) else { return Vec::new() };
    let of_zone = found.answers().iter().filter(|record| record.name == zone);
    let names = of_zone.filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.to_ascii()),
        _ => None,
    });
    names.collect()
}

/// Returns the names that NS and MX records lead to.
pub(super) fn targets(found: &Lookup) -> Vec<String> {
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
