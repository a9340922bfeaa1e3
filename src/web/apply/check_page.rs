//! The page on which applicants check their answers before they send them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::http::StatusCode;
use uuid::Uuid;

use super::super::layout::Layout;
use crate::membership::words::DoubtQuestion;
use crate::membership::{self, Answers, Application, Doubt, Typo, submission_key, words};

/// The message above the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The application is not sent yet.
    NotSentYet,
    /// The network is over its rate limit.
    TooMany,
    /// Too many other applications are being stored.
    Busy,
    /// The database did not confirm that the application is stored.
    NotStored,
}

impl Notice {
    /// Returns the status of a page with this notice.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotSentYet => StatusCode::OK,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::NotStored => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A valid application with the keys of its form.
pub struct CheckedForm<'a> {
    /// The application.
    pub application: &'a Application,
    /// The key that the form carries.
    pub form_key: Uuid,
    /// The key under which the application is stored once.
    pub submission_key: Uuid,
    /// The time from opening the form to sending it, if known.
    pub filled_in: Option<Duration>,
}

impl<'a> CheckedForm<'a> {
    /// Derives the submission key from form and answers. Reload, back button and double click therefore lead to one
    /// application. Changed answers make another application, which staff see.
    pub fn new(application: &'a Application, form_key: Uuid) -> Self {
        Self {
            application,
            form_key,
            submission_key: submission_key(form_key, application.answers()),
            filled_in: age(form_key),
        }
    }

    /// Accepts a key that belongs to these answers. Any other key counts as a form key, so that it never leads to the receipt
    /// of other answers.
    pub fn sent(application: &'a Application, form_key: Uuid, key: Uuid) -> Self {
        let checked = Self::new(application, form_key);
        if checked.submission_key == key {
            return checked;
        }
        Self {
            filled_in: checked.filled_in,
            ..Self::new(application, key)
        }
    }
}

/// Returns the age of a form, from the time in its key (RFC 9562, 5.7).
fn age(form_key: Uuid) -> Option<Duration> {
    let (seconds, nanoseconds) = form_key.get_timestamp()?.to_unix();
    let opened_at = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    SystemTime::now().duration_since(opened_at).ok()
}

/// The check page.
#[derive(Template)]
#[template(path = "membership/check.html")]
pub struct CheckPage<'a> {
    layout: Layout<'a>,
    answers: &'a Answers,
    typos: Vec<Typo>,
    questions: Vec<DoubtQuestion>,
    eligibility_notes: Vec<String>,
    form_key: Uuid,
    submission_key: Uuid,
    notice: Notice,
}

impl<'a> CheckPage<'a> {
    /// Builds the page, with every doubt about the answers.
    pub fn new(layout: Layout<'a>, checked: &CheckedForm<'a>, notice: Notice) -> Self {
        let doubts = Doubt::all(checked.application);
        let typo = |doubt: &Doubt| match doubt {
            Doubt::Typo(typo) => Some(typo.clone()),
            _ => None,
        };
        Self {
            layout,
            answers: checked.application.answers(),
            typos: doubts.iter().filter_map(typo).collect(),
            questions: doubts.iter().filter_map(words::question).collect(),
            eligibility_notes: doubts.iter().filter_map(words::eligibility_note).collect(),
            form_key: checked.form_key,
            submission_key: checked.submission_key,
            notice,
        }
    }
}
