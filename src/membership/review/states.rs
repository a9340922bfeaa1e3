//! The states of an application, and the table of changes: who may make each, from which states, with how much text.

use std::ops::RangeInclusive;

use crate::staff::Role;

use ReviewState::{Accepted, Appealed, Asked, Dismissed, InReview, Lapsed, NotAccepted, Received, Withdrawn};

/// The state of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// It arrived, and nobody has begun to review it.
    Received,
    /// Staff review it.
    InReview,
    /// Staff wait for an answer from the applicant.
    Asked,
    /// NPOC accepted it.
    Accepted,
    /// NPOC did not accept it.
    NotAccepted,
    /// The applicant appealed against the decision.
    Appealed,
    /// The applicant withdrew it.
    Withdrawn,
    /// The applicant did not answer.
    Lapsed,
    /// Staff closed it without review.
    Dismissed,
}

impl ReviewState {
    /// All states, in the order of an application's life.
    pub const ALL: [Self; 9] = [
        Received,
        InReview,
        Asked,
        Accepted,
        NotAccepted,
        Appealed,
        Withdrawn,
        Lapsed,
        Dismissed,
    ];

    /// Returns whether a proof of the domain name makes sense, and facts about it.
    #[must_use]
    pub fn takes_proof(self) -> bool {
        !matches!(self, Withdrawn | Lapsed | Dismissed)
    }

    /// Returns the names of the states in which it makes none, for a query.
    pub(in crate::membership) fn without_proof() -> Vec<&'static str> {
        let closed = Self::ALL.into_iter().filter(|state| !state.takes_proof());
        closed.map(Self::name).collect()
    }

    /// Returns the name in the database, in exports and in pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Received => "received",
            InReview => "in-review",
            Asked => "asked",
            Accepted => "accepted",
            NotAccepted => "not-accepted",
            Appealed => "appealed",
            Withdrawn => "withdrawn",
            Lapsed => "lapsed",
            Dismissed => "dismissed",
        }
    }

    /// Parses such a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Returns whether NPOC still has to do something about it, or waits for the applicant.
    #[must_use]
    pub fn is_open(self) -> bool {
        OPEN.contains(&self)
    }
}

/// The states in which an application waits for somebody.
const OPEN: &[ReviewState] = &[Received, InReview, Asked, Appealed];

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Staff begin the review.
    BeginReview,
    /// Staff ask the applicant.
    Ask,
    /// The applicant answers.
    Answer,
    /// Staff enter an answer that came by email.
    AnswerByEmail,
    /// Staff accept the application, first or on appeal.
    Accept,
    /// Staff do not accept it, first or on appeal.
    NotAccept,
    /// The applicant appeals.
    Appeal,
    /// The applicant withdraws.
    Withdraw,
    /// The applicant undoes the withdrawal.
    Undo,
    /// Staff close it without review.
    Dismiss,
    /// Staff open it again.
    Reopen,
    /// The time for an answer is over.
    Lapse,
    /// The applicant corrects answers, by a mailed link.
    Correct,
    /// Staff change the email address of the representative.
    SetRepresentative,
}

/// Who may make a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permitted {
    /// The holder of the secret address.
    Applicant,
    /// Staff of this role or a higher one.
    Staff(Role),
    /// The site itself.
    Site,
}

/// A row of the table of changes.
#[derive(Clone, Debug)]
pub struct ChangeRule {
    /// The change.
    pub kind: ChangeKind,
    /// Who may make it.
    pub permitted: Permitted,
    /// The states from which it is possible.
    pub from: &'static [ReviewState],
    /// The characters of its text; `None` if it has none.
    pub length: Option<RangeInclusive<u64>>,
    /// The event in the history.
    pub event: &'static str,
}

const REVIEWER: Permitted = Permitted::Staff(Role::Reviewer);
const DECIDER: Permitted = Permitted::Staff(Role::Decider);

#[rustfmt::skip]
const RULES: [ChangeRule; 14] = [
    rule(ChangeKind::BeginReview, REVIEWER, &[Received], None, "review-begun"),
    rule(ChangeKind::Ask, REVIEWER, &[Received, InReview], Some(5..=2000), "asked"),
    rule(ChangeKind::Answer, Permitted::Applicant, &[Asked, Lapsed], Some(2..=4000), "answered"),
    rule(ChangeKind::AnswerByEmail, REVIEWER, &[Asked, Lapsed], Some(2..=4000), "answered"),
    rule(ChangeKind::Accept, DECIDER, &[InReview, Asked, Appealed], Some(0..=2000), "accepted"),
    rule(ChangeKind::NotAccept, DECIDER, &[InReview, Asked, Appealed], Some(20..=2000), "not-accepted"),
    rule(ChangeKind::Appeal, Permitted::Applicant, &[NotAccepted], Some(20..=4000), "appealed"),
    rule(ChangeKind::Withdraw, Permitted::Applicant, OPEN, None, "withdrawn"),
    rule(ChangeKind::Undo, Permitted::Applicant, &[Withdrawn], None, "undone"),
    rule(ChangeKind::Dismiss, DECIDER, &[Received, InReview, Asked], None, "dismissed"),
    rule(ChangeKind::Reopen, DECIDER, &[Accepted, NotAccepted, Withdrawn, Lapsed, Dismissed], Some(20..=2000), "reopened"),
    rule(ChangeKind::Lapse, Permitted::Site, &[Asked], None, "lapsed"),
    rule(ChangeKind::Correct, Permitted::Applicant, &[Received, InReview, Asked], None, "corrected"),
    rule(ChangeKind::SetRepresentative, DECIDER, &ReviewState::ALL, None, "representative-changed"),
];

const fn rule(
    kind: ChangeKind,
    permitted: Permitted,
    from: &'static [ReviewState],
    length: Option<RangeInclusive<u64>>,
    event: &'static str,
) -> ChangeRule {
    ChangeRule {
        kind,
        permitted,
        from,
        length,
        event,
    }
}

impl ChangeKind {
    /// All kinds, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::BeginReview,
        Self::Ask,
        Self::Answer,
        Self::AnswerByEmail,
        Self::Accept,
        Self::NotAccept,
        Self::Appeal,
        Self::Withdraw,
        Self::Undo,
        Self::Dismiss,
        Self::Reopen,
        Self::Lapse,
        Self::Correct,
        Self::SetRepresentative,
    ];

    /// Returns whether the application is in a new state afterwards.
    #[must_use]
    pub fn changes_state(self) -> bool {
        !matches!(self, Self::Correct | Self::SetRepresentative)
    }

    /// Returns its row of the table.
    #[must_use]
    pub fn rule(self) -> &'static ChangeRule {
        // The order of the table is that of the kinds, which a test checks.
        &RULES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_has_its_own_row() {
        for kind in ChangeKind::ALL {
            assert_eq!(kind.rule().kind, kind);
        }
        for state in ReviewState::ALL {
            assert_eq!(ReviewState::parse(state.name()), Some(state));
        }
    }
}
