//! The daily report to staff: applications received, emails sent and emails waiting. It comes on days without applications
//! too, so that staff notice if it stops, and can compare it with the emails that they got.

use askama::Template;
use sqlx::{PgConnection, PgExecutor};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::emails::MailIdentity;
use super::retention::{Announcement, announce};
use super::words::{self, day, in_utc};
use crate::clock::{ClockCheck, Trust, take_corrections};
use crate::database::Pool;
use crate::locale::Language;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, QueueStats};

/// At most this number of applications is named in a report.
const MAX_NAMED_IN_REPORT: i64 = 200;

/// At most this number of applications with a date in the future is named, on one line.
const MAX_NAMED_AHEAD: i64 = 20;

/// The days that have ended since the last report, in UTC by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    first: Date,
    last: Date,
}

/// The facts of one report.
#[derive(Debug)]
struct Report {
    period: Period,
    received: i64,
    references: Vec<String>,
    mailed: i64,
    bounced: i64,
    stats: QueueStats,
    announcement: Option<Announcement>,
    /// Sentences about clocks that were wrong.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "emails/daily_report.txt")]
struct ReportText<'a> {
    report: &'a Report,
}

#[derive(Template)]
#[template(path = "emails/daily_report.html")]
struct ReportHtml<'a> {
    report: &'a Report,
}

/// Queues the report of the days that have ended, unless another instance has queued it. Announces the applications that
/// are then older than the retention period. Does nothing while the clocks disagree. Returns whether it queued a report.
///
/// # Errors
/// Returns an error if the database is unavailable or the email cannot be rendered.
pub async fn queue_daily_report(
    pool: &Pool,
    identity: &MailIdentity,
    retention_days: Option<u16>,
    check: &ClockCheck,
) -> anyhow::Result<bool> {
    if !check.agree() {
        return Ok(false);
    }
    let Some(period) = due(pool).await? else {
        return Ok(false);
    };
    let report = Report::of(pool, period).await?;
    queue(pool, report, identity, retention_days, check).await
}

/// Returns the days to report. A day is reported ten minutes after its end: an application of its last moment may not be
/// stored yet, and its clock may be slightly behind. A database that is new in these ten minutes has marked the day already.
/// Reports of later days do not count, because a clock was ahead.
async fn due(pool: &Pool) -> sqlx::Result<Option<Period>> {
    let mut session = pool.session().await?;
    let days = sqlx::query!(
        r#"SELECT coalesce((SELECT max(day) FROM reports WHERE day <= yesterday + 1), yesterday - 1) AS "reported!",
            yesterday AS "yesterday!"
        FROM (SELECT ((now() - interval '10 minutes') AT TIME ZONE 'UTC')::date - 1 AS yesterday) AS days"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok((days.reported < days.yesterday).then_some(Period {
        first: days.reported + Duration::DAY,
        last: days.yesterday,
    }))
}

/// Queues the report in one transaction: a day counts as reported only if its email is queued, and only announced
/// applications are erased later.
async fn queue(
    pool: &Pool,
    mut report: Report,
    identity: &MailIdentity,
    retention_days: Option<u16>,
    check: &ClockCheck,
) -> anyhow::Result<bool> {
    let mut transaction = pool.transaction().await?;
    let day = report.period.last;
    if !mark_reported(&mut transaction, day).await? {
        return Ok(false);
    }
    // The report of a withdrawn day is another email.
    let (once, domain) = (Uuid::new_v4().simple(), &identity.message_id_domain);
    let message_id = format!("<daily.{day}.{once}@{domain}>");
    report.notes = notes(&mut transaction, retention_days, check).await?;
    if let (Some(days), Trust::Steady) = (retention_days, check.trust) {
        report.announcement = announce(&mut transaction, day, days, &message_id).await?;
    }
    outbox::queue(&mut transaction, [report.email(identity, message_id)?]).await?;
    transaction.end().await?;
    Ok(true)
}

/// Marks a day as reported. Returns false if another instance has marked it.
async fn mark_reported(connection: &mut PgConnection, day: Date) -> sqlx::Result<bool> {
    let done = sqlx::query!("INSERT INTO reports (day) VALUES ($1) ON CONFLICT DO NOTHING", day)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Returns the sentences about clocks that were wrong. What they report is not reported again.
async fn notes(
    connection: &mut PgConnection,
    retention_days: Option<u16>,
    check: &ClockCheck,
) -> sqlx::Result<Vec<String>> {
    let corrections = take_corrections(&mut *connection).await?;
    let mut notes = Vec::new();
    if corrections.mails_brought_back > 0 {
        notes.push(words::emails_brought_back(corrections.mails_brought_back));
    }
    if corrections.reports_taken_back > 0 {
        notes.push(words::reports_withdrawn(corrections.reports_taken_back));
    }
    if let (Some(_), Trust::Jumped { until }) = (retention_days, check.trust) {
        notes.push(words::erasure_paused(until));
    }
    notes.extend(ahead(connection).await?);
    Ok(notes)
}

/// Names the applications that were stored while a clock was ahead. No report counts them before their date.
async fn ahead(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let references = sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE received_at > now() + interval '1 day'
        ORDER BY received_at, id LIMIT $1",
        MAX_NAMED_AHEAD
    )
    .fetch_all(connection)
    .await?;
    Ok((!references.is_empty()).then(|| words::applications_ahead(&references)))
}

