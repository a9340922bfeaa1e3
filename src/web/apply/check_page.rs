//! The page on which applicants check their answers before they send them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::http::StatusCode;
use uuid::Uuid;

use super::super::layout::{Layout, Page};
use crate::locale::{Element, Language, Words};
use crate::membership::words::{AnswerInWords, DoubtInWords};
use crate::membership::{self, Answers, Application, Doubt, Field, Group, submission_key, words};

/// The message above the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The application is not sent yet.
    NotSentYet,
    /// The same, and the applicant took the suggestion for this answer.
    SuggestionTaken(Field),
    /// The network is over its rate limit.
    TooMany,
    /// Too many other applications are being stored.
    Busy,
    /// The database did not confirm that the application is stored.
    NotStored,
}

impl Notice {
    /// Returns whether an application was sent and not stored.
    pub fn is_failure(self) -> bool {
        !self.status().is_success()
    }

    /// Returns the status of a page with this notice.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotSentYet | Self::SuggestionTaken(_) => StatusCode::OK,
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
    words: &'static Words,
    answers: &'a Answers,
    parts: Vec<Part>,
    form_key: Uuid,
    submission_key: Uuid,
    notice: Notice,
}

/// The longest answer, in characters, that a list of links repeats.
const LONGEST_IN_LINK: usize = 40;

/// A part of the application.
struct Part {
    heading: &'static str,
    rows: Vec<Row>,
}

/// An answer, with what is doubtful about it.
struct Row {
    answer: AnswerInWords,
    /// The label of the question on the form.
    label: &'static str,
    doubts: Vec<DoubtInWords>,
}

impl<'a> CheckPage<'a> {
    /// Builds the page, with each doubt in the row of its answer.
    pub fn new(layout: Layout<'a>, checked: &CheckedForm<'a>, notice: Notice) -> Self {
        let answers = checked.application.answers();
        let doubts = Doubt::all(checked.application);
        let language = layout.language;
        let row = |answer| Row::new(language, answer, &doubts);
        let rows = |group| words::answers_in_words(language, answers, group).map(row);
        let part = |group: Group| Part {
            heading: words::heading(language, group),
            rows: rows(group).collect(),
        };
        Self {
            layout,
            words: layout.words,
            answers,
            parts: Group::ALL.into_iter().map(part).collect(),
            form_key: checked.form_key,
            submission_key: checked.submission_key,
            notice,
        }
    }

    /// Returns the row that took a suggestion.
    fn changed(&self) -> Option<&Row> {
        let Notice::SuggestionTaken(field) = self.notice else {
            return None;
        };
        let mut rows = self.parts.iter().flat_map(|part| &part.rows);
        rows.find(|row| row.answer.field == field)
    }

    /// Returns the rows with doubts.
    fn doubtful(&self) -> Vec<&Row> {
        let rows = self.parts.iter().flat_map(|part| &part.rows);
        rows.filter(|row| !row.doubts.is_empty()).collect()
    }

    /// Returns the address of the rules.
    fn rules(&self) -> String {
        format!("{}#eligible", self.layout.to(Page::JOIN))
    }

    /// Returns whether NPOC may not be able to accept the organization.
    fn asks_about_eligibility(&self) -> bool {
        let mut doubts = self.doubtful().into_iter().flat_map(|row| &row.doubts);
        doubts.any(|doubt| matches!(doubt, DoubtInWords::Eligibility(_)))
    }
}

impl Row {
    fn new(language: Language, answer: AnswerInWords, doubts: &[Doubt]) -> Self {
        let own = doubts.iter().filter(|doubt| doubt.field() == answer.field);
        Self {
            label: words::label(language, answer.field),
            doubts: own.filter_map(|doubt| DoubtInWords::of(language, doubt)).collect(),
            answer,
        }
    }

    /// Returns what to look at: the doubtful addresses and names, or else a short answer.
    fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = self.doubts.iter().filter_map(DoubtInWords::subject).collect();
        subjects.dedup();
        match &self.answer.lines[..] {
            [line] if subjects.is_empty() && line.chars().count() <= LONGEST_IN_LINK => vec![line],
            _ => subjects,
        }
    }

    /// Returns whether the answer is in the applicant's own words, whose language is unknown.
    fn is_typed(&self) -> bool {
        self.answer.field.question().offers().is_empty()
            && self.answer.field != Field::Country
            && !self.answer.lines.is_empty()
    }

    fn name(&self) -> &'static str {
        self.answer.field.question().name
    }
}
