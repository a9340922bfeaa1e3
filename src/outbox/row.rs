//! An email as the row that stores it in the table `outbox`.

use serde::Serialize;

use crate::locale::Language;
use crate::mailer::Email;

/// A row of the table `outbox`. As JSON its fields have the names of the columns, so that a statement reads many rows
/// from one parameter with `jsonb_populate_recordset`. The bodies are not in the JSON: they are most of a row, and as
/// arrays they cost less memory and time (see [`bodies`]).
#[derive(Debug, Default, Serialize)]
pub struct EmailRow {
    pub(crate) message_id: String,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) recipient: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) subject: String,
    #[serde(skip)]
    pub(crate) body_text: String,
    #[serde(skip)]
    pub(crate) body_html: String,
    pub(crate) purpose: &'static str,
    pub(crate) language: &'static str,
    pub(crate) refusal_is_final: bool,
    pub(crate) is_held: bool,
    pub(crate) last_error: Option<String>,
    pub(crate) mailbox_key: Option<String>,
    pub(crate) domain_key: Option<String>,
}

impl From<Email> for EmailRow {
    fn from(email: Email) -> Self {
        Self {
            message_id: email.message_id,
            in_reply_to: email.in_reply_to,
            reference: email.reference,
            recipient: email.recipient.to_wire().to_string(),
            reply_to: email.reply_to.map(|address| address.to_wire().to_string()),
            subject: email.subject,
            body_text: email.text,
            body_html: email.html,
            purpose: email.purpose.name(),
            language: email.language.unwrap_or(Language::En).code(),
            refusal_is_final: !email.purpose.is_to_staff(),
            ..Self::default()
        }
    }
}

impl EmailRow {
    /// Holds the email for this reason, if there is one: it is not sent until an operator asks for it.
    /// The row then also counts as given up, so that no index of waiting email holds it.
    pub fn hold(&mut self, reason: Option<&str>) {
        self.is_held = reason.is_some();
        self.last_error = reason.map(|reason| format!("held: {reason}"));
    }
}

/// Returns rows as the JSON text that a statement casts to `jsonb`.
///
/// # Errors
/// Returns [`sqlx::Error::Encode`] if a row cannot be JSON.
pub fn as_json<T: Serialize>(rows: &[T]) -> sqlx::Result<String> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Returns the bodies of rows, as text and as HTML, in the order of the rows.
pub fn bodies<'a>(rows: impl IntoIterator<Item = &'a EmailRow>) -> (Vec<&'a str>, Vec<&'a str>) {
    let pairs = rows
        .into_iter()
        .map(|row| (row.body_text.as_str(), row.body_html.as_str()));
    pairs.unzip()
}
