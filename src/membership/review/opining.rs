//! Gives opinions and states conflicts of interest, under the lock of the application.

use sqlx::PgConnection;

use super::conflict;
use super::loading::{Found, Key, find, lock};
use super::opinions::{Verdict, permitted};
use super::states::ReviewState;
use super::storing::{Review, change_locked};
use super::{Actor, Change, NotChanged, Refusal};
use crate::database::Pool;
use crate::staff::{Role, StaffMember, log_application};

/// Gives an opinion. The first one begins the review.
///
/// # Errors
/// Returns why it is not possible.
pub async fn give_opinion(
    pool: &Pool,
    review: &Review,
    reference: &str,
    version: i32,
    member: &StaffMember,
    verdict: &Verdict,
) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock(&mut transaction, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    let member = permitted(&mut transaction, &reference, member, Role::Reviewer).await?;
    let found = find(&mut *transaction, Key::Reference(&reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    if !found.course.state.is_open() {
        return Err(Refusal::NotNow.into());
    }
    if is_corrected_since(&mut transaction, &found, version).await? {
        return Err(Refusal::Outdated.into());
    }
    if found.course.state == ReviewState::Received {
        let actor = Actor::Staff(&member);
        change_locked(&mut transaction, review, &found, &Change::BeginReview, actor).await?;
    }
    let (name, reason) = match verdict {
        Verdict::Approve => ("approve", None),
        Verdict::Object(reason) => ("object", Some(reason)),
    };
    sqlx::query!(
        "INSERT INTO opinions (reference, staff_id, verdict, reason) VALUES ($1, $2, $3, $4)",
        reference,
        member.id,
        name,
        reason
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.end().await?)
}

/// Returns whether answers were corrected since this version. Each version is one event of the history.
async fn is_corrected_since(connection: &mut PgConnection, found: &Found, version: i32) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM (
            SELECT event FROM application_history
            WHERE reference = $1 AND event NOT IN ('received', 'released', 'erased') ORDER BY id DESC LIMIT $2) AS later
        WHERE event = 'corrected') AS "it!""#,
        found.reference,
        i64::from(found.course.version).saturating_sub(version.into()).max(0)
    )
    .fetch_one(connection)
    .await
}

/// States that a member has a conflict of interest.
///
/// # Errors
/// Returns why it is not possible.
pub async fn state_conflict(pool: &Pool, reference: &str, member: &StaffMember) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock(&mut transaction, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    conflict::state(&mut transaction, &reference, member).await?;
    log_application(&mut transaction, member.id, "state-conflict", &reference).await?;
    Ok(transaction.end().await?)
}

/// Takes back the conflict of a colleague.
///
/// # Errors
/// Returns why it is not possible.
pub async fn take_back_conflict(pool: &Pool, reference: &str, of: i64, member: &StaffMember) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock(&mut transaction, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    let member = permitted(&mut transaction, &reference, member, Role::Decider).await?;
    if of == member.id {
        return Err(Refusal::NotPermitted.into());
    }
    let conflicts = conflict::conflicts(&mut transaction, &reference).await?;
    if !conflicts.iter().any(|conflict| conflict.staff_id == of) {
        return Err(Refusal::NotNow.into());
    }
    conflict::take_back(&mut transaction, &reference, of, &member).await?;
    log_application(&mut transaction, member.id, "take-back-conflict", &reference).await?;
    Ok(transaction.end().await?)
}
