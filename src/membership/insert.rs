//! Applications into the database, with the mails that they cause: all that came together in one statement.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use sqlx::PgConnection;
use sqlx::error::DatabaseError;
use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::check::Application;
use super::counted_as::CountedAs;
use super::emails::{MailIdentity, NewApplication, emails};
use super::known::{Known, known};
use super::question::Field as F;
use super::reference;
use super::store::Receipt;
use super::suspicion::Suspicions;
use super::words::hold_reason;
use crate::database::{Reserved, confirm, is_away, is_full};
use crate::mailer::Email;
use crate::outbox::Columns;

/// How long to wait before a database that was away is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// What a wait ends with that took too long (PostgreSQL, appendix A).
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a mail to staff is held.
const FOR_DIGEST: &str = "more than 20 applications came within an hour, so it comes to staff in a digest";

/// What is to be stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The answers, checked.
    pub application: Application,
    /// Whatever is sent with the same key is the same application.
    pub key: Uuid,
    /// How long after its form was opened it was sent, where that is known.
    pub filled_in: Option<Duration>,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Whether its network has sent as many as are confirmed within a day.
    pub is_network_full: bool,
}

/// Why none of those that came together is known to be stored.
#[derive(Debug, Error)]
pub(super) enum NotStored {
    /// It may be that they are stored.
    #[error("the database did not answer in time")]
    Hung,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl NotStored {
    /// Whether it is for all that came together, so that none of them would do better alone.
    pub(super) fn is_for_all(&self) -> bool {
        match self {
            Self::Hung => true,
            Self::Database(error) => is_away(error),
        }
    }

    /// Whether the server has no connection left.
    pub(super) fn is_of_full_server(&self) -> bool {
        matches!(self, Self::Database(error) if is_full(error))
    }

    /// Whether another transaction holds what it needs.
    pub(super) fn is_held(&self) -> bool {
        match self {
            Self::Hung => false,
            Self::Database(error) => {
                error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(LOCK_NOT_AVAILABLE)
            }
        }
    }
}

/// The columns of mails that only those about an application have, beside the others.
#[derive(Default)]
struct Besides {
    mailbox_keys: Vec<Option<String>>,
    domain_keys: Vec<Option<String>>,
    /// Why each is held.
    reasons: Vec<Option<&'static str>>,
}

/// An application with all that is stored with it, but for its mails.
struct Prepared<'a> {
    submission: &'a Submission,
    receipt: Receipt,
    suspicions: Suspicions,
}

/// Stores applications and owes both mails of each: of one whose key has stored an application before, nothing.
/// Returns for each, in the same order, its receipt, or why there is none for this one. Where waiting can help it is
/// tried again while there is time; the keys see to it that nothing is stored twice.
///
/// When a receipt is returned, all of its application is committed.
///
/// # Errors
/// [`NotStored`]: nothing is stored, or nobody knows, and the same keys will find it.
pub(super) async fn insert(
    connection: &mut Reserved,
    head: &MailIdentity,
    submissions: &[&Submission],
    until: Instant,
) -> Result<Vec<anyhow::Result<Receipt>>, NotStored> {
    loop {
        if Instant::now() >= until {
            return Err(NotStored::Hung);
        }
        let inserting = connection.run(async |connection| insert_new(connection, head, submissions).await);
        match timeout_at(until, inserting).await.map_err(|_| NotStored::Hung)? {
            Err(error) if waiting_can_help(&error) && Instant::now() + PAUSE < until => sleep(PAUSE).await,
            ended => return Ok(ended?),
        }
    }
}

/// A database that was away may be there again; a reference that is in use is drawn again, which happens once in 10⁵
/// applications with a million stored.
fn waiting_can_help(error: &sqlx::Error) -> bool {
    let is_second_use = error.as_database_error().and_then(|error| error.constraint());
    is_second_use == Some("applications_reference_unique") || is_away(error)
}

