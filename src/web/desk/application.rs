//! The page of one application for staff: answers, findings, words, emails and history, and the actions that are possible.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};

use super::layout::{Desk, desk_page, with_status};
use super::session::Member;
use crate::locale::Language;
use crate::membership::domain_proof::{self, Facts, Proof, cautions};
use crate::membership::review::{
    self, Actor, ChangeKind, Course, Entry, Event, Opinions, ReviewState, Verdict, WhyReason, is_over,
};
use crate::membership::words::{self, day, staff_heading, state_words, why_words};
use crate::membership::{self, AnswerInWords, Doubt, Earlier, Finding, Group, StoredApplication, in_utc};
use crate::outbox::{self, EmailStatus};
use crate::staff::{self, StaffMember};
use crate::values::{Country, Region};
use crate::web::error::WebError;
use crate::web::site::Site;

/// The fields with a text that somebody wrote.
pub const TEXTS: [&str; 4] = ["question", "answer", "reason", "text"];

/// The fields of a posted form by their names.
pub type Typed = HashMap<String, String>;

/// Everything that the page shows about an application.
pub struct Shown {
    record: StoredApplication,
    course: Course,
    now: OffsetDateTime,
    entries: Vec<Entry>,
    events: Vec<Event>,
    emails: Vec<EmailStatus>,
    earlier: Vec<Earlier>,
    opinions: Opinions,
    assigned_to: Option<i64>,
    colleagues: Vec<StaffMember>,
    proofs: Vec<Proof>,
    facts: Facts,
}

/// What a member with a conflict of interest may see.
#[derive(Template)]
#[template(path = "desk/conflict.html")]
struct ConflictPage<'a> {
    desk: Desk<'a>,
    shown: &'a Shown,
}

#[derive(Template)]
#[template(path = "desk/application.html")]
struct ApplicationPage<'a> {
    desk: Desk<'a>,
    member: &'a StaffMember,
    shown: &'a Shown,
    verdict: Option<String>,
    findings: Vec<Finding>,
    typed: &'a Typed,
    /// The form that was posted and comes back.
    returned: Option<Returned<'a>>,
}

/// A form that comes back with what was typed.
#[derive(Clone, Copy, Debug)]
pub struct Returned<'a> {
    /// The last part of its address.
    pub action: &'a str,
    /// Its wrong field, and why nothing was done; `None` if somebody came back from the preview.
    pub problem: Option<(&'a str, &'a str)>,
}

