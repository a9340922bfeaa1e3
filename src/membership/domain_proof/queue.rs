//! The queue of checks. A claim moves the due time forward, so a check whose process dies becomes due again.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::database::Pool;

/// The most checks of all instances at the same time.
const AT_ONCE: i64 = 4;

/// When a token is looked for, counted from when it was made.
const TIMETABLE: [Duration; 9] = [
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
    Dns,
    /// The file with the token.
    Web,
    /// Whether the website answers.
    Website,
    /// What DNS tells about the domain.
    Facts,
    /// What the registry tells about it.
    Rdap,
}

impl What {
    const ALL: [Self; 5] = [Self::Dns, Self::Web, Self::Website, Self::Facts, Self::Rdap];

    /// Returns the name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Web => "web",
            Self::Website => "website",
            Self::Facts => "facts",
            Self::Rdap => "rdap",
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
}

/// Claims the next due check, of one application if `reference` is given. Those that an applicant waits for come first. No
/// two applications ask for the same facts at the same time, so that the second can take those of the first.
pub(super) async fn claim(pool: &Pool, reference: Option<&str>) -> sqlx::Result<Option<Claimed>> {
    let mut transaction = pool.transaction().await?;
    // Claims follow each other, so that their number is exact. The key is this table's alone.
    sqlx::query!("SELECT pg_advisory_xact_lock('domain_checks'::regclass::integer::bigint) IS NULL AS it")
        .fetch_one(&mut *transaction)
        .await?;
    let row = sqlx::query!(
        "UPDATE domain_checks SET due_at = now() + interval '1 minute', leased_until = now() + interval '1 minute',
            claims = claims + 1
        WHERE (reference, what) = (
            SELECT reference, what FROM domain_checks AS due
            -- A time that is too far away is from a wrong clock.
            WHERE done_at IS NULL AND (due_at <= now() OR due_at > now() + interval '31 days')
                AND (leased_until IS NULL OR leased_until NOT BETWEEN now() AND now() + interval '2 minutes')
                AND ($1::text IS NULL OR reference = $1)
                AND (what IN ('dns', 'web') OR NOT EXISTS (SELECT FROM domain_checks AS other
                    WHERE other.name = due.name AND other.what = due.what
                        AND other.leased_until BETWEEN now() AND now() + interval '2 minutes'))
                -- Registries are asked one question in ten seconds.
                AND (what <> 'rdap' OR NOT EXISTS (SELECT FROM domain_checks AS other WHERE other.what = 'rdap'
                    AND (other.last_at BETWEEN now() - interval '10 seconds' AND now()
                        OR other.leased_until BETWEEN now() AND now() + interval '2 minutes')))
            ORDER BY what NOT IN ('dns', 'web'), due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        AND $2 > (SELECT count(*) FROM domain_checks AS leased
            WHERE leased.leased_until BETWEEN now() AND now() + interval '2 minutes')
        RETURNING reference, what, name, claims, attempts",
        reference,
        AT_ONCE
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
        })
    }))
}

/// Returns whether checks of an application are due, or are being made.
pub(super) async fn waits(pool: &Pool, reference: &str) -> sqlx::Result<bool> {
    let mut session = pool.session().await?;
    let waits = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM domain_checks
            WHERE reference = $1 AND done_at IS NULL AND due_at <= now() + interval '1 minute') AS "it!""#,
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

/// Records an outcome. `next` is when to check again, if ever. A check that an applicant asked for in the meantime stays due.
/// Returns whether the claim still counts.
pub(super) async fn record(
    connection: &mut PgConnection,
    claimed: &Claimed,
    outcome: &str,
    next: Option<OffsetDateTime>,
) -> sqlx::Result<bool> {
    let recorded = sqlx::query!(
        "UPDATE domain_checks SET attempts = attempts + 1, last_at = now(), last_outcome = $4, leased_until = NULL,
            done_at = CASE WHEN $5::timestamptz IS NULL AND due_at > now() THEN now() END,
            due_at = CASE WHEN due_at <= now() THEN due_at ELSE coalesce($5, due_at) END
        WHERE reference = $1 AND what = $2 AND claims = $3",
        claimed.reference,
        claimed.what.name(),
        claimed.claims,
        outcome,
        next
    )
    .execute(connection)
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// Returns when to look for a token again.
pub(super) fn next_look(made_at: OffsetDateTime, now: OffsetDateTime) -> Option<OffsetDateTime> {
    TIMETABLE.iter().map(|step| made_at + *step).find(|at| *at > now)
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
        while let Some(next) = next_look(made, now) {
            looks.push(next - made);
            now = next;
        }
        assert_eq!(looks, TIMETABLE);
        assert_eq!(
            next_look(made, made + Duration::minutes(7)),
            Some(made + Duration::minutes(15))
        );
        assert_eq!(next_look(made, made + Duration::days(31)), None);
    }
}
