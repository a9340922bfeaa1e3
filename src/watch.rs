//! Someone notices: looks from time to time whether staff are owed their daily report and whether
//! mail has waited too long, and whose retention is over. Every instance looks; the database sees to it that one reports.

use std::time::Duration;

use tokio::sync::watch;

use crate::database::Pool;
use crate::membership::{MailIdentity, erase_older_than, owe_report};
use crate::outbox::{self, Outbox};

/// How often to look. Also how late after midnight (UTC) a report may be owed.
const EVERY: Duration = Duration::from_mins(5);

/// A mail that has waited longer is told of in the log, at each look.
pub const TOO_LONG: time::Duration = time::Duration::minutes(15);

/// Looks until told to stop; erases what is older than so many days, where that is set.
pub async fn run(
    pool: &Pool,
    outbox: &Outbox,
    head: &MailIdentity,
    retention_days: Option<u16>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let looking = async {
            look(pool, outbox, head).await?;
            match retention_days {
                Some(days) => erase(pool, days).await,
                None => Ok(()),
            }
        };
        // A look that a network swallowed must not be the last.
        let looked = tokio::time::timeout(EVERY, looking).await;
        if let Err(error) = looked.map_err(Into::into).flatten() {
            tracing::warn!(
                error = format!("{error:#}"),
                "nobody could look after mail and applications; trying again"
            );
        }
        tokio::select! { () = tokio::time::sleep(EVERY) => {}, _ = stop.changed() => {} }
    }
}

async fn erase(pool: &Pool, days: u16) -> anyhow::Result<()> {
    let erased = erase_older_than(pool, days, |_| ()).await?;
    if erased > 0 {
        tracing::info!(erased, "applications were erased, since their retention is over");
    }
    Ok(())
}

/// One look: owes the report if it is due, and logs what has waited too long.
///
/// # Errors
/// The database's, or a letter that cannot be rendered.
pub async fn look(pool: &Pool, outbox: &Outbox, head: &MailIdentity) -> anyhow::Result<()> {
    if owe_report(pool, head).await? {
        outbox.wake();
        tracing::info!("the daily report is owed");
    }
    let standing = outbox::standing(pool).await?;
    if standing.oldest_waits > TOO_LONG {
        tracing::warn!(
            waiting = standing.waiting,
            given_up = standing.given_up,
            oldest_in_seconds = standing.oldest_waits.whole_seconds(),
            "mail has waited too long; see npoc mail list"
        );
    }
    Ok(())
}
