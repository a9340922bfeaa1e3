//! Notes and assignments: staff among themselves. Neither changes the version, so nobody is stopped by them.

use sqlx::PgExecutor;

use crate::staff::StaffMember;
use crate::values::Fault;
use crate::values::text::prose;

/// The most characters of a note.
const LONGEST_NOTE: u64 = 4000;

/// Adds a note for staff alone. Returns whether there is such an application.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn add_note(
    executor: impl PgExecutor<'_>,
    reference: &str,
    member: &StaffMember,
    typed: &str,
) -> sqlx::Result<Result<bool, Fault>> {
    let body = match prose(typed, 2, LONGEST_NOTE) {
        Ok(body) => body,
        Err(fault) => return Ok(Err(fault)),
    };
    let added = sqlx::query!(
        "INSERT INTO entries (reference, kind, staff_id, is_shared, body)
        SELECT reference, 'note', $2, false, $3 FROM applications WHERE reference = upper($1) FOR KEY SHARE",
        reference.trim(),
        member.id,
        body
    )
    .execute(executor)
    .await?;
    Ok(Ok(added.rows_affected() > 0))
}

/// Assigns an application to an enabled member of the staff, or to nobody. Returns whether both exist.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn assign(executor: impl PgExecutor<'_>, reference: &str, to: Option<i64>) -> sqlx::Result<bool> {
    let assigned = sqlx::query!(
        "UPDATE applications SET assigned_to = $2 WHERE reference = upper($1)
            AND ($2::bigint IS NULL OR EXISTS (SELECT FROM staff WHERE id = $2 AND disabled_at IS NULL))",
        reference.trim(),
        to
    )
    .execute(executor)
    .await?;
    Ok(assigned.rows_affected() > 0)
}

/// Returns the staff member to whom an application is assigned.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn assigned_to(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Option<i64>> {
    let assigned = sqlx::query_scalar!(
        "SELECT assigned_to FROM applications WHERE reference = upper($1)",
        reference.trim()
    )
    .fetch_optional(executor)
    .await?;
    Ok(assigned.flatten())
}
