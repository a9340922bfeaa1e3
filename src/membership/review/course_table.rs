//! The promises of the course, with every state, change and role in one table.

use time::macros::{date, datetime};
use time::{Duration, OffsetDateTime};

use super::course::*;
use super::states::*;
use super::*;
use crate::membership::form::Answers;
use crate::staff::{Role, StaffMember};
use crate::values::EmailAddress;

const NOW: OffsetDateTime = datetime!(2026-11-27 10:00 UTC);
const DAYS: Days = Days {
    review: 14,
    answer: 30,
    appeal: 30,
};

/// Who may make each change from each state: the applicant (A), the site itself (S), reviewers (R), deciders (D), or deciders other than
/// the first one (O). Higher roles may do the same.
const TABLE: &str = "
    -             received in-review asked accepted not-accepted appealed withdrawn lapsed dismissed
    BeginReview   R        -         -     -        -            -        -         -      -
    Ask           R        R         -     -        -            -        -         -      -
    Answer        -        -         A     -        -            -        -         A      -
    AnswerByEmail -        -         R     -        -            -        -         R      -
    Accept        -        D         D     -        -            O        -         -      -
    NotAccept     -        D         D     -        -            O        -         -      -
    Appeal        -        -         -     -        A            -        -         -      -
    Withdraw      A        A         A     -        -            A        -         -      -
    Undo          -        -         -     -        -            -        A         -      -
    Dismiss       D        D         D     -        -            -        -         -      -
    Reopen        -        -         -     D        D            -        D         D      D
    Lapse         -        -         S     -        -            -        -         -      -
    Correct       A        A         A     -        -            -        -         -      -
    SetRepresentative D    D         D     D        D            D        D         D      D";

fn course(state: ReviewState) -> Course {
    Course {
        state,
        state_since: NOW - Duration::days(1),
        version: 3,
        review_until: Some(date!(2026 - 12 - 10)),
        answer_until: None,
        appeal_until: Some(date!(2026 - 12 - 20)),
        appealed_at: None,
        decided_by: Some(1),
        appeal_decided_by: None,
        dismissed_as: None,
        region_set: None,
        withdrawals: 1,
        withdrawn_from: Some(ReviewState::Asked),
        is_ncsg_member: true,
        objections: Vec::new(),
        is_unanimous: false,
        has_member_domain: false,
    }
}

fn member(id: i64, role: Role) -> StaffMember {
    StaffMember {
        id,
        name: "Ann".to_owned(),
        address: EmailAddress::parse("ann@npoc.org").unwrap(),
        former_addresses: Vec::new(),
        role,
    }
}

fn change(kind: ChangeKind) -> Change {
    let text = "A text that is long enough.".to_owned();
    match kind {
        ChangeKind::BeginReview => Change::BeginReview,
        ChangeKind::Ask => Change::Ask {
            question: text,
            until: None,
        },
        ChangeKind::Answer => Change::Answer(text),
        ChangeKind::AnswerByEmail => Change::AnswerByEmail(text),
        ChangeKind::Accept => Change::Accept {
            reason: Some(text),
            region: None,
            seen: Vec::new(),
        },
        ChangeKind::NotAccept => Change::NotAccept(text),
        ChangeKind::Appeal => Change::Appeal(text),
        ChangeKind::Withdraw => Change::Withdraw,
        ChangeKind::Undo => Change::Undo,
        ChangeKind::Dismiss => Change::Dismiss(Dismissal::Spam),
        ChangeKind::Reopen => Change::Reopen(text),
        ChangeKind::Lapse => Change::Lapse,
        ChangeKind::Correct => Change::Correct(Box::new(correction())),
        ChangeKind::SetRepresentative => Change::SetRepresentative(EmailAddress::parse("new@kilimo.or.ke").unwrap()),
    }
}

fn correction() -> Correction {
    let typed = [
        ("organization_name", "Kilimo"),
        ("domain_name", "kilimo.or.ke"),
        ("country", "KE"),
        ("registered", "yes"),
        ("registration_note", "NGO, Kenya"),
        ("kind_of_work", "health"),
        ("statement", "We help farmers to use the internet for their markets."),
        ("representative_name", "Wanjiru"),
        ("representative_role", "Chair"),
        ("representative_email", "info@kilimo.or.ke"),
        ("ncsg_status", "member"),
        ("authorised", "yes"),
    ];
    let typed = Answers::typed(typed.into_iter().map(|(name, value)| (name.into(), value.into())));
    Correction::of(&Answers::default(), crate::membership::check(&typed).unwrap()).unwrap()
}

