//! Actions of staff on an application: each is previewed, then stored.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use time::Date;
use time::macros::format_description;
use tokio::time::timeout;

use super::application::{Returned, Typed, page, reference_of};
use super::form::read;
use super::given_back::{GivenBackPage, Why, without_session};
use super::layout::{Desk, desk_page, with_status};
use super::problem::Problem;
use super::session::Member;
use crate::locale::Words;
use crate::membership::review::{
    self, Actor, Change, ChangeKind, Conflict, Dismissal, Key, NotChanged, Refusal, UpdateWords, Verdict, text_of,
};
use crate::staff;
use crate::values::{EmailAddress, Region};
use crate::web::error::WebError;
use crate::web::site::Site;
use crate::web::time_limit::DATABASE_LIMIT;

/// The last part of the address of each action.
const ACTIONS: [&str; 12] = [
    "review",
    "ask",
    "answered",
    "decide",
    "dismiss",
    "reopen",
    "representative",
    "opinion",
    "conflict",
    "note",
    "assign",
    "send-link",
];

/// An action on an application.
struct Action<'a> {
    site: &'a Site,
    member: &'a Member,
    reference: &'a str,
    /// The last part of the address.
    name: &'a str,
    typed: Typed,
}

#[derive(Template)]
#[template(path = "desk/preview.html")]
struct PreviewPage<'a> {
    desk: Desk<'a>,
    reference: &'a str,
    action: &'a str,
    typed: Vec<(&'a str, &'a str)>,
    heading: &'static str,
    emails: Option<[UpdateWords; 2]>,
}

impl PreviewPage<'_> {
    /// Returns the emails to show: one if the applicant's language is English.
    fn shown(&self) -> &[UpdateWords] {
        match &self.emails {
            None => &[],
            Some(emails) if emails[0].language == emails[1].language => &emails[..1],
            Some(emails) => emails,
        }
    }

    /// Returns the new address of the representative, to which the email goes.
    fn new_address(&self) -> Option<&str> {
        let mut typed = self.typed.iter().filter(|_| self.action == "representative");
        typed.find(|(name, _)| *name == "address").map(|(_, address)| *address)
    }

    /// Returns whether the applicant reads words that the member wrote.
    fn is_quoting(&self) -> bool {
        self.shown().iter().any(|email| email.quoted.is_some())
    }
}

