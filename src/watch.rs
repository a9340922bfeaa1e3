//! Someone notices: looks from time to time whether staff are owed their daily report and whether
//! mail has waited too long. Every instance looks; the database sees to it that one reports.

use std::time::Duration;

use tokio::sync::watch;

use crate::database::Pool;
use crate::membership::{Letterhead, owe_report};
use crate::outbox::{self, Outbox};

/// How often to look. Also how late after midnight (UTC) a report may be owed.
const EVERY: Duration = Duration::from_mins(5);

/// A mail that has waited longer is told of in the log, at each look.
const TOO_LONG: time::Duration = time::Duration::minutes(15);

/// Looks until told to stop.
pub async fn run(pool: &Pool, outbox: &Outbox, head: &Letterhead, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = look(pool, outbox, head).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "nobody could look after mail; trying again"
            );
        }
        tokio::select! { () = tokio::time::sleep(EVERY) => {}, _ = stop.changed() => {} }
    }
}

/// One look: owes the report if it is due, and logs what has waited too long.
///
/// # Errors
/// The database's, or a letter that cannot be rendered.
pub async fn look(pool: &Pool, outbox: &Outbox, head: &Letterhead) -> anyhow::Result<()> {
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
