//! Asks a registry about a domain name: the server of the bootstrap file, then the registrar's server that it names.

use url::Url;

use super::super::{Fetched, Outbound, Request};
use super::{Bootstrap, MAX_ANSWER_OCTETS, NotRdap, Registration, parse, query_url};

/// Where IANA publishes which registry has which server (RFC 9224).
const BOOTSTRAP: &str = "https://data.iana.org/rdap/dns.json";

/// The greatest size of that file, in octets. It had 71 KiB in 2026.
const MAX_BOOTSTRAP: usize = 1024 * 1024;

/// The answer of a registry or a registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// What it tells.
    Registration(Box<Registration>),
    /// It knows no such name.
    NotFound,
    /// No answer that can be read. Contains the seconds to wait, if the server named them.
    None(Option<u32>),
}

impl Outbound {
    /// Asks the server of a registry about a registered name. Every redirect passes the guard.
    pub async fn registration(&self, server: &Url, registered: &str) -> RegistryAnswer {
        self.registration_at(&query_url(server, registered), registered).await
    }

    /// Asks at this address about a registered name.
    pub async fn registration_at(&self, url: &Url, registered: &str) -> RegistryAnswer {
        match self.fetch(rdap_request(url, MAX_ANSWER_OCTETS)).await {
            Ok(fetched) => judged(&fetched, registered),
            Err(_) => RegistryAnswer::None(None),
        }
    }

    /// Fetches IANA's bootstrap file; `None` if it cannot be reached or read.
    pub async fn new_bootstrap(&self) -> Option<(Bootstrap, String)> {
        let url = Url::parse(BOOTSTRAP).ok()?;
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
        // A page of HTML may be about the address, not about the name.
        (404, Err(NotRdap::NotFound)) => RegistryAnswer::NotFound,
        (404, _) if fetched.body.is_empty() => RegistryAnswer::NotFound,
        _ => RegistryAnswer::None(fetched.retry_after),
    }
}
