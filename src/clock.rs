//! Tells the time without trusting a single clock. Compares this machine's clock, the database's clock, and the newest time
//! trusted so far, which the database stores in `clock_state`. Nothing irreversible happens while they disagree.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqlx::{PgConnection, PgExecutor};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The maximum difference between the two clocks, and the maximum step of a clock backwards.
const TOLERANCE: Duration = Duration::HOUR;

/// The date of this code. A clock that shows an earlier time was never set, such as one that starts in 1970.
const EARLIEST: OffsetDateTime = datetime!(2026-11-26 0:00 UTC);

/// The maximum step forwards between two checks. The site may have been stopped meanwhile.
const MAXIMUM_STEP: Duration = Duration::days(7);

/// How long a clock must be steady after a jump before it is trusted.
const PROBATION: Duration = Duration::days(7);

/// This machine's clock, with what is known about its errors. A process shares one.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest time trusted so far.
    seen_at: Option<OffsetDateTime>,
    /// The database's time and when it was read, if only that clock can be right. Independent of this machine's clock.
    database_time: Option<(Instant, OffsetDateTime)>,
    /// The last logged result.
    logged: Option<Trust>,
}

/// What the database stores about the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClockState {
    /// The newest time trusted so far.
    seen_at: OffsetDateTime,
    /// The time of the last check.
    looked_at: OffsetDateTime,
    /// The time of the last jump, until the clock is trusted again.
    steady_since: Option<OffsetDateTime>,
}

/// Whether the clocks can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The clocks agree and are steady.
    Steady,
    /// The clocks differ by this much.
    Apart(Duration),
    /// The clocks agree on a time that jumped.
    Jumped {
        /// When the clock is trusted again, if it stays steady.
        until: OffsetDateTime,
    },
}

/// The result of comparing the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockCheck {
    /// Whether the clocks can be trusted.
    pub trust: Trust,
    /// Whether the clocks agree and are within a week of the newest trusted time. Stored times in the future can then be
    /// corrected.
    pub is_plausible: bool,
    /// The database's time.
    pub now: OffsetDateTime,
    memory: ClockState,
}

/// The corrections of future times since the last daily report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrections {
    /// Emails with an impossible due time.
    pub mails_brought_back: i64,
    /// Reports about days that had not ended.
    pub reports_taken_back: i64,
}

impl Clock {
    /// Returns a clock that is ahead of this machine's, or behind, for tests.
    #[must_use]
    pub fn ahead_by(ahead: Duration) -> Self {
        Self {
            ahead,
            ..Self::default()
        }
    }

    /// Returns the time to store: this machine's, unless it is known to be wrong. Returns the newest trusted time if the clock
    /// was never set, since new rows must not look old.
    pub fn now(&self) -> OffsetDateTime {
        let known = self.known();
        let since = |(read_at, then): (Instant, OffsetDateTime)| {
            then.saturating_add(read_at.elapsed().try_into().unwrap_or_default())
        };
        let now = known.database_time.map_or_else(|| self.of_this_machine(), since);
        match known.seen_at {
            Some(seen_at) if now < EARLIEST => seen_at,
            _ => now,
        }
    }

    /// Compares the clocks, records a trusted time, and logs a changed result once.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn check_and_record(&self, connection: &mut PgConnection) -> sqlx::Result<ClockCheck> {
        let check = self.check(connection).await?;
        if check.agree() {
            record(connection, check.memory).await?;
        }
        self.log(check.trust);
        Ok(check)
    }

    /// Compares the clocks without recording anything.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn check(&self, connection: &mut PgConnection) -> sqlx::Result<ClockCheck> {
        let row =
            sqlx::query!(r#"SELECT clock_timestamp() AS "now!", seen_at, looked_at, steady_since FROM clock_state"#)
                .fetch_one(connection)
                .await?;
        let memory = ClockState {
            seen_at: row.seen_at,
            looked_at: row.looked_at,
            steady_since: row.steady_since,
        };
        let site = self.of_this_machine();
        let check = judge(site, row.now, memory);
        let mut known = self.known();
        known.seen_at = Some(check.memory.seen_at);
        known.database_time = is_only_database_right(site, row.now, memory.seen_at).then(|| (Instant::now(), row.now));
        Ok(check)
    }

    fn of_this_machine(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc().saturating_add(self.ahead)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, trust: Trust) {
        let before = self.known().logged.replace(trust);
        if before.is_some_and(|before| before.is_same_state(trust)) {
            return;
        }
        match trust {
            Trust::Steady if before.is_some() => tracing::info!("clocks agree and are trusted again"),
            Trust::Steady => {}
            Trust::Apart(by) => tracing::warn!(
                seconds = by.whole_seconds(),
                "clocks of this machine and of the database disagree; erasing and reports are paused"
            ),
            Trust::Jumped { until } => {
                tracing::warn!(%until, "clock jumped; erasing by age is paused for a week");
            }
        }
    }
}

