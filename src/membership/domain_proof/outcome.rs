//! The outcome of a check, as it is stored and shown.

use serde::{Deserialize, Serialize};

use crate::outbound::{DnsFault, Dnssec, FetchFault};

/// The outcome of a check. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// The token is there.
    Proved {
        /// Where it was found.
        evidence: String,
        /// The DNSSEC state of the domain.
        dnssec: Dnssec,
    },
    /// There are TXT records, and none is the right one.
    OtherRecords {
        /// Their texts.
        records: Vec<String>,
    },
    /// There is no TXT record.
    NoRecord,
    /// DNS gave no answer about the record.
    NoDnsAnswer {
        /// Why.
        fault: DnsFault,
        /// Whether the zone's own name servers answer. Then a wrong signature is the likely cause.
        zone_answers: bool,
    },
    /// The website answered with another status than 200.
    Status {
        /// The status.
        status: u16,
        /// The host that answered.
        host: String,
    },
    /// The file holds something else than the token.
    OtherContent {
        /// Its size, in octets.
        octets: usize,
        /// The host that answered.
        host: String,
    },
    /// The website could not be asked.
    NotFetched {
        /// Why.
        fault: FetchFault,
    },
    /// The facts were stored.
    Stored,
    /// The check took too long.
    TooSlow,
    /// An outcome of a later release.
    #[serde(other)]
    Unknown,
}

impl Outcome {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn of_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Unknown)
    }
}
