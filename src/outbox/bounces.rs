//! Records bounces: emails that were sent and came back.

use sqlx::{PgConnection, PgExecutor};
use time::Date;

use super::claim::{address, purpose};
use super::undelivered::{NoticeWriter, Undelivered, UndeliveredReason};
use crate::database::Pool;
use crate::mailer::{BounceDetails, BounceReport, BounceVerdict};

/// The effect of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceOutcome {
    /// The email has the bounce now, and a notice to staff is queued unless it would fail in the same way.
    Recorded,
    /// The report says nothing about delivery: a vacation note, for example.
    Irrelevant,
    /// The report has no token of an email in the outbox.
    UnknownToken,
    /// The email had this bounce before.
    Duplicate,
}

/// Records a report for the email whose token it contains, and queues the notice to staff in the same transaction. The same
/// report has its effect once.
///
/// # Errors
/// Returns an error if the database is unavailable or the notice cannot be rendered.
pub async fn record_bounce(
    pool: &Pool,
    notices: &dyn NoticeWriter,
    report: &BounceReport,
) -> anyhow::Result<BounceOutcome> {
    let mut transaction = pool.transaction().await?;
    count_report(&mut transaction, &report.verdict).await?;
    let mut outcome = BounceOutcome::UnknownToken;
    for token in &report.tokens {
        outcome = record_verdict(&mut transaction, notices, token, &report.verdict).await?;
        if outcome != BounceOutcome::UnknownToken {
            break;
        }
    }
    transaction.end().await?;
    Ok(outcome)
}

/// Counts the emails that bounced on the days (UTC) from `from` to the day before `to`.
///
/// # Errors
/// Returns an error if the database is unavailable.
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

/// Counts all emails that came to the bounce address, by verdict.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn bounce_reports(executor: impl PgExecutor<'_>) -> sqlx::Result<Vec<(String, i64)>> {
    let rows =
        sqlx::query!(r#"SELECT verdict, sum(reports)::bigint AS "reports!" FROM bounce_reports GROUP BY verdict"#)
            .fetch_all(executor)
            .await?;
    Ok(rows.into_iter().map(|row| (row.verdict, row.reports)).collect())
}

async fn count_report(connection: &mut PgConnection, verdict: &BounceVerdict) -> sqlx::Result<()> {
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

/// Records the verdict for the email with this token, once for each kind of verdict, and queues the notice.
async fn record_verdict(
    connection: &mut PgConnection,
    notices: &dyn NoticeWriter,
    token: &str,
    verdict: &BounceVerdict,
) -> anyhow::Result<BounceOutcome> {
    let Some(row) = record_row(connection, token, verdict).await? else {
        return Ok(BounceOutcome::UnknownToken);
    };
    let Some(reason) = reason(verdict) else {
        return Ok(BounceOutcome::Irrelevant);
    };
    if !row.is_new {
        return Ok(BounceOutcome::Duplicate);
    }
    if !row.is_erased {
        let undelivered = row.undelivered(reason)?;
        log(&undelivered);
        super::queue(connection, notices.notice(&undelivered)?).await?;
    }
    Ok(BounceOutcome::Recorded)
}

/// The email of a token. `is_new`: the verdict was recorded now.
struct BouncedRow {
    message_id: String,
    reference: Option<String>,
    recipient: String,
    subject: String,
    claims: i32,
    purpose: String,
    is_erased: bool,
    is_new: bool,
}

impl BouncedRow {
    fn undelivered(self, reason: UndeliveredReason) -> sqlx::Result<Undelivered> {
        Ok(Undelivered {
            message_id: self.message_id,
            reference: self.reference,
            recipient: address(&self.recipient)?,
            purpose: purpose(&self.purpose)?,
            subject: self.subject,
            claims: self.claims,
            reason,
        })
    }
}

/// Keeps what was recorded before. For an erased application no reason is stored, because it may contain the address.
async fn record_row(
    connection: &mut PgConnection,
    token: &str,
    verdict: &BounceVerdict,
) -> sqlx::Result<Option<BouncedRow>> {
    let bounced = match verdict {
        BounceVerdict::Failed(details) => Some(details),
        _ => None,
    };
    sqlx::query_as!(
        BouncedRow,
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
            purpose, EXISTS (SELECT FROM marked) AS "is_new!"
        FROM email"#,
        token,
        bounced.is_some(),
        bounced.map(|details| details.class.name()),
        bounced.map(reason_text),
        matches!(verdict, BounceVerdict::Delayed(_)),
        matches!(verdict, BounceVerdict::Complaint)
    )
    .fetch_optional(connection)
    .await
}

fn reason(verdict: &BounceVerdict) -> Option<UndeliveredReason> {
    match verdict {
        BounceVerdict::Failed(details) => Some(UndeliveredReason::Bounced(reason_text(details))),
        BounceVerdict::Delayed(details) => Some(UndeliveredReason::Delayed(reason_text(details))),
        BounceVerdict::Complaint => Some(UndeliveredReason::Complaint),
        BounceVerdict::Other => None,
    }
}

/// Returns the server's words, with the code if they do not contain it.
fn reason_text(details: &BounceDetails) -> String {
    match (&details.status, &details.diagnostic) {
        (Some(status), Some(words)) if !words.contains(status) => format!("{status} {words}"),
        (_, Some(words)) => words.clone(),
        (Some(status), None) => status.clone(),
        (None, None) => "the report gives no reason".to_owned(),
    }
}

/// Logs a bounce without an address and without a server's words.
fn log(undelivered: &Undelivered) {
    let message_id = &undelivered.message_id;
    match undelivered.reason {
        UndeliveredReason::Bounced(_) if undelivered.purpose.is_to_staff() => tracing::error!(
            message_id,
            "email to staff bounced; see NPOC_STAFF_EMAIL and npoc mail list --state bounced"
        ),
        UndeliveredReason::Bounced(_) | UndeliveredReason::GivenUp(_) => tracing::warn!(message_id, "email bounced"),
        UndeliveredReason::Delayed(_) => tracing::info!(message_id, "email delayed"),
        UndeliveredReason::Complaint => tracing::warn!(message_id, "email reported as spam"),
    }
}
