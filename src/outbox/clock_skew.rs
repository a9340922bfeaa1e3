//! Clock skew: a clock that was ahead leaves emails due, or leased until, far in the future. This module makes them due
//! now. It also tells when the next email is due, and so notices when the database's clock is set back.

use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::claim::LEASE;
use super::schedule::{JITTER, MAX_WAIT_FOR_US, RETRY_WAITS};
use super::{DATABASE_LIMIT, Outbox};
use crate::clock::ClockCheck;
use crate::database::{Pool, within};

/// Times that are further in the future come from another clock, in seconds. Allows for small differences between servers.
const SLACK: f64 = 10.0;

/// How far the database's clock may fall behind ours while neither is set.
const MAX_DRIFT: time::Duration = time::Duration::seconds(5);

/// Makes emails due now whose times are too far in the future, and ends such leases. Leaves the emails in `in_flight`
/// alone. If the clock is plausible, an email queued in the future counts as queued now. Returns how many were changed,
/// and counts them for the daily report.
async fn reset_future_times(executor: impl PgExecutor<'_>, check: &ClockCheck, in_flight: &[i64]) -> sqlx::Result<i64> {
    let longest = RETRY_WAITS.map(|wait| wait.max(MAX_WAIT_FOR_US).mul_f64(1.0 + JITTER).as_secs_f64());
    let reset = sqlx::query_scalar!(
        r#"WITH ahead AS (
            SELECT id FROM outbox
            WHERE sent_at IS NULL AND given_up_at IS NULL AND id <> ALL($1)
                AND (leased_until IS NULL OR leased_until NOT BETWEEN now() AND now() + make_interval(secs => $2))
                AND (due_at > now() + make_interval(secs => $3)
                        AND coalesce(failed_at, owed_at) > now() + make_interval(secs => $3)
                    OR leased_until > now() + make_interval(secs => $2)
                    OR due_at > now() + make_interval(secs => $3
                        + ($4::double precision[])[greatest(least(attempts, cardinality($4)), 1)])
                    OR $5 AND owed_at > now() + make_interval(secs => $3))
            FOR UPDATE SKIP LOCKED
        ), back AS (
            UPDATE outbox SET due_at = least(due_at, now()), leased_until = NULL,
                failed_at = CASE WHEN failed_at > now() THEN now() ELSE failed_at END,
                owed_at = CASE WHEN $5 THEN least(owed_at, now()) ELSE owed_at END
            FROM ahead WHERE outbox.id = ahead.id RETURNING outbox.id
        ), counted AS (
            UPDATE clock_state SET mails_brought_back = mails_brought_back + (SELECT count(*) FROM back)
            WHERE EXISTS (SELECT FROM back)
        ), relay AS (
            UPDATE relay_state SET failing_since = now() WHERE failing_since > now() + make_interval(secs => $3)
        )
        SELECT count(*) AS "count!" FROM back"#,
        in_flight,
        LEASE.as_secs_f64() + SLACK,
        SLACK,
        &longest,
        check.is_plausible
    )
    .fetch_one(executor)
    .await?;
    if reset > 0 {
        tracing::warn!(emails = reset, "emails had times in the future; they are due now");
    }
    Ok(reset)
}

/// Tells when the next email is due, and notices when the database's clock is set back.
#[derive(Debug, Default)]
pub(super) struct DueCheck {
    /// Our clock and the database's at the last check.
    last: Option<(Instant, OffsetDateTime)>,
}

impl DueCheck {
    /// Returns in how long the next email is due, or `None` if no email waits. Resets future times at the first check, and
    /// when the database's clock was set back.
    pub(super) async fn next_due(&mut self, outbox: &Outbox) -> sqlx::Result<Option<Duration>> {
        let before = Instant::now();
        let (now, due_in) = within(DATABASE_LIMIT, now_and_due_in(&outbox.pool)).await?;
        let after = Instant::now();
        let is_first = self.last.is_none();
        if !is_first && !self.was_set_back(before, now) {
            self.last = Some((after, now));
            return Ok(due_in.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)));
        }
        if !is_first {
            tracing::warn!("database clock was set back");
        }
        match outbox.handle_clock_set_back().await {
            Ok(()) => self.last = Some((after, now)),
            // Delivery goes on: emails that are due do not need this.
            Err(error) => tracing::warn!(%error, "emails with times in the future cannot be read; retrying"),
        }
        Ok(Some(Duration::ZERO))
    }

    /// Compares the time that passed on both clocks. Ours starts at the last answer, so a slow database does not matter.
    fn was_set_back(&self, before: Instant, now: OffsetDateTime) -> bool {
        self.last.is_some_and(|(at, then)| {
            let passed = before.saturating_duration_since(at).try_into();
            now - then < passed.unwrap_or(time::Duration::ZERO) - MAX_DRIFT
        })
    }
}

async fn now_and_due_in(pool: &Pool) -> sqlx::Result<(OffsetDateTime, Option<f64>)> {
    let mut session = pool.session().await?;
    let row = sqlx::query!(
        r#"SELECT now AS "now!", extract(epoch FROM (SELECT min(due_at) FROM outbox
            WHERE sent_at IS NULL AND given_up_at IS NULL) - now)::double precision AS due_in
        FROM clock_timestamp() AS now"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok((row.now, row.due_in))
}

impl Outbox {
    /// Makes emails due now whose times are in the future, except those that this process is sending. Returns how many.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn reset_future_times(&self, connection: &mut PgConnection, check: &ClockCheck) -> sqlx::Result<i64> {
        let in_flight = self.slots().ids();
        reset_future_times(connection, check, &in_flight).await
    }

    async fn handle_clock_set_back(&self) -> sqlx::Result<()> {
        self.slots().relay.forget_time();
        let resetting = async {
            let mut session = self.pool.session().await?;
            let check = self.clock.check(&mut session).await?;
            self.reset_future_times(&mut session, &check).await?;
            session.end().await
        };
        within(DATABASE_LIMIT, resetting).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_falls_behind_ours_was_set_back() {
        let (began, then) = (Instant::now(), OffsetDateTime::now_utc());
        let due_check = DueCheck {
            last: Some((began, then)),
        };
        let after = |ours: u64, theirs: i64| {
            let theirs = then + time::Duration::seconds(theirs);
            due_check.was_set_back(began + Duration::from_secs(ours), theirs)
        };
        for (ours, theirs) in [
            (0, 0),
            (5, 5),
            (5, 1),
            (5, 400),
            (600, 600),
            (600, 86_400 * 400),
            (4, -1),
        ] {
            assert!(!after(ours, theirs), "{ours} {theirs}");
        }
        for (ours, theirs) in [(5, -1), (0, -6), (5, -86_400), (600, 590), (600, -86_400 * 400)] {
            assert!(after(ours, theirs), "{ours} {theirs}");
        }
    }
}
