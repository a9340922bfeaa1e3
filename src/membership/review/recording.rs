//! Records a decision that was taken before there was a desk. No email is sent.

use super::course::later;
use super::loading::{Key, find, lock};
use super::states::ReviewState;
use super::storing::{Review, update};
use super::{Course, Dismissal, NotChanged, Refusal};
use crate::database::Pool;

/// A decision that was taken elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// NPOC accepted the application.
    Accepted,
    /// NPOC did not accept it. The time for an appeal begins now.
    NotAccepted,
    /// NPOC closed it without review.
    Dismissed,
}

impl Recorded {
    /// All decisions.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::NotAccepted, Self::Dismissed];

    /// Returns the name for commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotAccepted => "not_accepted",
            Self::Dismissed => "dismissed",
        }
    }

    fn state(self) -> ReviewState {
        match self {
            Self::Accepted => ReviewState::Accepted,
            Self::NotAccepted => ReviewState::NotAccepted,
            Self::Dismissed => ReviewState::Dismissed,
        }
    }
}

/// Records a decision of this staff member about an application that nobody has decided.
///
/// # Errors
/// Returns an error if there is no such application, or if the desk has begun to review it.
pub async fn record(
    pool: &Pool,
    review: &Review,
    reference: &str,
    decision: Recorded,
    by: i64,
) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock(&mut transaction, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    let found = find(&mut *transaction, Key::Reference(&reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    if found.course.state != ReviewState::Received {
        return Err(Refusal::NotNow.into());
    }
    let after = Course {
        state: decision.state(),
        state_since: found.now,
        version: found.course.version + 1,
        decided_by: (decision != Recorded::Dismissed).then_some(by),
        appeal_until: (decision == Recorded::NotAccepted).then(|| later(found.now.date(), review.days.appeal.into())),
        dismissed_as: (decision == Recorded::Dismissed).then_some(Dismissal::Spam),
        ..found.course
    };
    update(&mut transaction, &reference, &after).await?;
    sqlx::query!(
        "INSERT INTO application_history (reference, event, actor, from_state, to_state) VALUES ($1, $2, 'shell', 'received', $2)",
        reference,
        decision.state().name()
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.end().await?)
}
