//! Stores a change: state, history, words and emails in one transaction, after everything was checked under the lock of the
//! application. So two people who decide at once decide once.

use sqlx::PgConnection;

use super::correcting::{moved, write};
use super::course::Course;
use super::emails::{UpdateWords, change_emails, update_words};
use super::loading::{Found, Key, find, lock};
use super::opinions::{opinions, permitted};
use super::states::Permitted;
use super::{Actor, Change, Days, NotChanged, Refusal};
use crate::database::Pool;
use crate::membership::domain_proof::queue_facts;
use crate::membership::emails::MailIdentity;
use crate::outbox;
use crate::staff::StaffMember;

/// What a review needs of the site.
#[derive(Clone, Debug)]
pub struct Review {
    /// What emails need to know about the site.
    pub identity: MailIdentity,
    /// The length of each period.
    pub days: Days,
}

/// Stores a change of the version that its page showed, and queues the emails about it.
///
/// # Errors
/// Returns why nothing was stored. After a database error the change may be stored; a repetition then changes nothing more.
pub async fn store(
    pool: &Pool,
    review: &Review,
    key: Key<'_>,
    version: i32,
    change: &Change,
    actor: Actor<'_>,
) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let reference = lock(&mut transaction, key).await?.ok_or(NotChanged::NotFound)?;
    let present = present_member(&mut transaction, &reference, change, actor).await?;
    let actor = present.as_ref().map_or(actor, Actor::Staff);
    let mut found = find(&mut *transaction, Key::Reference(&reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    if found.course.version != version {
        let is_next = found.course.version - 1 == version && has_same_outcome(&found, change);
        let is_done = is_next && is_repetition(&mut transaction, &reference, change, actor).await?;
        return if is_done { Ok(()) } else { Err(Refusal::Outdated.into()) };
    }
    if let Actor::Staff(_) = actor {
        let opinions = opinions(&mut transaction, &reference).await?;
        opinions.apply_to(&mut found.course);
    }
    change_locked(&mut transaction, review, &found, change, actor).await?;
    Ok(transaction.end().await?)
}

/// Stores a change of an application that this transaction has locked, and queues the emails about it.
pub(super) async fn change_locked(
    connection: &mut PgConnection,
    review: &Review,
    found: &Found,
    change: &Change,
    actor: Actor<'_>,
) -> Result<(), NotChanged> {
    let reference = found.reference.as_str();
    let mut after = found.course.after(change, actor, found.now, review.days)?;
    after.region_set = after.region_set.filter(|region| !found.is_in(*region));
    let moved = moved(found, change)?;
    let emails = change_emails(&review.identity, found, &moved, &after, change)?;
    update(connection, reference, &after).await?;
    write(connection, found, &moved, change).await?;
    // The review ends a suspicion of spam.
    if matches!(change, Change::BeginReview) {
        queue_facts(connection, reference).await?;
    }
    add_entry(connection, reference, change, actor).await?;
    add_event(connection, reference, change, actor, &found.course, &after).await?;
    outbox::queue(connection, emails).await?;
    tracing::info!(reference, event = change.kind().rule().event, "application changed");
    Ok(())
}

/// Returns the words of the email to the applicant, in the applicant's language and in English; `None` if the change sends no
/// email.
///
/// # Errors
/// Returns why the change is not possible.
pub async fn preview(
    connection: &mut PgConnection,
    review: &Review,
    reference: &str,
    version: i32,
    change: &Change,
    actor: Actor<'_>,
) -> Result<Option<[UpdateWords; 2]>, NotChanged> {
    let mut found = find(&mut *connection, Key::Reference(reference))
        .await?
        .ok_or(NotChanged::NotFound)?;
    if found.course.version != version {
        return Err(Refusal::Outdated.into());
    }
    let opinions = opinions(connection, reference).await?;
    if let Actor::Staff(member) = actor
        && opinions.has_conflict(member.id)
    {
        return Err(Refusal::ConflictOfInterest.into());
    }
    opinions.apply_to(&mut found.course);
    let after = found.course.after(change, actor, found.now, review.days)?;
    let words = |language| update_words(&found.course, &after, change, language);
    Ok(words(found.language)
        .zip(words(crate::locale::Language::En))
        .map(Into::into))
}

/// Reads the present role of a staff member under a lock. A disabled member, and one with a conflict of interest, may not act.
async fn present_member(
    connection: &mut PgConnection,
    reference: &str,
    change: &Change,
    actor: Actor<'_>,
) -> Result<Option<StaffMember>, NotChanged> {
    match (actor, change.kind().rule().permitted) {
        (Actor::Staff(member), Permitted::Staff(least)) => {
            permitted(connection, reference, member, least).await.map(Some)
        }
        (Actor::Staff(_), _) => Err(Refusal::NotPermitted.into()),
        (Actor::Applicant | Actor::Site, _) => Ok(None),
    }
}

/// Returns whether an application stands where this change would have brought it.
fn has_same_outcome(found: &Found, change: &Change) -> bool {
    let course = &found.course;
    match change {
        Change::Ask { until, .. } => until.is_none() || *until == course.answer_until,
        Change::Accept { region, .. } => region.filter(|region| !found.is_in(*region)) == course.region_set,
        Change::Dismiss(dismissal) => Some(*dismissal) == course.dismissed_as,
        Change::SetRepresentative(address) => *address == found.representative,
        _ => true,
    }
}

/// Returns whether the last event is the same change by the same actor, with the same words: a button was pressed twice, or
/// an answer got lost.
async fn is_repetition(
    connection: &mut PgConnection,
    reference: &str,
    change: &Change,
    actor: Actor<'_>,
) -> sqlx::Result<bool> {
    let entry = change.entry();
    sqlx::query_scalar!(
        r#"SELECT event = $2 AND actor = $3 AND staff_id IS NOT DISTINCT FROM $4 AND $6 IS NOT DISTINCT FROM (
                SELECT body FROM entries WHERE entries.reference = $1 AND kind <> 'note' AND written_at = happened_at
                    AND kind = coalesce($5, kind) ORDER BY id DESC LIMIT 1) AS "it!"
        FROM application_history WHERE reference = $1 ORDER BY id DESC LIMIT 1"#,
        reference,
        change.kind().rule().event,
        actor.name(),
        actor.staff_id(),
        entry.map(|(kind, _, _)| kind.name()),
        entry.map(|(_, _, body)| body)
    )
    .fetch_one(connection)
    .await
}

