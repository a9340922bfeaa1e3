//! The log of the desk: who did something, and what was refused. Rows are only added, and hold no address.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

/// The lines on one page of the log.
const PAGE_LINES: usize = 100;

/// A line of the log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Its id in the database.
    pub id: i64,
    /// When it happened.
    pub happened_at: OffsetDateTime,
    /// Who did it; `None` for a command on the server.
    pub who: Option<String>,
    /// What was done.
    pub action: String,
    /// The account that it was done to, or the reference of the application.
    pub subject: Option<String>,
    /// Whether it was done.
    pub is_done: bool,
}

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// Its lines, newest first.
    pub lines: Vec<LogLine>,
    /// The line before which the next page begins, if there is one.
    pub next: Option<i64>,
}

impl LogPage {
    fn of(mut lines: Vec<LogLine>) -> Self {
        let has_more = lines.len() > PAGE_LINES;
        lines.truncate(PAGE_LINES);
        let next = lines.last().filter(|_| has_more).map(|line| line.id);
        Self { lines, next }
    }
}

/// Adds a line.
pub(super) async fn add_line(
    connection: &mut PgConnection,
    staff_id: Option<i64>,
    action: &str,
    subject: Option<&str>,
    outcome: Outcome,
) -> sqlx::Result<()> {
    let outcome = match outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
    };
    sqlx::query!(
        "INSERT INTO desk_log (staff_id, action, subject, outcome) VALUES ($1, $2, $3, $4)",
        staff_id,
        action,
        subject,
        outcome
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Logs that a member was not permitted to do something with an application.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn log_refusal(
    connection: &mut PgConnection,
    staff_id: i64,
    action: &str,
    reference: &str,
) -> sqlx::Result<()> {
    add_line(connection, Some(staff_id), action, Some(reference), Outcome::Refused).await
}

/// Logs what a command on the server did with an account.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn log_shell(connection: &mut PgConnection, action: &str, staff_id: i64) -> sqlx::Result<()> {
    add_line(connection, None, action, Some(&staff_id.to_string()), Outcome::Done).await
}

/// Logs what a member did with an application that its history does not tell.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn log_application(
    connection: &mut PgConnection,
    staff_id: i64,
    action: &str,
    reference: &str,
) -> sqlx::Result<()> {
    add_line(connection, Some(staff_id), action, Some(reference), Outcome::Done).await
}

/// Logs what a member did, or was not permitted to do, apart from applications.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn log_member(connection: &mut PgConnection, staff_id: i64, action: &str, is_done: bool) -> sqlx::Result<()> {
    let outcome = if is_done { Outcome::Done } else { Outcome::Refused };
    add_line(connection, Some(staff_id), action, None, outcome).await
}

/// Returns a page of the log, newest first: the lines before one, without those about hidden applications.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn log_lines(executor: impl PgExecutor<'_>, before: Option<i64>, hidden: &[String]) -> sqlx::Result<LogPage> {
    sqlx::query_as!(
        LogLine,
        r#"SELECT desk_log.id, happened_at, actor.name AS "who?", action,
            coalesce(nullif(owner.name, ''), subject) AS subject, outcome = 'done' AS "is_done!"
        FROM desk_log LEFT JOIN staff AS actor ON actor.id = staff_id
            LEFT JOIN staff AS owner ON owner.id::text = subject
        WHERE ($1::bigint IS NULL OR desk_log.id < $1) AND (subject IS NULL OR subject <> ALL ($2))
        ORDER BY desk_log.id DESC LIMIT $3"#,
        before,
        hidden,
        i64::try_from(PAGE_LINES + 1).unwrap_or(i64::MAX)
    )
    .fetch_all(executor)
    .await
    .map(LogPage::of)
}
