//! Emails that were sent and came back later.

use sqlx::{PgConnection, PgExecutor};
use time::Date;

use super::claim::{address, purpose};
use super::undelivered::{NoticeWriter, Undelivered, Why};
use crate::database::Pool;
use crate::mailer::{BounceDetails, BounceReport, BounceVerdict};

/// What a report led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceOutcome {
    /// The email is marked, and staff get a mail where that helps.
    Marked,
    /// The report says nothing about the arrival of an email: a vacation note, say.
    SaysNothing,
    /// No email of ours has the token, or the report has none.
    Unknown,
    /// The email has this mark already.
    KnownBefore,
}

/// Records what a report says of the email whose token it holds, and queues the email to staff about it, in one
/// transaction. The same report twice has the effect of one.
///
/// # Errors
/// The database's, or a notice that cannot be rendered.
pub async fn record_bounce(
    pool: &Pool,
    notices: &dyn NoticeWriter,
    report: &BounceReport,
) -> anyhow::Result<BounceOutcome> {
    let mut transaction = pool.transaction().await?;
    count(&mut transaction, &report.verdict).await?;
    let mut outcome = BounceOutcome::Unknown;
    for token in &report.tokens {
        outcome = mark(&mut transaction, notices, token, &report.verdict).await?;
        if outcome != BounceOutcome::Unknown {
            break;
        }
    }
    transaction.end().await?;
    Ok(outcome)
}

/// Returns how many emails bounced from one day to another (UTC), the second excluded.
///
/// # Errors
/// The database's error.
pub async fn bounced_between(connection: &mut PgConnection, from: Date, to: Date) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM outbox
        WHERE bounced_at >= $1::date::timestamp AT TIME ZONE 'UTC' AND bounced_at < $2::date::timestamp AT TIME ZONE 'UTC'"#,
        from,
        to
    )
    .fetch_one(connection)
    .await
}

