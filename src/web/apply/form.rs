//! The page with the application form: empty, to change answers, or with problems.

use std::borrow::Cow;

use askama::Template;
use uuid::Uuid;

use super::super::layout::{Layout, Page};
use super::posted_form::PostedForm;
use crate::locale::{Language, Words, country_offers};
use crate::membership::{Answers, Field, Group, Problem, Question, Rule, words};
use crate::values::{Country, Offer, text};

/// The form page.
#[derive(Template)]
#[template(path = "membership/form.html")]
pub struct FormPage<'a> {
    layout: Layout<'a>,
    words: &'static Words,
    form_key: Uuid,
    parts: Vec<FormPart>,
    problems: Vec<ErrorLink>,
    /// Whether the applicant came back to change an answer.
    is_change: bool,
    /// For a stored application: where its corrections go.
    correction: Option<CorrectionForm<'a>>,
}

/// What the form needs to correct a stored application.
#[derive(Clone, Copy, Debug)]
pub struct CorrectionForm<'a> {
    /// The token of the mailed link.
    pub token: &'a str,
    /// The version of the application that the form shows.
    pub version: i32,
    /// Why the corrections were not stored, if they were sent.
    pub notice: Option<&'a str>,
    /// The new address of the representative that the notice asks to check.
    pub address: Option<&'a str>,
}

/// A part of the form, with its questions.
struct FormPart {
    heading: &'static str,
    fields: Vec<FormField>,
}

/// A question with its answer and its problem.
struct FormField {
    question: &'static Question,
    label: &'static str,
    hint: Option<Cow<'static, str>>,
    language: Language,
    typed: Vec<String>,
    problem: Option<String>,
    has_focus: bool,
}

/// A radio button or checkbox.
struct Choice {
    id: String,
    value: &'static str,
    label: &'static str,
    is_given: bool,
    has_focus: bool,
}

/// A link of the error summary.
struct ErrorLink {
    name: &'static str,
    sentence: String,
}

/// The kind of input.
enum Control {
    Text,
    Textarea,
    Country,
    Radios,
    Checkboxes,
}

impl<'a> FormPage<'a> {
    /// Builds an empty form.
    pub fn empty(layout: Layout<'a>) -> Self {
        Self::new(layout, Uuid::now_v7(), &Answers::default(), &[], None)
    }

    /// Builds a form with its answers, focused on the question to change.
    pub fn filled(layout: Layout<'a>, form: &PostedForm, change: Option<Field>) -> Self {
        Self::new(layout, form.form_key, &form.answers, &[], change)
    }

    /// Builds a form with its answers and problems, focused on the error summary.
    pub fn with_problems(layout: Layout<'a>, form: &PostedForm, problems: &[Problem]) -> Self {
        Self::new(layout, form.form_key, &form.answers, problems, None)
    }

    /// Builds the form that corrects a stored application.
    pub fn correcting(
        layout: Layout<'a>,
        answers: &Answers,
        problems: &[Problem],
        correction: CorrectionForm<'a>,
    ) -> Self {
        Self {
            correction: Some(correction),
            ..Self::new(layout, Uuid::nil(), answers, problems, None)
        }
    }

    fn action(&self) -> String {
        match &self.correction {
            Some(correction) => format!("/membership/change/{}", correction.token),
            None => self.layout.to(Page::MEMBERSHIP).to_string(),
        }
    }

    fn title(&self) -> &'static str {
        let is_well = self.problems.is_empty() && self.correction.is_none_or(|correction| correction.notice.is_none());
        match (&self.correction, is_well) {
            (Some(_), true) => self.words.change_title,
            (Some(_), false) => self.words.change_title_error,
            (None, false) => self.words.form_title_error,
            (None, true) if self.is_change => self.words.form_title_change,
            (None, true) => self.words.form_title,
        }
    }

    fn new(layout: Layout<'a>, form_key: Uuid, answers: &Answers, problems: &[Problem], focus: Option<Field>) -> Self {
        let language = layout.language;
        let field = |question| FormField::new(language, question, answers, problems, focus);
        let part = |group: Group| FormPart {
            heading: words::heading(language, group),
            fields: group.questions().map(field).collect(),
        };
        let error_link = |problem: &Problem| ErrorLink {
            name: problem.field.question().name,
            sentence: words::problem(language, problem),
        };
        Self {
            layout,
            words: layout.words,
            form_key,
            parts: Group::ALL.into_iter().map(part).collect(),
            problems: problems.iter().map(error_link).collect(),
            is_change: focus.is_some(),
            correction: None,
        }
    }
}

