//! Corrections: the applicant changes answers by a mailed link, and a decider changes the address of the representative.
//! The new representative gets a new secret, and the links of the old one end: people leave.

use sqlx::PgConnection;
use uuid::Uuid;

use super::loading::Found;
use super::{Change, Refusal};
use crate::locale::Language;
use crate::membership::domain_proof::{follow_correction, forget_mailbox};
use crate::membership::form::{Answers, Application, Field, Group};
use crate::membership::stored_application::StoredApplication;
use crate::membership::words::{answers_in_words, label, not_provided};
use crate::outbox::as_json;
use crate::values::EmailAddress;

/// The most characters of the text for staff.
const LONGEST_TEXT: usize = 60_000;

/// Answers that replace those of an application.
#[derive(Clone, Debug)]
pub struct Correction {
    application: Application,
    /// The questions with a new answer, in form order.
    changed: Vec<Field>,
    /// Every new answer beside the old one, in English, for staff.
    text: String,
}

impl PartialEq for Correction {
    fn eq(&self, other: &Self) -> bool {
        self.application.answers() == other.application.answers() && self.text == other.text
    }
}

impl Eq for Correction {}

impl Correction {
    /// Compares new answers with the present ones; `None` if none is different.
    #[must_use]
    pub fn of(before: &Answers, application: Application) -> Option<Self> {
        let mut changed = Vec::new();
        let mut text = Vec::new();
        for group in Group::ALL {
            let now = answers_in_words(Language::En, application.answers(), group);
            for (old, new) in answers_in_words(Language::En, before, group).zip(now) {
                if before.all(old.field) != application.answers().all(new.field) {
                    changed.push(new.field);
                    text.push(format!(
                        "{}\nbefore: {}\nnow: {}",
                        label(Language::En, new.field),
                        said(&old.lines),
                        said(&new.lines)
                    ));
                }
            }
        }
        (!changed.is_empty()).then(|| Self {
            application,
            changed,
            text: text.join("\n\n").chars().take(LONGEST_TEXT).collect(),
        })
    }

    /// Returns the questions with a new answer, in form order.
    #[must_use]
    pub fn changed(&self) -> &[Field] {
        &self.changed
    }

    /// Returns every new answer beside the old one, in English.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the address of the representative.
    #[must_use]
    pub fn representative(&self) -> &EmailAddress {
        self.application.representative_email()
    }
}

fn said(lines: &[String]) -> String {
    match lines {
        [] => not_provided(Language::En).to_owned(),
        lines => lines.join("\n"),
    }
}

/// Returns the application as it is after a change: with a new secret if the representative has another address.
///
/// # Errors
/// Returns [`Refusal::SameAddress`] if staff give the present address.
pub(super) fn moved(found: &Found, change: &Change) -> Result<Found, Refusal> {
    let representative = change.representative().unwrap_or(&found.representative);
    let is_same = *representative == found.representative;
    if is_same && matches!(change, Change::SetRepresentative(_)) {
        return Err(Refusal::SameAddress);
    }
    Ok(Found {
        representative: representative.clone(),
        secret: if is_same { found.secret } else { Uuid::new_v4() },
        ..found.clone()
    })
}

/// Writes the new answers, and the new address and secret of the representative.
pub(super) async fn write(
    connection: &mut PgConnection,
    before: &Found,
    after: &Found,
    change: &Change,
) -> sqlx::Result<()> {
    if let Change::Correct(correction) = change {
        write_answers(connection, &after.reference, &correction.application).await?;
        follow_correction(connection, &after.reference).await?;
    }
    if after.secret != before.secret {
        write_representative(connection, after).await?;
        forget_mailbox(connection, &after.reference).await?;
    }
    if matches!(change, Change::Correct(_) | Change::SetRepresentative(_)) {
        forget_taken_back(connection, &after.reference).await?;
    }
    Ok(())
}

/// Forgets the conflicts of interest that colleagues took back: the application may name other people now.
async fn forget_taken_back(connection: &mut PgConnection, reference: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM conflicts WHERE reference = $1 AND taken_back_by IS NOT NULL",
        reference
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Writes answers. The search index and the signs of spam are made again. Only people end or raise a suspicion.
async fn write_answers(connection: &mut PgConnection, reference: &str, application: &Application) -> sqlx::Result<()> {
    let record = StoredApplication::answered(application);
    sqlx::query!(
        "UPDATE applications SET organization_name = new.organization_name,
            organization_name_latin = new.organization_name_latin, domain_name = new.domain_name,
            domain_name_ascii = new.domain_name_ascii, website = new.website, country = new.country,
            registered = new.registered, registration_note = new.registration_note, kind_of_work = new.kind_of_work,
            statement = new.statement, representative_name = new.representative_name,
            representative_role = new.representative_role, representative_email = new.representative_email,
            representative_phone = new.representative_phone, alternate_name = new.alternate_name,
            alternate_email = new.alternate_email, ncsg_status = new.ncsg_status, icann_groups = new.icann_groups,
            not_eligible = new.not_eligible, authorised = new.authorised, authoriser = new.authoriser,
            publish = new.publish, mailing_list = new.mailing_list,
            suspicions = new.suspicions || CASE WHEN 'sent in no time' = ANY (applications.suspicions)
                THEN ARRAY['sent in no time'] ELSE ARRAY[]::text[] END,
            search_grams = NULL
        FROM jsonb_populate_recordset(NULL::applications, $2::text::jsonb) AS new
        WHERE applications.reference = $1",
        reference,
        as_json(&[record])?
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Writes the address and the secret of a new representative. Links to the old address do not work any more, since the
/// application does not name it.
async fn write_representative(connection: &mut PgConnection, after: &Found) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE applications SET representative_email = $2, receipt_secret = $3,
            first_secret = coalesce(first_secret, receipt_secret), search_grams = NULL
        WHERE reference = $1",
        after.reference,
        after.representative.to_string(),
        after.secret
    )
    .execute(connection)
    .await
    .map(drop)
}