/// Writes where an application stands.
pub(super) async fn update(connection: &mut PgConnection, reference: &str, after: &Course) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE applications SET state = $2, state_since = $3, version = $4, review_until = $5, answer_until = $6,
            appeal_until = $7, appealed_at = $8, decided_by = $9, appeal_decided_by = $10, dismissed_as = $11,
            region_set = $12,
            -- A review ends the suspicion of spam.
            is_suspected = is_suspected AND $2 NOT IN ('in-review', 'asked', 'accepted', 'not-accepted')
        WHERE reference = $1",
        reference,
        after.state.name(),
        after.state_since,
        after.version,
        after.review_until,
        after.answer_until,
        after.appeal_until,
        after.appealed_at,
        after.decided_by,
        after.appeal_decided_by,
        after.dismissed_as.map(super::Dismissal::name),
        after.region_set.map(crate::values::Region::name)
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn add_entry(
    connection: &mut PgConnection,
    reference: &str,
    change: &Change,
    actor: Actor<'_>,
) -> sqlx::Result<()> {
    let Some((kind, is_shared, body)) = change.entry() else {
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO entries (reference, kind, staff_id, is_shared, body) VALUES ($1, $2, $3, $4, $5)",
        reference,
        kind.name(),
        actor.staff_id(),
        is_shared,
        body
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn add_event(
    connection: &mut PgConnection,
    reference: &str,
    change: &Change,
    actor: Actor<'_>,
    before: &Course,
    after: &Course,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO application_history (reference, event, actor, staff_id, from_state, to_state)
        VALUES ($1, $2, $3, $4, $5, $6)",
        reference,
        change.kind().rule().event,
        actor.name(),
        actor.staff_id(),
        before.state.name(),
        after.state.name()
    )
    .execute(connection)
    .await
    .map(drop)
}
