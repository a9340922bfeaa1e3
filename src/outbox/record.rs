//! What became of an email that was being sent, written down under its lease.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::claim::ClaimedEmail;
use super::relay_state;
use crate::database::Pool;
use crate::mailer::{Blame, Email, Failure};

/// Records that an email was sent, even if the lease has gone to another. Returns when, by the database's clock. A digest
/// repeats the words of other emails: once it is sent they are kept there alone, where an erased application takes them along.
///
/// # Errors
/// The database's error.
pub async fn record_sent(pool: &Pool, claimed: &ClaimedEmail) -> sqlx::Result<Option<OffsetDateTime>> {
    let mut session = pool.session().await?;
    let sent_at = sqlx::query_scalar!(
        r#"UPDATE outbox SET sent_at = now(), attempts = attempts + 1, leased_until = NULL, given_up_at = NULL,
            last_error = NULL, blame = NULL,
            body_text = CASE WHEN purpose = 'digest' THEN '' ELSE body_text END,
            body_html = CASE WHEN purpose = 'digest' THEN '' ELSE body_html END
         WHERE id = $1 AND sent_at IS NULL RETURNING sent_at AS "sent_at!""#,
        claimed.id
    )
    .fetch_optional(&mut *session)
    .await?;
    session.end().await?;
    Ok(sent_at)
}

/// Records that an email is tried again after this many seconds.
///
/// # Errors
/// The database's error.
pub async fn record_retry(
    executor: impl PgExecutor<'_>,
    claimed: &ClaimedEmail,
    failure: &Failure,
    wait: f64,
    is_charged: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE outbox SET due_at = now() + make_interval(secs => $3), leased_until = NULL, failed_at = now(),
            last_error = $4, blame = $5, attempts = attempts + CASE WHEN $6 THEN 1 ELSE 0 END,
            postponements = least(postponements::bigint + CASE WHEN $6 THEN 0 ELSE 1 END, 1000000)
         WHERE id = $1 AND claims = $2 AND sent_at IS NULL",
        claimed.id,
        claimed.claims,
        wait,
        failure.reason,
        blame_name(failure.blame),
        is_charged
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Records that the relay failed: this email waits until the relay is asked again, and has all its tries. Returns the
/// wait in seconds.
///
/// # Errors
/// The database's error.
pub async fn record_relay_failure(pool: &Pool, claimed: &ClaimedEmail, failure: &Failure) -> sqlx::Result<f64> {
    let mut transaction = pool.transaction().await?;
    relay_state::record_failure(&mut *transaction, &failure.reason_without_recipient()).await?;
    let wait = sqlx::query_scalar!(
        r#"UPDATE outbox SET due_at = coalesce((SELECT retry_at FROM relay_state), now() + interval '5 seconds'),
            leased_until = NULL, failed_at = now(), last_error = $3, blame = $4
         WHERE id = $1 AND claims = $2 AND sent_at IS NULL
         RETURNING extract(epoch FROM due_at - now())::double precision AS "wait!""#,
        claimed.id,
        claimed.claims,
        failure.reason,
        blame_name(if failure.blame == Blame::Us {
            Blame::Us
        } else {
            Blame::Relay
        })
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.end().await?;
    Ok(wait.unwrap_or_default())
}

/// Records that an email is not tried any more, together with the email that says so: none is given up in silence.
///
/// # Errors
/// The database's error.
pub async fn record_given_up(
    pool: &Pool,
    claimed: &ClaimedEmail,
    failure: &Failure,
    notice: Option<Email>,
) -> sqlx::Result<()> {
    let mut transaction = pool.transaction().await?;
    let given_up = sqlx::query!(
        "UPDATE outbox SET given_up_at = now(), attempts = attempts + 1, leased_until = NULL, failed_at = now(),
            last_error = $3, blame = $4
         WHERE id = $1 AND claims = $2 AND sent_at IS NULL",
        claimed.id,
        claimed.claims,
        failure.reason,
        blame_name(failure.blame)
    )
    .execute(&mut *transaction)
    .await?;
    if given_up.rows_affected() > 0 {
        super::queue(&mut transaction, notice).await?;
    }
    transaction.end().await
}

/// Its name in the database.
fn blame_name(blame: Blame) -> &'static str {
    match blame {
        Blame::Relay => "relay",
        Blame::Us => "us",
        Blame::Unclear => "unclear",
        Blame::Slow => "slow",
        Blame::RecipientForNow => "recipient-for-now",
        Blame::Recipient => "recipient",
    }
}
