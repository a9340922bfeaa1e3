//! The rate limit of each client. Counts are in memory, never with an application.

use std::net::IpAddr;

use crate::http::client::Proxies;
use crate::http::rate_limit::Rates;
pub use crate::http::rate_limit::Verdict;

/// Limits what each client sends.
#[derive(Debug)]
pub struct Limit {
    proxies: Proxies,
    rates: Option<Rates>,
}

impl Limit {
    /// Allows this many a minute for one network; 0 is no limit.
    #[must_use]
    pub fn new(per_minute: u32, proxies: Proxies) -> Self {
        let rates = Rates::new(per_minute);
        Self { proxies, rates }
    }

    /// Returns the proxies that say who asks.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Counts one application of this client, and returns what follows. A client that is not known has no limit.
    #[must_use]
    pub fn judge(&self, client: Option<IpAddr>) -> Verdict {
        match (&self.rates, client) {
            (Some(rates), Some(client)) => rates.judge(client),
            _ => Verdict::Within,
        }
    }
}
