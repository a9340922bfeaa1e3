//! The tables of applications, read: who applied, and what became of it.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use super::answers::Answers;
use super::question::Field as F;
use super::record::Record;

/// What an applicant gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The reference to quote.
    pub reference: String,
    /// The address of the receipt.
    pub secret: Uuid,
    /// When the application arrived.
    pub received_at: OffsetDateTime,
}

/// The receipt of what a submission key stored, if it stored anything.
///
/// # Errors
/// The database's.
pub async fn receipt_of_key(executor: impl PgExecutor<'_>, key: Uuid) -> sqlx::Result<Option<Receipt>> {
    sqlx::query_as!(
        Receipt,
        "SELECT reference, receipt_secret AS secret, received_at FROM applications WHERE submission_key = $1",
        key
    )
    .fetch_optional(executor)
    .await
}

/// The receipt at an address, if there is one.
///
/// # Errors
/// The database's.
pub async fn receipt(executor: impl PgExecutor<'_>, secret: Uuid) -> sqlx::Result<Option<Receipt>> {
    sqlx::query_as!(
        Receipt,
        "SELECT reference, receipt_secret AS secret, received_at FROM applications WHERE receipt_secret = $1",
        secret
    )
    .fetch_optional(executor)
    .await
}

/// One application by its reference, in either case.
///
/// # Errors
/// The database's.
pub async fn find<'a>(executor: impl PgExecutor<'a> + 'a, reference: &'a str) -> sqlx::Result<Option<Record>> {
    records(executor, Which::Of(reference.trim())).try_next().await
}

/// Which applications are read.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Every one.
    All,
    /// Those that are marked as what may be spam.
    Suspected,
    /// That of a reference, in either case.
    Of(&'a str),
}

/// Applications in the order of arrival, read from the database as they are consumed.
pub fn records<'a>(executor: impl PgExecutor<'a> + 'a, which: Which<'a>) -> BoxStream<'a, sqlx::Result<Record>> {
    let reference = match which {
        Which::Of(reference) => Some(reference),
        _ => None,
    };
    sqlx::query_as!(
        Record,
        "SELECT reference, received_at, organization_name, organization_name_latin, domain_name,
            domain_name_ascii, website, country, registered, registration_note, kind_of_work, statement,
            representative_name, representative_role, representative_email, representative_phone,
            alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible, authorised,
            authoriser, publish, mailing_list, suspicions, is_suspected
         FROM applications WHERE ($1::text IS NULL OR reference = upper($1)) AND (is_suspected OR NOT $2)
         ORDER BY received_at, id",
        reference,
        matches!(which, Which::Suspected)
    )
    .fetch(executor)
}

/// Takes the mark from an application that is no spam, and notes that in its history. Returns
/// whether it was marked.
///
/// # Errors
/// The database's.
pub async fn release(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "WITH released AS (
            UPDATE applications SET is_suspected = false WHERE reference = upper($1) AND is_suspected RETURNING reference
        )
        INSERT INTO application_history (reference, event) SELECT reference, 'released' FROM released",
        reference.trim()
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many applications are stored.
///
/// # Errors
/// The database's.
pub async fn count(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM applications"#)
        .fetch_one(executor)
        .await
}

/// What became of an application, in order.
///
/// # Errors
/// The database's.
pub async fn history(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<(OffsetDateTime, String)>> {
    let lines = sqlx::query!(
        "SELECT happened_at, event FROM application_history WHERE reference = upper($1) ORDER BY id",
        reference.trim()
    )
    .fetch_all(executor)
    .await?;
    Ok(lines.into_iter().map(|line| (line.happened_at, line.event)).collect())
}

impl Record {
    /// The answers, as the check page and the letters have them.
    #[must_use]
    pub fn answers(&self) -> Answers {
        let mut answers = Answers::default();
        let yes = |is: bool| is.then(|| "yes".to_owned());
        for (field, answer) in [
            (F::OrganizationName, Some(self.organization_name.clone())),
            (F::OrganizationNameLatin, self.organization_name_latin.clone()),
            (F::DomainName, Some(self.domain_name.clone())),
            (F::Website, self.website.clone()),
            (F::Country, Some(self.country.clone())),
            (F::Registered, yes(self.registered).or_else(|| Some("no".to_owned()))),
            (F::RegistrationNote, Some(self.registration_note.clone())),
            (F::KindOfWork, Some(self.kind_of_work.clone())),
            (F::Statement, Some(self.statement.clone())),
            (F::RepresentativeName, Some(self.representative_name.clone())),
            (F::RepresentativeRole, Some(self.representative_role.clone())),
            (F::RepresentativeEmail, Some(self.representative_email.clone())),
            (F::RepresentativePhone, self.representative_phone.clone()),
            (F::AlternateName, self.alternate_name.clone()),
            (F::AlternateEmail, self.alternate_email.clone()),
            (F::NcsgStatus, Some(self.ncsg_status.clone())),
            (F::IcannGroups, self.icann_groups.clone()),
            (F::Authorised, yes(self.authorised)),
            (F::Authoriser, self.authoriser.clone()),
            (F::Publish, yes(self.publish)),
            (F::MailingList, yes(self.mailing_list)),
        ] {
            answers.set_one(field, answer);
        }
        answers.set(F::NotEligible, self.not_eligible.clone());
        answers
    }
}
