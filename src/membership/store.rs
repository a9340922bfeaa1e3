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

/// What is to be stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The answers, checked.
    pub application: Application,
    /// Whatever is sent with the same key is the same application.
    pub key: Uuid,
    /// How long after its form was opened it was sent, where that is known.
    pub filled_in: Option<Duration>,
}

/// Stores applications and owes both mails of each, all together or none; of one whose key has stored an
/// application before, nothing. Returns the receipts, in the same order. When this returns, all of it is
/// committed; when it fails, none of it is, or the answer was lost on the way and the same keys will find it.
///
/// # Errors
/// The database's, or a letter that cannot be rendered.
pub(super) async fn store(pool: &Pool, head: &Letterhead, submissions: &[Submission]) -> anyhow::Result<Vec<Receipt>> {
    let earlier = earlier(pool, submissions).await?;
    for _ in 0..DRAWS {
        let drawn: Vec<Receipt> = submissions.iter().map(|_| Receipt::drawn()).collect();
        let suspicions: Vec<Suspicions> = submissions
            .iter()
            .map(|submission| Suspicions::of(submission.application.answers(), submission.filled_in))
            .collect();
        let mut owed = Vec::with_capacity(2 * submissions.len());
        for (((submission, receipt), earlier), suspicions) in
            submissions.iter().zip(&drawn).zip(&earlier).zip(&suspicions)
        {
            let occasion = Occasion {
                reference: &receipt.reference,
                receipt_url: format!("{}/membership/received/{}", head.public_url, receipt.secret),
                received_at: receipt.received_at,
                earlier,
                suspicions,
            };
            owed.extend(letters(head, &submission.application, &occasion)?);
        }
        match insert(pool, submissions, &drawn, &suspicions, &Columns::of(owed)).await {
            Ok(stored) => return receipts(pool, submissions, drawn, &stored).await,
            Err(error) if is_second_use(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("no unused reference in {DRAWS} draws")
}

impl Receipt {
    fn drawn() -> Self {
        Self {
            reference: reference::draw(),
            secret: Uuid::new_v4(),
            received_at: OffsetDateTime::now_utc(),
        }
    }
}

fn is_second_use(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database.and_then(|error| error.constraint()) == Some("applications_reference_unique")
}

/// Those that were drawn, where they were stored; else those that the keys have stored before.
async fn receipts(
    pool: &Pool,
    submissions: &[Submission],
    drawn: Vec<Receipt>,
    stored: &[String],
) -> anyhow::Result<Vec<Receipt>> {
    let mut receipts = Vec::with_capacity(drawn.len());
    for (submission, receipt) in submissions.iter().zip(drawn) {
        receipts.push(if stored.contains(&receipt.reference) {
            receipt
        } else {
            let earlier = receipt_of_key(&mut *pool.session().await?, submission.key).await?;
            earlier.context("the key's application is gone")?
        });
    }
    Ok(receipts)
}

/// One statement, so there is no transaction to leave half done and one round trip to wait for: the
/// applications, the first line of the history of each, and both mails of each, or nothing at all. Returns
/// the references of those that were stored: not of those whose key has stored an application before.
#[expect(clippy::too_many_lines, reason = "one line for each column")]
async fn insert(
    pool: &Pool,
    submissions: &[Submission],
    drawn: &[Receipt],
    suspicions: &[Suspicions],
    owed: &Columns,
) -> sqlx::Result<Vec<String>> {
    let text = |field| -> Vec<Option<String>> {
        let answers = submissions.iter().map(|submission| submission.application.answers());
        answers.map(|answers| answers.one(field).map(str::to_owned)).collect()
    };
    let is = |field| -> Vec<bool> {
        let answers = submissions.iter().map(|submission| submission.application.answers());
        answers.map(|answers| answers.is_yes(field)).collect()
    };
    // An array of arrays must be a rectangle, so these come as lines.
    let not_eligible: Vec<String> = submissions
        .iter()
        .map(|submission| submission.application.answers().all(F::NotEligible).join("\n"))
        .collect();
    let signs: Vec<String> = suspicions.iter().map(|signs| signs.names().join("\n")).collect();
    let mut session = pool.session().await?;
    let stored = sqlx::query_scalar!(
        r#"WITH application AS (
            INSERT INTO applications (
                reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible,
                authorised, authoriser, publish, mailing_list, suspicions, is_suspected)
            SELECT reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, string_to_array(not_eligible, chr(10)),
                authorised, authoriser, publish, mailing_list, string_to_array(suspicions, chr(10)), is_suspected
            FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::text[], $11::boolean[], $12::text[], $13::text[], $14::text[], $15::text[],
                $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[],
                $24::boolean[], $25::text[], $26::boolean[], $27::boolean[], $28::text[], $29::boolean[])
                AS given (reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible,
                authorised, authoriser, publish, mailing_list, suspicions, is_suspected)
            ON CONFLICT ON CONSTRAINT applications_submission_key_unique DO NOTHING
            RETURNING reference
        ), history AS (
            INSERT INTO application_history (reference, event) SELECT reference, 'received' FROM application
        ), mails AS (
            INSERT INTO outbox (message_id, reference, recipient, reply_to, subject, body_text, body_html, refusal_is_final)
            SELECT mail.* FROM unnest($30::text[], $31::text[], $32::text[], $33::text[],
                $34::text[], $35::text[], $36::text[], $37::boolean[])
                AS mail (message_id, reference, recipient, reply_to, subject, body_text, body_html, refusal_is_final)
            JOIN application USING (reference)
        )
        SELECT reference FROM application"#,
        &drawn.iter().map(|receipt| receipt.reference.clone()).collect::<Vec<_>>(),
        &submissions.iter().map(|submission| submission.key).collect::<Vec<_>>(),
        &drawn.iter().map(|receipt| receipt.secret).collect::<Vec<_>>(),
        &drawn.iter().map(|receipt| receipt.received_at).collect::<Vec<_>>(),
        &text(F::OrganizationName) as &[Option<String>],
        &text(F::OrganizationNameLatin) as &[Option<String>],
        &text(F::DomainName) as &[Option<String>],
        &domains(submissions),
        &text(F::Website) as &[Option<String>],
        &text(F::Country) as &[Option<String>],
        &is(F::Registered),
        &text(F::RegistrationNote) as &[Option<String>],
        &text(F::KindOfWork) as &[Option<String>],
        &text(F::Statement) as &[Option<String>],
        &text(F::RepresentativeName) as &[Option<String>],
        &text(F::RepresentativeRole) as &[Option<String>],
        &text(F::RepresentativeEmail) as &[Option<String>],
        &text(F::RepresentativePhone) as &[Option<String>],
        &text(F::AlternateName) as &[Option<String>],
        &text(F::AlternateEmail) as &[Option<String>],
        &text(F::NcsgStatus) as &[Option<String>],
        &text(F::IcannGroups) as &[Option<String>],
        &not_eligible,
        &is(F::Authorised),
        &text(F::Authoriser) as &[Option<String>],
        &is(F::Publish),
        &is(F::MailingList),
        &signs,
        &suspicions.iter().map(Suspicions::are_enough).collect::<Vec<_>>(),
        &owed.message_ids,
        &owed.references as &[Option<String>],
        &owed.recipients,
        &owed.replies_to as &[Option<String>],
        &owed.subjects,
        &owed.texts,
        &owed.htmls,
        &owed.refusals_are_final,
    )
    .fetch_all(&mut *session)
    .await?;
    session.end().await?;
    Ok(stored)
}

fn domains(submissions: &[Submission]) -> Vec<String> {
    let names = submissions
        .iter()
        .map(|submission| submission.application.domain_name().ascii());
    names.map(str::to_owned).collect()
}

/// For each submission the newest applications of the same domain.
async fn earlier(pool: &Pool, submissions: &[Submission]) -> sqlx::Result<Vec<Vec<Earlier>>> {
    let mut session = pool.session().await?;
    let found = sqlx::query!(
        r#"SELECT given.place AS "place!", found.reference, found.received_at
        FROM unnest($1::text[]) WITH ORDINALITY AS given (domain_name_ascii, place)
        CROSS JOIN LATERAL (
            SELECT id, reference, received_at FROM applications
            WHERE applications.domain_name_ascii = given.domain_name_ascii ORDER BY id DESC LIMIT $2
        ) AS found
        ORDER BY given.place, found.id DESC"#,
        &domains(submissions),
        EARLIER_NAMED
    )
    .fetch_all(&mut *session)
    .await?;
    session.end().await?;
    let mut earlier = vec![Vec::new(); submissions.len()];
    for one in found {
        let place = usize::try_from(one.place - 1).unwrap_or_default();
        earlier[place].push(Earlier {
            reference: one.reference,
            received_at: one.received_at,
        });
    }
    Ok(earlier)
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
