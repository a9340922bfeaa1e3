//! Finding applications again, whatever form of a name or an address was typed: what is looked for
//! is read by the same rules as what was stored.

use super::record::Record;
use crate::values::{DomainName, EmailAddress, text};

/// What someone looks for.
#[derive(Clone, Debug)]
pub struct Search {
    reference: String,
    domain_name: Option<DomainName>,
    email: Option<String>,
    words: Option<String>,
}

impl Search {
    /// Reads a reference, a domain name, a mail address or a part of any answer.
    #[must_use]
    pub fn of(typed: &str) -> Self {
        Self {
            reference: reference(typed),
            domain_name: DomainName::parse(typed).ok(),
            email: EmailAddress::parse(typed).ok().map(|email| folded(&email.to_string())),
            words: text::line(typed, 1, 200).ok().map(|words| folded(&words)),
        }
    }

    /// Whether this application is one of those.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let is_domain = |name: &DomainName| name.ascii() == record.domain_name_ascii;
        let emails = [Some(&record.representative_email), record.alternate_email.as_ref()];
        let answers = record.answers();
        let is_email = |email: &String| emails.iter().flatten().any(|given| folded(given) == *email);
        let given = || answers.for_people().flat_map(|answer| answer.lines);
        let is_said = |words: &String| given().any(|line| folded(&line).contains(words));
        self.reference == reference(&record.reference)
            || self.domain_name.as_ref().is_some_and(is_domain)
            || self.email.as_ref().is_some_and(is_email)
            || self.words.as_ref().is_some_and(is_said)
    }
}

/// Without what people leave out or add when they read a reference aloud.
fn reference(typed: &str) -> String {
    let typed = typed.to_uppercase().replace(|c: char| !c.is_alphanumeric(), "");
    typed.strip_prefix("NPOC").unwrap_or(&typed).to_owned()
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}