#[test]
fn every_state_change_and_role_is_in_one_table() {
    let staff = Role::ALL.map(|role| member(2, role));
    let first_decider = member(1, Role::Decider);
    let rows = TABLE.lines().filter(|line| !line.is_empty()).skip(1);
    for (kind, row) in ChangeKind::ALL.into_iter().zip(rows) {
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells[0], format!("{kind:?}"));
        for (state, cell) in ReviewState::ALL.into_iter().zip(&cells[1..]) {
            let allows = |actor| course(state).after(&change(kind), actor, NOW, DAYS);
            let least = match *cell {
                "R" => Some(Role::Reviewer),
                "D" | "O" => Some(Role::Decider),
                _ => None,
            };
            assert_eq!(
                allows(Actor::Applicant).is_ok(),
                *cell == "A",
                "{kind:?} {state:?} applicant"
            );
            assert_eq!(allows(Actor::Site).is_ok(), *cell == "S", "{kind:?} {state:?} site");
            for member in &staff {
                let is_allowed = least.is_some_and(|least| member.role >= least);
                let result = allows(Actor::Staff(member));
                assert_eq!(result.is_ok(), is_allowed, "{kind:?} {state:?} {:?}", member.role);
                if !may(member.role, kind) {
                    assert_eq!(
                        result,
                        Err(Refusal::NotPermitted),
                        "{kind:?} {state:?} {:?}",
                        member.role
                    );
                }
            }
            let is_allowed = matches!(*cell, "R" | "D");
            assert_eq!(
                allows(Actor::Staff(&first_decider)).is_ok(),
                is_allowed,
                "{kind:?} {state:?}"
            );
        }
    }
}

#[test]
fn every_change_raises_the_version_and_names_its_time() {
    let decider = member(2, Role::Administrator);
    for kind in ChangeKind::ALL {
        for state in kind.rule().from {
            let actor = match kind.rule().permitted {
                Permitted::Applicant => Actor::Applicant,
                Permitted::Staff(_) => Actor::Staff(&decider),
                Permitted::Site => Actor::Site,
            };
            let before = course(*state);
            let after = before.after(&change(kind), actor, NOW, DAYS).unwrap();
            let since = if kind.changes_state() { NOW } else { before.state_since };
            assert_eq!((after.version, after.state_since), (4, since), "{kind:?} {state:?}");
        }
    }
}

#[test]
fn a_day_ends_when_it_ends_everywhere_on_earth() {
    let day = date!(2026 - 11 - 27);
    assert!(!is_over(day, datetime!(2026-11-28 11:59:59 UTC)));
    assert!(is_over(day, datetime!(2026-11-28 12:00 UTC)));
    assert!(!is_over(day, datetime!(2026-11-28 13:00 +2)));
}

#[test]
fn an_application_is_withdrawn_twice_at_most() {
    let often = Course {
        withdrawals: 2,
        ..course(ReviewState::InReview)
    };
    let withdrawn = often.after(&Change::Withdraw, Actor::Applicant, NOW, DAYS);
    assert_eq!(withdrawn, Err(Refusal::NotNow));
}

#[test]
fn a_withdrawal_is_undone_within_fourteen_days() {
    let withdrawn = course(ReviewState::Withdrawn);
    let undone = |now| withdrawn.after(&Change::Undo, Actor::Applicant, now, DAYS);
    assert_eq!(undone(NOW).unwrap().state, ReviewState::Asked);
    assert!(undone(datetime!(2026-12-11 11:59 UTC)).is_ok());
    assert_eq!(undone(datetime!(2026-12-11 12:00 UTC)), Err(Refusal::NotNow));
}

