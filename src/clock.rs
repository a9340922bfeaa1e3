//! Knows the time and believes no clock alone. It compares this machine's clock, the database's, and the newest time that
//! was believed before, which the database keeps (`clock_state`). Nothing irreversible happens while they do not fit.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sqlx::{PgConnection, PgExecutor};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// How far this machine's clock and the database's may be apart, and how far a clock may go back.
const APART: Duration = Duration::HOUR;

/// When this was written. An earlier time is that of a clock that was never set, as a machine has it that boots in 1970.
const EARLIEST: OffsetDateTime = datetime!(2026-11-26 0:00 UTC);

/// How far a clock may go ahead between two looks: a site may have been stopped meanwhile.
const LEAP: Duration = Duration::days(7);

/// How long a clock that jumped must be steady before it is believed.
const STEADY: Duration = Duration::days(7);

/// This machine's clock, with what is known against it. One for all who share a process.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest time that was believed.
    seen_at: Option<OffsetDateTime>,
    /// The database's time and when it was read, where only that clock can be right. This machine's may be set meanwhile.
    right: Option<(Instant, OffsetDateTime)>,
    /// What the log said last.
    said: Option<Trust>,
}

/// What the database remembers of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    /// The newest time that was believed.
    seen_at: OffsetDateTime,
    /// The time at the last look.
    looked_at: OffsetDateTime,
    /// When the clock jumped, until it is believed.
    steady_since: Option<OffsetDateTime>,
}

/// Whether the time can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The clocks agree and are steady.
    Steady,
    /// This machine's clock and the database's are apart by so much.
    Apart(Duration),
    /// The clocks agree on a time that jumped, which is believed from then on if it stays steady.
    Jumped {
        /// When it is believed again, by the clock that jumped.
        until: OffsetDateTime,
    },
}

/// What a look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockCheck {
    /// Whether the time can be believed.
    pub trust: Trust,
    /// Whether the clocks agree and are within a week of the newest time that was believed, so that what is stored of a
    /// later time can be set right.
    pub is_plausible: bool,
    /// The database's time.
    pub now: OffsetDateTime,
    memory: Memory,
}

/// What was brought back from the future since the last daily report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrections {
    /// Mails whose times no right clock can have written.
    pub mails_brought_back: i64,
    /// Reports of days that had not ended.
    pub reports_taken_back: i64,
}

impl Clock {
    /// One that is ahead of this machine's clock by so much, or behind: for tests.
    #[must_use]
    pub fn ahead_by(ahead: Duration) -> Self {
        Self {
            ahead,
            ..Self::default()
        }
    }

    /// Returns the time for what is stored: this machine's, unless that is known to be wrong. A clock that was never set
    /// gives way to the newest time that was believed, since what comes meanwhile must not look old.
    pub fn now(&self) -> OffsetDateTime {
        let known = self.known();
        let since = |(read_at, then): (Instant, OffsetDateTime)| {
            then.saturating_add(read_at.elapsed().try_into().unwrap_or_default())
        };
        let now = known.right.map_or_else(|| self.of_this_machine(), since);
        match known.seen_at {
            Some(seen_at) if now < EARLIEST => seen_at,
            _ => now,
        }
    }

    /// Compares the clocks, and records the time that is believed. The log says once when the answer changes.
    ///
    /// # Errors
    /// The database's error.
    pub async fn look(&self, connection: &mut PgConnection) -> sqlx::Result<ClockCheck> {
        let look = self.check(connection).await?;
        if !matches!(look.trust, Trust::Apart(_)) {
            remember(connection, look.memory).await?;
        }
        self.say(look.trust);
        Ok(look)
    }

