//! Periodic tasks: compare the clocks, queue the digests and the daily report, remind applicants, end what has expired, warn
//! about stuck emails, and erase expired applications. Every instance runs them; the database ensures that only one queues a report.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::ClockCheck;
use crate::database::Pool;
use crate::membership::review::{Review, queue_desk_digests, remind_and_lapse};
use crate::membership::{
    erase_announced, is_anything_announced, queue_daily_report, queue_digests, withdraw_future_reports,
};
use crate::outbox::{self, Outbox};
use crate::staff;

/// The interval between two runs, and the maximum delay of a report after midnight (UTC).
const INTERVAL: Duration = Duration::from_mins(5);

/// The age above which an unsent email is logged at each run.
pub const STUCK_AFTER: time::Duration = time::Duration::minutes(15);

/// Runs all tasks periodically until `stop`. Erases applications older than `retention_days`, if that is set.
pub async fn run(
    pool: &Pool,
    outbox: &Outbox,
    review: &Review,
    retention_days: Option<u16>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let running = run_once(pool, outbox, review, retention_days);
        // A lost network packet must not block the next run.
        let done = tokio::time::timeout(INTERVAL, running).await;
        if let Err(error) = done.map_err(Into::into).flatten() {
            pool.recheck_server();
            tracing::warn!(error = format!("{error:#}"), "housekeeping failed, retrying");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// Runs all tasks once.
///
/// # Errors
/// Returns an error if the database is unavailable or an email cannot be rendered.
pub async fn run_once(
    pool: &Pool,
    outbox: &Outbox,
    review: &Review,
    retention_days: Option<u16>,
) -> anyhow::Result<()> {
    let (check, is_announced) = check_clocks(pool, outbox).await?;
    // The failure of one task must not block the others.
    let ends = [
        queue_digests(pool, outbox, &review.identity).await.map(drop),
        report(pool, outbox, review, retention_days, &check).await,
        outbox::expire(pool).await.map_err(Into::into),
        staff::delete_expired(pool).await.map_err(Into::into),
        warn_about_stuck_emails(pool).await.map_err(Into::into),
        erase(pool, outbox, retention_days.filter(|_| is_announced))
            .await
            .map_err(Into::into),
        remind_and_lapse(pool, outbox, review).await.map(drop),
        queue_desk_digests(pool, outbox, review).await.map(drop),
    ];
    ends.into_iter().collect()
}

async fn report(
    pool: &Pool,
    outbox: &Outbox,
    review: &Review,
    retention_days: Option<u16>,
    check: &ClockCheck,
) -> anyhow::Result<()> {
    if queue_daily_report(pool, &review.identity, retention_days, check).await? {
        outbox.wake();
        tracing::info!("daily report queued");
    }
    Ok(())
}

/// Compares the clocks and corrects future times. Returns the check, and whether any erasure is announced. One transaction
/// keeps the load of an idle site low.
async fn check_clocks(pool: &Pool, outbox: &Outbox) -> sqlx::Result<(ClockCheck, bool)> {
    pool.end_abandoned().await?;
    let mut transaction = pool.transaction().await?;
    let check = outbox.clock().check_and_record(&mut transaction).await?;
    let brought_back = outbox.reset_future_times(&mut transaction, &check).await?;
    if check.is_plausible {
        withdraw_future_reports(&mut *transaction).await?;
    }
    let is_announced = is_anything_announced(&mut *transaction).await?;
    transaction.end().await?;
    if brought_back > 0 {
        outbox.wake();
    }
    Ok((check, is_announced))
}

async fn warn_about_stuck_emails(pool: &Pool) -> sqlx::Result<()> {
    let stats = outbox::queue_stats(pool).await?;
    if stats.oldest_waits > STUCK_AFTER {
        tracing::warn!(
            waiting = stats.waiting,
            given_up = stats.given_up,
            oldest_in_seconds = stats.oldest_waits.whole_seconds(),
            "email has waited too long; see npoc mail list"
        );
    }
    Ok(())
}

async fn erase(pool: &Pool, outbox: &Outbox, days: Option<u16>) -> sqlx::Result<()> {
    let Some(days) = days else { return Ok(()) };
    let erased = erase_announced(pool, outbox.clock(), days).await?;
    if erased > 0 {
        tracing::info!(erased, "expired applications erased");
    }
    Ok(())
}
