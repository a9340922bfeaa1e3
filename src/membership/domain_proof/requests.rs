//! Requests of an applicant on the page of the domain, and their limits. Anybody who has the address of the page can ask.

use sqlx::PgConnection;
use uuid::Uuid;

use super::domain_of;
use super::proofs::{is_proved, make_tokens};
use crate::database::Pool;
use crate::membership::review::{Key, lock};

/// The most checks that one application asks for in a day. In a minute it is one.
const CHECKS_A_DAY: i64 = 20;

/// What became of a request for a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckAsked {
    /// It is due now.
    Due,
    /// The last one was asked for less than a minute ago.
    TooSoon,
    /// No more are made today.
    TooMany,
    /// A proof makes no sense now, or the domain is proved.
    NotNow,
}

/// Makes the checks of an application due now; `None` if no application has this secret.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn ask_for_check(pool: &Pool, secret: Uuid) -> sqlx::Result<Option<CheckAsked>> {
    let mut transaction = pool.transaction().await?;
    let Some(reference) = lock(&mut transaction, Key::Secret(secret)).await? else {
        return Ok(None);
    };
    let Some(domain) = domain_of(&mut transaction, &reference).await? else {
        return Ok(Some(CheckAsked::NotNow));
    };
    if let Some(limit) = limit(&mut transaction, &reference).await? {
        return Ok(Some(limit));
    }
    if is_proved(&mut transaction, &reference).await? {
        return Ok(Some(CheckAsked::NotNow));
    }
    make_tokens(&mut transaction, &reference, &domain).await?;
    make_due(&mut transaction, &reference).await?;
    note(&mut transaction, &reference, "check").await?;
    transaction.end().await?;
    Ok(Some(CheckAsked::Due))
}

async fn limit(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Option<CheckAsked>> {
    let asked = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE asked_at BETWEEN now() - interval '1 minute' AND now()) AS "in_a_minute!", count(*) AS "in_a_day!"
        FROM domain_requests WHERE reference = $1 AND what = 'check'
            AND asked_at BETWEEN now() - interval '1 day' AND now() + interval '1 day'"#,
        reference
    )
    .fetch_one(connection)
    .await?;
    Ok(match asked {
        asked if asked.in_a_day >= CHECKS_A_DAY => Some(CheckAsked::TooMany),
        asked if asked.in_a_minute > 0 => Some(CheckAsked::TooSoon),
        _ => None,
    })
}

/// Makes the checks due whose token still counts.
async fn make_due(connection: &mut PgConnection, reference: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE domain_checks SET due_at = now(), done_at = NULL FROM domain_proofs
        WHERE domain_checks.reference = $1 AND domain_proofs.reference = $1 AND way = what
            AND ends_at BETWEEN now() AND now() + interval '31 days'",
        reference
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Notes a request, and forgets checks that no limit counts any more.
pub(super) async fn note(connection: &mut PgConnection, reference: &str, what: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH old AS (DELETE FROM domain_requests
            WHERE reference = $1 AND what = 'check' AND asked_at < now() - interval '1 day')
        INSERT INTO domain_requests (reference, what) VALUES ($1, $2)",
        reference,
        what
    )
    .execute(connection)
    .await
    .map(drop)
}