impl Trust {
    fn is_same_state(self, other: Self) -> bool {
        match (self, other) {
            (Self::Jumped { until }, Self::Jumped { until: other }) => until == other,
            _ => std::mem::discriminant(&self) == std::mem::discriminant(&other),
        }
    }
}

impl ClockCheck {
    /// Returns whether this machine's clock and the database's agree.
    #[must_use]
    pub fn agree(&self) -> bool {
        !matches!(self.trust, Trust::Apart(_))
    }
}

/// Judges the clocks. After a jump, the newest trusted time stays until the new time is trusted.
fn judge(site: OffsetDateTime, database: OffsetDateTime, before: ClockState) -> ClockCheck {
    let difference = (site - database).abs();
    if difference > TOLERANCE {
        return ClockCheck {
            trust: Trust::Apart(difference),
            is_plausible: false,
            now: database,
            memory: before,
        };
    }
    let memory = before.at(database);
    let until = memory.steady_since.map(|since| since.saturating_add(PROBATION));
    ClockCheck {
        trust: until.map_or(Trust::Steady, |until| Trust::Jumped { until }),
        is_plausible: is_near(database, before.seen_at),
        now: database,
        memory,
    }
}

impl ClockState {
    /// Returns what is stored after a check at this time.
    fn at(self, now: OffsetDateTime) -> Self {
        let passed = now - self.looked_at;
        let has_jumped = passed > MAXIMUM_STEP || passed < -TOLERANCE;
        let is_on_probation = |since: &OffsetDateTime| now - *since < PROBATION;
        let steady_since = if has_jumped {
            Some(now)
        } else {
            self.steady_since.filter(is_on_probation)
        };
        let seen_at = match steady_since {
            Some(_) => self.seen_at,
            None if self.seen_at - now > TOLERANCE => now,
            None => self.seen_at.max(now),
        };
        Self {
            seen_at,
            looked_at: now,
            steady_since,
        }
    }
}

/// Returns whether the database's time fits the newest trusted time, and this machine's does not.
fn is_only_database_right(site: OffsetDateTime, database: OffsetDateTime, seen_at: OffsetDateTime) -> bool {
    (site - database).abs() > TOLERANCE && is_near(database, seen_at) && !is_near(site, seen_at)
}

fn is_near(time: OffsetDateTime, seen_at: OffsetDateTime) -> bool {
    (time - seen_at).abs() <= MAXIMUM_STEP
}

async fn record(connection: &mut PgConnection, memory: ClockState) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE clock_state SET seen_at = $1, looked_at = $2, steady_since = $3",
        memory.seen_at,
        memory.looked_at,
        memory.steady_since
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Returns the corrections since the last daily report.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn corrections(executor: impl PgExecutor<'_>) -> sqlx::Result<Corrections> {
    sqlx::query_as!(
        Corrections,
        "SELECT mails_brought_back, reports_taken_back FROM clock_state"
    )
    .fetch_one(executor)
    .await
}

