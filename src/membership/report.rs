//! Once a day staff get a report of what was received, what was mailed and what waits, also when there was
//! nothing: people who expect a mail notice when it does not come, and compare it with the mails
//! that did.

use askama::Template;
use sqlx::{PgConnection, PgExecutor};
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use uuid::Uuid;

use super::emails::{MailIdentity, in_utc};
use super::erasure::{Announcement, announce};
use crate::clock::{Look, Trust, tell_news};
use crate::database::Pool;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, QueueStats};

/// How many applications a report names; more would be no mail to read.
const NAMED: i64 = 200;

/// How many applications with a day in the future it names, in one line.
const NAMED_AHEAD: i64 = 20;

/// The days that have ended since the last report, in UTC by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    first: Date,
    last: Date,
}

/// What is reported.
#[derive(Debug)]
struct Report {
    period: Period,
    received: i64,
    references: Vec<String>,
    mailed: i64,
    bounced: i64,
    standing: QueueStats,
    announcement: Option<Announcement>,
    /// Sentences about the time.
    notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "emails/report.txt")]
struct ReportText<'a>(&'a Report);

#[derive(Template)]
#[template(path = "emails/report.html")]
struct ReportHtml<'a>(&'a Report);

/// Owes the report of the days that have ended, if no instance has owed it yet, with the announcement of what is then
/// older than this many days. Nothing while the clocks are apart. Returns whether this one did.
///
/// # Errors
/// The database's, or an email that cannot be rendered.
pub async fn owe_report(
    pool: &Pool,
    head: &MailIdentity,
    retention_days: Option<u16>,
    look: &Look,
) -> anyhow::Result<bool> {
    if !look.agree() {
        return Ok(false);
    }
    let Some(period) = due(pool).await? else {
        return Ok(false);
    };
    let report = Report::of(pool, period).await?;
    queue(pool, report, head, retention_days, look).await
}

/// A day is reported ten minutes after its end: an application of its last moment may still be on its
/// way, and the clock that stamped it may be a little behind. Days in the future do not count: a clock was ahead.
async fn due(pool: &Pool) -> sqlx::Result<Option<Period>> {
    let mut session = pool.session().await?;
    let days = sqlx::query!(
        r#"SELECT coalesce((SELECT max(day) FROM reports WHERE day <= yesterday), yesterday - 1) AS "reported!",
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

/// In one transaction, so that a day is reported if and only if its email is queued, and that what it announces is what
/// is erased later.
async fn queue(
    pool: &Pool,
    mut report: Report,
    head: &MailIdentity,
    retention_days: Option<u16>,
    look: &Look,
) -> anyhow::Result<bool> {
    let mut transaction = pool.transaction().await?;
    let day = report.period.last;
    let done = sqlx::query!("INSERT INTO reports (day) VALUES ($1) ON CONFLICT DO NOTHING", day)
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    // A day that was taken back is reported again, by another mail.
    let message_id = format!("<daily.{day}.{}@{}>", Uuid::new_v4().simple(), head.message_id_domain);
    report.notes = notes(&mut transaction, retention_days, look).await?;
    if let (Some(days), Trust::Steady) = (retention_days, look.trust) {
        report.announcement = announce(&mut transaction, day, days, &message_id).await?;
    }
    outbox::queue(&mut transaction, [report.email(head, message_id)?]).await?;
    transaction.end().await?;
    Ok(true)
}

/// What is to be said of the time, which is then said.
async fn notes(connection: &mut PgConnection, retention_days: Option<u16>, look: &Look) -> sqlx::Result<Vec<String>> {
    let told = tell_news(&mut *connection).await?;
    let mut notes = Vec::new();
    if told.mails_brought_back > 0 {
        notes.push(format!(
            "Mails with times in the future, made due since a clock was ahead: {}.",
            told.mails_brought_back
        ));
    }
    if told.reports_taken_back > 0 {
        notes.push(format!(
            "Reports of days to come, taken back since a clock was ahead: {}.",
            told.reports_taken_back
        ));
    }
    if let (Some(_), Trust::Jumped { until }) = (retention_days, look.trust) {
        notes.push(format!(
            "The clock jumped, so no application is erased by its age before {}.",
            in_utc(until)
        ));
    }
    notes.extend(ahead(connection).await?);
    Ok(notes)
}

/// Applications that were stored while a clock was ahead are counted in no report before their day.
async fn ahead(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let references = sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE received_at > now() + interval '1 day'
        ORDER BY received_at, id LIMIT $1",
        NAMED_AHEAD
    )
    .fetch_all(connection)
    .await?;
    let listed = references.join(", ");
    Ok((!references.is_empty())
        .then(|| format!("These applications came while a clock was ahead, and bear a day in the future: {listed}.")))
}

/// Takes back the reports of days that have not ended, since a clock was ahead, with what they announced. Where no other
/// is left, yesterday counts as reported. Returns how many days.
///
/// # Errors
/// The database's error.
pub async fn take_back_reports(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    let taken_back = sqlx::query_scalar!(
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
    if taken_back > 0 {
        tracing::warn!(
            days = taken_back,
            "daily reports of days in the future were taken back; a clock was ahead"
        );
    }
    Ok(taken_back)
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
            f.write_str(&in_words(self.last))
        } else {
            write!(f, "{} to {}", in_words(self.first), in_words(self.last))
        }
    }
}

