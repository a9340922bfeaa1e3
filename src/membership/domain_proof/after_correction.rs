//! What a correction of the answers does to the proof and the facts of a domain.

use sqlx::PgConnection;

use super::Way;
use super::facts::{self, Target, target};

/// Deletes what no longer holds after a correction: the proof of another domain, and the facts about it. The new domain gets
/// tokens when its page is opened, and its facts are asked for.
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
    if are_outdated(&mut *connection, &target).await? {
        sqlx::query!(
            "WITH facts AS (DELETE FROM domain_facts WHERE reference = $1)
            DELETE FROM domain_checks WHERE reference = $1 AND what IN ('website', 'facts', 'rdap')",
            reference
        )
        .execute(&mut *connection)
        .await?;
        facts::queue_facts(connection, reference).await?;
    }
    Ok(())
}

/// Returns whether the facts are about another domain or another website.
async fn are_outdated(connection: &mut PgConnection, target: &Target) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM domain_checks WHERE reference = $1
                AND name <> CASE what WHEN 'website' THEN $3 ELSE $2 END)
            OR EXISTS (SELECT FROM domain_facts WHERE reference = $1 AND website #>> '{fact,url}' <> $4) AS "it!""#,
        target.reference,
        target.domain,
        target.host,
        target.website.as_ref().map(url::Url::as_str)
    )
    .fetch_one(connection)
    .await
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
