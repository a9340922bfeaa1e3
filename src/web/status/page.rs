//! Where an application stands, for its applicant.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use time::Date;
use uuid::Uuid;

use super::forms::{Forms, Posted};
use super::receipt::receipt;
use super::secret::with_secret_headers;
use crate::locale::{Element, Language, Sentence, Words, date_and_time, day};
use crate::membership::review::{ChangeKind, Dismissal, ReviewState, Standing};
use crate::web::error::WebError;
use crate::web::layout::{Layout, Page, private_page};
use crate::web::site::Site;

#[derive(Template)]
#[template(path = "membership/status.html")]
struct StatusPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    standing: &'a Standing,
    secret: Uuid,
    forms: Forms,
    /// A text that was not sent, and that no form can take any more.
    unsent: Option<&'a Posted>,
}

impl StatusPage<'_> {
    fn heading(&self) -> &'static str {
        match self.standing.course.state {
            // The receipt is the page of an application that was only received.
            ReviewState::Received | ReviewState::InReview => self.words.state_in_review,
            ReviewState::Asked => self.words.state_asked,
            ReviewState::Accepted => self.words.state_accepted,
            ReviewState::NotAccepted => self.words.state_not_accepted,
            ReviewState::Appealed => self.words.state_appealed,
            ReviewState::Withdrawn => self.words.state_withdrawn,
            ReviewState::Lapsed => self.words.state_lapsed,
            ReviewState::Dismissed => self.words.state_dismissed,
        }
    }

    fn since(&self) -> String {
        self.words
            .state_since(&date_and_time(self.words, self.standing.course.state_since))
    }

    /// Returns what happens next.
    fn next(&self) -> Sentence<'_> {
        let (words, course) = (self.words, &self.standing.course);
        let day_of = |date: Option<Date>| date.map(|date| day(words, date)).unwrap_or_default();
        match course.state {
            ReviewState::Received | ReviewState::InReview => words.state_in_review_text.into(),
            ReviewState::Asked => words.state_asked_text(&day_of(course.answer_until)).into(),
            ReviewState::Accepted => words.state_accepted_text.into(),
            ReviewState::NotAccepted if course.is_final() => words.state_final_text(Element::mail()),
            ReviewState::NotAccepted => words.state_not_accepted_text(&day_of(course.appeal_until)).into(),
            ReviewState::Appealed => words.state_appealed_text.into(),
            ReviewState::Withdrawn if self.standing.allows(ChangeKind::Undo) => {
                words.state_withdrawn_text(&day_of(course.undo_until())).into()
            }
            ReviewState::Withdrawn => words.state_withdrawn_final_text(Element::mail()),
            ReviewState::Lapsed => words.state_lapsed_text.into(),
            ReviewState::Dismissed => match course.dismissed_as {
                Some(Dismissal::Duplicate) => words.state_duplicate_text(Element::mail()),
                _ => words.state_dismissed_text(Element::mail()),
            },
        }
    }

    fn question(&self) -> Option<&str> {
        let is_asked = matches!(self.standing.course.state, ReviewState::Asked | ReviewState::Lapsed);
        self.standing.question.as_deref().filter(|_| is_asked)
    }

    fn reason(&self) -> Option<&str> {
        let is_shown = matches!(
            self.standing.course.state,
            ReviewState::NotAccepted | ReviewState::Appealed | ReviewState::InReview
        );
        self.standing.reason.as_deref().filter(|_| is_shown)
    }

    /// Returns what happened, with its time. Events that concern only staff are left out.
    fn events(&self) -> Vec<(String, &'static str)> {
        let words = self.words;
        let known = self.standing.events.iter().filter_map(|(at, event)| {
            let sentence = match event.as_str() {
                "received" => words.event_received,
                "review-begun" => words.event_review_begun,
                "asked" => words.event_asked,
                "answered" => words.event_answered,
                "accepted" => words.event_accepted,
                "not-accepted" => words.event_not_accepted,
                "appealed" => words.event_appealed,
                "withdrawn" => words.event_withdrawn,
                "undone" => words.event_undone,
                "lapsed" => words.event_lapsed,
                "dismissed" => words.event_dismissed,
                "reopened" => words.event_reopened,
                "corrected" => words.event_corrected,
                "representative-changed" => words.event_representative,
                _ => return None,
            };
            Some((date_and_time(words, *at), sentence))
        });
        known.collect()
    }
}

/// Renders the page: the receipt until somebody does something, then where the application stands. Shows what was posted
/// with the sentence that says why it was not sent.
pub async fn page(
    site: &Site,
    status: StatusCode,
    standing: &Standing,
    secret: Uuid,
    posted: Option<(&Posted, &str)>,
) -> Result<Response, WebError> {
    let forms = Forms::of(standing, secret, site.domain_checks.is_some(), posted);
    let response = if standing.course.state == ReviewState::Received {
        receipt(site, status, secret, forms).await?
    } else {
        let unsent = posted
            .map(|(posted, _)| posted)
            .filter(|posted| !forms.has(posted.action));
        status_page(site, status, standing, secret, forms, unsent)?
    };
    Ok(with_secret_headers(response))
}

fn status_page(
    site: &Site,
    status: StatusCode,
    standing: &Standing,
    secret: Uuid,
    forms: Forms,
    unsent: Option<&Posted>,
) -> Result<Response, WebError> {
    let layout = Layout::unlisted(&site.info, standing.language);
    let page = StatusPage {
        layout,
        words: layout.words,
        standing,
        secret,
        forms,
        unsent,
    };
    Ok(private_page(status, standing.language, page.render()?))
}
