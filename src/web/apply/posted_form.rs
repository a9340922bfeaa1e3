//! Parses a posted form. Never fails: whatever the client sent is shown again.

use uuid::Uuid;

use crate::membership::{Answers, Field};

/// The button that posted the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Check the answers. Also the default.
    Check,
    /// Change an answer on the form, at this question.
    Edit(Option<Field>),
    /// Use the suggested address at this question.
    UseSuggestion(Field),
    /// Send the application. Contains the submission key of the check page, if it is well-formed.
    Send(Option<Uuid>),
}

/// A posted form.
#[derive(Debug)]
pub struct PostedForm {
    /// The button.
    pub action: Action,
    /// The answers as typed.
    pub answers: Answers,
    /// The key that the form carries, or a new one.
    pub form_key: Uuid,
}

impl PostedForm {
    /// Decodes a form as the URL standard says. Octets that are not UTF-8 become U+FFFD, which the rules reject as damaged.
    pub fn parse(body: &[u8]) -> Self {
        let last = |name: &str| {
            let values = form_urlencoded::parse(body).filter(|(key, _)| key == name);
            values.last().map(|(_, value)| value)
        };
        let field = |name| last(name).and_then(|name| Field::named(&name));
        let uuid = |name| last(name).and_then(|key| Uuid::try_parse(key.trim()).ok());
        let action = if let Some(field) = field("change") {
            Action::Edit(Some(field))
        } else if let Some(field) = field("take_likelier") {
            Action::UseSuggestion(field)
        } else {
            match last("step").as_deref() {
                Some("edit") => Action::Edit(None),
                Some("send") => Action::Send(uuid("submission_key")),
                _ => Action::Check,
            }
        };
        Self {
            action,
            answers: Answers::typed(form_urlencoded::parse(body)),
            form_key: uuid("form_key").unwrap_or_else(Uuid::now_v7),
        }
    }
}
