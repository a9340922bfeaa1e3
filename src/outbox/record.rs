//! Records the outcome of an attempt. Except for "sent", the record needs the lease of the claim.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::claim::ClaimedEmail;
use super::relay_state;
use super::schedule::Cost;
use crate::database::Pool;
use crate::mailer::{Blame, Email, SendFailure};

/// Records that an email was sent, even if another process holds the lease. Returns the time by the database's clock.
/// Deletes the body of a sent digest, since the other emails keep the same words and erasing an application erases them
/// there; and that of an email with a key: to sign in, or to correct an application.
pub async fn record_sent(pool: &Pool, claimed: &ClaimedEmail) -> sqlx::Result<Option<OffsetDateTime>> {
    let mut session = pool.session().await?;
    let sent_at = sqlx::query_scalar!(
        r#"UPDATE outbox SET sent_at = now(), attempts = attempts + 1, leased_until = NULL, given_up_at = NULL,
            last_error = NULL, blame = NULL,
            body_text = CASE WHEN purpose IN ('digest', 'sign-in', 'change-link') THEN '' ELSE body_text END,
            body_html = CASE WHEN purpose IN ('digest', 'sign-in', 'change-link') THEN '' ELSE body_html END
         WHERE id = $1 AND sent_at IS NULL RETURNING sent_at AS "sent_at!""#,
        claimed.id
    )
    .fetch_optional(&mut *session)
    .await?;
    session.end().await?;
    Ok(sent_at)
}

/// Records that an email is tried again after `wait` seconds.
pub async fn record_retry(
    executor: impl PgExecutor<'_>,
    claimed: &ClaimedEmail,
    failure: &SendFailure,
    wait: f64,
    cost: Cost,
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
        failure.blame.name(),
        cost == Cost::OneTry
    )
    .execute(executor)
    .await
    .map(drop)
}

/// Records that the relay failed. The email waits for the relay, and the try does not count. Returns the wait in seconds.
pub async fn record_relay_failure(pool: &Pool, claimed: &ClaimedEmail, failure: &SendFailure) -> sqlx::Result<f64> {
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
        relay_blame(failure.blame).name()
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.end().await?;
    Ok(wait.unwrap_or_default())
}

/// Records that an email is not tried any more, and queues the notice about it in the same transaction.
pub async fn record_given_up(
    pool: &Pool,
    claimed: &ClaimedEmail,
    failure: &SendFailure,
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
        failure.blame.name()
    )
    .execute(&mut *transaction)
    .await?;
    if given_up.rows_affected() > 0 {
        super::queue(&mut transaction, notice).await?;
    }
    transaction.end().await
}

/// Returns the blame of a failure that counts against the relay.
fn relay_blame(blame: Blame) -> Blame {
    if blame == Blame::Us { Blame::Us } else { Blame::Relay }
}
