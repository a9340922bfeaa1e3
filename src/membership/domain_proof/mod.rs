//! Proof that an applicant controls its domain name, and facts about the domain for staff. Never a gate: an application
//! without a proof is reviewed like every other. Nothing here runs in a request but the reading and writing of rows.
//!
//! A check: `requests` or a timetable makes it due → `queue` claims it → `token_search` asks through
//! [`outbound`](crate::outbound) → `recording` stores the [`Outcome`], and the emails about a proof.

mod after_correction;
mod cautions;
mod code;
mod fact_check;
mod facts;
mod outcome;
mod proofs;
mod queue;
mod recording;
mod registry;
mod requests;
mod staff_notice;
mod token_search;
mod worker;

use sqlx::PgConnection;

use super::review::ReviewState;
use crate::values::DomainName;

pub(super) use after_correction::{follow_correction, forget_mailbox};
pub use cautions::cautions;
pub use code::{CodeAsked, CodeTyped, ask_for_code, type_code};
pub use facts::{Facts, Taken, WebsiteAnswer, WebsiteFact, facts, queue_facts};
pub use outcome::Outcome;
pub use proofs::{DomainStanding, Proof, ShownCheck, open_domain, proofs};
pub use queue::overdue;
pub use registry::RegistryFact;
pub use requests::{CheckAsked, ask_for_check};
pub use worker::DomainChecks;

/// A way to prove a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A TXT record.
    Dns,
    /// A file on the website.
    Web,
    /// A code that was mailed to a mailbox at the domain. It shows a mailbox, and proves nothing more.
    Mail,
}

impl Way {
    const ALL: [Self; 3] = [Self::Dns, Self::Web, Self::Mail];

    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Web => "web",
            Self::Mail => "mail",
        }
    }

    /// Parses such a name.
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// The label before the domain, where the TXT record is.
pub const CHALLENGE_LABEL: &str = "_npoc-challenge";

/// Returns the name of the TXT record.
#[must_use]
pub fn record_name(domain: &DomainName) -> String {
    format!("{CHALLENGE_LABEL}.{}", domain.ascii())
}

/// Returns the text of the TXT record.
#[must_use]
pub fn record_text(token: &str) -> String {
    format!("npoc-verification={token}")
}

/// Returns the address of the file.
#[must_use]
pub fn file_address(host: &str) -> String {
    format!("https://{host}/.well-known/npoc-challenge.txt")
}

/// Returns the domain name of an application, if a proof of it makes sense in its state.
async fn domain_of(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Option<DomainName>> {
    let name = sqlx::query_scalar!(
        "SELECT domain_name_ascii FROM applications WHERE reference = $1 AND state <> ALL ($2)",
        reference,
        &ReviewState::without_proof() as &[&str]
    )
    .fetch_optional(connection)
    .await?;
    // A name that an older release took may break a newer rule.
    Ok(name.and_then(|name| DomainName::parse(&name).ok()))
}
