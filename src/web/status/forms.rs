//! The forms of the page: answer, appeal, undo, withdraw. A box to tick and a text to type stop scanners that press buttons.

use askama::Template;
use uuid::Uuid;

use crate::locale::{Language, Words};
use crate::membership::review::{self, Change, ChangeKind, Refusal, Standing};
use crate::values::Fault;

/// What the applicant can do on the page, with the last part of its address.
pub const ACTIONS: [(&str, ChangeKind); 4] = [
    ("answer", ChangeKind::Answer),
    ("appeal", ChangeKind::Appeal),
    ("undo", ChangeKind::Undo),
    ("withdraw", ChangeKind::Withdraw),
];

/// The forms of the page.
#[derive(Template)]
#[template(path = "membership/forms.html")]
pub struct Forms {
    /// The sentences of its language.
    pub words: &'static Words,
    /// The secret of the page.
    pub secret: Uuid,
    /// The version of the application that the page shows.
    pub version: i32,
    /// Those that the applicant can use now.
    pub shown: Vec<Form>,
    /// Whether the applicant can ask for a link to correct the answers.
    pub can_correct: bool,
    /// Whether the applicant can prove the domain name.
    pub can_prove: bool,
}

/// One form.
pub struct Form {
    action: &'static str,
    heading: &'static str,
    text: Option<&'static str>,
    label: &'static str,
    button: &'static str,
    /// The hint of a text; `None` for a box to tick.
    hint: Option<String>,
    value: String,
    problem: Option<String>,
}

/// What was posted.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    /// The last part of the address.
    pub action: &'static str,
    /// The text.
    pub text: String,
    /// The version that the page showed.
    pub version: Option<i32>,
    is_ticked: bool,
    /// The language of the page.
    pub language: Option<Language>,
}

impl Forms {
    /// Returns every form that the applicant can use now, with what was posted in one of them and its problem.
    pub fn of(standing: &Standing, secret: Uuid, checks_domains: bool, posted: Option<(&Posted, &str)>) -> Self {
        let words = Words::of(standing.language);
        let allowed = ACTIONS.iter().filter(|(_, kind)| standing.allows(*kind));
        let forms = allowed.map(|(action, kind)| {
            let posted = posted.filter(|(posted, _)| posted.action == *action);
            Form::new(words, action, *kind, posted)
        });
        Self {
            words,
            secret,
            version: standing.course.version,
            shown: forms.collect(),
            can_correct: standing.allows(ChangeKind::Correct),
            can_prove: checks_domains && standing.takes_proof(),
        }
    }

    /// Returns whether one of the forms has this action.
    pub fn has(&self, action: &str) -> bool {
        self.shown.iter().any(|form| form.action == action)
    }
}

impl Form {
    /// Builds a form, with what was posted in it and its problem.
    pub fn new(words: &Words, action: &'static str, kind: ChangeKind, posted: Option<(&Posted, &str)>) -> Self {
        let (heading, text, label, button) = match kind {
            ChangeKind::Answer => (
                words.state_answer_heading,
                None,
                words.state_answer_label,
                words.state_answer_send,
            ),
            ChangeKind::Appeal => (
                words.state_appeal_heading,
                None,
                words.state_appeal_label,
                words.state_appeal_send,
            ),
            ChangeKind::Undo => (
                words.state_undo_heading,
                None,
                words.state_undo_tick,
                words.state_undo_send,
            ),
            _ => (
                words.state_withdraw_heading,
                Some(words.state_withdraw_text),
                words.state_withdraw_tick,
                words.state_withdraw_send,
            ),
        };
        let length = kind.rule().length.as_ref();
        Self {
            action,
            heading,
            text,
            label,
            button,
            hint: length.map(|length| words.state_length_hint(*length.start(), *length.end())),
            value: posted.map(|(posted, _)| posted.text.clone()).unwrap_or_default(),
            problem: posted.map(|(_, problem)| problem.to_owned()),
        }
    }
}

impl Form {
    /// Returns whether few applicants need it, so that it is folded up.
    fn is_rare(&self) -> bool {
        self.action == "withdraw"
    }

    fn described_by(&self) -> String {
        let problem = self
            .problem
            .as_ref()
            .map(|_| format!("{0}-hint {0}-problem", self.action));
        problem.unwrap_or_else(|| format!("{}-hint", self.action))
    }
}

impl Posted {
    /// Parses a posted form.
    pub fn parse(action: &'static str, body: &[u8]) -> Self {
        let mut posted = Self {
            action,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "text" => posted.text = value.into_owned(),
                "version" => posted.version = value.parse().ok(),
                "yes" => posted.is_ticked = value == "yes",
                "language" => posted.language = Language::of_code(&value),
                _ => {}
            }
        }
        posted
    }
}

/// What is wrong with a posted form.
#[derive(Clone, Debug)]
pub enum Problem {
    Text(Fault),
    NotTicked,
    /// The application changed since its page was shown.
    Changed,
}

impl Problem {
    /// Returns the sentence for the applicant.
    pub fn sentence(&self, words: &Words, kind: ChangeKind) -> String {
        let min = kind.rule().length.as_ref().map_or(1, |length| *length.start());
        match self {
            Self::Text(Fault::TooLong { max, given }) => words.state_too_long(*max, *given),
            Self::Text(_) => words.state_too_short(min),
            Self::NotTicked => words.state_not_ticked.to_owned(),
            Self::Changed => words.state_changed.to_owned(),
        }
    }
}

/// Returns the change that a form asks for.
pub fn change(kind: ChangeKind, posted: &Posted) -> Result<Change, Problem> {
    let text = || {
        review::text_of(kind, &posted.text).map_err(|refusal| match refusal {
            Refusal::Text(fault) => Problem::Text(fault),
            _ => Problem::Changed,
        })
    };
    let ticked = |change| {
        if posted.is_ticked {
            Ok(change)
        } else {
            Err(Problem::NotTicked)
        }
    };
    match kind {
        ChangeKind::Answer => text().map(Change::Answer),
        ChangeKind::Appeal => text().map(Change::Appeal),
        ChangeKind::Undo => ticked(Change::Undo),
        _ => ticked(Change::Withdraw),
    }
}