/// Returns the corrections for a daily report, and resets them.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn take_corrections(executor: impl PgExecutor<'_>) -> sqlx::Result<Corrections> {
    sqlx::query_as!(
        Corrections,
        r#"UPDATE clock_state SET mails_brought_back = 0, reports_taken_back = 0
        FROM (SELECT mails_brought_back AS emails, reports_taken_back AS reports FROM clock_state FOR UPDATE) AS before
        RETURNING emails AS "mails_brought_back!", reports AS "reports_taken_back!""#
    )
    .fetch_one(executor)
    .await
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-26 12:00 UTC);
    const BOOTED: OffsetDateTime = datetime!(1970-01-01 00:02 UTC);

    fn seen(at: OffsetDateTime) -> ClockState {
        ClockState {
            seen_at: at,
            looked_at: at,
            steady_since: None,
        }
    }

    #[test]
    fn clocks_that_disagree_change_nothing() {
        for by in [Duration::hours(2), Duration::days(400), Duration::days(3000)] {
            for (site, database) in [(NOW, NOW + by), (NOW, NOW - by), (NOW + by, NOW), (BOOTED, NOW)] {
                let check = judge(site, database, seen(NOW));
                assert!(!check.agree() && !check.is_plausible, "{site} {database}");
                assert_eq!(check.memory, seen(NOW), "{site} {database}");
            }
        }
    }

    #[test]
    fn a_steady_clock_is_trusted() {
        for by in [Duration::minutes(5), Duration::days(6), -Duration::minutes(30)] {
            let check = judge(NOW + by, NOW + by, seen(NOW));
            assert_eq!(check.trust, Trust::Steady, "{by}");
            assert_eq!(check.memory.seen_at, NOW.max(NOW + by), "{by}");
        }
    }

    #[test]
    fn a_clock_is_trusted_a_week_after_a_jump() {
        for there in [
            NOW + Duration::days(8),
            NOW + Duration::days(3000),
            NOW - Duration::hours(2),
            BOOTED,
        ] {
            let mut last = judge(there, there, seen(NOW)).memory;
            assert_eq!((last.seen_at, last.steady_since), (NOW, Some(there)), "{there}");
            for days in 1..7 {
                let later = there + Duration::days(days);
                let check = judge(later, later, last);
                assert_eq!(
                    check.trust,
                    Trust::Jumped {
                        until: there + PROBATION
                    },
                    "{there}"
                );
                last = check.memory;
            }
            let later = there + PROBATION;
            let check = judge(later, later, last);
            assert_eq!((check.trust, check.memory), (Trust::Steady, seen(later)), "{there}");
        }
    }

    #[test]
    fn a_corrected_clock_waits_a_week_and_may_repair() {
        let ahead = judge(NOW + Duration::days(400), NOW + Duration::days(400), seen(NOW));
        assert!(!ahead.is_plausible);
        let right = NOW + Duration::minutes(5);
        let check = judge(right, right, ahead.memory);
        assert!(
            matches!(check.trust, Trust::Jumped { .. }) && check.is_plausible,
            "{check:?}"
        );
    }

    #[test]
    fn stored_times_come_from_the_plausible_clock() {
        let stamped = |site: OffsetDateTime, database| {
            let clock = Clock::ahead_by(site - OffsetDateTime::now_utc());
            *clock.known() = Known {
                seen_at: Some(NOW),
                database_time: is_only_database_right(site, database, NOW).then(|| (Instant::now(), database)),
                logged: None,
            };
            clock.now()
        };
        let later = NOW + Duration::hours(3);
        let far = NOW + Duration::days(3000);
        for (site, database, right) in [
            (later, later, later),
            (later, far, later),
            (later, BOOTED, later),
            (far, later, later),
            (BOOTED, later, later),
            (BOOTED, BOOTED, NOW),
        ] {
            let apart = (stamped(site, database) - right).abs();
            assert!(apart < Duration::MINUTE, "{site} {database}: {apart}");
        }
    }

    #[test]
    fn setting_the_clock_between_checks_dates_nothing_ahead() {
        let mut clock = Clock::ahead_by(BOOTED - OffsetDateTime::now_utc());
        *clock.known() = Known {
            seen_at: Some(NOW),
            database_time: Some((Instant::now(), NOW)),
            logged: None,
        };
        clock.ahead = NOW - OffsetDateTime::now_utc();
        assert!((clock.now() - NOW).abs() < Duration::MINUTE, "{}", clock.now());
    }
}
