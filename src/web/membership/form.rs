//! The form as a page: empty, given back to be changed, or refused with all its problems.

use askama::Template;

use uuid::Uuid;

use super::super::layout::Layout;
use super::posted::Posted;
use crate::membership::{Answers, Field, Group, Problem, Question, Rule, words};
use crate::values::{Country, text};
use crate::web::Page;

/// The form.
#[derive(Template)]
#[template(path = "membership/form.html")]
pub struct FormPage<'a> {
    layout: Layout<'a>,
    form_key: Uuid,
    parts: Vec<Part>,
    problems: Vec<Told>,
}

/// One fieldset.
struct Part {
    heading: &'static str,
    asked: Vec<Asked>,
}

/// One question with what was typed and what is wrong with it.
struct Asked {
    question: &'static Question,
    typed: Vec<String>,
    problem: Option<String>,
    has_focus: bool,
}

/// One radio button or checkbox.
struct Choice {
    id: String,
    value: &'static str,
    label: &'static str,
    is_given: bool,
    has_focus: bool,
}

/// One line of the error summary.
struct Told {
    name: &'static str,
    sentence: String,
}

/// What draws the answer.
enum Control {
    Text,
    Textarea,
    Country,
    Radios,
    Checkboxes,
}

impl<'a> FormPage<'a> {
    /// Nothing typed yet.
    pub fn empty(layout: Layout<'a>) -> Self {
        Self::new(layout, Uuid::now_v7(), &Answers::default(), &[], None)
    }

    /// Back from the check page, at the question to change.
    pub fn filled(layout: Layout<'a>, posted: &Posted, change: Option<Field>) -> Self {
        Self::new(layout, posted.form_key, &posted.answers, &[], change)
    }

    /// Everything kept, all problems shown; the focus is on their summary.
    pub fn refused(layout: Layout<'a>, posted: &Posted, problems: &[Problem]) -> Self {
        Self::new(layout, posted.form_key, &posted.answers, problems, None)
    }

    fn new(layout: Layout<'a>, form_key: Uuid, answers: &Answers, problems: &[Problem], focus: Option<Field>) -> Self {
        let asked = |question: &'static Question| Asked {
            question,
            typed: answers.all(question.field).to_vec(),
            problem: problems
                .iter()
                .find(|problem| problem.field == question.field)
                .map(words::problem),
            has_focus: focus == Some(question.field),
        };
        Self {
            layout,
            form_key,
            parts: Group::ALL
                .into_iter()
                .map(|group| Part {
                    heading: words::heading(group),
                    asked: group.questions().map(asked).collect(),
                })
                .collect(),
            problems: problems
                .iter()
                .map(|problem| Told {
                    name: problem.field.question().name,
                    sentence: words::problem(problem),
                })
                .collect(),
        }
    }
}

impl Asked {
    fn control(&self) -> Control {
        match self.question.rule {
            Rule::Prose(..) => Control::Textarea,
            Rule::Country => Control::Country,
            Rule::OneOf(_) => Control::Radios,
            Rule::AnyOf(_) | Rule::Yes => Control::Checkboxes,
            _ => Control::Text,
        }
    }

    fn label(&self) -> &'static str {
        words::label(self.question.field)
    }

    fn hint(&self) -> &'static str {
        words::hint(self.question.field)
    }

    /// What is shown again: all that was typed, even where one answer was asked for. NUL alone goes,
    /// since no page can show it.
    fn text(&self) -> String {
        let mut different = self.typed.clone();
        different.dedup();
        different.join(" / ").replace('\0', "")
    }

    /// The ids of the hint and the problem, for `aria-describedby`.
    fn described_by(&self) -> String {
        let name = self.question.name;
        let hint = (!self.hint().is_empty()).then(|| format!("{name}-hint"));
        let problem = self.problem.as_ref().map(|_| format!("{name}-problem"));
        hint.into_iter().chain(problem).collect::<Vec<_>>().join(" ")
    }

    fn is_optional(&self) -> bool {
        !self.question.required
    }

    /// The choices. The focus goes where the tab key would: to what is selected, else to the first.
    fn choices(&self) -> Vec<Choice> {
        let offers = self.question.offers();
        let is_given = |value: &str| self.typed.iter().any(|typed| typed.trim() == value);
        let at_focus = offers.iter().position(|value| is_given(value)).unwrap_or_default();
        let choice = |(index, value): (usize, &'static &'static str)| Choice {
            // The first is the field's own, where the summary leads.
            id: match index {
                0 => self.question.name.to_owned(),
                _ => format!("{}-{value}", self.question.name),
            },
            value,
            label: words::choice(self.question.field, value).unwrap_or(value),
            is_given: is_given(value),
            has_focus: self.has_focus && index == at_focus,
        };
        offers.iter().enumerate().map(choice).collect()
    }

    fn is_country(&self, country: Country) -> bool {
        self.typed
            .iter()
            .any(|typed| typed.trim().eq_ignore_ascii_case(country.code()))
    }

    /// The keyboard a phone should show.
    fn inputmode(&self) -> &'static str {
        match self.question.rule {
            Rule::Email => "email",
            Rule::DomainName | Rule::Website => "url",
            _ if self.question.autocomplete == "tel" => "tel",
            _ => "text",
        }
    }

    /// Whether a keyboard must neither correct nor capitalize.
    fn is_verbatim(&self) -> bool {
        matches!(self.question.rule, Rule::Email | Rule::DomainName | Rule::Website)
    }

    /// Hints at the length of the answer.
    fn width(&self) -> &'static str {
        match self.question.rule {
            Rule::Line(_, 50) => "w-short",
            Rule::DomainName | Rule::Email => "w-medium",
            _ => "w-long",
        }
    }

    /// The same hint in characters, for browsers that know no style.
    fn size(&self) -> u64 {
        match self.width() {
            "w-short" => 20,
            "w-medium" => 40,
            _ => 60,
        }
    }

    /// Whether the answer may be longer than a field of one line shows on paper.
    fn is_cut_on_paper(&self) -> bool {
        const SHORT: usize = 40;
        self.text().chars().count() > SHORT
    }

    /// Whether a phone number is shown again, see [`text::is_number`].
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
