//! The tables of applications: who applied, and what became of it.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use super::answers::Answers;
use super::check::Application;
use super::letters::{Earlier, Letterhead, Occasion, letters};
use super::question::Field as F;
use super::record::Record;
use super::reference;
use super::suspicion::Suspicions;
use crate::database::Pool;
use crate::outbox::Columns;

/// Draws of a reference before giving up; a second one is needed once in 10⁵ with a million stored.
const DRAWS: usize = 3;

/// How many earlier applications of the same domain the staff letter names.
const EARLIER_NAMED: i64 = 5;

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

/// What is known of an application beside its answers.
struct Known {
    earlier: Vec<Earlier>,
    suspicions: Suspicions,
}

/// Stores an application and owes both its mails, or returns the receipt of the one that the same
/// key stored before. When this returns, all of it is committed; when it fails, none of it is, or
/// the answer was lost on the way and the same key will find it.
///
/// # Errors
/// The database's, or a letter that cannot be rendered.
pub async fn submit(
    pool: &Pool,
    head: &Letterhead,
    application: &Application,
    key: Uuid,
    filled_in: Option<Duration>,
) -> anyhow::Result<Receipt> {
    let known = Known {
        earlier: earlier(&mut *pool.session().await?, application.domain_name().ascii()).await?,
        suspicions: Suspicions::of(application.answers(), filled_in),
    };
    for _ in 0..DRAWS {
        let receipt = Receipt {
            reference: reference::draw(),
            secret: Uuid::new_v4(),
            received_at: OffsetDateTime::now_utc(),
        };
        match store(pool, head, application, key, &receipt, &known).await {
            Ok(true) => return Ok(receipt),
            Ok(false) => {
                return receipt_of_key(&mut *pool.session().await?, key)
                    .await?
                    .context("the key's application is gone");
            }
            Err(error) if is_second_use(&error) => {}
            Err(error) => return Err(error),
        }
    }
    anyhow::bail!("no unused reference in {DRAWS} draws")
}

fn is_second_use(error: &anyhow::Error) -> bool {
    let database = error
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error);
    database.and_then(|error| error.constraint()) == Some("applications_reference_unique")
}

async fn store(
    pool: &Pool,
    head: &Letterhead,
    application: &Application,
    key: Uuid,
    receipt: &Receipt,
    known: &Known,
) -> anyhow::Result<bool> {
    let occasion = Occasion {
        reference: &receipt.reference,
        receipt_url: format!("{}/membership/received/{}", head.public_url, receipt.secret),
        received_at: receipt.received_at,
        earlier: &known.earlier,
        suspicions: &known.suspicions,
    };
    let owed = Columns::of(letters(head, application, &occasion)?);
    let mut session = pool.session().await?;
    let is_stored = insert(&mut *session, application, key, receipt, &owed, &known.suspicions).await?;
    session.end().await?;
    Ok(is_stored)
}

/// One statement, so there is no transaction to leave half done and one round trip to wait for:
/// the application, its first line of history, and both mails, or nothing at all. `false`: the key
/// has stored an application before.
#[expect(clippy::too_many_lines, reason = "one line for each column")]
async fn insert(
    executor: impl PgExecutor<'_>,
    application: &Application,
    key: Uuid,
    receipt: &Receipt,
    owed: &Columns,
    suspicions: &Suspicions,
) -> sqlx::Result<bool> {
    let signs: Vec<String> = suspicions.names().iter().map(|name| (*name).to_owned()).collect();
    let answers = application.answers();
    let stored = sqlx::query!(
        r#"WITH application AS (
            INSERT INTO applications (
                reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible,
                authorised, authoriser, publish, mailing_list, suspicions, is_suspected)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                $19, $20, $21, $22, $23, $24, $25, $26, $27, $36, $37)
            ON CONFLICT ON CONSTRAINT applications_submission_key_unique DO NOTHING
            RETURNING reference
        ), history AS (
            INSERT INTO application_history (reference, event) SELECT reference, 'received' FROM application
        ), mails AS (
            INSERT INTO outbox (message_id, reference, recipient, reply_to, subject, body_text, body_html, refusal_is_final)
            SELECT mail.* FROM application, unnest($28::text[], $29::text[], $30::text[], $31::text[],
                $32::text[], $33::text[], $34::text[], $35::boolean[]) AS mail
        )
        SELECT reference FROM application"#,
        receipt.reference,
        key,
        receipt.secret,
        receipt.received_at,
        answers.one(F::OrganizationName),
        answers.one(F::OrganizationNameLatin),
        answers.one(F::DomainName),
        application.domain_name().ascii(),
        answers.one(F::Website),
        answers.one(F::Country),
        answers.is_yes(F::Registered),
        answers.one(F::RegistrationNote),
        answers.one(F::KindOfWork),
        answers.one(F::Statement),
        answers.one(F::RepresentativeName),
        answers.one(F::RepresentativeRole),
        answers.one(F::RepresentativeEmail),
        answers.one(F::RepresentativePhone),
        answers.one(F::AlternateName),
        answers.one(F::AlternateEmail),
        answers.one(F::NcsgStatus),
        answers.one(F::IcannGroups),
        answers.all(F::NotEligible),
        answers.is_yes(F::Authorised),
        answers.one(F::Authoriser),
        answers.is_yes(F::Publish),
        answers.is_yes(F::MailingList),
        &owed.message_ids,
        &owed.references as &[Option<String>],
        &owed.recipients,
        &owed.replies_to as &[Option<String>],
        &owed.subjects,
        &owed.texts,
        &owed.htmls,
        &owed.refusals_are_final,
        &signs,
        suspicions.are_enough(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(stored.is_some())
}

async fn earlier(executor: impl PgExecutor<'_>, domain_name_ascii: &str) -> sqlx::Result<Vec<Earlier>> {
    sqlx::query_as!(
        Earlier,
        "SELECT reference, received_at FROM applications
         WHERE domain_name_ascii = $1 ORDER BY id DESC LIMIT $2",
        domain_name_ascii,
        EARLIER_NAMED
    )
    .fetch_all(executor)
    .await
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
