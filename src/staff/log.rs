//! The log of the desk: who did something, and what was refused. Rows are only added, and hold no address.

use sqlx::PgConnection;

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
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