/// Deletes the reports of days that have not ended, and their announcements, because a clock was ahead. If no report
/// remains, yesterday counts as reported. Returns the number of days.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn withdraw_future_reports(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    let withdrawn = sqlx::query_scalar!(
        r#"WITH yesterday AS (SELECT ((now() + interval '1 hour') AT TIME ZONE 'UTC')::date - 1 AS day),
        gone AS (DELETE FROM reports USING yesterday WHERE reports.day > yesterday.day RETURNING reports.day),
        unsaid AS (DELETE FROM erasure_notices USING gone WHERE erasure_notices.day = gone.day),
        first AS (
            INSERT INTO reports (day) SELECT day - 1 FROM yesterday
            WHERE EXISTS (SELECT FROM gone) AND NOT EXISTS (SELECT FROM reports WHERE reports.day <= yesterday.day)
        ), counted AS (
            UPDATE clock_state SET reports_taken_back = reports_taken_back + (SELECT count(*) FROM gone)
            WHERE EXISTS (SELECT FROM gone)
        )
        SELECT count(*) AS "count!" FROM gone"#
    )
    .fetch_one(executor)
    .await?;
    if withdrawn > 0 {
        tracing::warn!(
            days = withdrawn,
            "daily reports of future days withdrawn: a clock was ahead"
        );
    }
    Ok(withdrawn)
}

impl Period {
    fn starts_at(self) -> OffsetDateTime {
        self.first.midnight().assume_utc()
    }

    fn ends_at(self) -> OffsetDateTime {
        (self.last + Duration::DAY).midnight().assume_utc()
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            f.write_str(&day(self.last))
        } else {
            write!(f, "{} to {}", day(self.first), day(self.last))
        }
    }
}

async fn received(connection: &mut PgConnection, from: OffsetDateTime, to: OffsetDateTime) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM applications WHERE received_at >= $1 AND received_at < $2"#,
        from,
        to
    )
    .fetch_one(connection)
    .await
}

async fn references(
    connection: &mut PgConnection,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE received_at >= $1 AND received_at < $2
             ORDER BY received_at, id LIMIT $3",
        from,
        to,
        MAX_NAMED_IN_REPORT
    )
    .fetch_all(connection)
    .await
}

impl Report {
    async fn of(pool: &Pool, period: Period) -> sqlx::Result<Self> {
        // Asked before this function holds a connection: reports made at the same time would wait for each other.
        let stats = outbox::queue_stats(pool).await?;
        let mut session = pool.session().await?;
        let (from, to) = (period.starts_at(), period.ends_at());
        let report = Self {
            period,
            received: received(&mut session, from, to).await?,
            references: references(&mut session, from, to).await?,
            mailed: outbox::sent_between(&mut *session, from, to).await?,
            bounced: outbox::bounced_between(&mut session, period.first, period.last + Duration::DAY).await?,
            stats,
            announcement: None,
            notes: Vec::new(),
        };
        session.end().await?;
        Ok(report)
    }

    fn email(&self, identity: &MailIdentity, message_id: String) -> askama::Result<Email> {
        Ok(Email {
            in_reply_to: None,
            message_id,
            reference: None,
            recipient: identity.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {}", self.in_short()),
            text: ReportText { report: self }.render()?,
            html: ReportHtml { report: self }.render()?,
            purpose: Purpose::DailyReport,
            language: Some(Language::En),
        })
    }

    fn in_short(&self) -> String {
        let QueueStats { waiting, given_up, .. } = &self.stats;
        format!(
            "{}: {} received, {} mailed, {waiting} waiting, {given_up} given up",
            self.period, self.received, self.mailed
        )
    }

    /// Returns the number of applications that the report does not name.
    fn unnamed(&self) -> i64 {
        self.received - i64::try_from(self.references.len()).unwrap_or(self.received)
    }

    fn has_unsent(&self) -> bool {
        self.stats.waiting > 0 || self.stats.given_up > 0
    }

    fn oldest(&self) -> Option<String> {
        self.stats.oldest_queued_at.map(in_utc)
    }
}

impl Announcement {
    fn on(&self) -> String {
        day(self.on)
    }

    fn before(&self) -> String {
        day(self.before)
    }

    fn unnamed(&self) -> i64 {
        self.applications - i64::try_from(self.references.len()).unwrap_or(self.applications)
    }
}
