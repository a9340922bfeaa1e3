//! Who is asking, as far as it matters: the network, behind proxies that are trusted, and whether it sent more than it
//! may. Kept in memory and never with an application.

use axum::http::{Extensions, HeaderMap};

use super::forwarded::Proxies;
use super::rate::Rates;
pub use super::rate::{Verdict, network};

/// Counts what each network sends.
#[derive(Debug)]
pub struct Limit {
    proxies: Proxies,
    rates: Option<Rates>,
}

impl Limit {
    /// This many a minute for one network; 0 is no limit.
    #[must_use]
    pub fn new(per_minute: u32, proxies: Proxies) -> Self {
        let rates = Rates::new(per_minute);
        Self { proxies, rates }
    }

    /// Who is behind whom.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Counts one, and says what follows.
    #[must_use]
    pub fn judge(&self, headers: &HeaderMap, extensions: &Extensions) -> Verdict {
        match (&self.rates, self.proxies.client(headers, extensions)) {
            (Some(rates), Some(client)) => rates.judge(client),
            _ => Verdict::Within,
        }
    }
}
