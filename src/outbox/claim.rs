//! Claims the next email. A claim moves the due time forward, which is the lease of the process that sends the email.

use std::time::Duration;

use time::OffsetDateTime;

use super::schedule::Tries;
use crate::database::Pool;
use crate::locale::Language;
use crate::mailer::{Email, MessageSeed, Purpose};
use crate::values::EmailAddress;

/// How long a claim lasts. Longer than an attempt.
pub const LEASE: Duration = Duration::from_mins(3);

/// An email that is being sent.
#[derive(Clone, Debug)]
pub struct ClaimedEmail {
    pub id: i64,
    /// Counts every claim and never decreases. Proves that the lease still belongs to this claim.
    pub claims: i32,
    pub tries: Tries,
    /// When the last try failed, by the database's clock.
    pub failed_at: Option<OffsetDateTime>,
    /// Failures of the relay in a row before this claim.
    pub relay_failures: i32,
    pub seed: MessageSeed,
    pub email: Email,
}

/// Which emails may be claimed.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Which email goes before all others.
    pub priority: Priority,
    /// Whether the email that has been due longest is next.
    pub then_oldest: bool,
    /// Domains that get no further email now, nor do their subdomains. Emails to staff ignore them.
    pub busy_domains: Vec<String>,
    /// Whether emails wait while the relay fails.
    pub waits_for_relay: bool,
}

/// Which email goes before the one that has been due longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// None.
    None,
    /// The newest that was never tried.
    New,
    /// The newest that was never tried or goes to staff.
    NewOrStaff,
}

impl ClaimRequest {
    /// Requests the email that has been due longest, even while the relay fails.
    pub fn oldest() -> Self {
        Self {
            priority: Priority::None,
            then_oldest: true,
            busy_domains: Vec::new(),
            waits_for_relay: false,
        }
    }
}

impl ClaimedEmail {
    /// Returns the recipient's domain in ASCII.
    pub fn domain(&self) -> &str {
        self.email.recipient.domain().ascii()
    }

    /// Returns whether it was never tried before or goes to staff. A slot is kept for such emails.
    pub fn is_urgent(&self) -> bool {
        self.claims == 1 || self.email.purpose.is_to_staff()
    }
}

/// Claims one email. While the relay fails, an email that was never tried may test it every five seconds, so that a new
/// application's emails go out soon after the relay is back.
///
/// Leaves an email of a purpose that this release does not know to a site of a later one. Postpones an email whose row cannot be
/// read, so that it blocks no other.
pub async fn claim(pool: &Pool, request: &ClaimRequest) -> sqlx::Result<Option<ClaimedEmail>> {
    while let Some(row) = claim_row(pool, request).await? {
        let id = row.id;
        match ClaimedEmail::try_from(row) {
            Ok(claimed) => return Ok(Some(claimed)),
            Err(error) => postpone(pool, id, &error).await?,
        }
    }
    Ok(None)
}

async fn postpone(pool: &Pool, id: i64, error: &sqlx::Error) -> sqlx::Result<()> {
    tracing::error!(id, %error, "email cannot be read from the outbox");
    let mut session = pool.session().await?;
    sqlx::query!(
        "UPDATE outbox SET due_at = now() + interval '1 hour', leased_until = NULL, failed_at = now(), blame = 'us',
            last_error = 'the row of this email cannot be read' WHERE id = $1",
        id
    )
    .execute(&mut *session)
    .await?;
    session.end().await
}

