//! The command that records decisions from before the desk.

use std::io::Write;

use super::cli::NotFound;
use crate::database::Pool;
use crate::membership::review::{self, NotChanged, Recorded, Review};
use crate::staff::{self, NotDone};
use crate::values::EmailAddress;

/// Records a decision about each application. Stops at the first that is not possible; those before stay recorded.
pub(super) async fn record(
    pool: &Pool,
    review: &Review,
    decision: Recorded,
    references: &[String],
    by: &EmailAddress,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let by = staff::id_of(&mut *session, by).await?.ok_or(NotDone::Unknown)?;
    session.end().await?;
    for reference in references {
        match review::record(pool, review, reference, decision, by).await {
            Ok(()) => writeln!(out, "{reference}: {}", decision.name())?,
            Err(NotChanged::NotFound) => {
                return Err(NotFound(format!("No application has the reference {reference:?}")).into());
            }
            Err(NotChanged::Refused(_)) => anyhow::bail!("{reference} is decided or being reviewed at the desk"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
