//! Someone notices: looks from time to time whether the clocks fit, whether staff are owed a digest or their daily report, whether
//! mail has waited too long, and whose retention is over. Every instance looks; the database sees to it that one reports.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Look;
use crate::database::Pool;
use crate::membership::{
    MailIdentity, erase_announced, is_anything_announced, queue_daily_report, queue_digests, withdraw_future_reports,
};
use crate::outbox::{self, Outbox};

/// How often to look. Also how late after midnight (UTC) a report may be owed.
const EVERY: Duration = Duration::from_mins(5);

/// A mail that has waited longer is in the log, at each look.
pub const TOO_LONG: time::Duration = time::Duration::minutes(15);

/// Looks until told to stop; erases what is older than this many days, where that is set.
pub async fn run(
    pool: &Pool,
    outbox: &Outbox,
    head: &MailIdentity,
    retention_days: Option<u16>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let looking = look(pool, outbox, head, retention_days);
        // A look that a network swallowed must not be the last.
        let looked = tokio::time::timeout(EVERY, looking).await;
        if let Err(error) = looked.map_err(Into::into).flatten() {
            pool.doubt();
            tracing::warn!(
                error = format!("{error:#}"),
                "nobody could look after mail and applications; trying again"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// One look: compares the clocks, brings back what lies in the future, owes the digest and the report if they are due, logs
/// what has waited too long, and erases what was announced.
///
/// # Errors
/// The database's, or an email that cannot be rendered.
pub async fn look(
    pool: &Pool,
    outbox: &Outbox,
    head: &MailIdentity,
    retention_days: Option<u16>,
) -> anyhow::Result<()> {
    let (look, is_announced) = look_at_clocks(pool, outbox).await?;
    // Its failure keeps nothing else from being looked after.
    let digests = queue_digests(pool, outbox, head).await;
    if queue_daily_report(pool, head, retention_days, &look).await? {
        outbox.wake();
        tracing::info!("the daily report is owed");
    }
    tell_what_waits(pool).await?;
    match retention_days {
        Some(days) if is_announced => erase(pool, outbox, days).await?,
        _ => {}
    }
    digests.map(drop)
}

/// In one transaction, since an idle site asks for little. Says also whether anything was announced to be erased.
async fn look_at_clocks(pool: &Pool, outbox: &Outbox) -> sqlx::Result<(Look, bool)> {
    pool.end_abandoned().await?;
    let mut transaction = pool.transaction().await?;
    let look = outbox.clock().look(&mut transaction).await?;
    let brought_back = outbox.reset_future_times(&mut transaction, &look).await?;
    if look.is_plausible {
        withdraw_future_reports(&mut *transaction).await?;
    }
    let is_announced = is_anything_announced(&mut *transaction).await?;
    transaction.end().await?;
    if brought_back > 0 {
        outbox.wake();
    }
    Ok((look, is_announced))
}

async fn tell_what_waits(pool: &Pool) -> sqlx::Result<()> {
    let standing = outbox::queue_stats(pool).await?;
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

async fn erase(pool: &Pool, outbox: &Outbox, days: u16) -> sqlx::Result<()> {
    let erased = erase_announced(pool, outbox.clock(), days).await?;
    if erased > 0 {
        tracing::info!(erased, "applications were erased, since their retention is over");
    }
    Ok(())
}
