//! The only way out of the process to hosts that an applicant names: DNS, and HTTP behind a guard.
//!
//! An applicant chooses the name, so the name may lead to this machine or its neighbours. [`Outbound::fetch`] therefore
//! resolves a name, refuses it if any of its addresses is not public, and connects to the very address that it checked.
//! Knows nothing of applications.

mod dns;
mod dns_facts;
mod dnssec;
mod fetch;
mod limits;
mod public;
pub mod rdap;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;

pub use dns::DnsFault;
pub use dns_facts::DnsFacts;
pub use dnssec::Dnssec;
pub use fetch::{FetchFault, Fetched, Forbidden, Request};
pub use limits::FetchLimits;
pub use public::{can_read_own_addresses, is_global, is_public};

use limits::Visits;

/// Which resolver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsServer {
    /// Those of `/etc/resolv.conf`.
    System,
    /// The one at this address.
    At(SocketAddr),
}

/// Whether names are looked up, and by which resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsChoice {
    /// They are not. No packet leaves.
    Off,
    /// By this resolver.
    On(DnsServer),
}

impl DnsChoice {
    /// Parses `off`, `system`, or an address with its port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "system" => Some(Self::On(DnsServer::System)),
            address => Some(Self::On(DnsServer::At(address.parse().ok()?))),
        }
    }
}

/// What the way out may reach. The site uses the default. Only tests widen it.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Networks that count as public besides the public ones.
    pub also_public: Vec<IpNet>,
    /// The port of `https`.
    pub https_port: u16,
    /// The port of `http`.
    pub http_port: u16,
    /// The port of name servers.
    pub dns_port: u16,
    /// Certificate authorities besides those of the machine.
    pub authorities: Vec<CertificateDer<'static>>,
    /// A file with the keys of the DNS root; `None` for the real ones.
    pub root_keys: Option<PathBuf>,
    /// Limits of time and size.
    pub limits: FetchLimits,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            also_public: Vec::new(),
            https_port: 443,
            http_port: 80,
            dns_port: 53,
            authorities: Vec::new(),
            root_keys: None,
            limits: FetchLimits::default(),
        }
    }
}

/// The way out.
#[derive(Clone)]
pub struct Outbound {
    server: DnsServer,
    /// Says who asks, and where to read why.
    user_agent: Arc<str>,
    reach: Arc<Reach>,
    visits: Visits,
    /// Made at the first visit, since it reads every authority of the machine.
    tls: Arc<OnceLock<Option<TlsConnector>>>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Outbound")
    }
}

impl Outbound {
    /// Returns a way out that asks this resolver and names this site.
    #[must_use]
    pub fn new(server: DnsServer, public_url: &str) -> Self {
        Self {
            server,
            user_agent: format!("npoc/{} (+{public_url}/privacy)", env!("CARGO_PKG_VERSION")).into(),
            reach: Arc::default(),
            visits: Visits::default(),
            tls: Arc::default(),
        }
    }

    /// Returns the same way out with another reach, for tests.
    #[must_use]
    pub fn with_reach(self, reach: Reach) -> Self {
        Self {
            reach: Arc::new(reach),
            tls: Arc::default(),
            ..self
        }
    }
}