/// Returns how many mails came to the bounce address since it is there, by what they said.
///
/// # Errors
/// [`sqlx::Error`] if the database fails.
pub async fn bounce_reports(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<(String, i64)>> {
    let rows =
        sqlx::query!(r#"SELECT verdict, sum(reports)::bigint AS "reports!" FROM bounce_reports GROUP BY verdict"#)
            .fetch_all(executor)
            .await?;
    Ok(rows.into_iter().map(|row| (row.verdict, row.reports)).collect())
}

async fn count(connection: &mut PgConnection, verdict: &BounceVerdict) -> sqlx::Result<()> {
    let verdict = match verdict {
        BounceVerdict::Failed(_) => "failed",
        BounceVerdict::Delayed(_) => "delayed",
        BounceVerdict::Complaint => "complaint",
        BounceVerdict::Other => "other",
    };
    sqlx::query!(
        "INSERT INTO bounce_reports (day, verdict, reports) VALUES ((now() AT TIME ZONE 'UTC')::date, $1, 1)
         ON CONFLICT ON CONSTRAINT bounce_reports_pkey DO UPDATE SET reports = bounce_reports.reports + 1",
        verdict
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Marks the email with this token, once for each kind of news, and queues the email about it.
async fn mark(
    connection: &mut PgConnection,
    notices: &dyn NoticeWriter,
    token: &str,
    verdict: &BounceVerdict,
) -> anyhow::Result<BounceOutcome> {
    let Some(row) = mark_row(connection, token, verdict).await? else {
        return Ok(BounceOutcome::Unknown);
    };
    let Some(why) = why(verdict) else {
        return Ok(BounceOutcome::SaysNothing);
    };
    if !row.is_marked {
        return Ok(BounceOutcome::KnownBefore);
    }
    if !row.is_erased {
        let undelivered = Undelivered {
            message_id: row.message_id,
            reference: row.reference,
            recipient: address(&row.recipient)?,
            purpose: purpose(&row.purpose)?,
            subject: row.subject,
            claims: row.claims,
            why,
        };
        log(&undelivered);
        super::queue(connection, notices.notice(&undelivered)?).await?;
    }
    Ok(BounceOutcome::Marked)
}

/// The email of a token, after it was marked or not.
struct MarkedRow {
    message_id: String,
    reference: Option<String>,
    recipient: String,
    subject: String,
    claims: i32,
    purpose: String,
    is_erased: bool,
    is_marked: bool,
}

/// A mark that is there already stays. Of an erased application no words are kept: they may hold the address.
async fn mark_row(
    connection: &mut PgConnection,
    token: &str,
    verdict: &BounceVerdict,
) -> sqlx::Result<Option<MarkedRow>> {
    let bounced = match verdict {
        BounceVerdict::Failed(details) => Some(details),
        _ => None,
    };
    sqlx::query_as!(
        MarkedRow,
        r#"WITH email AS (SELECT * FROM outbox WHERE token = $1 FOR UPDATE), marked AS (
            UPDATE outbox SET
                bounced_at = CASE WHEN $2 THEN now() ELSE outbox.bounced_at END,
                bounce_class = CASE WHEN $2 THEN $3 ELSE outbox.bounce_class END,
                bounce_reason = CASE WHEN $2 AND outbox.erased_at IS NULL THEN $4 ELSE outbox.bounce_reason END,
                delayed_at = CASE WHEN $5 THEN now() ELSE outbox.delayed_at END,
                complained_at = CASE WHEN $6 THEN now() ELSE outbox.complained_at END
            FROM email WHERE outbox.id = email.id
                AND ($2 AND email.bounced_at IS NULL OR $5 AND email.delayed_at IS NULL AND email.bounced_at IS NULL
                    OR $6 AND email.complained_at IS NULL)
            RETURNING outbox.id
        )
        SELECT message_id, reference, recipient, subject, claims, erased_at IS NOT NULL AS "is_erased!",
            coalesce(purpose, CASE WHEN refusal_is_final THEN 'arrival' ELSE 'application' END) AS "purpose!",
            EXISTS (SELECT FROM marked) AS "is_marked!"
        FROM email"#,
        token,
        bounced.is_some(),
        bounced.map(|details| details.class.name()),
        bounced.map(in_words),
        matches!(verdict, BounceVerdict::Delayed(_)),
        matches!(verdict, BounceVerdict::Complaint)
    )
    .fetch_optional(connection)
    .await
}

fn why(verdict: &BounceVerdict) -> Option<Why> {
    match verdict {
        BounceVerdict::Failed(details) => Some(Why::Bounced(in_words(details))),
        BounceVerdict::Delayed(details) => Some(Why::Delayed(in_words(details))),
        BounceVerdict::Complaint => Some(Why::Complaint),
        BounceVerdict::Other => None,
    }
}

/// What the server said, with the code where the words do not hold it.
fn in_words(details: &BounceDetails) -> String {
    match (&details.status, &details.diagnostic) {
        (Some(status), Some(words)) if !words.contains(status) => format!("{status} {words}"),
        (_, Some(words)) => words.clone(),
        (Some(status), None) => status.clone(),
        (None, None) => "the report gives no reason".to_owned(),
    }
}

/// The log names no address and quotes no server.
fn log(undelivered: &Undelivered) {
    let message_id = &undelivered.message_id;
    match undelivered.why {
        Why::Bounced(_) if undelivered.purpose.is_to_staff() => tracing::error!(
            message_id,
            "mail to staff bounced; see NPOC_STAFF_EMAIL and npoc mail list --state bounced"
        ),
        Why::Bounced(_) | Why::GivenUp(_) => tracing::warn!(message_id, "mail bounced"),
        Why::Delayed(_) => tracing::info!(message_id, "mail delayed"),
        Why::Complaint => tracing::warn!(message_id, "mail reported as spam"),
    }
}