async fn claim_row(pool: &Pool, request: &ClaimRequest) -> sqlx::Result<Option<ClaimedRow>> {
    let mut session = pool.session().await?;
    let row = sqlx::query_as!(
        ClaimedRow,
        r#"WITH relay AS (
            SELECT $4 AND retry_at > now() AND retry_at < now() + interval '10 minutes' AS waits,
                failed_at < now() - interval '5 seconds' OR failed_at > now() AS may_ask
            FROM relay_state
        )
        UPDATE outbox SET claims = claims + 1,
            due_at = now() + make_interval(secs => $1), leased_until = now() + make_interval(secs => $1)
        WHERE id = coalesce(
            CASE WHEN $2 THEN (
                SELECT id FROM outbox
                WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()
                    AND (expires_at IS NULL OR expires_at > now()) AND purpose = ANY ($7)
                    AND (NOT refusal_is_final AND $6 OR claims = 0 AND refusal_is_final AND NOT EXISTS (
                        SELECT FROM unnest($5::text[]) AS busy WHERE lower(recipient) LIKE '%@' || busy
                            OR lower(recipient) LIKE '%.' || busy))
                    AND NOT coalesce((SELECT waits AND NOT (may_ask AND claims = 0) FROM relay), false)
                ORDER BY due_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED) END,
            CASE WHEN $3 AND NOT coalesce((SELECT waits FROM relay), false) THEN (
                SELECT id FROM outbox
                WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()
                    AND (expires_at IS NULL OR expires_at > now()) AND purpose = ANY ($7)
                    AND NOT EXISTS (SELECT FROM unnest($5::text[]) AS busy WHERE refusal_is_final
                        AND (lower(recipient) LIKE '%@' || busy OR lower(recipient) LIKE '%.' || busy))
                ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) END)
        RETURNING id, attempts, postponements, claims, failed_at, owed_at, token AS "token!", message_id, in_reply_to,
            reference, recipient, reply_to, subject, body_text, body_html, purpose, language,
            coalesce((SELECT failures FROM relay_state), 0) AS "relay_failures!""#,
        LEASE.as_secs_f64(),
        request.priority != Priority::None,
        request.then_oldest,
        request.waits_for_relay,
        &request.busy_domains,
        request.priority == Priority::NewOrStaff,
        &Purpose::names() as &[&str]
    )
    .fetch_optional(&mut *session)
    .await?;
    session.end().await?;
    Ok(row)
}

/// The row of a claimed email.
struct ClaimedRow {
    id: i64,
    attempts: i32,
    postponements: i32,
    claims: i32,
    failed_at: Option<OffsetDateTime>,
    owed_at: OffsetDateTime,
    token: String,
    message_id: String,
    in_reply_to: Option<String>,
    reference: Option<String>,
    recipient: String,
    reply_to: Option<String>,
    subject: String,
    body_text: String,
    body_html: String,
    purpose: String,
    language: String,
    relay_failures: i32,
}

impl TryFrom<ClaimedRow> for ClaimedEmail {
    type Error = sqlx::Error;

    fn try_from(row: ClaimedRow) -> sqlx::Result<Self> {
        let (charged, postponed) = (row.attempts, row.postponements);
        let (date, token) = (row.owed_at, row.token);
        Ok(Self {
            id: row.id,
            claims: row.claims,
            tries: Tries { charged, postponed },
            failed_at: row.failed_at,
            relay_failures: row.relay_failures,
            seed: MessageSeed { date, token },
            email: Email {
                message_id: row.message_id,
                in_reply_to: row.in_reply_to,
                reference: row.reference,
                recipient: address(&row.recipient)?,
                reply_to: row.reply_to.as_deref().map(address).transpose()?,
                subject: row.subject,
                text: row.body_text,
                html: row.body_html,
                purpose: purpose(&row.purpose)?,
                language: Language::of_code(&row.language),
            },
        })
    }
}

/// Parses an address from the database.
///
/// # Errors
/// Returns [`sqlx::Error::Decode`] if it is none.
pub fn address(text: &str) -> sqlx::Result<EmailAddress> {
    EmailAddress::parse(text).map_err(|fault| sqlx::Error::Decode(format!("{fault:?}").into()))
}

/// Parses a purpose from the database.
pub fn purpose(name: &str) -> sqlx::Result<Purpose> {
    Purpose::parse(name).ok_or_else(|| sqlx::Error::Decode(format!("unknown purpose: {name}").into()))
}
