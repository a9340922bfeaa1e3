//! Erases applications: on request, and when their retention period is over. The daily report announces the latter to
//! staff, one by one. They are erased a day after that report was sent.

use sqlx::{PgConnection, PgExecutor};
use time::{Date, OffsetDateTime};

use crate::clock::{Clock, Trust};
use crate::database::Pool;

/// The most applications erased in one statement, so that it stays short.
const ERASE_BATCH: i64 = 1000;

/// The most applications that an announcement names, so that the email stays readable.
const MAX_NAMED_IN_NOTICE: i64 = 200;

/// Selects the applications to erase.
#[derive(Clone, Copy, Debug)]
pub enum Erase<'a> {
    /// The application with this reference, in upper or lower case.
    Reference(&'a str),
    /// Applications whose retention started more than this number of days ago: when they arrived or, once there are staff,
    /// when they were closed. Open ones are not among them then.
    OlderThan(u16),
    /// Applications with these ids.
    Ids(&'a [i64]),
}

/// An announcement to staff, at least a day before the applications are erased.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The number of applications.
    pub applications: i64,
    /// The day, in UTC, before which the retention of all started.
    pub before: Date,
    /// The first day, in UTC, on which they may be erased.
    pub on: Date,
    /// The retention period in days.
    pub days: u16,
    /// The references of the oldest applications.
    pub references: Vec<String>,
    /// Whether more applications are due, which later reports announce.
    pub more_follow: bool,
}

/// Applications that were announced and are not erased yet.
#[derive(Clone, Debug)]
pub struct Announced {
    /// The number of applications.
    pub applications: i64,
    /// The retention period of the announcement, in days.
    pub days: u16,
    /// When the announcement was sent, if it was.
    pub sent_at: Option<OffsetDateTime>,
}

/// Erases applications, oldest first, with the texts and addresses of their emails, and records that in the history.
/// Skips an application with an unsent email. Returns the number of erased applications.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn erase(executor: impl PgExecutor<'_>, which: Erase<'_>) -> sqlx::Result<u64> {
    let (reference, days, ids) = match which {
        Erase::Reference(reference) => (Some(reference.trim()), None, None),
        Erase::OlderThan(days) => (None, Some(i32::from(days)), None),
        Erase::Ids(ids) => (None, None, Some(ids)),
    };
    let erased = sqlx::query!(
        "WITH due AS (
            SELECT id FROM applications
            WHERE ($1::text IS NULL OR reference = upper($1))
                AND ($2::integer IS NULL OR received_at < now() - make_interval(days => $2)
                    AND retention_start(received_at, state, state_since, appeal_until) < now() - make_interval(days => $2))
                AND ($3::bigint[] IS NULL OR id = ANY($3))
                AND NOT EXISTS (SELECT FROM unsent_emails WHERE unsent_emails.reference = applications.reference)
            ORDER BY received_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
        ), erased AS (
            DELETE FROM applications USING due WHERE applications.id = due.id RETURNING reference
        ), emails AS (
            UPDATE outbox SET erased_at = now(), recipient = '', reply_to = NULL, subject = '',
                body_text = '', body_html = '', last_error = NULL, bounce_reason = NULL,
                mailbox_key = NULL, domain_key = NULL
            FROM erased WHERE outbox.reference = erased.reference
        )
        INSERT INTO application_history (reference, event) SELECT reference, 'erased' FROM erased",
        reference,
        days,
        ids,
        ERASE_BATCH
    )
    .execute(executor)
    .await?;
    Ok(erased.rows_affected())
}

/// Returns the number of applications whose retention started more than this number of days ago.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn count_older_than(executor: impl PgExecutor<'_>, days: u16) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM applications WHERE received_at < now() - make_interval(days => $1)
            AND retention_start(received_at, state, state_since, appeal_until) < now() - make_interval(days => $1)"#,
        i32::from(days)
    )
    .fetch_one(executor)
    .await
}

/// Erases all applications whose retention started more than this number of days ago, and reports the number after each statement.
/// Only a person starts this: it needs no announcement and checks no clock. Returns the total number.
///
/// # Errors
/// Returns an error if the database is unavailable. What was erased before stays erased.
pub async fn erase_older_than(pool: &Pool, days: u16, report: impl Fn(u64)) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let mut session = pool.session().await?;
        let erased = erase(&mut *session, Erase::OlderThan(days)).await?;
        session.end().await?;
        all += erased;
        report(erased);
        if erased == 0 {
            return Ok(all);
        }
    }
}