impl ApplicationPage<'_> {
    fn can(&self, kind: ChangeKind) -> bool {
        let actor = Actor::Staff(self.member);
        self.shown.course.allows(kind, actor, self.shown.now).is_ok()
    }

    fn may_give_opinion(&self) -> bool {
        review::may_give_opinion(self.member.role, self.shown.course.state)
    }

    /// Returns whether the member may take back the conflict of a colleague.
    fn may_take_back(&self) -> bool {
        self.member.role >= staff::Role::Decider
    }

    /// Returns the objections that this page shows, for the form that decides.
    fn objections(&self) -> String {
        let ids = self.shown.opinions.objections();
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    fn may_write(&self) -> bool {
        self.member.role >= staff::Role::Reviewer
    }

    /// Returns whether this form comes back.
    fn is_open(&self, action: &str) -> bool {
        self.returned.is_some_and(|returned| returned.action == action)
    }

    /// Returns what was typed in a field of the form that comes back.
    fn typed(&self, action: &str, field: &str) -> &str {
        let typed = self.typed.get(field).filter(|_| self.is_open(action));
        typed.map_or("", String::as_str)
    }

    /// Returns what is wrong with a field.
    fn problem(&self, action: &str, field: &str) -> Option<&str> {
        let returned = self.returned.filter(|returned| returned.action == action)?;
        returned
            .problem
            .filter(|(wrong, _)| *wrong == field)
            .map(|(_, why)| why)
    }

    /// Returns why nothing was done.
    fn summary(&self) -> Option<&str> {
        let returned = self.returned?;
        match returned.problem {
            Some((_, why)) => Some(why),
            None => self
                .is_orphan()
                .then_some("The application changed since you opened this page."),
        }
    }

    /// Returns whether the form that comes back has no place on the page any more.
    fn is_orphan(&self) -> bool {
        let Some(returned) = self.returned else { return false };
        !match returned.action {
            "ask" => self.can(ChangeKind::Ask),
            "answered" => self.can(ChangeKind::AnswerByEmail),
            "decide" => self.can(ChangeKind::NotAccept),
            "dismiss" => self.can(ChangeKind::Dismiss),
            "reopen" => self.can(ChangeKind::Reopen),
            "representative" => self.can(ChangeKind::SetRepresentative),
            "opinion" => self.may_give_opinion(),
            "note" | "assign" | "conflict" | "send-link" => self.may_write(),
            _ => false,
        }
    }

    /// Returns the texts of a form that has no place any more.
    fn orphaned(&self) -> impl Iterator<Item = &str> {
        let typed = TEXTS.iter().filter_map(|field| self.typed.get(*field));
        typed.map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    fn groups(&self) -> Vec<(&'static str, Vec<AnswerInWords>)> {
        let answers = self.shown.record.answers();
        let words = |group| words::answers_in_words(Language::En, &answers, group).collect();
        Group::ALL.map(|group| (staff_heading(group), words(group))).into()
    }

    fn country(&self) -> Option<Country> {
        Country::parse(&self.shown.record.country).ok()
    }

    fn region(&self) -> Option<Region> {
        self.shown
            .course
            .region_set
            .or_else(|| self.country().map(Country::region))
    }

    fn state(&self) -> &'static str {
        state_words(self.shown.course.state)
    }

    /// Returns what the state means now, with its days.
    fn standing(&self) -> String {
        let course = &self.shown.course;
        let over = |date: Date| is_over(date, self.shown.now);
        match course.state {
            ReviewState::Received if self.shown.record.is_suspected => {
                "The site suspects that this is spam. To review it ends the suspicion.".to_owned()
            }
            ReviewState::Received => "Nobody has begun the review.".to_owned(),
            ReviewState::InReview => match course.review_until {
                Some(until) if over(until) => {
                    format!("The time for the review ended on {}. It can be decided.", day(until))
                }
                Some(until) => format!("The time for the review ends on {}.", day(until)),
                None => String::new(),
            },
            ReviewState::Asked => match course.answer_until {
                Some(until) if over(until) => format!("The applicant should have answered by {}.", day(until)),
                Some(until) => format!("The applicant should answer by {}.", day(until)),
                None => String::new(),
            },
            ReviewState::NotAccepted if course.is_final() => "The appeal was decided.".to_owned(),
            ReviewState::NotAccepted => match course.appeal_until {
                Some(until) => format!("The applicant can appeal until {}.", day(until)),
                None => String::new(),
            },
            ReviewState::Appealed if course.is_appeal_late() => {
                "The appeal came late. A person who did not take the first decision must decide.".to_owned()
            }
            ReviewState::Appealed => "A person who did not take the first decision must decide.".to_owned(),
            ReviewState::Withdrawn => match course.undo_until() {
                Some(until) => format!("The applicant can undo the withdrawal until {}.", day(until)),
                None => String::new(),
            },
            ReviewState::Accepted | ReviewState::Lapsed | ReviewState::Dismissed => String::new(),
        }
    }

    /// Returns the findings that staff must not miss.
    fn cautions(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.caution.is_some())
    }

    /// Returns the facts about the domain that staff must not miss.
    fn domain_cautions(&self) -> Vec<String> {
        cautions(&self.shown.facts, self.shown.now.date())
    }

    fn checked(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.caution.is_none())
    }

    fn reason_needed(&self) -> Option<&'static str> {
        let why: Option<WhyReason> = self.shown.course.reason_needed(self.shown.now);
        why.map(why_words)
    }

    fn is_region(&self, region: Region) -> bool {
        let typed = Region::parse(self.typed("decide", "region"));
        typed.or_else(|| self.region()) == Some(region)
    }

    fn language(&self) -> &str {
        let code = &self.shown.record.language;
        match Language::of_code(code) {
            Some(language) => language.english_name(),
            None => code,
        }
    }

    /// Returns to whom an email goes, by its Message-ID.
    fn email_name(email: &EmailStatus) -> &'static str {
        if email.message_id.contains(".applicant@") {
            "To the applicant"
        } else {
            "To staff"
        }
    }

    /// Returns whether the applicant corrected answers after this time.
    fn is_before_correction(&self, at: &OffsetDateTime) -> bool {
        let is_later = |event: &Event| event.name == "corrected" && event.happened_at > *at;
        self.shown.events.iter().any(is_later)
    }

    fn is_assigned(&self, member: &StaffMember) -> bool {
        self.shown.assigned_to == Some(member.id)
    }

    fn is_own_decision(&self) -> bool {
        self.shown.course.state == ReviewState::Appealed && self.shown.course.decided_by == Some(self.member.id)
    }

    fn email_state(email: &EmailStatus) -> String {
        if let Some(at) = email.bounced_at {
            format!("came back on {}", in_utc(at))
        } else if let Some(at) = email.sent_at {
            format!("sent on {}", in_utc(at))
        } else if email.is_held || email.is_for_digest {
            "held".to_owned()
        } else if let Some(at) = email.given_up_at {
            format!("given up on {}", in_utc(at))
        } else {
            "waits to be sent".to_owned()
        }
    }
}