async fn insert_new(
    connection: &mut PgConnection,
    head: &MailIdentity,
    submissions: &[&Submission],
) -> sqlx::Result<Vec<anyhow::Result<Receipt>>> {
    let known = known(connection, head, submissions).await?;
    let (mut owed, mut besides) = (Columns::default(), Besides::default());
    let mut prepared = Vec::with_capacity(submissions.len());
    for (submission, known) in submissions.iter().zip(known) {
        prepared.push(prepare(head, submission, &known).map(|(row, emails)| {
            owed.extend(emails);
            besides.push(known);
            row
        }));
    }
    let rows: Vec<_> = prepared.iter().flatten().collect();
    let stored = insert_rows(connection, &rows, &owed, &besides).await?;
    if stored.len() < rows.len() {
        confirm(connection).await?;
    }
    receipts(connection, prepared, &stored).await
}

/// Those that were drawn, where they were stored; else those that the keys have stored before.
async fn receipts(
    connection: &mut PgConnection,
    prepared: Vec<anyhow::Result<Prepared<'_>>>,
    stored: &HashSet<String>,
) -> sqlx::Result<Vec<anyhow::Result<Receipt>>> {
    let is_new = |row: &&Prepared| stored.contains(&row.receipt.reference);
    let others = prepared.iter().flatten().filter(|row| !is_new(row));
    let keys: Vec<_> = others.map(|row| row.submission.key).collect();
    let found = stored_before(connection, &keys).await?;
    let receipt = |row: Prepared| {
        if is_new(&&row) {
            return Ok(row.receipt);
        }
        let found = found.get(&row.submission.key).cloned();
        found.context("the key's application is gone")
    };
    Ok(prepared.into_iter().map(|row| receipt(row?)).collect())
}

/// What is worked out and written of one application. A panic here is the failure of this one alone.
fn prepare<'a>(
    head: &MailIdentity,
    submission: &'a Submission,
    known: &Known,
) -> anyhow::Result<(Prepared<'a>, [Email; 2])> {
    let preparing = || prepare_unguarded(head, submission, known);
    catch_unwind(AssertUnwindSafe(preparing)).unwrap_or_else(|_| Err(anyhow!("preparing an application panicked")))
}

fn new_receipt(received_at: OffsetDateTime) -> Receipt {
    Receipt {
        reference: reference::draw(),
        secret: Uuid::new_v4(),
        received_at,
    }
}

fn prepare_unguarded<'a>(
    head: &MailIdentity,
    submission: &'a Submission,
    known: &Known,
) -> anyhow::Result<(Prepared<'a>, [Email; 2])> {
    let suspicions = Suspicions::of(submission.application.answers(), submission.filled_in);
    let receipt = new_receipt(submission.received_at);
    let occasion = NewApplication {
        reference: &receipt.reference,
        receipt_url: format!("{}/membership/received/{}", head.public_url, receipt.secret),
        received_at: receipt.received_at,
        earlier: &known.earlier,
        suspicions: &suspicions,
        hold: known.hold,
    };
    let emails = emails(head, &submission.application, &occasion)?;
    let prepared = Prepared {
        submission,
        receipt,
        suspicions,
    };
    Ok((prepared, emails))
}