/// Erases applications older than this number of days whose announcement for this period was sent a day ago. Erases at most
/// a tenth of all applications within a day, but at least one, and nothing unless the clocks agree and are steady.
/// Returns the number of erased applications.
///
/// # Errors
/// Returns an error if the database is unavailable. What was erased before stays erased.
pub async fn erase_announced(pool: &Pool, clock: &Clock, days: u16) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let mut transaction = pool.transaction().await?;
        let erased = erase_batch(&mut transaction, clock, days).await?;
        transaction.end().await?;
        all += erased;
        if erased == 0 {
            return Ok(all);
        }
    }
}

/// Erases one batch. Only one instance does this at a time, because each counts what the others erased.
async fn erase_batch(connection: &mut PgConnection, clock: &Clock, days: u16) -> sqlx::Result<u64> {
    lock_erasure(connection).await?;
    if clock.check(connection).await?.trust != Trust::Steady {
        return Ok(0);
    }
    let Some(left) = left_for_today(connection, days).await? else {
        return Ok(0);
    };
    let ids = due(connection, days, left.min(ERASE_BATCH)).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    record_as_erased(connection, &ids).await?;
    erase(connection, Erase::Ids(&ids)).await
}

/// Locks erasure until the transaction ends. Digests do too, so that no application enters one while it is being erased.
pub(super) async fn lock_erasure(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT is_only_row FROM clock_state FOR UPDATE")
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Returns how many more applications may be erased within this day, by the newest valid announcement.
async fn left_for_today(connection: &mut PgConnection, days: u16) -> sqlx::Result<Option<i64>> {
    let left = sqlx::query_scalar!(
        r#"SELECT at_most - (SELECT count(*) FROM application_history WHERE event = 'erased'
                AND happened_at > now() - interval '1 day' AND happened_at < now() + interval '1 hour') AS "left!"
        FROM erasure_notices JOIN outbox USING (message_id)
        WHERE retention_days = $1 AND made_at > now() - interval '7 days'
            AND sent_at <= now() - interval '1 day' AND bounced_at IS NULL
        ORDER BY erasure_notices.id DESC LIMIT 1"#,
        i32::from(days)
    )
    .fetch_optional(connection)
    .await?;
    Ok(left.filter(|left| *left > 0))
}

async fn due(connection: &mut PgConnection, days: u16, most: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT applications.id FROM erasure_notices
            JOIN outbox ON outbox.message_id = erasure_notices.message_id
            JOIN announced_erasures ON notice_id = erasure_notices.id
            JOIN applications ON applications.id = application_id
        WHERE retention_days = $1 AND made_at > now() - interval '7 days'
            AND outbox.sent_at <= now() - interval '1 day' AND outbox.bounced_at IS NULL
            AND received_at < least(cutoff, now() - make_interval(days => $1))
            AND retention_start(received_at, state, state_since, appeal_until) < least(cutoff, now() - make_interval(days => $1))
            AND NOT EXISTS (SELECT FROM unsent_emails WHERE unsent_emails.reference = applications.reference)
        ORDER BY received_at, applications.id LIMIT $2 FOR UPDATE OF applications SKIP LOCKED",
        i32::from(days),
        most
    )
    .fetch_all(connection)
    .await
}

