//! Emails that a clock that was ahead put out of sight: they are due in a day or a year, or leased until then. They are
//! brought back. And when the next email is due, which is where a clock that went back is noticed.

use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::claim::LEASE;
use super::schedule::{JITTER, LONGEST_FOR_US, WAITS};
use super::{DATABASE_LIMIT, Outbox};
use crate::clock::ClockCheck;
use crate::database::{Pool, within};

/// What lies so far in the future was written by another clock, in seconds. Servers that take over from each other may
/// be apart by a little.
const SLACK: f64 = 10.0;

/// How far the database's clock may fall behind ours while neither is set.
const WENT_BACK: time::Duration = time::Duration::seconds(5);

/// Makes emails due now whose times lie beyond what can be, and ends such leases, but not of these that are being sent.
/// Where the time is plausible, an email that was queued in the future is queued now, so that its age is known. Counts
/// them for the daily report, and returns how many.
async fn bring_back(executor: impl PgExecutor<'_>, look: &ClockCheck, under_way: &[i64]) -> sqlx::Result<i64> {
    let longest = WAITS.map(|wait| wait.max(LONGEST_FOR_US).mul_f64(1.0 + JITTER).as_secs_f64());
    let brought_back = sqlx::query_scalar!(
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
        under_way,
        LEASE.as_secs_f64() + SLACK,
        SLACK,
        &longest,
        look.is_plausible
    )
    .fetch_one(executor)
    .await?;
    if brought_back > 0 {
        tracing::warn!(
            mails = brought_back,
            "mails had times in the future, from a clock that was ahead; they are due now"
        );
    }
    Ok(brought_back)
}

/// Knows when the next email is due, and whether the database's clock went back.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// What time it was there at the last question.
    last: Option<(Instant, OffsetDateTime)>,
}

impl Horizon {
    /// In how long the next email is due; `None` where no email waits. The first time, and where the database's clock went
    /// back, brings back what lies in the future.
    ///
    /// # Errors
    /// The database's error.
    pub(super) async fn next_due(&mut self, outbox: &Outbox) -> sqlx::Result<Option<Duration>> {
        let before = Instant::now();
        let (now, due_in) = within(DATABASE_LIMIT, ask(&outbox.pool)).await?;
        let after = Instant::now();
        let is_first = self.last.is_none();
        if !is_first && !self.has_gone_back(before, now) {
            self.last = Some((after, now));
            // What is too far away for a duration is as good as never.
            return Ok(due_in.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)));
        }
        if !is_first {
            tracing::warn!("the database's clock went back");
        }
        match outbox.note_that_time_went_back().await {
            Ok(()) => self.last = Some((after, now)),
            // Mail that is due is sent all the same.
            Err(error) => tracing::warn!(%error, "nobody could look for mails with times in the future; trying again"),
        }
        Ok(Some(Duration::ZERO))
    }

    /// Between the last answer and this question at least so much has passed, however slow the database is.
    fn has_gone_back(&self, before: Instant, now: OffsetDateTime) -> bool {
        self.last.is_some_and(|(at, then)| {
            let passed = before.saturating_duration_since(at).try_into();
            now - then < passed.unwrap_or(time::Duration::ZERO) - WENT_BACK
        })
    }
}

async fn ask(pool: &Pool) -> sqlx::Result<(OffsetDateTime, Option<f64>)> {
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
    /// Makes emails due that a clock that was ahead put out of sight, but not those that this process is sending. Returns
    /// how many.
    ///
    /// # Errors
    /// The database's error.
    pub async fn bring_back(&self, connection: &mut PgConnection, look: &ClockCheck) -> sqlx::Result<i64> {
        let under_way = self.places().ids();
        bring_back(connection, look, &under_way).await
    }

    async fn note_that_time_went_back(&self) -> sqlx::Result<()> {
        self.places().forget_time();
        let bringing = async {
            let mut session = self.pool.session().await?;
            let look = self.clock.check(&mut session).await?;
            self.bring_back(&mut session, &look).await?;
            session.end().await
        };
        within(DATABASE_LIMIT, bringing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_falls_behind_ours_went_back() {
        let (began, then) = (Instant::now(), OffsetDateTime::now_utc());
        let horizon = Horizon {
            last: Some((began, then)),
        };
        let after = |ours: u64, theirs: i64| {
            let theirs = then + time::Duration::seconds(theirs);
            horizon.has_gone_back(began + Duration::from_secs(ours), theirs)
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
