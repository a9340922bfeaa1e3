//! The course of an application: which changes are possible now, and what each does. Pure: no database, no clock.

use time::{Date, Duration, OffsetDateTime};

use super::states::{ChangeKind, Permitted, ReviewState};
use super::{Actor, Change, Days, Dismissal, Refusal};
use crate::staff::{Role, StaffMember};
use crate::values::Region;

/// How long an applicant can undo a withdrawal.
pub const UNDO_DAYS: i64 = 14;

/// The most withdrawals of one application.
const MAX_WITHDRAWALS: i64 = 2;

/// An answer leaves at least this many days for the review.
const DAYS_AFTER_ANSWER: i64 = 7;

/// The latest day for an answer, in days from today. The NCSG can be slow.
const MAX_ANSWER_DAYS: i64 = 180;

/// Where an application stands, as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The state.
    pub state: ReviewState,
    /// When that state began.
    pub state_since: OffsetDateTime,
    /// The number of changes so far, and one. A change names the version that its page showed.
    pub version: i32,
    /// The last day of the review; for staff alone.
    pub review_until: Option<Date>,
    /// The last day for an answer.
    pub answer_until: Option<Date>,
    /// The last day for an appeal.
    pub appeal_until: Option<Date>,
    /// When the applicant appealed.
    pub appealed_at: Option<OffsetDateTime>,
    /// The staff member who decided.
    pub decided_by: Option<i64>,
    /// The staff member who decided the appeal.
    pub appeal_decided_by: Option<i64>,
    /// Why the application was closed without review.
    pub dismissed_as: Option<Dismissal>,
    /// The region that a decider set, if it is not that of the country.
    pub region_set: Option<Region>,
    /// How often the applicant withdrew it.
    pub withdrawals: i64,
    /// The state before the last withdrawal.
    pub withdrawn_from: Option<ReviewState>,
    /// Whether the organization says that it is a member of the NCSG.
    pub is_ncsg_member: bool,
    /// The ids of the objections that count.
    pub objections: Vec<i64>,
    /// Whether every enabled reviewer without a conflict of interest approved.
    pub is_unanimous: bool,
    /// Whether NPOC accepted another application of the same domain.
    pub has_member_domain: bool,
}

impl Course {
    /// Returns whether an actor can make a kind of change now. Texts are not known yet.
    ///
    /// # Errors
    /// Returns why not.
    pub fn allows(&self, kind: ChangeKind, actor: Actor<'_>, now: OffsetDateTime) -> Result<(), Refusal> {
        let rule = kind.rule();
        if !is_permitted(rule.permitted, actor) {
            return Err(Refusal::NotPermitted);
        }
        if !rule.from.contains(&self.state) {
            return Err(Refusal::NotNow);
        }
        match kind {
            ChangeKind::Withdraw if self.withdrawals >= MAX_WITHDRAWALS => Err(Refusal::NotNow),
            ChangeKind::Undo if self.undo_until().is_none_or(|day| is_over(day, now)) => Err(Refusal::NotNow),
            ChangeKind::Appeal if self.appealed_at.is_some() => Err(Refusal::NotNow),
            ChangeKind::Accept | ChangeKind::NotAccept | ChangeKind::Reopen if self.needs_another_decider(actor) => {
                Err(Refusal::AnotherDeciderNeeded)
            }
            _ => Ok(()),
        }
    }

    /// Returns the course after a change.
    ///
    /// # Errors
    /// Returns why the change is not possible now.
    pub fn after(&self, change: &Change, actor: Actor<'_>, now: OffsetDateTime, days: Days) -> Result<Self, Refusal> {
        self.allows(change.kind(), actor, now)?;
        let today = now.date();
        let changed = Self {
            version: self.version + 1,
            state_since: if change.kind().changes_state() {
                now
            } else {
                self.state_since
            },
            ..self.clone()
        };
        let review_until = later(today, days.review.into());
        Ok(match change {
            Change::BeginReview => changed.in_review(review_until),
            Change::Ask { until, .. } => changed.asked(*until, now, days)?,
            Change::Answer(_) | Change::AnswerByEmail(_) => changed.answered(today),
            Change::Accept { reason, region, seen } => {
                self.require_seen(seen)?;
                self.require_reason(reason.as_deref(), now)?;
                let region_set = region.or(self.region_set);
                Self {
                    region_set,
                    ..changed.decided(ReviewState::Accepted, actor, None)
                }
            }
            Change::NotAccept(_) => {
                let appeal_until = later(today, days.appeal.into());
                changed.decided(ReviewState::NotAccepted, actor, Some(appeal_until))
            }
            Change::Appeal(_) => Self {
                appealed_at: Some(now),
                ..changed.moved(ReviewState::Appealed)
            },
            Change::Withdraw => Self {
                withdrawals: self.withdrawals + 1,
                withdrawn_from: Some(self.state),
                ..changed.moved(ReviewState::Withdrawn)
            },
            Change::Undo => changed.moved(self.withdrawn_from.unwrap_or(ReviewState::Received)),
            Change::Dismiss(dismissal) => Self {
                dismissed_as: Some(*dismissal),
                ..changed.moved(ReviewState::Dismissed)
            },
            Change::Reopen(_) => changed.undecided().in_review(review_until),
            Change::Lapse => changed.moved(ReviewState::Lapsed),
            Change::Correct(_) | Change::SetRepresentative(_) => changed,
        })
    }

    fn moved(self, state: ReviewState) -> Self {
        Self { state, ..self }
    }

