//! The state of emails and of the queue, for operators, and the command to send emails again.

use serde::Serialize;
use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::database::Pool;
use crate::values::EmailAddress;

/// The state of an email, for operators. Contains no address of an applicant, unless a server quoted it.
#[derive(Debug, Serialize)]
pub struct EmailStatus {
    /// The reference of the application that it is about.
    pub reference: Option<String>,
    /// The Message-ID.
    pub message_id: String,
    /// When it was queued.
    #[serde(with = "time::serde::rfc3339")]
    pub owed_at: OffsetDateTime,
    /// When it is tried next, unless it was sent or given up.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// Tries that counted.
    pub attempts: i32,
    /// Tries that did not count, because the failure was ours or the relay's.
    pub postponements: i32,
    /// Whose failure the last failure was.
    pub blame: Option<String>,
    /// When it was sent, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sent_at: Option<OffsetDateTime>,
    /// When it was given up, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub given_up_at: Option<OffsetDateTime>,
    /// Whether it goes to an applicant and is held, because a limit was reached.
    pub is_held: bool,
    /// Whether staff get it in the next digest.
    pub is_for_digest: bool,
    /// The Message-ID of the digest that contains it.
    pub digest: Option<String>,
    /// The last error.
    pub last_error: Option<String>,
    /// When it bounced, if it did.
    #[serde(with = "time::serde::rfc3339::option")]
    pub bounced_at: Option<OffsetDateTime>,
    /// The class of the bounce.
    pub bounce_class: Option<String>,
    /// The reason of the bounce, in the server's words.
    pub bounce_reason: Option<String>,
}

/// Which emails are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailFilter {
    /// Emails that wait, are held, are for the next digest or were given up.
    Unsent,
    /// Emails that wait to be sent or sent again.
    Waiting,
    /// Emails that wait because the relay refuses them from us.
    Refused,
    /// Emails to applicants that are held, because a limit was reached.
    Held,
    /// Emails to staff that go out in the next digest.
    Digest,
    /// Emails that are not tried any more.
    GivenUp,
    /// Emails that were sent and bounced.
    Bounced,
}

impl EmailFilter {
    /// Every filter.
    pub const ALL: [Self; 7] = [
        Self::Unsent,
        Self::Waiting,
        Self::Refused,
        Self::Held,
        Self::Digest,
        Self::GivenUp,
        Self::Bounced,
    ];

    /// Returns the name that commands use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Digest => "digest",
            Self::GivenUp => "given-up",
            Self::Bounced => "bounced",
        }
    }
}

/// Lists the emails that match a filter, oldest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn list(executor: impl PgExecutor<'_>, filter: EmailFilter) -> sqlx::Result<Vec<EmailStatus>> {
    select(executor, filter.name(), None).await
}

/// Lists the emails about an application. Upper and lower case do not matter.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn list_about(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<EmailStatus>> {
    select(executor, "all", Some(reference.trim())).await
}

async fn select(
    executor: impl PgExecutor<'_>,
    filter: &str,
    reference: Option<&str>,
) -> sqlx::Result<Vec<EmailStatus>> {
    sqlx::query_as!(
        EmailStatus,
        r#"SELECT reference, message_id, owed_at, due_at, attempts, postponements, blame, sent_at,
            CASE WHEN NOT is_held OR refusal_is_final THEN given_up_at END AS given_up_at,
            is_held AND refusal_is_final AS "is_held!",
            is_held AND NOT refusal_is_final AND digest IS NULL AS "is_for_digest!",
            CASE WHEN is_held THEN digest END AS digest,
            last_error, bounced_at, bounce_class, bounce_reason
         FROM outbox
         WHERE ($2::text IS NULL OR reference = upper($2)) AND CASE $1
            WHEN 'all' THEN true
            WHEN 'bounced' THEN bounced_at IS NOT NULL
            WHEN 'waiting' THEN sent_at IS NULL AND given_up_at IS NULL
            WHEN 'refused' THEN sent_at IS NULL AND given_up_at IS NULL AND blame = 'us'
            WHEN 'held' THEN is_held AND refusal_is_final AND erased_at IS NULL
            WHEN 'digest' THEN is_held AND NOT refusal_is_final AND digest IS NULL AND erased_at IS NULL
            WHEN 'given-up' THEN given_up_at IS NOT NULL AND NOT is_held AND erased_at IS NULL
            ELSE sent_at IS NULL AND erased_at IS NULL AND NOT (is_held AND digest IS NOT NULL) END
         ORDER BY id"#,
        filter,
        reference
    )
    .fetch_all(executor)
    .await
}

/// The state of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueStats {
    /// Emails that wait to be sent or sent again.
    pub waiting: i64,
    /// Waiting emails that the relay refuses from us.
    pub refused: i64,
    /// Emails that are not tried any more.
    pub given_up: i64,
    /// Emails to applicants that are held, because a limit was reached.
    pub held: i64,
    /// Emails to staff that go out in the next digest.
    pub for_digest: i64,
    /// Emails that bounced within the last 30 days.
    pub bounced: i64,
    /// Emails to staff among the bounced ones.
    pub staff_bounced: i64,
    /// When the oldest waiting email was queued, or now if that is earlier.
    pub oldest_queued_at: Option<OffsetDateTime>,
    /// The age of that email by the database's clock, or zero if none waits.
    pub oldest_waits: time::Duration,
}

