//! What a correction of the answers does to the proof and the facts of a domain.

use sqlx::PgConnection;

use super::Way;
use super::facts::{self, Target, target};

/// Deletes what no longer holds after a correction: the proof of another domain, and the facts about another domain or
/// website. The new domain gets tokens when its page is opened. What is missing is asked for.
pub(in crate::membership) async fn follow_correction(
    connection: &mut PgConnection,
    reference: &str,
) -> sqlx::Result<()> {
    let Some(target) = target(&mut *connection, reference).await? else {
        return Ok(());
    };
    sqlx::query!(
        "WITH checks AS (DELETE FROM domain_checks WHERE reference = $1 AND what IN ('dns', 'web') AND name <> $2)
        DELETE FROM domain_proofs WHERE reference = $1 AND domain_ascii <> $2",
        reference,
        target.domain
    )
    .execute(&mut *connection)
    .await?;
    let is_new_domain = forget_domain(&mut *connection, &target).await?;
    if forget_website(&mut *connection, &target).await? || is_new_domain {
        facts::queue_facts(connection, reference).await?;
    }
    Ok(())
}

/// Deletes all facts if they are about another domain. Returns whether they were.
async fn forget_domain(connection: &mut PgConnection, target: &Target) -> sqlx::Result<bool> {
    let forgotten = sqlx::query!(
        "WITH other AS (SELECT FROM domain_checks WHERE reference = $1 AND what IN ('facts', 'rdap') AND name <> $2),
            facts AS (DELETE FROM domain_facts WHERE reference = $1 AND EXISTS (SELECT FROM other))
        DELETE FROM domain_checks WHERE reference = $1 AND what IN ('website', 'facts', 'rdap')
            AND EXISTS (SELECT FROM other)",
        target.reference,
        target.domain
    )
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected() > 0)
}

/// Deletes the fact about another website. The other facts stay, so staff get no second email about them. Returns whether there
/// was one.
async fn forget_website(connection: &mut PgConnection, target: &Target) -> sqlx::Result<bool> {
    let forgotten = sqlx::query!(
        "WITH other AS (SELECT FROM domain_checks WHERE reference = $1 AND what = 'website' AND name <> $2
                UNION ALL SELECT FROM domain_facts WHERE reference = $1 AND website #>> '{fact,url}' <> $3),
            fact AS (UPDATE domain_facts SET website = NULL WHERE reference = $1 AND EXISTS (SELECT FROM other))
        DELETE FROM domain_checks WHERE reference = $1 AND what = 'website' AND EXISTS (SELECT FROM other)",
        target.reference,
        target.host,
        target.website.as_ref().map(url::Url::as_str)
    )
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected() > 0)
}

/// Deletes the code that was mailed to a former representative: another person has that mailbox.
pub(in crate::membership) async fn forget_mailbox(connection: &mut PgConnection, reference: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM domain_proofs WHERE reference = $1 AND way = $2",
        reference,
        Way::Mail.name()
    )
    .execute(connection)
    .await
    .map(drop)
}
