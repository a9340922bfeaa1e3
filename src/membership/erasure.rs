//! Takes applications out of the database: one whose applicant asks for it, and those whose retention is over.

use sqlx::PgExecutor;

use crate::database::Pool;

/// Applications erased in one statement, so that none lasts long.
const AT_ONCE: i64 = 1000;

/// Which applications are erased.
#[derive(Clone, Copy, Debug)]
pub enum Erase<'a> {
    /// That of a reference, in either case.
    Of(&'a str),
    /// Those that arrived more than so many days ago.
    OlderThan(u16),
}

/// Erases applications, oldest first, with the words and addresses of their mails; the history keeps that it
/// happened. One about which mail is still to be sent is left for the next time. Returns how many were erased.
///
/// # Errors
/// The database's.
pub async fn erase(executor: impl PgExecutor<'_>, which: Erase<'_>) -> sqlx::Result<u64> {
    let (reference, days) = match which {
        Erase::Of(reference) => (Some(reference.trim()), None),
        Erase::OlderThan(days) => (None, Some(i32::from(days))),
    };
    let erased = sqlx::query!(
        "WITH due AS (
            SELECT id FROM applications
            WHERE ($1::text IS NULL OR reference = upper($1))
                AND ($2::integer IS NULL OR received_at < now() - make_interval(days => $2))
                AND NOT EXISTS (SELECT FROM outbox WHERE outbox.reference = applications.reference
                    AND sent_at IS NULL AND given_up_at IS NULL)
            ORDER BY received_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
        ), erased AS (
            DELETE FROM applications USING due WHERE applications.id = due.id RETURNING reference
        ), mails AS (
            UPDATE outbox SET erased_at = now(), recipient = '', reply_to = NULL, subject = '',
                body_text = '', body_html = '', last_error = NULL, bounce_reason = NULL
            FROM erased WHERE outbox.reference = erased.reference
        )
        INSERT INTO application_history (reference, event) SELECT reference, 'erased' FROM erased",
        reference,
        days,
        AT_ONCE
    )
    .execute(executor)
    .await?;
    Ok(erased.rows_affected())
}

/// How many applications arrived more than so many days ago.
///
/// # Errors
/// The database's.
pub async fn count_older_than(executor: impl PgExecutor<'_>, days: u16) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM applications WHERE received_at < now() - make_interval(days => $1)"#,
        i32::from(days)
    )
    .fetch_one(executor)
    .await
}

/// Erases all that arrived more than so many days ago, telling how many after each statement. Returns how many in all.
///
/// # Errors
/// The database's; what was erased before stays so.
pub async fn erase_older_than(pool: &Pool, days: u16, tell: impl Fn(u64)) -> sqlx::Result<u64> {
    let mut all = 0;
    loop {
        let mut session = pool.session().await?;
        let erased = erase(&mut *session, Erase::OlderThan(days)).await?;
        session.end().await?;
        all += erased;
        tell(erased);
        if erased == 0 {
            return Ok(all);
        }
    }
}
