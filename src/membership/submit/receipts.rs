//! Receipts: what an applicant gets for a stored application.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::database::{Pool, confirm};
use crate::locale::Language;
use crate::outbox::address;
use crate::values::EmailAddress;

/// The receipt of a stored application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The reference to quote.
    pub reference: String,
    /// The secret part of the receipt's address.
    pub secret: Uuid,
    /// When the application arrived.
    pub received_at: OffsetDateTime,
}

/// What the page of a stored application shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The reference to quote.
    pub reference: String,
    /// When the application arrived.
    pub received_at: OffsetDateTime,
    /// Whether the organization says that it is a member of the NCSG.
    pub is_ncsg_member: bool,
    /// The language of the application.
    pub language: Language,
    /// The address of its representative.
    pub representative: EmailAddress,
}

/// Returns the receipt stored under a submission key, after a synchronous standby has the application too.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn receipt_of_key(pool: &Pool, key: Uuid) -> sqlx::Result<Option<Receipt>> {
    let mut session = pool.session().await?;
    let receipt = sqlx::query_as!(
        Receipt,
        r#"SELECT reference, coalesce(first_secret, receipt_secret) AS "secret!", received_at FROM applications
        WHERE submission_key = $1"#,
        key
    )
    .fetch_optional(&mut *session)
    .await?;
    if receipt.is_some() {
        confirm(&mut session).await?;
    }
    session.end().await?;
    Ok(receipt)
}

/// Returns the status of the application with this secret, if there is one.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn status(executor: impl PgExecutor<'_>, secret: Uuid) -> sqlx::Result<Option<Status>> {
    let row = sqlx::query!(
        r#"SELECT reference, received_at, ncsg_status = 'member' AS "is_ncsg_member!", language, representative_email
        FROM applications WHERE receipt_secret = $1"#,
        secret
    )
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Status {
        representative: address(&row.representative_email)?,
        reference: row.reference,
        received_at: row.received_at,
        is_ncsg_member: row.is_ncsg_member,
        // A later release may have stored a language that this one does not know.
        language: Language::of_code(&row.language).unwrap_or(Language::En),
    }))
}

/// Returns the language of the application that had this secret before its representative got another address.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn language_of_former_secret(executor: impl PgExecutor<'_>, secret: Uuid) -> sqlx::Result<Option<Language>> {
    let code = sqlx::query_scalar!("SELECT language FROM applications WHERE first_secret = $1", secret)
        .fetch_optional(executor)
        .await?;
    Ok(code.map(|code| Language::of_code(&code).unwrap_or(Language::En)))
}

/// Changes the language of the application with this secret. Returns whether there is one.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn set_language(executor: impl PgExecutor<'_>, secret: Uuid, language: Language) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE applications SET language = $2 WHERE receipt_secret = $1",
        secret,
        language.code()
    )
    .execute(executor)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Returns the receipts of what was stored under these keys before.
pub(super) async fn stored_before(
    connection: &mut PgConnection,
    keys: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Receipt>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sqlx::query!(
        r#"SELECT submission_key, reference, coalesce(first_secret, receipt_secret) AS "receipt_secret!", received_at
        FROM applications WHERE submission_key = ANY($1)"#,
        keys
    )
    .fetch_all(connection)
    .await?;
    let receipts = found.into_iter().map(|row| {
        let receipt = Receipt {
            reference: row.reference,
            secret: row.receipt_secret,
            received_at: row.received_at,
        };
        (row.submission_key, receipt)
    });
    Ok(receipts.collect())
}
