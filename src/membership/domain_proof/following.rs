//! What a correction of the answers does to the proof and the facts of a domain.

use sqlx::PgConnection;

use super::Way;
use super::facts::{self, website_host};
use crate::membership::form::Application;
use crate::values::Website;

/// Deletes what no longer holds after a correction: the proof of another domain, and the facts about it. The new domain gets
/// tokens when its page is opened, and its facts are asked for.
pub(in crate::membership) async fn follow_correction(
    connection: &mut PgConnection,
    reference: &str,
    application: &Application,
) -> sqlx::Result<()> {
    let domain = application.domain_name().ascii();
    let website = website_host(application.website().map(Website::as_str), domain);
    sqlx::query!(
        "WITH checks AS (DELETE FROM domain_checks WHERE reference = $1 AND what IN ('dns', 'web') AND name <> $2)
        DELETE FROM domain_proofs WHERE reference = $1 AND domain_ascii <> $2",
        reference,
        domain
    )
    .execute(&mut *connection)
    .await?;
    let outdated = sqlx::query!(
        "WITH facts AS (DELETE FROM domain_facts WHERE reference = $1
            AND EXISTS (SELECT FROM domain_checks WHERE reference = $1
                AND (what = 'website' AND name <> $3 OR what IN ('facts', 'rdap') AND name <> $2)))
        DELETE FROM domain_checks WHERE reference = $1 AND what IN ('website', 'facts', 'rdap')
            AND EXISTS (SELECT FROM domain_checks AS other WHERE other.reference = $1
                AND (other.what = 'website' AND other.name <> $3 OR other.what IN ('facts', 'rdap') AND other.name <> $2))",
        reference,
        domain,
        website
    )
    .execute(&mut *connection)
    .await?;
    if outdated.rows_affected() > 0 {
        facts::queue(connection, reference, domain, &website).await?;
    }
    Ok(())
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
