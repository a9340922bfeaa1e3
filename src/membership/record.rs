//! An application as its row has it, and as exports give it.

use serde::Serialize;
use time::OffsetDateTime;

/// One row of `applications`, without its keys. Fields are the columns and the form's names.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns, which the migration explains")]
#[expect(clippy::struct_excessive_bools, reason = "the form asks yes-or-no questions")]
pub struct Record {
    pub reference: String,
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    pub organization_name: String,
    pub organization_name_latin: Option<String>,
    pub domain_name: String,
    pub domain_name_ascii: String,
    pub website: Option<String>,
    pub country: String,
    pub registered: bool,
    pub registration_note: String,
    pub kind_of_work: String,
    pub statement: String,
    pub representative_name: String,
    pub representative_role: String,
    pub representative_email: String,
    pub representative_phone: Option<String>,
    pub alternate_name: Option<String>,
    pub alternate_email: Option<String>,
    pub ncsg_status: String,
    pub icann_groups: Option<String>,
    pub not_eligible: Vec<String>,
    pub authorised: bool,
    pub authoriser: Option<String>,
    pub publish: bool,
    pub mailing_list: bool,
    pub suspicions: Vec<String>,
    pub is_suspected: bool,
    /// Names of [`super::State`], the weightiest first.
    pub states: Vec<String>,
}
