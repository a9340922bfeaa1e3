//! Opinions: what each reviewer thinks of an application. A changed opinion is a new row, and the last one counts.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::conflict::{Conflict, conflicts};
use super::course::Course;
use super::states::ReviewState;
use super::{NotChanged, Refusal};
use crate::staff::{self, Role, StaffMember, lock_enabled};
use crate::values::text::prose;

/// What a reviewer thinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// NPOC should accept the application.
    Approve,
    /// NPOC should not accept it, for this reason, which only staff read.
    Object(String),
}

impl Verdict {
    /// Reads a posted opinion; `None` if no verdict was chosen.
    ///
    /// # Errors
    /// Returns [`Refusal::Text`] if the reason of an objection is missing, too short or too long.
    pub fn of(name: &str, reason: &str) -> Result<Option<Self>, Refusal> {
        match name {
            "approve" => Ok(Some(Self::Approve)),
            "object" => prose(reason, 10, 2000)
                .map(|reason| Some(Self::Object(reason)))
                .map_err(Refusal::Text),
            _ => Ok(None),
        }
    }
}

/// The present opinion of a member.
#[derive(Clone, Debug)]
pub struct Opinion {
    /// The id of the row.
    pub id: i64,
    /// The member.
    pub staff_id: i64,
    /// The name of the member.
    pub by: String,
    /// The time.
    pub given_at: OffsetDateTime,
    /// What the member thinks.
    pub verdict: Verdict,
}

/// What staff think of an application, as far as it counts.
#[derive(Clone, Debug, Default)]
pub struct Opinions {
    /// The opinions that count: those of members without a conflict of interest.
    pub given: Vec<Opinion>,
    /// The names of the enabled reviewers without a conflict who gave none.
    pub missing: Vec<String>,
    /// The conflicts of interest.
    pub conflicts: Vec<Conflict>,
}

impl Opinions {
    /// Returns the ids of the objections.
    #[must_use]
    pub fn objections(&self) -> Vec<i64> {
        let objections = self
            .given
            .iter()
            .filter(|opinion| matches!(opinion.verdict, Verdict::Object(_)));
        objections.map(|opinion| opinion.id).collect()
    }

    /// Returns whether every enabled reviewer without a conflict approved.
    #[must_use]
    pub fn is_unanimous(&self) -> bool {
        self.missing.is_empty() && !self.given.is_empty() && self.objections().is_empty()
    }

    /// Returns whether a member has a conflict of interest.
    #[must_use]
    pub fn has_conflict(&self, staff_id: i64) -> bool {
        self.conflicts.iter().any(|conflict| conflict.staff_id == staff_id)
    }

    /// Adds to a course what counts for a decision.
    pub fn apply_to(&self, course: &mut Course) {
        course.objections = self.objections();
        course.is_unanimous = self.is_unanimous();
    }
}

/// Returns the opinions about an application.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn opinions(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Opinions> {
    let conflicts = conflicts(connection, reference).await?;
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (staff_id) opinions.id, staff_id, staff.name, given_at, verdict, reason
        FROM opinions JOIN staff ON staff.id = staff_id WHERE reference = upper($1)
            -- That of a forgotten member, whom the list above does not have.
            AND NOT EXISTS (SELECT FROM conflicts WHERE conflicts.reference = opinions.reference
                AND conflicts.staff_id = opinions.staff_id AND stated_at IS NOT NULL AND taken_back_by IS NULL)
        ORDER BY staff_id, opinions.id DESC"#,
        reference.trim()
    )
    .fetch_all(&mut *connection)
    .await?;
    let has_conflict = |id: i64| conflicts.iter().any(|conflict| conflict.staff_id == id);
    let counting = rows.into_iter().filter(|row| !has_conflict(row.staff_id));
    let given: Vec<Opinion> = counting
        .map(|row| Opinion {
            id: row.id,
            staff_id: row.staff_id,
            by: row.name,
            given_at: row.given_at,
            verdict: match row.verdict.as_str() {
                "approve" => Verdict::Approve,
                _ => Verdict::Object(row.reason.unwrap_or_default()),
            },
        })
        .collect();
    let reviewers = staff::enabled(connection)
        .await?
        .into_iter()
        .filter(|member| member.role >= Role::Reviewer);
    let is_missing =
        |member: &StaffMember| !has_conflict(member.id) && given.iter().all(|opinion| opinion.staff_id != member.id);
    let missing = reviewers.filter(is_missing).map(|member| member.name).collect();
    Ok(Opinions {
        given,
        missing,
        conflicts,
    })
}

/// Returns the member with the present role, if it may act on this application.
pub(super) async fn permitted(
    connection: &mut PgConnection,
    reference: &str,
    member: &StaffMember,
    least: Role,
) -> Result<StaffMember, NotChanged> {
    let role = lock_enabled(connection, member.id).await?;
    let role = role.filter(|role| *role >= least).ok_or(Refusal::NotPermitted)?;
    let conflicts = conflicts(connection, reference).await?;
    if conflicts.iter().any(|conflict| conflict.staff_id == member.id) {
        return Err(Refusal::ConflictOfInterest.into());
    }
    Ok(StaffMember { role, ..member.clone() })
}

/// Returns whether a member may give an opinion in this state.
#[must_use]
pub fn may_give_opinion(role: Role, state: ReviewState) -> bool {
    role >= Role::Reviewer && state.is_open()
}
