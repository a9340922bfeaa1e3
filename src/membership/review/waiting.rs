//! What waits for a member of the staff, on the first page of the desk and in the digest.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::conflict::hidden_from;
use super::counts::Tab;
use super::listing::Selection;
use crate::staff::{self, Role, StaffMember};

/// The most appeals that are checked for somebody who can decide them.
const MOST_APPEALS: i64 = 1000;

/// Returns the parts of what waits for a member, with their headings: only what this role can do something about.
#[must_use]
pub fn waiting_for(member: &StaffMember, hidden: &[String]) -> Vec<(&'static str, Selection)> {
    let visible = || Selection {
        hidden: hidden.to_owned(),
        ..Selection::default()
    };
    let tab = |tab| Selection {
        tab: Some(tab),
        ..visible()
    };
    let assigned = Selection {
        assigned_to: Some(member.id),
        is_open: true,
        ..visible()
    };
    let appeals = Selection {
        not_decided_by: Some(member.id),
        ..tab(Tab::Appealed)
    };
    let all = [
        (Role::Reviewer, "Assigned to you", assigned),
        (Role::Decider, "Appeals to decide", appeals),
        (Role::Decider, "Ready to decide", tab(Tab::Ready)),
        (Role::Reviewer, "New", tab(Tab::Waiting)),
    ];
    let own = all.into_iter().filter(|(least, _, _)| member.role >= *least);
    own.map(|(_, heading, selection)| (heading, selection)).collect()
}

/// Applications that nobody can decide, as one member may know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The references of those that the member may see.
    pub references: Vec<String>,
    /// How many there are with which the member has a conflict of interest too.
    pub hidden: usize,
}

impl Stuck {
    /// Divides the applications that nobody can decide; `None` if there are none.
    #[must_use]
    pub fn of(stuck: &[String], hidden: &[String]) -> Option<Self> {
        let (hidden, references): (Vec<_>, Vec<_>) = stuck.iter().cloned().partition(|one| hidden.contains(one));
        (!stuck.is_empty()).then_some(Self {
            references,
            hidden: hidden.len(),
        })
    }
}

/// Returns the references of open applications that nobody can decide: every decider has a conflict of interest, or made
/// the decision that is appealed. There may be no decider at all; then nothing is returned, since that is said elsewhere.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn stuck(connection: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    let members = staff::enabled(&mut *connection).await?;
    let mut deciders = Vec::new();
    for member in members.into_iter().filter(|member| member.role >= Role::Decider) {
        let hidden = hidden_from(connection, &member).await?;
        deciders.push((member.id, hidden));
    }
    let Some((_, first)) = deciders.first() else {
        return Ok(Vec::new());
    };
    let hidden_from_one: Vec<String> = first.iter().cloned().collect();
    let candidates = sqlx::query!(
        "(SELECT reference, decided_by FROM applications WHERE state = 'appealed' ORDER BY is_suspected, received_at LIMIT $2)
        UNION SELECT reference, NULL FROM applications WHERE reference = ANY ($1) AND state IN ('in-review', 'asked')",
        &hidden_from_one,
        MOST_APPEALS
    )
    .fetch_all(connection)
    .await?;
    let can = |(id, hidden): &(i64, HashSet<String>), reference: &str, decided_by: Option<i64>| {
        Some(*id) != decided_by && !hidden.contains(reference)
    };
    let stuck = candidates.into_iter().filter_map(|row| {
        let reference = row.reference?;
        let is_stuck = !deciders.iter().any(|decider| can(decider, &reference, row.decided_by));
        is_stuck.then_some(reference)
    });
    let mut stuck: Vec<String> = stuck.collect();
    stuck.sort();
    Ok(stuck)
}
