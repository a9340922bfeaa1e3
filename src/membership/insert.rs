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
use super::emails::{Earlier, MailIdentity, NewApplication, emails};
use super::question::Field as F;
use super::reference;
use super::store::Receipt;
use super::suspicion::Suspicions;
use crate::database::{Reserved, confirm, is_away, is_full};
use crate::mailer::Email;
use crate::outbox::Columns;

/// How long to wait before a database that was away is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// What a wait ends with that took too long (PostgreSQL, appendix A).
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// How many earlier applications of the same domain the staff email names.
const EARLIER_NAMED: i64 = 5;

/// What is known of an application before it is stored.
#[derive(Debug, Default)]
struct Known {
    /// The same domain's newest applications, newest first.
    earlier: Vec<Earlier>,
    /// Whether its applicant's mailbox is owed all the mails that it gets within a day.
    mailbox_is_full: bool,
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
    /// When it arrived.
    pub received_at: OffsetDateTime,
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
    let mut owed = Columns::default();
    let mut prepared = Vec::with_capacity(submissions.len());
    for (submission, known) in submissions.iter().zip(&known) {
        prepared.push(prepare(head, submission, known).map(|(row, emails)| {
            owed.extend(emails);
            row
        }));
    }
    let rows: Vec<_> = prepared.iter().flatten().collect();
    let stored = insert_rows(connection, &rows, &owed).await?;
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
    let preparing = || {
        let suspicions = Suspicions::of(submission.application.answers(), submission.filled_in);
        let receipt = Receipt {
            reference: reference::draw(),
            secret: Uuid::new_v4(),
            received_at: submission.received_at,
        };
        let occasion = NewApplication {
            reference: &receipt.reference,
            receipt_url: format!("{}/membership/received/{}", head.public_url, receipt.secret),
            received_at: receipt.received_at,
            earlier: &known.earlier,
            suspicions: &suspicions,
            mailbox_is_full: known.mailbox_is_full,
        };
        let emails = emails(head, &submission.application, &occasion)?;
        let prepared = Prepared {
            submission,
            receipt,
            suspicions,
        };
        Ok((prepared, emails))
    };
    catch_unwind(AssertUnwindSafe(preparing)).unwrap_or_else(|_| Err(anyhow!("preparing an application panicked")))
}

/// One statement, so there is no transaction to leave half done and one round trip to wait for: the applications,
/// the first line of the history of each, and both mails of each, or nothing at all. Returns the references of
/// those that were stored: not of those whose key has stored an application before.
#[expect(clippy::too_many_lines, reason = "one line for each column")]
async fn insert_rows(
    connection: &mut PgConnection,
    rows: &[&Prepared<'_>],
    owed: &Columns,
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
                purpose, refusal_is_final, is_held, given_up_at, last_error)
            SELECT message_id, reference, recipient, reply_to, subject, body_text, body_html,
                purpose, refusal_is_final, is_held, CASE WHEN is_held THEN now() END,
                CASE WHEN is_held THEN 'held: this address had many mails within a day, or complained of one' END
            FROM unnest($30::text[], $31::text[], $32::text[], $33::text[],
                $34::text[], $35::text[], $36::text[], $37::text[], $38::boolean[], $39::boolean[]) WITH ORDINALITY
                AS mail (message_id, reference, recipient, reply_to, subject, body_text, body_html,
                    purpose, refusal_is_final, is_held, turn)
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
        &owed.are_held,
    )
    .fetch_all(connection)
    .await?;
    Ok(stored.into_iter().collect())
}

/// One column of all rows.
fn each<'a, T>(rows: &[&'a Prepared<'a>], cell: impl Fn(&'a Prepared<'a>) -> T) -> Vec<T> {
    rows.iter().map(|row| cell(row)).collect()
}

/// What is known of each, in the same order. Those of this statement do not name each other, since it is not known yet
/// which of them are new, but the mails to one mailbox are counted along.
async fn known(
    connection: &mut PgConnection,
    head: &MailIdentity,
    submissions: &[&Submission],
) -> sqlx::Result<Vec<Known>> {
    let domains: Vec<&str> = submissions.iter().map(|one| one.domain()).collect();
    let addresses: Vec<String> = submissions.iter().map(|one| one.recipient()).collect();
    let found = sqlx::query!(
        r#"SELECT given.turn AS "turn!", found.reference AS "reference?", found.received_at AS "received_at?",
            (CASE WHEN $4::bigint IS NULL THEN false ELSE given.nth_of_mailbox + (SELECT count(*) FROM (
                SELECT FROM outbox WHERE mailbox(recipient) = given.mailbox AND refusal_is_final AND NOT is_held
                    AND owed_at > now() - interval '1 day' AND owed_at < now() + interval '1 hour'
                ORDER BY owed_at DESC LIMIT $4) AS owed) > $4 END
            OR EXISTS (SELECT FROM outbox WHERE mailbox(recipient) = given.mailbox AND complained_at IS NOT NULL)
            ) AS "mailbox_is_full!"
        FROM (
            SELECT turn, domain_name_ascii, mailbox, row_number() OVER (PARTITION BY mailbox ORDER BY turn) AS nth_of_mailbox
            FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS one (domain_name_ascii, address, turn),
                mailbox(address) AS mailbox
        ) AS given LEFT JOIN LATERAL (
            SELECT id, reference, received_at FROM applications
            WHERE applications.domain_name_ascii = given.domain_name_ascii ORDER BY id DESC LIMIT $3
        ) AS found ON true
        ORDER BY given.turn, found.id DESC"#,
        &domains as &[&str],
        &addresses,
        EARLIER_NAMED,
        head.mails_a_day
    )
    .fetch_all(connection)
    .await?;
    // Each turn has a row, and one for each that is named.
    let of_one = found.chunk_by(|row, next| row.turn == next.turn);
    let known = of_one.map(|rows| Known {
        mailbox_is_full: rows.iter().any(|row| row.mailbox_is_full),
        earlier: rows
            .iter()
            .filter_map(|row| earlier(row.reference.as_ref(), row.received_at))
            .collect(),
    });
    Ok(known.collect())
}

fn earlier(reference: Option<&String>, received_at: Option<OffsetDateTime>) -> Option<Earlier> {
    let (reference, received_at) = (reference?.clone(), received_at?);
    Some(Earlier { reference, received_at })
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

impl Submission {
    fn domain(&self) -> &str {
        self.application.domain_name().ascii()
    }

    /// As the outbox has it.
    fn recipient(&self) -> String {
        self.application.representative_email().to_wire().to_string()
    }
}
