//! Asks a registry about a domain name: the server of the bootstrap file, then the registrar's server that it names.

use url::Url;

use super::super::{Fetched, Outbound, Request};
use super::{Bootstrap, MAX_ANSWER_OCTETS, NotRdap, Registration, parse, query_url};

/// Where IANA publishes which registry has which server (RFC 9224).
const BOOTSTRAP: &str = "https://data.iana.org/rdap/dns.json";

/// The greatest size of that file, in octets. It had 71 KiB in 2026.
const MAX_BOOTSTRAP: usize = 1024 * 1024;

/// The answer of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// What it tells.
    Registration(Box<Registration>),
    /// It offers no RDAP, like many countries' registries.
    NotOffered,
    /// It knows no such name.
    NotFound,
    /// No answer that can be read. Contains the seconds to wait, if the server named them.
    None(Option<u32>),
}

/// Returns the address of IANA's bootstrap file.
#[must_use]
pub fn bootstrap_url() -> Option<Url> {
    Url::parse(BOOTSTRAP).ok()
}

impl Outbound {
    /// Asks about a registered name. Every redirect passes the guard.
    pub async fn registration(&self, bootstrap: &Bootstrap, registered: &str) -> RegistryAnswer {
        let Some(server) = bootstrap.server_of(registered) else {
            return RegistryAnswer::NotOffered;
        };
        match self.ask_rdap(&query_url(&server, registered), registered).await {
            RegistryAnswer::Registration(found) => {
                RegistryAnswer::Registration(self.completed(found, registered).await)
            }
            other => other,
        }
    }

    /// Adds what the registrar tells. It may tell nothing.
    async fn completed(&self, found: Box<Registration>, registered: &str) -> Box<Registration> {
        let Some(url) = found.related.as_deref().and_then(|url| Url::parse(url).ok()) else {
            return found;
        };
        match self.ask_rdap(&url, registered).await {
            RegistryAnswer::Registration(more) => Box::new(found.merged(*more)),
            _ => found,
        }
    }

    async fn ask_rdap(&self, url: &Url, registered: &str) -> RegistryAnswer {
        let fetched = self.fetch(rdap_request(url, MAX_ANSWER_OCTETS)).await;
        match fetched {
            Ok(fetched) => judged(&fetched, registered),
            Err(_) => RegistryAnswer::None(None),
        }
    }

    /// Fetches IANA's bootstrap file; `None` if it cannot be reached or read.
    pub async fn new_bootstrap(&self) -> Option<(Bootstrap, String)> {
        let url = bootstrap_url()?;
        let fetched = self.fetch(rdap_request(&url, MAX_BOOTSTRAP)).await.ok()?;
        let is_whole = fetched.status == 200 && !fetched.is_cut;
        let bootstrap = Bootstrap::parse(&fetched.body).ok().filter(|_| is_whole)?;
        Some((bootstrap, String::from_utf8(fetched.body).ok()?))
    }
}

fn rdap_request(url: &Url, max_body: usize) -> Request<'_> {
    Request {
        url,
        max_body,
        allows_http: false,
        hosts: None,
        accept: "application/rdap+json, application/json;q=0.9",
    }
}

fn judged(fetched: &Fetched, registered: &str) -> RegistryAnswer {
    match (fetched.status, parse(&fetched.body, registered)) {
        (200, Ok(found)) if !fetched.is_cut => RegistryAnswer::Registration(Box::new(found)),
        (404, _) | (_, Err(NotRdap::NotFound)) => RegistryAnswer::NotFound,
        _ => RegistryAnswer::None(fetched.retry_after),
    }
}
