//! The command that checks the domain name of an application now.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;

use super::cli::NotFound;
use crate::database::Pool;
use crate::mailer::Mailer;
use crate::membership::domain_proof::{self, DomainChecks};
use crate::membership::words::{domain_facts, proof_lines};
use crate::outbox::Outbox;
use crate::settings::Settings;

/// Runs every check of an application, and prints what is proved and found.
pub(super) async fn check(
    pool: &Pool,
    settings: &Settings,
    reference: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let outbound = settings
        .outbound()
        .context("Domain names are not looked up; see NPOC_DNS")?;
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    let outbox = Outbox::new(pool.clone(), mailer, Arc::new(settings.mail_identity()));
    let checks = DomainChecks::new(
        pool.clone(),
        Arc::new(outbox),
        settings.review(),
        outbound,
        settings.rdap,
    );
    let reference = reference.trim().to_uppercase();
    if !checks.check_all_of(&reference).await? {
        return Err(NotFound(format!("No application has the reference {reference:?}")).into());
    }
    let mut session = pool.session().await?;
    let proofs = domain_proof::proofs(&mut session, &reference).await?;
    let facts = domain_proof::facts(&mut session, &reference).await?;
    session.end().await?;
    if checks.waits(&reference).await? {
        writeln!(out, "Some checks are not made yet; the site goes on with them.")?;
    }
    for line in proof_lines(&proofs) {
        writeln!(out, "{line}")?;
    }
    for fact in domain_facts(&facts) {
        writeln!(out, "\n{} ({})", fact.label, fact.at)?;
        for line in fact.lines {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
