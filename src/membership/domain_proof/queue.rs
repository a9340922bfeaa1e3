//! The queue of checks. A claim moves the due time forward, so a check whose process dies becomes due again.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::Outcome;
use crate::database::Pool;

/// The most checks of all instances at the same time.
const AT_ONCE: i64 = 4;

/// The most applications for which one name is looked at within an hour, in each way.
const LOOKS_AN_HOUR: i64 = 10;

/// When a token is looked for, counted from when it was made.
pub(super) const TIMETABLE: [Duration; 9] = [
    Duration::minutes(5),
    Duration::minutes(15),
    Duration::hours(1),
    Duration::hours(6),
    Duration::hours(24),
    Duration::days(3),
    Duration::days(7),
    Duration::days(14),
    Duration::days(30),
];

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The TXT record with the token.
    DnsToken,
    /// The file with the token.
    WebToken,
    /// Whether the website answers.
    Website,
    /// What DNS tells about the domain.
    DnsFacts,
    /// What the registry tells about it.
    Registry,
}

impl What {
    const ALL: [Self; 5] = [
        Self::DnsToken,
        Self::WebToken,
        Self::Website,
        Self::DnsFacts,
        Self::Registry,
    ];

    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DnsToken => "dns",
            Self::WebToken => "web",
            Self::Website => "website",
            Self::DnsFacts => "facts",
            Self::Registry => "rdap",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }
}

/// A claimed check.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub reference: String,
    pub what: What,
    /// The name that is asked for.
    pub name: String,
    /// The number of the claim.
    pub claims: i32,
    /// Checks with an outcome, before this one.
    pub attempts: i32,
    /// When the check becomes due again if this process dies.
    pub due_at: OffsetDateTime,
}

/// Claims the next due check, of one application if `reference` is given. Those that an applicant waits for come first. No
/// two applications ask for the same facts at the same time, so that the second can take those of the first.
pub(super) async fn claim(pool: &Pool, reference: Option<&str>) -> sqlx::Result<Option<Claimed>> {
    let mut transaction = pool.transaction().await?;
    take_turn(&mut transaction).await?;
    let row = sqlx::query!(
        "UPDATE domain_checks SET due_at = now() + interval '90 seconds',
            leased_until = now() + interval '90 seconds',
            claims = claims + 1
        WHERE (reference, what) = (
            SELECT reference, what FROM domain_checks AS due
            -- A time that is too far away is from a wrong clock.
            WHERE done_at IS NULL AND (due_at <= now() OR due_at > now() + interval '31 days')
                AND (leased_until IS NULL OR leased_until NOT BETWEEN now() AND now() + interval '2 minutes')
                AND ($1::text IS NULL OR reference = $1)
                AND CASE WHEN what IN ('dns', 'web') THEN
                    -- One place is for facts, and no name is asked for again and again.
                    3 > (SELECT count(*) FROM domain_checks AS look WHERE look.what IN ('dns', 'web')
                        AND look.leased_until BETWEEN now() AND now() + interval '2 minutes')
                    AND $3 > (SELECT count(*) FROM domain_checks AS look WHERE look.name = due.name AND look.what = due.what
                        AND look.last_at BETWEEN now() - interval '1 hour' AND now())
                ELSE NOT EXISTS (SELECT FROM domain_checks AS other WHERE other.name = due.name AND other.what = due.what
                    AND other.leased_until BETWEEN now() AND now() + interval '2 minutes') END
            -- Applicants wait for looks. Those who asked seldom come first.
            ORDER BY what NOT IN ('dns', 'web'), CASE WHEN what IN ('dns', 'web') THEN attempts END, due_at
            LIMIT 1 FOR UPDATE SKIP LOCKED)
        AND $2 > (SELECT count(*) FROM domain_checks AS leased
            WHERE leased.leased_until BETWEEN now() AND now() + interval '2 minutes')
        RETURNING reference, what, name, claims, attempts, due_at",
        reference,
        AT_ONCE,
        LOOKS_AN_HOUR
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.end().await?;
    Ok(row.and_then(|row| {
        Some(Claimed {
            what: What::parse(&row.what)?,
            reference: row.reference,
            name: row.name,
            claims: row.claims,
            attempts: row.attempts,
            due_at: row.due_at,
        })
    }))
}

/// Lets claims follow each other, so that their number is exact.
async fn take_turn(connection: &mut PgConnection) -> sqlx::Result<()> {
    // A process that stops here must not keep the lock: the server ends its session.
    sqlx::query!(
        "SELECT set_config('lock_timeout', '3s', true) AS lock, set_config('statement_timeout', '10s', true) AS statement,
            set_config('idle_in_transaction_session_timeout', '5s', true) AS idle"
    )
    .fetch_one(&mut *connection)
    .await?;
    // The key is this table's alone.
    sqlx::query!("SELECT pg_advisory_xact_lock('domain_checks'::regclass::integer::bigint) IS NULL AS it")
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Returns whether checks of an application are due, or are being made.
pub(super) async fn waits(pool: &Pool, reference: &str) -> sqlx::Result<bool> {
    let mut session = pool.session().await?;
    let waits = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM domain_checks
            WHERE reference = $1 AND done_at IS NULL AND due_at <= now() + interval '90 seconds') AS "it!""#,
        reference
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(waits)
}

/// Returns whether a check is due.
pub(super) async fn is_due(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM domain_checks
            WHERE done_at IS NULL AND (due_at <= now() OR due_at > now() + interval '31 days')) AS "it!""#
    )
    .fetch_one(connection)
    .await
}

