//! Once a day staff are told what was received, what was mailed and what waits, also when there was
//! nothing: whoever expects a mail notices when it does not come, and compares it with the mails
//! that did.

use askama::Template;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::emails::{MailIdentity, in_utc};
use crate::database::Pool;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, QueueStats};

/// How many applications a report names; more would be no mail to read.
const NAMED: i64 = 200;

/// The days that have ended since the last report, in UTC by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    first: Date,
    last: Date,
}

/// What is told.
#[derive(Debug)]
struct Report {
    period: Period,
    received: i64,
    references: Vec<String>,
    mailed: i64,
    bounced: i64,
    standing: QueueStats,
}

#[derive(Template)]
#[template(path = "emails/report.txt")]
struct ReportText<'a>(&'a Report);

#[derive(Template)]
#[template(path = "emails/report.html")]
struct ReportHtml<'a>(&'a Report);

/// Owes the report of the days that have ended, if no instance has owed it yet. Returns whether
/// this one did.
///
/// # Errors
/// The database's, or an email that cannot be rendered.
pub async fn owe_report(pool: &Pool, head: &MailIdentity) -> anyhow::Result<bool> {
    let Some(period) = due(pool).await? else {
        return Ok(false);
    };
    let report = Report::of(pool, period).await?;
    Ok(queue(pool, period.last, report.email(head)?).await?)
}

/// A day is reported ten minutes after its end: an application of its last moment may still be on its
/// way, and the clock that stamped it may be a little behind.
async fn due(pool: &Pool) -> sqlx::Result<Option<Period>> {
    let mut session = pool.session().await?;
    let days = sqlx::query!(
        r#"SELECT max(day) AS "reported!", ((now() - interval '10 minutes') AT TIME ZONE 'UTC')::date - 1 AS "yesterday!" FROM reports"#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok((days.reported < days.yesterday).then_some(Period {
        first: days.reported + Duration::DAY,
        last: days.yesterday,
    }))
}

/// In one transaction, so that a day is reported if and only if its email is queued.
async fn queue(pool: &Pool, day: Date, email: Email) -> sqlx::Result<bool> {
    let mut transaction = pool.transaction().await?;
    let done = sqlx::query!("INSERT INTO reports (day) VALUES ($1) ON CONFLICT DO NOTHING", day)
        .execute(&mut *transaction)
        .await?;
    let is_new = done.rows_affected() > 0;
    if is_new {
        outbox::queue(&mut transaction, [email]).await?;
    }
    transaction.commit().await?;
    Ok(is_new)
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
        // One session after the other: those who hold one and wait for a second can wait for each other.
        let standing = outbox::standing(pool).await?;
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
            mailed: outbox::mailed(&mut *session, from, to).await?,
            bounced: outbox::bounced_between(&mut session, period.first, period.last + Duration::DAY).await?,
            standing,
        };
        session.end().await?;
        Ok(report)
    }

    fn email(&self, head: &MailIdentity) -> askama::Result<Email> {
        Ok(Email {
            in_reply_to: None,
            message_id: format!("<daily.{}@{}>", self.period.last, head.message_id_domain),
            reference: None,
            recipient: head.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {}", self.in_short()),
            text: ReportText(self).render()?,
            html: ReportHtml(self).render()?,
            purpose: Purpose::DailyReport,
            is_held: false,
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
        self.standing.oldest_owed_at.map(in_utc)
    }
}