async fn record_as_erased(connection: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE erasure_notices SET erased = least(erased + told.count, applications), erased_at = now()
        FROM (SELECT notice_id, count(*) FROM announced_erasures WHERE application_id = ANY($1) GROUP BY notice_id) AS told
        WHERE id = notice_id",
        ids
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Announces applications that will be older than this number of days by the end of tomorrow, in the report with this
/// Message-ID. Announces at most a tenth of all applications, but at least one. Returns `None` if none is due.
pub(super) async fn announce(
    connection: &mut PgConnection,
    day: Date,
    days: u16,
    message_id: &str,
) -> sqlx::Result<Option<Announcement>> {
    delete_invalid_announcements(connection, days).await?;
    let notice = sqlx::query!(
        r#"INSERT INTO erasure_notices (day, retention_days, cutoff, applications, at_most, message_id)
        SELECT $1, $2, cutoff, 0, greatest((SELECT count(*) FROM applications) / 10, 1), $3
        FROM (SELECT date_trunc('day', now(), 'UTC') + interval '2 days' - make_interval(days => $2)) AS days (cutoff)
        WHERE EXISTS (SELECT FROM applications WHERE received_at < cutoff AND retention_start(received_at, state, state_since, appeal_until) < cutoff)
        RETURNING id, cutoff, (now() AT TIME ZONE 'UTC')::date + 1 AS "on!""#,
        day,
        i32::from(days),
        message_id
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(notice) = notice else { return Ok(None) };
    let applications = fill(connection, notice.id).await?;
    if applications == 0 {
        return Ok(None);
    }
    let (references, more_follow) = named(connection, notice.id).await?;
    Ok(Some(Announcement {
        applications,
        before: notice.cutoff.date(),
        on: notice.on,
        days,
        references,
        more_follow,
    }))
}

/// Deletes announcements for another period, older than a week, or that bounced. Their applications are announced again.
async fn delete_invalid_announcements(connection: &mut PgConnection, days: u16) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM announced_erasures USING erasure_notices LEFT JOIN outbox USING (message_id)
        WHERE notice_id = erasure_notices.id AND (retention_days <> $1
            OR made_at NOT BETWEEN now() - interval '7 days' AND now() + interval '1 hour' OR bounced_at IS NOT NULL)",
        i32::from(days)
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Adds applications to an announcement, oldest first, without those announced already or with an unsent email. Returns
/// their number, and deletes an empty announcement.
async fn fill(connection: &mut PgConnection, notice: i64) -> sqlx::Result<i64> {
    sqlx::query!(
        "INSERT INTO announced_erasures (application_id, notice_id)
        SELECT due.id, notice.id FROM erasure_notices AS notice, LATERAL (
            SELECT applications.id FROM applications
            WHERE received_at < cutoff AND retention_start(received_at, state, state_since, appeal_until) < cutoff
                AND NOT EXISTS (SELECT FROM announced_erasures WHERE application_id = applications.id)
                AND NOT EXISTS (SELECT FROM unsent_emails WHERE unsent_emails.reference = applications.reference)
            ORDER BY received_at, applications.id LIMIT at_most) AS due
        WHERE notice.id = $1",
        notice
    )
    .execute(&mut *connection)
    .await?;
    let marked = sqlx::query_scalar!(
        "UPDATE erasure_notices SET applications = (SELECT count(*) FROM announced_erasures WHERE notice_id = $1)
        WHERE id = $1 RETURNING applications",
        notice
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM erasure_notices WHERE id = $1 AND applications = 0", notice)
        .execute(connection)
        .await?;
    Ok(marked)
}

/// Returns the first references of an announcement, and whether more applications are due.
async fn named(connection: &mut PgConnection, notice: i64) -> sqlx::Result<(Vec<String>, bool)> {
    let references = sqlx::query_scalar!(
        "SELECT reference FROM announced_erasures JOIN applications ON id = application_id
        WHERE notice_id = $1 ORDER BY received_at, id LIMIT $2",
        notice,
        MAX_NAMED_IN_NOTICE
    )
    .fetch_all(&mut *connection)
    .await?;
    let more_follow = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM erasure_notices, applications WHERE erasure_notices.id = $1 AND received_at < cutoff
            AND retention_start(received_at, state, state_since, appeal_until) < cutoff
            AND NOT EXISTS (SELECT FROM announced_erasures WHERE application_id = applications.id)) AS "it!""#,
        notice
    )
    .fetch_one(connection)
    .await?;
    Ok((references, more_follow))
}

/// Returns whether any announced application is not erased yet.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn is_anything_announced(executor: impl PgExecutor<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM announced_erasures) AS "it!""#)
        .fetch_one(executor)
        .await
}

/// Returns the announced applications that are not erased yet, by announcement, oldest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn announced(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<Announced>> {
    let rows = sqlx::query!(
        r#"SELECT retention_days, sent_at, count(*) AS "applications!"
        FROM announced_erasures JOIN erasure_notices ON erasure_notices.id = notice_id LEFT JOIN outbox USING (message_id)
        GROUP BY notice_id, retention_days, sent_at ORDER BY notice_id"#
    )
    .fetch_all(executor)
    .await?;
    let announced = rows.into_iter().map(|row| Announced {
        applications: row.applications,
        days: u16::try_from(row.retention_days).unwrap_or_default(),
        sent_at: row.sent_at,
    });
    Ok(announced.collect())
}
