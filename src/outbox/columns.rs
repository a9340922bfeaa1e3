//! Emails as columns, for the statement that stores applications.

use crate::mailer::Email;

/// Emails as the columns that an `INSERT … SELECT unnest(…)` takes.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the columns of the outbox, which the migrations explain")]
pub struct Columns {
    pub message_ids: Vec<String>,
    pub in_replies_to: Vec<Option<String>>,
    pub references: Vec<Option<String>>,
    pub recipients: Vec<String>,
    pub replies_to: Vec<Option<String>>,
    pub subjects: Vec<String>,
    pub texts: Vec<String>,
    pub htmls: Vec<String>,
    pub purposes: Vec<String>,
    pub refusals_are_final: Vec<bool>,
}

impl Extend<Email> for Columns {
    fn extend<T: IntoIterator<Item = Email>>(&mut self, emails: T) {
        for email in emails {
            let reply_to = email.reply_to.map(|address| address.to_wire().to_string());
            self.message_ids.push(email.message_id);
            self.in_replies_to.push(email.in_reply_to);
            self.references.push(email.reference);
            self.recipients.push(email.recipient.to_wire().to_string());
            self.replies_to.push(reply_to);
            self.subjects.push(email.subject);
            self.texts.push(email.text);
            self.htmls.push(email.html);
            self.purposes.push(email.purpose.name().to_owned());
            self.refusals_are_final.push(!email.purpose.is_to_staff());
        }
    }
}