/// Returns how many applications have waited a quarter of an hour for the facts of DNS, which no limit holds back.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn overdue(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "checks!" FROM domain_checks
        WHERE done_at IS NULL AND due_at < now() - interval '15 minutes' AND what = 'facts' AND attempts = 0"#
    )
    .fetch_one(connection)
    .await
}

/// Records an outcome. `pause` is the time until the next check, if there is one. A check that an applicant asked for in the
/// meantime stays due. Returns whether the claim still counts.
pub(super) async fn record(
    connection: &mut PgConnection,
    claimed: &Claimed,
    outcome: &Outcome,
    pause: Option<Duration>,
) -> sqlx::Result<bool> {
    let recorded = sqlx::query!(
        "UPDATE domain_checks SET attempts = attempts + 1, last_at = now(), last_outcome = $4, leased_until = NULL,
            done_at = CASE WHEN $5::float8 IS NULL AND due_at = $6 THEN now() END,
            due_at = CASE WHEN due_at = $6 THEN coalesce(now() + make_interval(secs => $5), due_at) ELSE due_at END
        WHERE reference = $1 AND what = $2 AND claims = $3 AND name = $7",
        claimed.reference,
        claimed.what.name(),
        claimed.claims,
        outcome.to_json(),
        pause.map(Duration::as_seconds_f64),
        claimed.due_at,
        claimed.name
    )
    .execute(connection)
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// Ends a claim without a check: until later, or for good.
pub(super) async fn put_off(
    connection: &mut PgConnection,
    claimed: &Claimed,
    pause: Option<Duration>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE domain_checks SET leased_until = NULL, done_at = CASE WHEN $4::float8 IS NULL THEN now() END,
            due_at = coalesce(now() + make_interval(secs => $4), due_at)
        WHERE reference = $1 AND what = $2 AND claims = $3",
        claimed.reference,
        claimed.what.name(),
        claimed.claims,
        pause.map(Duration::as_seconds_f64)
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Returns the time until a token is looked for again.
pub(super) fn next_look(made_at: OffsetDateTime, now: OffsetDateTime) -> Option<Duration> {
    // A clock may have been ahead.
    let made_at = made_at.min(now);
    let next = TIMETABLE.iter().map(|step| made_at + *step).find(|at| *at > now);
    next.map(|at| at - now)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_token_is_looked_for_nine_times_in_thirty_days() {
        let made = datetime!(2026-12-01 12:00 UTC);
        let mut now = made;
        let mut looks = Vec::new();
        while let Some(pause) = next_look(made, now) {
            now += pause;
            looks.push(now - made);
        }
        assert_eq!(looks, TIMETABLE);
        assert_eq!(next_look(made, made + Duration::minutes(7)), Some(Duration::minutes(8)));
        assert_eq!(next_look(made, made + Duration::days(31)), None);
        assert_eq!(next_look(made + Duration::days(400), made), Some(TIMETABLE[0]));
    }
}