impl FormField {
    fn new(
        language: Language,
        question: &'static Question,
        answers: &Answers,
        problems: &[Problem],
        focus: Option<Field>,
    ) -> Self {
        let mut own = problems.iter().filter(|problem| problem.field == question.field);
        Self {
            question,
            label: words::label(language, question.field),
            hint: words::hint(language, question.field),
            language,
            typed: answers.all(question.field).to_vec(),
            problem: own.next().map(|problem| words::problem(language, problem)),
            has_focus: focus == Some(question.field),
        }
    }

    fn control(&self) -> Control {
        match self.question.rule {
            Rule::Prose(..) => Control::Textarea,
            Rule::Country => Control::Country,
            Rule::OneOf(_) => Control::Radios,
            Rule::AnyOf(_) | Rule::Yes => Control::Checkboxes,
            _ => Control::Text,
        }
    }

    /// Returns everything that was typed, even if the question takes one answer. Removes NUL, which no page can show.
    fn text(&self) -> String {
        let mut different = self.typed.clone();
        different.dedup();
        different.join(" / ").replace('\0', "")
    }

    /// Returns the ids of the hint and the problem, for `aria-describedby`.
    fn described_by(&self) -> String {
        let name = self.question.name;
        let hint = self.hint.as_ref().map(|_| format!("{name}-hint"));
        let problem = self.problem.as_ref().map(|_| format!("{name}-problem"));
        hint.into_iter().chain(problem).collect::<Vec<_>>().join(" ")
    }

    fn is_optional(&self) -> bool {
        !self.question.required
    }

    /// Returns the choices. The focus is where the tab key would put it: on the selected one, or the first.
    fn choices(&self) -> Vec<Choice> {
        let offers = self.question.offers();
        let is_given = |value: &str| self.typed.iter().any(|typed| typed.trim() == value);
        let at_focus = offers.iter().position(|value| is_given(value)).unwrap_or_default();
        let choice = |(index, value): (usize, &'static &'static str)| Choice {
            // The error summary links to the first one.
            id: match index {
                0 => self.question.name.to_owned(),
                _ => format!("{}-{value}", self.question.name),
            },
            value,
            label: words::choice(self.language, self.question.field, value).unwrap_or(value),
            is_given: is_given(value),
            has_focus: self.has_focus && index == at_focus,
        };
        offers.iter().enumerate().map(choice).collect()
    }

    /// Returns the countries in the order of the language.
    fn countries(&self) -> &'static [Offer] {
        country_offers(self.language)
    }

    fn is_country(&self, country: Country) -> bool {
        self.typed
            .iter()
            .any(|typed| typed.trim().eq_ignore_ascii_case(country.code()))
    }

    /// Returns the keyboard for phones.
    fn inputmode(&self) -> &'static str {
        match self.question.rule {
            Rule::Email => "email",
            Rule::DomainName | Rule::Website => "url",
            _ if self.question.autocomplete == "tel" => "tel",
            _ => "text",
        }
    }

    /// Returns whether a keyboard must neither correct nor capitalize.
    fn is_verbatim(&self) -> bool {
        matches!(self.question.rule, Rule::Email | Rule::DomainName | Rule::Website)
    }

    /// Returns a class for the width, which hints at the length of the answer.
    fn width(&self) -> &'static str {
        match self.question.rule {
            Rule::Line(_, 50) => "w-short",
            Rule::DomainName | Rule::Email => "w-medium",
            _ => "w-long",
        }
    }

    /// Returns the width in characters, for browsers without style sheets.
    fn size(&self) -> u64 {
        match self.width() {
            "w-short" => 20,
            _ => 32,
        }
    }

    /// Returns whether a field of one line may cut the answer on paper.
    fn is_cut_on_paper(&self) -> bool {
        const FITS_ON_PAPER: usize = 40;
        self.text().chars().count() > FITS_ON_PAPER
    }

    /// Returns whether the answer is a phone number; see [`text::is_number`].
    fn is_number(&self) -> bool {
        self.question.autocomplete == "tel" && text::is_number(&self.text())
    }

    fn rows(&self) -> u64 {
        match self.question.rule {
            Rule::Prose(_, max) if max > 500 => 10,
            _ => 4,
        }
    }
}