/// Returns the reference in an address as it is stored. No other text reaches the database or the log.
///
/// # Errors
/// Returns [`WebError::NotFound`] if it cannot be one.
pub fn reference_of(path: &str) -> Result<String, WebError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_one = path.len() == "NPOC-XXXX-XXXX".len() && path.chars().all(is_plain);
    is_one.then(|| path.to_ascii_uppercase()).ok_or(WebError::NotFound)
}

/// Shows an application.
pub async fn show(
    State(site): State<Arc<Site>>,
    member: Member,
    Path(reference): Path<String>,
) -> Result<Response, WebError> {
    let reference = reference_of(&reference)?;
    page(&site, &member, &reference, StatusCode::OK, &Typed::new(), None).await
}

/// Renders the page, with what was typed in a form that comes back, and why it does.
pub async fn page(
    site: &Site,
    member: &Member,
    reference: &str,
    status: StatusCode,
    typed: &Typed,
    returned: Option<Returned<'_>>,
) -> Result<Response, WebError> {
    let mut session = site.pool.session().await?;
    let shown = find(&mut session, &member.staff, reference).await?;
    let shown = shown.ok_or(WebError::NotFound)?;
    if shown.opinions.has_conflict(member.staff.id) {
        let desk = Desk::new(member);
        let page = desk_page(&ConflictPage { desk, shown: &shown })?;
        let is_reading = returned.is_none() && status == StatusCode::OK;
        let status = if is_reading { status } else { StatusCode::FORBIDDEN };
        return Ok(with_status(status, page));
    }
    // Answers of an earlier release may break a newer rule.
    let application = membership::check(&shown.record.answers()).ok();
    let findings = application
        .as_ref()
        .map(|application| membership::findings(application, &Doubt::all(application)));
    let findings = findings.unwrap_or_default();
    let page = ApplicationPage {
        desk: Desk::new(member),
        member: &member.staff,
        shown: &shown,
        verdict: application
            .as_ref()
            .map(|application| membership::verdict(application, &findings)),
        findings,
        typed,
        returned,
    };
    Ok(with_status(status, desk_page(&page)?))
}

async fn find(connection: &mut PgConnection, member: &StaffMember, reference: &str) -> sqlx::Result<Option<Shown>> {
    let Some(record) = membership::find(&mut *connection, reference).await? else {
        return Ok(None);
    };
    let Some((mut course, now)) = review::find_course(&mut *connection, reference).await? else {
        return Ok(None);
    };
    let opinions = review::opinions(&mut *connection, reference).await?;
    opinions.apply_to(&mut course);
    let hidden = review::hidden_from(&mut *connection, member).await?;
    let mut earlier = review::same_domain(&mut *connection, reference).await?;
    earlier.retain(|other| !hidden.contains(&other.reference));
    Ok(Some(Shown {
        entries: review::entries(&mut *connection, reference).await?,
        events: review::events(&mut *connection, reference).await?,
        emails: outbox::list_about(&mut *connection, &record.reference).await?,
        earlier,
        opinions,
        assigned_to: review::assigned_to(&mut *connection, reference).await?,
        colleagues: staff::enabled(&mut *connection).await?,
        proofs: domain_proof::proofs(&mut *connection, &record.reference).await?,
        facts: domain_proof::facts(&mut *connection, &record.reference).await?,
        record,
        course,
        now,
    }))
}