/// One statement, so there is no transaction to leave half done and one round trip to wait for: the applications,
/// the first line of the history of each, and both mails of each, or nothing at all. Returns the references of
/// those that were stored: not of those whose key has stored an application before.
#[expect(clippy::too_many_lines, reason = "one line for each column")]
async fn insert_rows(
    connection: &mut PgConnection,
    rows: &[&Prepared<'_>],
    owed: &Columns,
    besides: &Besides,
) -> sqlx::Result<HashSet<String>> {
    let answers = || rows.iter().map(|row| row.submission.application.answers());
    let texts = |field| -> Vec<Option<&str>> { answers().map(|answers| answers.one(field)).collect() };
    let are = |field| -> Vec<bool> { answers().map(|answers| answers.is_yes(field)).collect() };
    // An array of arrays must be a rectangle, so what may be several comes as lines.
    let not_eligible: Vec<String> = answers()
        .map(|answers| answers.all(F::NotEligible).join("\n"))
        .collect();
    let suspicions: Vec<String> = rows.iter().map(|row| row.suspicions.names().join("\n")).collect();
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
            INSERT INTO outbox (message_id, reference, recipient, reply_to, subject, body_text, body_html,
                purpose, refusal_is_final, is_held, given_up_at, last_error, mailbox_key, domain_key)
            SELECT message_id, reference, recipient, reply_to, subject, body_text, body_html,
                purpose, refusal_is_final, is_held, CASE WHEN is_held THEN now() END,
                'held: ' || reason, mailbox_key, domain_key
            FROM unnest($30::text[], $31::text[], $32::text[], $33::text[],
                $34::text[], $35::text[], $36::text[], $37::text[], $38::boolean[], $39::boolean[],
                $40::text[], $41::text[], $42::text[]) WITH ORDINALITY
                AS mail (message_id, reference, recipient, reply_to, subject, body_text, body_html,
                    purpose, refusal_is_final, is_held, reason, mailbox_key, domain_key, turn)
            JOIN application USING (reference)
            ORDER BY turn
        )
        SELECT reference FROM application"#,
        &each(rows, |row| row.receipt.reference.as_str()) as &[&str],
        &each(rows, |row| row.submission.key),
        &each(rows, |row| row.receipt.secret),
        &each(rows, |row| row.receipt.received_at),
        &texts(F::OrganizationName) as &[Option<&str>],
        &texts(F::OrganizationNameLatin) as &[Option<&str>],
        &texts(F::DomainName) as &[Option<&str>],
        &each(rows, |row| row.submission.domain()) as &[&str],
        &texts(F::Website) as &[Option<&str>],
        &texts(F::Country) as &[Option<&str>],
        &are(F::Registered),
        &texts(F::RegistrationNote) as &[Option<&str>],
        &texts(F::KindOfWork) as &[Option<&str>],
        &texts(F::Statement) as &[Option<&str>],
        &texts(F::RepresentativeName) as &[Option<&str>],
        &texts(F::RepresentativeRole) as &[Option<&str>],
        &texts(F::RepresentativeEmail) as &[Option<&str>],
        &texts(F::RepresentativePhone) as &[Option<&str>],
        &texts(F::AlternateName) as &[Option<&str>],
        &texts(F::AlternateEmail) as &[Option<&str>],
        &texts(F::NcsgStatus) as &[Option<&str>],
        &texts(F::IcannGroups) as &[Option<&str>],
        &not_eligible,
        &are(F::Authorised),
        &texts(F::Authoriser) as &[Option<&str>],
        &are(F::Publish),
        &are(F::MailingList),
        &suspicions,
        &each(rows, |row| row.suspicions.are_enough()),
        &owed.message_ids,
        &owed.references as &[Option<String>],
        &owed.recipients,
        &owed.replies_to as &[Option<String>],
        &owed.subjects,
        &owed.texts,
        &owed.htmls,
        &owed.purposes,
        &owed.refusals_are_final,
        &besides.reasons.iter().map(Option::is_some).collect::<Vec<_>>(),
        &besides.reasons as &[Option<&str>],
        &besides.mailbox_keys as &[Option<String>],
        &besides.domain_keys as &[Option<String>],
    )
    .fetch_all(connection)
    .await?;
    Ok(stored.into_iter().collect())
}

/// One column of all rows.
fn each<'a, T>(rows: &[&'a Prepared<'a>], cell: impl Fn(&'a Prepared<'a>) -> T) -> Vec<T> {
    rows.iter().map(|row| cell(row)).collect()
}

/// The receipts of what these keys have stored before.
async fn stored_before(connection: &mut PgConnection, keys: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Receipt>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sqlx::query!(
        "SELECT submission_key, reference, receipt_secret, received_at FROM applications WHERE submission_key = ANY($1)",
        keys
    )
    .fetch_all(connection)
    .await?;
    let receipts = found.into_iter().map(|row| {
        let receipt = Receipt {
            reference: row.reference,
            secret: row.receipt_secret,
            received_at: row.received_at,
        };
        (row.submission_key, receipt)
    });
    Ok(receipts.collect())
}

impl Besides {
    /// Adds what is beside both mails of one application, the staff's first.
    fn push(&mut self, known: Known) {
        let CountedAs { mailbox, domain, .. } = known.counted_as;
        self.mailbox_keys.extend([None, Some(mailbox)]);
        self.domain_keys.extend([None, Some(domain)]);
        let for_digest = known.is_for_digest.then_some(FOR_DIGEST);
        self.reasons.extend([for_digest, known.hold.map(hold_reason)]);
    }
}

impl Submission {
    pub(super) fn domain(&self) -> &str {
        self.application.domain_name().ascii()
    }

    /// As the outbox has it.
    pub(super) fn recipient(&self) -> String {
        self.application.representative_email().to_wire().to_string()
    }
}