#[test]
fn accepting_early_or_without_the_ncsg_needs_a_reason() {
    let decider = member(2, Role::Decider);
    let accept = |course: &Course, now| {
        let change = Change::Accept {
            reason: None,
            region: None,
            seen: Vec::new(),
        };
        course.after(&change, Actor::Staff(&decider), now, DAYS)
    };
    let over = datetime!(2026-12-11 12:00 UTC);
    let ready = course(ReviewState::InReview);
    assert_eq!(accept(&ready, NOW), Err(Refusal::ReasonNeeded(WhyReason::Early)));
    assert_eq!(accept(&ready, over).unwrap().decided_by, Some(2));
    let outside = Course {
        is_ncsg_member: false,
        ..ready.clone()
    };
    assert_eq!(accept(&outside, over), Err(Refusal::ReasonNeeded(WhyReason::Ncsg)));
    let second = Course {
        has_member_domain: true,
        ..ready.clone()
    };
    assert_eq!(accept(&second, over), Err(Refusal::ReasonNeeded(WhyReason::Member)));
    let appealed = course(ReviewState::Appealed);
    assert_eq!(accept(&appealed, over), Err(Refusal::ReasonNeeded(WhyReason::Appeal)));
}

#[test]
fn an_answer_leaves_seven_days_for_the_review() {
    let asked = |review_until| Course {
        review_until: Some(review_until),
        ..course(ReviewState::Asked)
    };
    let answer = Change::Answer("Yes.".to_owned());
    let until = |day| {
        asked(day)
            .after(&answer, Actor::Applicant, NOW, DAYS)
            .unwrap()
            .review_until
    };
    assert_eq!(until(date!(2026 - 11 - 01)), Some(date!(2026 - 12 - 04)));
    assert_eq!(until(date!(2026 - 12 - 31)), Some(date!(2026 - 12 - 31)));
}

#[test]
fn the_day_for_an_answer_is_within_half_a_year() {
    let reviewer = member(2, Role::Reviewer);
    let ask = |until| {
        let question = "Which one?".to_owned();
        let change = Change::Ask { question, until };
        course(ReviewState::InReview).after(&change, Actor::Staff(&reviewer), NOW, DAYS)
    };
    assert_eq!(ask(None).unwrap().answer_until, Some(date!(2026 - 12 - 27)));
    assert!(ask(Some(date!(2026 - 11 - 27))).is_ok());
    assert!(ask(Some(date!(2027 - 05 - 26))).is_ok());
    // It is still yesterday in the west.
    assert!(ask(Some(date!(2026 - 11 - 26))).is_ok());
    for wrong in [date!(2026 - 11 - 25), date!(2027 - 05 - 27), Date::MAX] {
        assert!(
            matches!(ask(Some(wrong)), Err(Refusal::DayOutOfRange { .. })),
            "{wrong}"
        );
    }
}

#[test]
fn an_appeal_is_possible_once_and_is_marked_when_late() {
    let refused = course(ReviewState::NotAccepted);
    let appeal = Change::Appeal("Please look at our statutes.".to_owned());
    let in_time = refused.after(&appeal, Actor::Applicant, NOW, DAYS).unwrap();
    assert!(!in_time.is_appeal_late());
    let late = refused.after(&appeal, Actor::Applicant, datetime!(2027-01-10 0:00 UTC), DAYS);
    assert!(late.unwrap().is_appeal_late());
    let decider = member(2, Role::Decider);
    let closed = in_time
        .after(&change(ChangeKind::NotAccept), Actor::Staff(&decider), NOW, DAYS)
        .unwrap();
    assert!(closed.is_final() && closed.decided_by == Some(1));
    assert_eq!(closed.after(&appeal, Actor::Applicant, NOW, DAYS), Err(Refusal::NotNow));
}

#[test]
fn a_reopened_application_is_decided_like_a_new_one() {
    let decider = member(2, Role::Decider);
    let closed = Course {
        appealed_at: Some(NOW),
        appeal_decided_by: Some(3),
        ..course(ReviewState::NotAccepted)
    };
    let reopened = closed
        .after(&change(ChangeKind::Reopen), Actor::Staff(&decider), NOW, DAYS)
        .unwrap();
    assert_eq!(reopened.state, ReviewState::InReview);
    assert_eq!(reopened.review_until, Some(date!(2026 - 12 - 11)));
    let cleared = (
        reopened.decided_by,
        reopened.appealed_at,
        reopened.appeal_decided_by,
        reopened.appeal_until,
    );
    assert_eq!(cleared, (None, None, None, None));
}