/// Returns the state of the queue. The cost does not grow with the emails that were sent. A digest goes out every hour, so
/// an email that waits for one for 90 minutes counts as waiting.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn queue_stats(pool: &Pool) -> sqlx::Result<QueueStats> {
    let mut session = pool.session().await?;
    let row = sqlx::query!(
        r#"SELECT waiting.count AS "waiting!", waiting.refused AS "refused!", given_up.count AS "given_up!",
            given_up.held AS "held!", given_up.for_digest AS "for_digest!", bounced.count AS "bounced!", bounced.staff AS "staff_bounced!",
            least(waiting.oldest, given_up.overdue) AS oldest_queued_at, greatest(coalesce(extract(
                epoch FROM now() - least(waiting.oldest, given_up.overdue)), 0), 0)::double precision AS "oldest_waits!"
        FROM (SELECT count(*), count(*) FILTER (WHERE blame = 'us') AS refused, min(least(owed_at, now())) AS oldest
                FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND expires_at IS NULL) waiting,
            (SELECT count(*) FILTER (WHERE NOT is_held) AS count,
                count(*) FILTER (WHERE is_held AND refusal_is_final) AS held,
                count(*) FILTER (WHERE is_held AND NOT refusal_is_final) AS for_digest,
                min(owed_at) FILTER (WHERE is_held AND NOT refusal_is_final
                    AND owed_at < now() - interval '90 minutes') AS overdue
                FROM outbox WHERE given_up_at IS NOT NULL AND digest IS NULL AND erased_at IS NULL) given_up,
            (SELECT count(*), count(*) FILTER (WHERE NOT refusal_is_final) AS staff
                FROM outbox WHERE bounced_at > now() - interval '30 days') bounced"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(QueueStats {
        waiting: row.waiting,
        refused: row.refused,
        given_up: row.given_up,
        held: row.held,
        for_digest: row.for_digest,
        bounced: row.bounced,
        staff_bounced: row.staff_bounced,
        oldest_queued_at: row.oldest_queued_at,
        oldest_waits: time::Duration::seconds_f64(row.oldest_waits),
    })
}

/// Returns how long the oldest unsent email has waited.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn oldest_wait(pool: &Pool) -> sqlx::Result<time::Duration> {
    let mut session = pool.session().await?;
    let seconds = sqlx::query_scalar!(
        r#"SELECT greatest(coalesce(extract(epoch FROM now() - min(owed_at)), 0), 0)::double precision AS "wait!"
        FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND expires_at IS NULL"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(time::Duration::seconds_f64(seconds))
}

/// Counts the emails about applications that were sent from `from` until before `to`.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn sent_between(
    executor: impl PgExecutor<'_>,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM outbox WHERE sent_at >= $1 AND sent_at < $2
            AND purpose IN ('application', 'arrival', 'digest')"#,
        from,
        to
    )
    .fetch_one(executor)
    .await
}

/// The state of the email that confirms an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It was sent, or will be.
    Expected,
    /// It is held, since a limit is reached.
    Held,
    /// It came back.
    Bounced,
}

/// Returns the state of the emails about this application to the present address of its representative.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn confirmation(
    executor: impl PgExecutor<'_>,
    reference: &str,
    representative: &EmailAddress,
) -> sqlx::Result<Confirmation> {
    let emails = sqlx::query!(
        r#"SELECT coalesce(bool_or(bounced_at IS NOT NULL), false) AS "has_bounced!",
            coalesce(bool_or(is_held), false) AS "is_held!"
        FROM outbox WHERE reference = $1 AND refusal_is_final AND recipient = $2"#,
        reference,
        representative.to_wire().to_string()
    )
    .fetch_one(executor)
    .await?;
    Ok(match (emails.has_bounced, emails.is_held) {
        (true, _) => Confirmation::Bounced,
        (false, true) => Confirmation::Held,
        (false, false) => Confirmation::Expected,
    })
}

/// Returns whether an email about this application to this address bounced, or its server refused it for good.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn has_bounced(executor: impl PgExecutor<'_>, reference: &str, address: &EmailAddress) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM outbox WHERE reference = $1 AND recipient = $2
            AND (bounced_at IS NOT NULL OR given_up_at IS NOT NULL AND NOT is_held AND blame = 'recipient')) AS "it!""#,
        reference,
        address.to_wire().to_string()
    )
    .fetch_one(executor)
    .await
}

/// Makes unsent emails due now with all their tries, also those that were given up: those about one application, or all but
/// the held ones. The relay is tried at once. Leaves erased emails and emails in flight alone. Returns how many are due.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn retry(executor: impl PgExecutor<'_>, reference: Option<&str>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "WITH relay AS (UPDATE relay_state SET retry_at = NULL)
         UPDATE outbox SET due_at = now(), attempts = 0, postponements = 0, given_up_at = NULL, is_held = false,
            blame = NULL, last_error = CASE WHEN NOT is_held THEN last_error END
         WHERE sent_at IS NULL AND erased_at IS NULL AND (leased_until IS NULL OR leased_until < now())
           AND (CASE WHEN $1::text IS NULL THEN NOT is_held ELSE reference = upper($1) END)",
        reference.map(str::trim)
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