fn in_words(day: Date) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year]");
    day.format(format).unwrap_or_default()
}

impl Report {
    async fn of(pool: &Pool, period: Period) -> sqlx::Result<Self> {
        // Before another connection is held: all that look at once would wait for each other.
        let standing = outbox::queue_stats(pool).await?;
        let mut session = pool.session().await?;
        let (from, to) = (period.starts_at(), period.ends_at());
        let received = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM applications WHERE received_at >= $1 AND received_at < $2"#,
            from,
            to
        )
        .fetch_one(&mut *session)
        .await?;
        let references = sqlx::query_scalar!(
            "SELECT reference FROM applications WHERE received_at >= $1 AND received_at < $2
             ORDER BY received_at, id LIMIT $3",
            from,
            to,
            NAMED
        )
        .fetch_all(&mut *session)
        .await?;
        let report = Self {
            period,
            received,
            references,
            mailed: outbox::sent_between(&mut *session, from, to).await?,
            bounced: outbox::bounced_between(&mut session, period.first, period.last + Duration::DAY).await?,
            standing,
            announcement: None,
            notes: Vec::new(),
        };
        session.end().await?;
        Ok(report)
    }

    fn email(&self, head: &MailIdentity, message_id: String) -> askama::Result<Email> {
        Ok(Email {
            in_reply_to: None,
            message_id,
            reference: None,
            recipient: head.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {}", self.in_short()),
            text: ReportText(self).render()?,
            html: ReportHtml(self).render()?,
            purpose: Purpose::DailyReport,
        })
    }

    fn in_short(&self) -> String {
        let QueueStats { waiting, given_up, .. } = &self.standing;
        format!(
            "{}: {} received, {} mailed, {waiting} waiting, {given_up} given up",
            self.period, self.received, self.mailed
        )
    }

    /// What cannot be read off the numbers.
    fn unnamed(&self) -> i64 {
        self.received - i64::try_from(self.references.len()).unwrap_or(self.received)
    }

    fn oldest(&self) -> Option<String> {
        self.standing.oldest_queued_at.map(in_utc)
    }
}

impl Announcement {
    fn on(&self) -> String {
        in_words(self.on)
    }

    fn before(&self) -> String {
        in_words(self.before)
    }

    fn unnamed(&self) -> i64 {
        self.applications - i64::try_from(self.references.len()).unwrap_or(self.applications)
    }
}
