//! Tells staff once, as a reply in the thread of the application, about facts that matter. All other facts are on the desk.

use uuid::Uuid;

use super::cautions::cautions;
use super::facts::facts;
use crate::database::Pool;
use crate::membership::review::{Key, NotChanged, Review, find, lock, to_thread};
use crate::membership::words;
use crate::outbox;

/// The most applications in one survey.
const BATCH: i64 = 50;

/// Queues an email for each application with facts that matter. Waits for the last fact, but at most ten minutes, so that the
/// email comes within a quarter of an hour. Returns the number of emails.
pub(super) async fn tell_staff(pool: &Pool, review: &Review) -> anyhow::Result<usize> {
    let mut session = pool.session().await?;
    let ready = sqlx::query_scalar!(
        "SELECT reference FROM domain_facts
        WHERE NOT is_told AND (examined_at IS NULL OR examined_at < taken_at)
            AND (taken_at < now() - interval '10 minutes' OR NOT EXISTS (SELECT FROM domain_checks
                WHERE domain_checks.reference = domain_facts.reference AND what IN ('website', 'facts', 'rdap')
                    AND attempts = 0 AND done_at IS NULL))
        ORDER BY taken_at LIMIT $1",
        BATCH
    )
    .fetch_all(&mut *session)
    .await?;
    session.end().await?;
    let mut told = 0;
    for reference in ready {
        // One application must not stop the others.
        match tell(pool, review, &reference).await {
            Ok(is_told) => told += usize::from(is_told),
            Err(error) => tracing::warn!(reference, %error, "facts about a domain not told"),
        }
    }
    Ok(told)
}

/// Queues the email about one application, if there is something to tell. Otherwise a later fact is examined, such as a
/// website that still does not answer a day later.
async fn tell(pool: &Pool, review: &Review, reference: &str) -> Result<bool, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Reference(reference);
    lock(&mut transaction, key).await?;
    let Some(found) = find(&mut *transaction, key).await? else {
        return Ok(false);
    };
    let facts = facts(&mut transaction, reference).await?;
    let cautions = cautions(&facts, found.now.date());
    let is_told = !cautions.is_empty() && found.course.state.takes_proof();
    let marked = sqlx::query!(
        "UPDATE domain_facts SET is_told = $2, examined_at = clock_timestamp() WHERE reference = $1 AND NOT is_told",
        reference,
        is_told
    )
    .execute(&mut *transaction)
    .await?;
    let is_told = is_told && marked.rows_affected() > 0;
    if is_told {
        let id = format!("facts-{}", Uuid::new_v4().simple());
        let quoted = cautions.join("\n");
        let email = to_thread(&review.identity, &found, &id, Some(&quoted), words::THREAD_DOMAIN_FACTS)?;
        outbox::queue(&mut transaction, [email]).await?;
    }
    transaction.end().await?;
    Ok(is_told)
}
