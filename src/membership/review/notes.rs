//! Notes and assignments: staff among themselves. Neither changes the version, so nobody is stopped by them.

use sqlx::{PgConnection, PgExecutor};

use super::loading::{Key, lock};
use super::opinions::permitted;
use super::{NotChanged, Refusal};
use crate::database::Pool;
use crate::staff::{Role, StaffMember, lock_enabled, lock_in_order};
use crate::values::text::prose;

/// The most characters of a note.
const LONGEST_NOTE: u64 = 4000;

/// Adds a note for staff alone.
///
/// # Errors
/// Returns why it is not possible.
pub async fn add_note(pool: &Pool, reference: &str, member: &StaffMember, typed: &str) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock_for(&mut transaction, reference, member).await?;
    let body = prose(typed, 2, LONGEST_NOTE).map_err(Refusal::Text)?;
    sqlx::query!(
        "INSERT INTO entries (reference, kind, staff_id, is_shared, body) VALUES ($1, 'note', $2, false, $3)",
        reference,
        member.id,
        body
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.end().await?)
}

/// Assigns an application to an enabled member of the staff, or to nobody.
///
/// # Errors
/// Returns why it is not possible.
pub async fn assign(pool: &Pool, reference: &str, member: &StaffMember, to: Option<i64>) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    lock_in_order(&mut transaction, &[Some(member.id), to]).await?;
    let reference = lock_for(&mut transaction, reference, member).await?;
    if let Some(to) = to
        && lock_enabled(&mut transaction, to).await?.is_none()
    {
        return Err(Refusal::NoColleague.into());
    }
    sqlx::query!(
        "UPDATE applications SET assigned_to = $2 WHERE reference = $1",
        reference,
        to
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.end().await?)
}

/// Locks an application for a member who may write. Returns its reference.
async fn lock_for(connection: &mut PgConnection, reference: &str, member: &StaffMember) -> Result<String, NotChanged> {
    let reference = lock(connection, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    permitted(connection, &reference, member, Role::Reviewer).await?;
    Ok(reference)
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
