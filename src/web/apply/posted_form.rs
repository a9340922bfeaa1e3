//! A posted form, as far as it can be read: never an error, since whatever came is shown again.

use axum::http::{HeaderMap, header};
use uuid::Uuid;

use crate::membership::{Answers, Field};

/// Where in the journey the form was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// From the form, or from nobody knows where.
    Check,
    /// Back from the check page to the form, at the question whose "Change" was pressed.
    Edit(Option<Field>),
    /// From the check page, taking the likelier address at this question.
    TakeLikelier(Field),
    /// From the check page, with its submission key if that is well-formed.
    Send(Option<Uuid>),
}

/// What was posted.
#[derive(Debug)]
pub struct Posted {
    /// Where from.
    pub step: Step,
    /// As typed.
    pub answers: Answers,
    /// Which form, as the page that was filled in carries it; a fresh one where none came.
    pub form_key: Uuid,
}

impl Posted {
    /// Decodes as the URL standard says. Octets that are no UTF-8 become U+FFFD, which the rules
    /// refuse as damaged.
    pub fn read(body: &[u8]) -> Self {
        let last = |name: &str| {
            form_urlencoded::parse(body)
                .filter(|(key, _)| key == name)
                .last()
                .map(|(_, value)| value)
        };
        let pressed = |name| last(name).and_then(|field| Field::named(&field));
        let step = match (pressed("change"), pressed("take_likelier"), last("step").as_deref()) {
            (Some(field), ..) => Step::Edit(Some(field)),
            (_, Some(field), _) => Step::TakeLikelier(field),
            (.., Some("edit")) => Step::Edit(None),
            (.., Some("send")) => Step::Send(last("submission_key").and_then(|key| Uuid::try_parse(key.trim()).ok())),
            _ => Step::Check,
        };
        let form_key = last("form_key").and_then(|key| Uuid::try_parse(key.trim()).ok());
        Self {
            step,
            answers: Answers::typed(form_urlencoded::parse(body)),
            form_key: form_key.unwrap_or_else(Uuid::now_v7),
        }
    }
}

/// Whether the body is what a web form sends.
pub fn is_urlencoded(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
