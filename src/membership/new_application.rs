//! A new application as the emails and the findings describe it, apart from its answers.

use time::OffsetDateTime;

use super::doubts::SpamSigns;
use super::submit::Hold;
use crate::locale::Language;

/// An earlier application of the same domain.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// Its reference.
    pub reference: String,
    /// The time of its arrival.
    pub received_at: OffsetDateTime,
}

/// What the emails say apart from the answers.
#[derive(Debug)]
pub struct NewApplication<'a> {
    /// The reference to quote.
    pub reference: &'a str,
    /// The language of the form, in which the site writes to the applicant.
    pub language: Language,
    /// The address of the receipt.
    pub receipt_url: String,
    /// The address of the application on the desk, if there are staff.
    pub desk_url: Option<String>,
    /// The time of arrival.
    pub received_at: OffsetDateTime,
    /// Earlier applications of the same domain, newest first.
    pub earlier: &'a [Earlier],
    /// Signs of spam.
    pub spam_signs: &'a SpamSigns,
    /// The reason why the confirmation is held, if it is.
    pub hold: Option<Hold>,
}
