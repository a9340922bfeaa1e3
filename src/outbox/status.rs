//! How mail stands, and having it sent again: for those who look after it.

use serde::Serialize;
use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::database::Pool;

/// A mail as it stands, for those who look after it. Holds no address of an applicant.
#[derive(Debug, Serialize)]
pub struct EmailStatus {
    /// What it is about.
    pub reference: Option<String>,
    /// Its Message-ID.
    pub message_id: String,
    /// Since when it is owed.
    #[serde(with = "time::serde::rfc3339")]
    pub owed_at: OffsetDateTime,
    /// When it is tried next, unless it was sent or given up.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was sent, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sent_at: Option<OffsetDateTime>,
    /// When it was given up, if it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub given_up_at: Option<OffsetDateTime>,
    /// Whether it was given up untried, since its mailbox had many.
    pub is_held: bool,
    /// What the last try ended with.
    pub last_error: Option<String>,
}

/// Every mail that waits or was given up, oldest first.
///
/// # Errors
/// The database's.
pub async fn unsent(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<EmailStatus>> {
    entries(executor, None).await
}

/// Every mail about a reference, in either case.
///
/// # Errors
/// The database's.
pub async fn about(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<EmailStatus>> {
    entries(executor, Some(reference.trim())).await
}

async fn entries(executor: impl PgExecutor<'_>, reference: Option<&str>) -> sqlx::Result<Vec<EmailStatus>> {
    sqlx::query_as!(
        EmailStatus,
        "SELECT reference, message_id, owed_at, due_at, attempts, sent_at, given_up_at, is_held, last_error
         FROM outbox
         WHERE CASE WHEN $1::text IS NULL THEN sent_at IS NULL AND erased_at IS NULL ELSE reference = upper($1) END
         ORDER BY id",
        reference
    )
    .fetch_all(executor)
    .await
}

/// How mail stands now.
#[derive(Clone, Copy, Debug)]
pub struct QueueStats {
    /// Mails that are to be sent, or sent again.
    pub waiting: i64,
    /// Mails that are not tried any more.
    pub given_up: i64,
    /// Mails that were not tried, since their mailbox had many.
    pub held: i64,
    /// Since when the oldest of those that wait is owed.
    pub oldest_owed_at: Option<OffsetDateTime>,
    /// For how long, by the database's clock; zero where none waits.
    pub oldest_waits: time::Duration,
}

/// How mail stands now. Costs what waits, not what was sent.
///
/// # Errors
/// The database's.
pub async fn standing(pool: &Pool) -> sqlx::Result<QueueStats> {
    let mut session = pool.session().await?;
    let row = sqlx::query!(
        r#"SELECT waiting.count AS "waiting!", given_up.count AS "given_up!", given_up.held AS "held!", waiting.oldest AS oldest_owed_at,
            coalesce(extract(epoch FROM now() - waiting.oldest), 0)::double precision AS "oldest_waits!"
        FROM (SELECT count(*), min(owed_at) AS oldest FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL) waiting,
            (SELECT count(*) FILTER (WHERE NOT is_held) AS count, count(*) FILTER (WHERE is_held) AS held
                FROM outbox WHERE given_up_at IS NOT NULL AND erased_at IS NULL) given_up"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(QueueStats {
        waiting: row.waiting,
        given_up: row.given_up,
        held: row.held,
        oldest_owed_at: row.oldest_owed_at,
        oldest_waits: time::Duration::seconds_f64(row.oldest_waits),
    })
}

/// How many mails about something were sent in a span of time, its end not included; notices that
/// one was given up are not counted.
///
/// # Errors
/// The database's.
pub async fn mailed(executor: impl PgExecutor<'_>, from: OffsetDateTime, to: OffsetDateTime) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM outbox WHERE sent_at >= $1 AND sent_at < $2
            AND reference IS NOT NULL AND message_id NOT LIKE '%.given-up-%'"#,
        from,
        to
    )
    .fetch_one(executor)
    .await
}

/// Makes unsent mail due now, given up or not, with its schedule begun anew: that of one reference, or all but what is
/// held. What was erased stays so, and what a worker is sending at this moment is left to it. Returns how many.
///
/// # Errors
/// The database's.
pub async fn retry(executor: impl PgExecutor<'_>, reference: Option<&str>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE outbox SET due_at = now(), attempts = 0, given_up_at = NULL, is_held = false,
            last_error = CASE WHEN NOT is_held THEN last_error END
         WHERE sent_at IS NULL AND erased_at IS NULL AND (leased_until IS NULL OR leased_until < now())
           AND (CASE WHEN $1::text IS NULL THEN NOT is_held ELSE reference = upper($1) END)",
        reference.map(str::trim)
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