    /// Waits for an answer until this day, or for the usual period.
    fn asked(self, until: Option<Date>, now: OffsetDateTime, days: Days) -> Result<Self, Refusal> {
        let today = now.date();
        let until = until.unwrap_or_else(|| later(today, days.answer.into()));
        let last = later(today, MAX_ANSWER_DAYS);
        if is_over(until, now) || until > last {
            return Err(Refusal::DayOutOfRange { last });
        }
        Ok(Self {
            answer_until: Some(until),
            review_until: self.review_until.or_else(|| Some(later(today, days.review.into()))),
            ..self.moved(ReviewState::Asked)
        })
    }

    /// Continues the review, with some days left for it.
    fn answered(self, today: Date) -> Self {
        let least = later(today, DAYS_AFTER_ANSWER);
        let until = self.review_until.map_or(least, |until| until.max(least));
        self.in_review(until)
    }

    /// Forgets every decision, so that a new one can be appealed like the first.
    fn undecided(self) -> Self {
        Self {
            appeal_until: None,
            appealed_at: None,
            decided_by: None,
            appeal_decided_by: None,
            dismissed_as: None,
            ..self
        }
    }

    /// Requires that the page showed every objection.
    fn require_seen(&self, seen: &[i64]) -> Result<(), Refusal> {
        let is_new = self.objections.iter().any(|objection| !seen.contains(objection));
        if is_new { Err(Refusal::NewObjection) } else { Ok(()) }
    }

    fn require_reason(&self, reason: Option<&str>, now: OffsetDateTime) -> Result<(), Refusal> {
        match self.reason_needed(now) {
            Some(why) if reason.is_none() => Err(Refusal::ReasonNeeded(why)),
            _ => Ok(()),
        }
    }

    /// Returns why accepting now needs a reason, if it does.
    #[must_use]
    pub fn reason_needed(&self, now: OffsetDateTime) -> Option<WhyReason> {
        if !self.objections.is_empty() {
            return Some(WhyReason::Objection);
        }
        if self.state == ReviewState::Appealed {
            return Some(WhyReason::Appeal);
        }
        if self.has_member_domain {
            return Some(WhyReason::Member);
        }
        if !self.is_ncsg_member {
            return Some(WhyReason::Ncsg);
        }
        let is_running = self.review_until.is_none_or(|until| !is_over(until, now));
        let is_early = is_running && !self.is_unanimous;
        is_early.then_some(WhyReason::Early)
    }

    /// Returns the last day to undo a withdrawal, if the application is withdrawn.
    #[must_use]
    pub fn undo_until(&self) -> Option<Date> {
        (self.state == ReviewState::Withdrawn).then(|| later(self.state_since.date(), UNDO_DAYS))
    }

    /// Returns whether the appeal came after its last day.
    #[must_use]
    pub fn is_appeal_late(&self) -> bool {
        let of_both = self.appeal_until.zip(self.appealed_at);
        of_both.is_some_and(|(until, at)| is_over(until, at))
    }

    /// Returns whether an appeal was decided, after which there is no other.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.appeal_decided_by.is_some()
    }

    fn in_review(self, until: Date) -> Self {
        Self {
            state: ReviewState::InReview,
            review_until: Some(until),
            answer_until: None,
            ..self
        }
    }

    /// Decides the application, or its appeal.
    fn decided(self, state: ReviewState, actor: Actor<'_>, appeal_until: Option<Date>) -> Self {
        let by = actor.staff_id();
        if self.state == ReviewState::Appealed {
            return Self {
                state,
                appeal_decided_by: by,
                ..self
            };
        }
        Self {
            state,
            decided_by: by,
            appeal_until,
            answer_until: None,
            ..self
        }
    }

    /// Returns whether the actor took the first decision, and the appeal against it is open or was decided.
    fn needs_another_decider(&self, actor: Actor<'_>) -> bool {
        let is_appeal = self.state == ReviewState::Appealed || self.is_final();
        is_appeal && self.decided_by.is_some() && self.decided_by == actor.staff_id()
    }
}

/// Why accepting needs a reason, for staff alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyReason {
    /// Somebody objects.
    Objection,
    /// The review is not over yet, and not every reviewer approved.
    Early,
    /// The organization is not a member of the NCSG.
    Ncsg,
    /// The first decision was another one.
    Appeal,
    /// NPOC accepted another application of the same domain.
    Member,
}

fn is_permitted(permitted: Permitted, actor: Actor<'_>) -> bool {
    match (permitted, actor) {
        (Permitted::Applicant, Actor::Applicant) | (Permitted::Site, Actor::Site) => true,
        (Permitted::Staff(least), Actor::Staff(StaffMember { role, .. })) => *role >= least,
        _ => false,
    }
}

/// Returns whether a staff member of this role may make a kind of change.
#[must_use]
pub fn may(role: Role, kind: ChangeKind) -> bool {
    matches!(kind.rule().permitted, Permitted::Staff(least) if role >= least)
}

/// Returns whether a day has ended everywhere on Earth: the last time zone is twelve hours behind UTC.
#[must_use]
pub fn is_over(day: Date, now: OffsetDateTime) -> bool {
    now >= end_of(day)
}

/// Returns when a day has ended everywhere on Earth.
pub(super) fn end_of(day: Date) -> OffsetDateTime {
    day.next_day().unwrap_or(Date::MAX).midnight().assume_utc() + Duration::hours(12)
}

/// Returns the day after this number of days.
pub(super) fn later(day: Date, days: i64) -> Date {
    day.checked_add(Duration::days(days)).unwrap_or(Date::MAX)
}