/// Takes an action, and does it.
pub async fn post(
    State(site): State<Arc<Site>>,
    member: Result<Member, Response>,
    Path((reference, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, WebError> {
    let reference = reference_of(&reference)?;
    if !ACTIONS.contains(&name.as_str()) {
        return Err(WebError::NotFound);
    }
    let typed = read(request).await?;
    let member = match member {
        Ok(member) => member,
        Err(answer) => return without_session(&reference, &name, &typed, answer),
    };
    let action = Action {
        site: &site,
        member: &member,
        reference: &reference,
        name: &name,
        typed,
    };
    match timeout(DATABASE_LIMIT, action.run()).await {
        Ok(answer) => answer,
        Err(_) => action.give_back(sqlx::Error::PoolTimedOut),
    }
}

impl Action<'_> {
    async fn run(&self) -> Result<Response, WebError> {
        match self.has_conflict().await {
            Ok(false) => {}
            Ok(true) => return self.refuse(Refusal::ConflictOfInterest.into()).await,
            Err(error) => return self.give_back(error),
        }
        match self.name {
            "opinion" => self.opinion().await,
            "conflict" => self.conflict().await,
            "note" => self.note().await,
            "assign" => self.assign().await,
            "send-link" => self.send_link().await,
            _ => self.change().await,
        }
    }

    async fn change(&self) -> Result<Response, WebError> {
        let change = match self.read() {
            Ok(change) => change,
            Err(problem) => return self.refuse(problem).await,
        };
        if !review::may(self.member.staff.role, change.kind()) {
            return self.refuse(Refusal::NotPermitted.into()).await;
        }
        match self.field("step") {
            "edit" => {
                page(
                    self.site,
                    self.member,
                    self.reference,
                    StatusCode::OK,
                    &self.typed,
                    Some(Returned {
                        action: self.name,
                        problem: None,
                    }),
                )
                .await
            }
            "preview" => self.preview(&change).await,
            _ => self.store(&change).await,
        }
    }

    /// Shows the email before it is sent.
    async fn preview(&self, change: &Change) -> Result<Response, WebError> {
        let mut session = self.site.pool.session().await?;
        let actor = Actor::Staff(&self.member.staff);
        let review = &self.site.review;
        let preview = review::preview(&mut session, review, self.reference, self.version(), change, actor).await;
        drop(session);
        let emails = match preview {
            Ok(emails) => emails,
            Err(error) => return self.not_changed(error).await,
        };
        let typed = self.typed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let page = PreviewPage {
            desk: Desk::new(self.member),
            reference: self.reference,
            action: self.name,
            typed: typed.filter(|(name, _)| *name != "step").collect(),
            heading: heading(change),
            emails,
        };
        desk_page(&page)
    }

    async fn store(&self, change: &Change) -> Result<Response, WebError> {
        let key = Key::Reference(self.reference);
        let actor = Actor::Staff(&self.member.staff);
        let stored = review::store(&self.site.pool, &self.site.review, key, self.version(), change, actor).await;
        if stored.is_ok() {
            self.site.outbox.wake();
        }
        self.after(stored).await
    }

    async fn not_changed(&self, error: NotChanged) -> Result<Response, WebError> {
        match error {
            NotChanged::NotFound => Err(WebError::NotFound),
            NotChanged::Refused(refusal) => self.refuse(refusal.into()).await,
            NotChanged::Database(error) => self.give_back(error),
            NotChanged::Email(error) => Err(error.into()),
        }
    }

    /// Returns whether the member has a conflict of interest. Changes check it again under the lock of the application.
    async fn has_conflict(&self) -> sqlx::Result<bool> {
        let mut session = self.site.pool.session().await?;
        let conflicts = review::conflicts(&mut session, self.reference).await?;
        let is_own = |conflict: &Conflict| conflict.staff_id == self.member.staff.id;
        Ok(conflicts.iter().any(is_own))
    }

    async fn opinion(&self) -> Result<Response, WebError> {
        let verdict = match Verdict::of(self.field("verdict"), self.field("reason")) {
            Ok(Some(verdict)) => verdict,
            Ok(None) => {
                return self
                    .refuse(Problem::choice("verdict", "Say whether you approve or object."))
                    .await;
            }
            Err(refusal) => return self.refuse(Problem::of(&refusal, "reason")).await,
        };
        let site = self.site;
        let given = review::give_opinion(
            &site.pool,
            &site.review,
            self.reference,
            self.version(),
            &self.member.staff,
            &verdict,
        )
        .await;
        self.after(given).await
    }

    /// States a conflict of the member, or takes back that of a colleague.
    async fn conflict(&self) -> Result<Response, WebError> {
        let (pool, member) = (&self.site.pool, &self.member.staff);
        let done = match self.field("take_back") {
            "" => review::state_conflict(pool, self.reference, member).await,
            of => review::take_back_conflict(pool, self.reference, of.parse().unwrap_or_default(), member).await,
        };
        self.after(done).await
    }

    async fn after(&self, done: Result<(), NotChanged>) -> Result<Response, WebError> {
        match done {
            Ok(()) => Ok(self.done()),
            Err(error) => self.not_changed(error).await,
        }
    }

    /// Gives the text back while the database is unavailable.
    fn give_back(&self, error: sqlx::Error) -> Result<Response, WebError> {
        let given_back = GivenBackPage::of(self.reference, self.name, &self.typed, Why::NoDatabase);
        let Some(page) = given_back else {
            return Err(error.into());
        };
        tracing::error!(%error, "application not changed, text given back");
        Ok(with_status(StatusCode::SERVICE_UNAVAILABLE, desk_page(&page)?))
    }

    async fn note(&self) -> Result<Response, WebError> {
        let added = review::add_note(&self.site.pool, self.reference, &self.member.staff, self.field("text")).await;
        self.after(added).await
    }

    async fn send_link(&self) -> Result<Response, WebError> {
        let site = self.site;
        let sent = review::send_page_link(&site.pool, &site.review, self.reference, &self.member.staff).await;
        site.outbox.wake();
        self.after(sent).await
    }

    async fn assign(&self) -> Result<Response, WebError> {
        let to = self.field("to");
        let to = if to.is_empty() {
            None
        } else {
            Some(to.parse().unwrap_or_default())
        };
        let assigned = review::assign(&self.site.pool, self.reference, &self.member.staff, to).await;
        self.after(assigned).await
    }

    /// Shows the application with what was typed, and says why nothing was done.
    async fn refuse(&self, problem: Problem) -> Result<Response, WebError> {
        let Problem {
            status,
            field,
            sentence,
        } = problem;
        let returned = Some(Returned {
            action: self.name,
            problem: Some((field, &sentence)),
        });
        let page = page(self.site, self.member, self.reference, status, &self.typed, returned).await?;
        if status == StatusCode::FORBIDDEN {
            let mut session = self.site.pool.session().await?;
            let log = staff::log_refusal(&mut session, self.member.staff.id, self.name, self.reference).await;
            log?;
            session.end().await?;
        }
        Ok(page)
    }

    /// Reads the change that the form asks for.
    fn read(&self) -> Result<Change, Problem> {
        let text = |kind, field| text_of(kind, self.field(field)).map_err(|refusal| Problem::of(&refusal, field));
        Ok(match self.name {
            "review" => Change::BeginReview,
            "ask" => Change::Ask {
                until: self.day("until")?,
                question: text(ChangeKind::Ask, "question")?,
            },
            "answered" => Change::AnswerByEmail(text(ChangeKind::AnswerByEmail, "answer")?),
            "decide" => self.decision()?,
            "dismiss" => Change::Dismiss(
                Dismissal::parse(self.field("as")).ok_or_else(|| Problem::choice("as", "Say why it is closed."))?,
            ),
            "reopen" => Change::Reopen(text(ChangeKind::Reopen, "reason")?),
            "representative" => Change::SetRepresentative(
                EmailAddress::parse(self.field("address").trim())
                    .map_err(|_| Problem::choice("address", "Enter an email address, such as name@example.org."))?,
            ),
            _ => return Err(Problem::choice("", "There is no such action.")),
        })
    }

    fn decision(&self) -> Result<Change, Problem> {
        let text = |kind| text_of(kind, self.field("reason")).map_err(|refusal| Problem::of(&refusal, "reason"));
        match self.field("decision") {
            "accept" => {
                let is_given = !self.field("reason").trim().is_empty();
                let reason = is_given.then(|| text(ChangeKind::Accept)).transpose()?;
                let region = Region::parse(self.field("region"));
                let seen = self
                    .field("objections")
                    .split(',')
                    .filter_map(|id| id.parse().ok())
                    .collect();
                Ok(Change::Accept { reason, region, seen })
            }
            "not_accept" => Ok(Change::NotAccept(text(ChangeKind::NotAccept)?)),
            _ => Err(Problem::choice("decision", "Choose a decision.")),
        }
    }

    fn day(&self, field: &str) -> Result<Option<Date>, Problem> {
        let typed = self.field(field).trim();
        if typed.is_empty() {
            return Ok(None);
        }
        let parsed = Date::parse(typed, format_description!("[year]-[month]-[day]"));
        parsed
            .map(Some)
            .map_err(|_| Problem::choice("until", "Write the day as year, month and day, like 2027-01-31."))
    }

    fn field(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    fn version(&self) -> i32 {
        self.field("version").parse().unwrap_or_default()
    }

    fn done(&self) -> Response {
        Redirect::to(&format!("/desk/applications/{}", self.reference)).into_response()
    }
}

/// Returns the heading of the preview.
fn heading(change: &Change) -> &'static str {
    match change {
        Change::Ask { .. } => "Ask the applicant",
        Change::AnswerByEmail(_) => "Enter the answer",
        Change::Accept { .. } => "Accept the application",
        Change::NotAccept(_) => "Do not accept the application",
        Change::Dismiss(_) => "Close without review",
        Change::Reopen(_) => "Reopen the application",
        Change::SetRepresentative(_) => "Change the address of the representative",
        _ => "Begin the review",
    }
}
