//! The code that is mailed to a mailbox at the domain. The page takes it; the email has no link. A mail server follows links
//! by itself, and would prove the domain for an impostor who named another person's mailbox.

use sqlx::PgConnection;
use uuid::Uuid;

use super::domain_of;
use super::proofs::has_mailbox_at;
use super::requests::note;
use crate::database::Pool;
use crate::locale::Words;
use crate::mailer::Purpose;
use crate::membership::review::{
    Found, Key, Link, NotChanged, Refusal, Review, ReviewState, UpdateWords, find, is_limited, lock, to_applicant,
};
use crate::outbox;
use crate::staff::Code;
use crate::values::DomainName;

/// How long a code counts, in minutes.
const CODE_MINUTES: i32 = 24 * 60;

/// The most wrong codes. Then a new one is needed.
const TRIES: i16 = 5;

/// What became of a request for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeAsked {
    /// It is on its way.
    Sent,
    /// No more emails are sent today, or at all.
    Limited,
    /// Emails to the representative come back.
    Unreachable,
}

/// What became of a typed code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeTyped {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// There is no code that counts: it is too old, or was wrong too often.
    Over,
}

/// Sends a code to the representative by email, if that address is at the domain. An older code stops counting.
///
/// # Errors
/// Returns [`Refusal::NotNow`] if this way is not offered.
pub async fn ask_for_code(pool: &Pool, review: &Review, secret: Uuid) -> Result<CodeAsked, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Secret(secret);
    lock(&mut transaction, key).await?.ok_or(NotChanged::NotFound)?;
    let found = find(&mut *transaction, key).await?.ok_or(NotChanged::NotFound)?;
    let domain = domain_of(&mut transaction, &found.reference).await?;
    let domain = domain.filter(|domain| has_mailbox_at(&found, domain));
    let domain = domain.ok_or(Refusal::NotNow)?;
    if outbox::has_bounced(&mut *transaction, &found.reference, &found.representative).await? {
        return Ok(CodeAsked::Unreachable);
    }
    if is_limited(&mut transaction, &found).await? {
        return Ok(CodeAsked::Limited);
    }
    let code = Code::random();
    store(&mut transaction, &found.reference, &domain, &code).await?;
    note(&mut transaction, &found.reference, "code").await?;
    send(&mut transaction, review, &found, &code).await?;
    transaction.end().await?;
    Ok(CodeAsked::Sent)
}

async fn store(
    connection: &mut PgConnection,
    reference: &str,
    domain: &DomainName,
    code: &Code,
) -> Result<(), NotChanged> {
    let stored = sqlx::query!(
        "INSERT INTO domain_proofs (reference, way, domain_ascii, token, ends_at)
        VALUES ($1, 'mail', $2, $3, now() + make_interval(mins => $4))
        ON CONFLICT (reference, way) DO UPDATE SET domain_ascii = excluded.domain_ascii, token = excluded.token, tries = 0,
            made_at = now(), ends_at = excluded.ends_at
        WHERE domain_proofs.proved_at IS NULL",
        reference,
        domain.ascii(),
        hash(code, reference),
        CODE_MINUTES
    )
    .execute(connection)
    .await?;
    // Somebody has typed the code already.
    if stored.rows_affected() == 0 {
        return Err(Refusal::NotNow.into());
    }
    Ok(())
}

async fn send(connection: &mut PgConnection, review: &Review, found: &Found, code: &Code) -> Result<(), NotChanged> {
    let words = Words::of(found.language);
    let email = UpdateWords::new(found.language, Words::update_code_subject, words.update_code)
        .quoting(&code.shown())
        .with_next(words.update_code_use)
        .with_link(Link::None);
    let id = format!("code-{}", Uuid::new_v4().simple());
    let mut email = to_applicant(&review.identity, found, &id, &email, "")?;
    email.purpose = Purpose::ChangeLink;
    Ok(outbox::queue_expiring(connection, Some(email), CODE_MINUTES).await?)
}

/// Compares a typed code; `None` if no application has this secret. Nothing typed costs no try.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn type_code(pool: &Pool, secret: Uuid, typed: &str) -> sqlx::Result<Option<CodeTyped>> {
    let mut transaction = pool.transaction().await?;
    let Some(reference) = lock(&mut transaction, Key::Secret(secret)).await? else {
        return Ok(None);
    };
    if typed.trim().is_empty() {
        return Ok(Some(CodeTyped::Wrong));
    }
    let tried = compare(&mut transaction, &reference, &Code::of(typed)).await?;
    transaction.end().await?;
    if tried == CodeTyped::Right {
        tracing::info!(reference, "mailbox at the domain shown");
    }
    Ok(Some(tried))
}

/// Compares a code with the hash of the one that was mailed, and counts a wrong one.
async fn compare(connection: &mut PgConnection, reference: &str, typed: &Code) -> sqlx::Result<CodeTyped> {
    let is_right = sqlx::query_scalar!(
        r#"UPDATE domain_proofs SET tries = tries + (proved_at IS NULL AND token <> $2)::integer,
            proved_at = coalesce(proved_at, CASE WHEN token = $2 THEN now() END)
        FROM applications
        WHERE domain_proofs.reference = $1 AND applications.reference = $1 AND way = 'mail'
            AND domain_ascii = domain_name_ascii AND state <> ALL ($4)
            AND (proved_at IS NOT NULL OR tries < $3 AND ends_at BETWEEN now() AND now() + interval '25 hours')
        RETURNING proved_at IS NOT NULL AS "is_right!""#,
        reference,
        hash(typed, reference),
        TRIES,
        &ReviewState::without_proof() as &[&str]
    )
    .fetch_optional(connection)
    .await?;
    Ok(match is_right {
        Some(true) => CodeTyped::Right,
        Some(false) => CodeTyped::Wrong,
        None => CodeTyped::Over,
    })
}

/// Returns the hash that is stored: with the reference, so that one code counts for one application.
fn hash(code: &Code, reference: &str) -> String {
    let hash = code.hash(reference);
    data_encoding::HEXLOWER.encode(&hash)
}