    /// Compares the clocks, and changes nothing in the database.
    ///
    /// # Errors
    /// The database's error.
    pub async fn check(&self, connection: &mut PgConnection) -> sqlx::Result<ClockCheck> {
        let row =
            sqlx::query!(r#"SELECT clock_timestamp() AS "now!", seen_at, looked_at, steady_since FROM clock_state"#)
                .fetch_one(connection)
                .await?;
        let memory = Memory {
            seen_at: row.seen_at,
            looked_at: row.looked_at,
            steady_since: row.steady_since,
        };
        let site = self.of_this_machine();
        let look = judge(site, row.now, memory);
        let mut known = self.known();
        known.seen_at = Some(look.memory.seen_at);
        known.right = is_only_database_right(site, row.now, memory.seen_at).then(|| (Instant::now(), row.now));
        Ok(look)
    }

    fn of_this_machine(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc().saturating_add(self.ahead)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, trust: Trust) {
        let before = self.known().said.replace(trust);
        if before.is_some_and(|before| before.is_as(trust)) {
            return;
        }
        match trust {
            Trust::Steady if before.is_some() => tracing::info!("the clocks agree and are believed again"),
            Trust::Steady => {}
            Trust::Apart(by) => tracing::warn!(
                seconds = by.whole_seconds(),
                "this machine's clock and the database's are apart; nothing is erased and no report is queued until they agree"
            ),
            Trust::Jumped { until } => {
                tracing::warn!(%until, "the clock jumped; no application is erased by its age before it was steady for a week");
            }
        }
    }
}

impl Trust {
    fn is_as(self, other: Self) -> bool {
        match (self, other) {
            (Self::Jumped { until }, Self::Jumped { until: other }) => until == other,
            _ => std::mem::discriminant(&self) == std::mem::discriminant(&other),
        }
    }
}

impl ClockCheck {
    /// Whether this machine's clock and the database's agree.
    #[must_use]
    pub fn agree(&self) -> bool {
        !matches!(self.trust, Trust::Apart(_))
    }
}

/// The rules. A clock that jumped is judged by the last look from then on, and the newest time that was believed stays
/// until the new one is.
fn judge(site: OffsetDateTime, database: OffsetDateTime, before: Memory) -> ClockCheck {
    let apart = (site - database).abs();
    if apart > APART {
        return ClockCheck {
            trust: Trust::Apart(apart),
            is_plausible: false,
            now: database,
            memory: before,
        };
    }
    let passed = database - before.looked_at;
    let has_jumped = passed > LEAP || passed < -APART;
    let steady_since = if has_jumped {
        Some(database)
    } else {
        before.steady_since.filter(|since| database - *since < STEADY)
    };
    let until = steady_since.map(|since| since.saturating_add(STEADY));
    ClockCheck {
        trust: until.map_or(Trust::Steady, |until| Trust::Jumped { until }),
        is_plausible: is_near(database, before.seen_at),
        now: database,
        memory: Memory {
            seen_at: match steady_since {
                Some(_) => before.seen_at,
                None if before.seen_at - database > APART => database,
                None => before.seen_at.max(database),
            },
            looked_at: database,
            steady_since,
        },
    }
}

/// Whether the database's time fits what was believed, and this machine's does not.
fn is_only_database_right(site: OffsetDateTime, database: OffsetDateTime, seen_at: OffsetDateTime) -> bool {
    (site - database).abs() > APART && is_near(database, seen_at) && !is_near(site, seen_at)
}

fn is_near(time: OffsetDateTime, seen_at: OffsetDateTime) -> bool {
    (time - seen_at).abs() <= LEAP
}

async fn remember(connection: &mut PgConnection, memory: Memory) -> sqlx::Result<()> {
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

/// What was brought back since the last daily report.
///
/// # Errors
/// The database's error.
pub async fn corrections(executor: impl PgExecutor<'_>) -> sqlx::Result<Corrections> {
    sqlx::query_as!(
        Corrections,
        "SELECT mails_brought_back, reports_taken_back FROM clock_state"
    )
    .fetch_one(executor)
    .await
}

/// The same for a daily report, after which there is no news.
///
/// # Errors
/// The database's error.
pub async fn take_corrections(executor: impl PgExecutor<'_>) -> sqlx::Result<Corrections> {
    sqlx::query_as!(
        Corrections,
        r#"UPDATE clock_state SET mails_brought_back = 0, reports_taken_back = 0
        FROM (SELECT mails_brought_back AS mails, reports_taken_back AS reports FROM clock_state FOR UPDATE) AS before
        RETURNING mails AS "mails_brought_back!", reports AS "reports_taken_back!""#
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

    fn seen(at: OffsetDateTime) -> Memory {
        Memory {
            seen_at: at,
            looked_at: at,
            steady_since: None,
        }
    }

    #[test]
    fn clocks_that_are_apart_move_nothing() {
        for by in [Duration::hours(2), Duration::days(400), Duration::days(3000)] {
            for (site, database) in [(NOW, NOW + by), (NOW, NOW - by), (NOW + by, NOW), (BOOTED, NOW)] {
                let look = judge(site, database, seen(NOW));
                assert!(!look.agree() && !look.is_plausible, "{site} {database}");
                assert_eq!(look.memory, seen(NOW), "{site} {database}");
            }
        }
    }

    #[test]
    fn a_clock_that_goes_on_is_believed() {
        for by in [Duration::minutes(5), Duration::days(6), -Duration::minutes(30)] {
            let look = judge(NOW + by, NOW + by, seen(NOW));
            assert_eq!(look.trust, Trust::Steady, "{by}");
            assert_eq!(look.memory.seen_at, NOW.max(NOW + by), "{by}");
        }
    }

    #[test]
    fn a_clock_that_jumped_is_believed_after_a_week() {
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
                let look = judge(later, later, last);
                assert_eq!(look.trust, Trust::Jumped { until: there + STEADY }, "{there}");
                last = look.memory;
            }
            let later = there + STEADY;
            let look = judge(later, later, last);
            assert_eq!((look.trust, look.memory), (Trust::Steady, seen(later)), "{there}");
        }
    }

    #[test]
    fn a_clock_that_is_set_right_again_waits_a_week_and_may_repair() {
        let ahead = judge(NOW + Duration::days(400), NOW + Duration::days(400), seen(NOW));
        assert!(!ahead.is_plausible);
        let right = NOW + Duration::minutes(5);
        let look = judge(right, right, ahead.memory);
        assert!(
            matches!(look.trust, Trust::Jumped { .. }) && look.is_plausible,
            "{look:?}"
        );
    }

    #[test]
    fn what_is_stored_is_stamped_by_the_clock_that_can_be_right() {
        let stamped = |site: OffsetDateTime, database| {
            let clock = Clock::ahead_by(site - OffsetDateTime::now_utc());
            *clock.known() = Known {
                seen_at: Some(NOW),
                right: is_only_database_right(site, database, NOW).then(|| (Instant::now(), database)),
                said: None,
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
    fn a_clock_that_is_set_between_two_looks_dates_nothing_ahead() {
        let mut clock = Clock::ahead_by(BOOTED - OffsetDateTime::now_utc());
        *clock.known() = Known {
            seen_at: Some(NOW),
            right: Some((Instant::now(), NOW)),
            said: None,
        };
        clock.ahead = NOW - OffsetDateTime::now_utc();
        assert!((clock.now() - NOW).abs() < Duration::MINUTE, "{}", clock.now());
    }
}
