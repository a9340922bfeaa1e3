//! Stores a batch of applications with their history and emails, in one statement.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::error::DatabaseError;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::super::doubts::SpamSigns;
use super::super::emails::{MailIdentity, emails};
use super::super::new_application::NewApplication;
use super::super::stored_application::StoredApplication;
use super::facts::{Facts, facts};
use super::limits::SINGLE_EMAILS;
use super::receipts::{Receipt, stored_before};
use super::{Submission, reference};
use crate::database::{DedicatedConnection, confirm, is_out_of_connections, is_unavailable};
use crate::outbox::{EmailRow, as_json, bodies};

/// The pause before a retry after the database was unavailable.
const PAUSE: Duration = Duration::from_millis(50);

/// The SQLSTATE of a lock that took too long (PostgreSQL, appendix A).
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Why a batch is not known to be stored.
#[derive(Debug, Error)]
pub(super) enum NotStored {
    /// The batch may be stored all the same.
    #[error("the database did not answer in time")]
    TimedOut,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl NotStored {
    /// Returns whether the cause affects every application, so that storing one alone would fail too.
    pub(super) fn affects_all(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Database(error) => is_unavailable(error),
        }
    }

    /// Returns whether the server has no connection left.
    pub(super) fn is_server_full(&self) -> bool {
        matches!(self, Self::Database(error) if is_out_of_connections(error))
    }

    /// Returns whether another transaction held a lock for too long.
    pub(super) fn is_lock_timeout(&self) -> bool {
        match self {
            Self::TimedOut => false,
            Self::Database(error) => {
                error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(LOCK_NOT_AVAILABLE)
            }
        }
    }
}

/// A row of the table `applications`. As JSON its fields have the names of the columns.
#[derive(Serialize)]
struct ApplicationRow {
    submission_key: String,
    receipt_secret: String,
    #[serde(flatten)]
    application: StoredApplication,
}

/// An application as rows, with its receipt.
struct PreparedRows {
    key: Uuid,
    receipt: Receipt,
    row: ApplicationRow,
    emails: [EmailRow; 2],
}

/// Stores applications and queues both emails of each. Stores nothing for a key that has stored an application before.
/// Returns for each submission, in the same order, its receipt or the reason for its failure. Retries until the
/// deadline if waiting can help; the keys prevent that anything is stored twice.
///
/// A returned receipt means that all of its application is committed.
///
/// # Errors
/// Returns [`NotStored`] if nothing is stored, or if that is unknown. The same keys find what is stored.
pub(super) async fn insert(
    connection: &mut DedicatedConnection,
    identity: &MailIdentity,
    submissions: &[&Submission],
    deadline: Instant,
) -> Result<Vec<anyhow::Result<Receipt>>, NotStored> {
    loop {
        if Instant::now() >= deadline {
            return Err(NotStored::TimedOut);
        }
        let inserting = connection.run(async |connection| insert_new(connection, identity, submissions).await);
        match timeout_at(deadline, inserting).await.map_err(|_| NotStored::TimedOut)? {
            Err(error) if waiting_can_help(&error) && Instant::now() + PAUSE < deadline => sleep(PAUSE).await,
            ended => return Ok(ended?),
        }
    }
}

/// Returns whether a retry may succeed: the database may return, and a reference that is in use is drawn again. With a
/// million applications stored, one reference in 10⁵ is in use.
fn waiting_can_help(error: &sqlx::Error) -> bool {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    constraint == Some("applications_reference_unique") || is_unavailable(error)
}

async fn insert_new(
    connection: &mut PgConnection,
    identity: &MailIdentity,
    submissions: &[&Submission],
) -> sqlx::Result<Vec<anyhow::Result<Receipt>>> {
    let facts = facts(connection, identity, submissions).await?;
    let both = submissions.iter().zip(facts);
    let prepared: Vec<_> = both
        .map(|(submission, facts)| prepare(identity, submission, facts))
        .collect();
    let rows: Vec<&PreparedRows> = prepared.iter().flatten().collect();
    let stored = insert_rows(connection, &rows).await?;
    if stored.len() < rows.len() {
        confirm(connection).await?;
    }
    receipts(connection, prepared, &stored).await
}

/// Returns the new receipts of what was stored, and the earlier receipts of the other keys.
async fn receipts(
    connection: &mut PgConnection,
    prepared: Vec<anyhow::Result<PreparedRows>>,
    stored: &HashSet<String>,
) -> sqlx::Result<Vec<anyhow::Result<Receipt>>> {
    let is_new = |one: &PreparedRows| stored.contains(&one.receipt.reference);
    let others = prepared.iter().flatten().filter(|one| !is_new(one));
    let keys: Vec<_> = others.map(|one| one.key).collect();
    let found = stored_before(connection, &keys).await?;
    let receipt = |one: PreparedRows| {
        if is_new(&one) {
            return Ok(one.receipt);
        }
        let found = found.get(&one.key).cloned();
        found.context("no application is stored under the key")
    };
    Ok(prepared.into_iter().map(|one| receipt(one?)).collect())
}

/// Prepares the rows of one application. A panic fails this application alone.
fn prepare(identity: &MailIdentity, submission: &Submission, facts: Facts) -> anyhow::Result<PreparedRows> {
    let preparing = || prepare_unguarded(identity, submission, facts);
    catch_unwind(AssertUnwindSafe(preparing)).unwrap_or_else(|_| Err(anyhow!("preparing an application panicked")))
}

fn new_receipt(submission: &Submission) -> Receipt {
    Receipt {
        reference: reference::draw(),
        secret: Uuid::new_v4(),
        received_at: submission.received_at,
    }
}

fn prepare_unguarded(identity: &MailIdentity, submission: &Submission, facts: Facts) -> anyhow::Result<PreparedRows> {
    let application = &submission.application;
    let spam_signs = SpamSigns::of(application.answers(), submission.filled_in);
    let receipt = new_receipt(submission);
    let new_application = NewApplication {
        reference: &receipt.reference,
        language: submission.language,
        receipt_url: identity.page_url(receipt.secret),
        desk_url: facts.has_staff.then(|| identity.desk_url(&receipt.reference)),
        received_at: receipt.received_at,
        earlier: &facts.earlier,
        spam_signs: &spam_signs,
        hold: facts.hold,
    };
    let emails = emails(identity, application, &new_application)?.map(EmailRow::from);
    let row = ApplicationRow {
        submission_key: submission.key.to_string(),
        receipt_secret: receipt.secret.to_string(),
        application: StoredApplication::of(application, &new_application),
    };
    Ok(PreparedRows {
        key: submission.key,
        receipt,
        row,
        emails: complete(emails, facts),
    })
}

/// Adds what is known of the application to its emails, the email to staff first.
fn complete([mut staff, mut applicant]: [EmailRow; 2], facts: Facts) -> [EmailRow; 2] {
    let for_digest =
        format!("more than {SINGLE_EMAILS} applications arrived within an hour, so staff get it in a digest");
    staff.hold(facts.is_for_digest.then_some(&for_digest));
    applicant.hold(facts.hold.map(crate::membership::words::hold_reason));
    applicant.mailbox_key = Some(facts.counted_as.mailbox);
    applicant.domain_key = Some(facts.counted_as.domain);
    [staff, applicant]
}

/// Stores all rows or none, in one statement: that needs no transaction and one round trip. Returns the references of
/// the stored applications, without those whose key has stored an application before.
async fn insert_rows(connection: &mut PgConnection, rows: &[&PreparedRows]) -> sqlx::Result<HashSet<String>> {
    let applications: Vec<_> = rows.iter().map(|one| &one.row).collect();
    let emails: Vec<_> = rows.iter().flat_map(|one| &one.emails).collect();
    let (texts, htmls) = bodies(emails.iter().copied());
    let stored = sqlx::query_scalar!(
        r#"WITH application AS (
            INSERT INTO applications (
                reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible,
                authorised, authoriser, publish, mailing_list, suspicions, is_suspected, language)
            SELECT reference, submission_key, receipt_secret, received_at,
                organization_name, organization_name_latin, domain_name, domain_name_ascii, website,
                country, registered, registration_note, kind_of_work, statement,
                representative_name, representative_role, representative_email, representative_phone,
                alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible,
                authorised, authoriser, publish, mailing_list, suspicions, is_suspected, language
            FROM jsonb_populate_recordset(NULL::applications, $1::text::jsonb)
            ON CONFLICT ON CONSTRAINT applications_submission_key_unique DO NOTHING
            RETURNING reference
        ), history AS (
            INSERT INTO application_history (reference, event) SELECT reference, 'received' FROM application
        ), emails AS (
            INSERT INTO outbox (message_id, reference, recipient, reply_to, subject, body_text, body_html,
                purpose, refusal_is_final, is_held, given_up_at, last_error, mailbox_key, domain_key, language)
            SELECT message_id, reference, recipient, reply_to, subject,
                ($3::text[])[ordinality::integer], ($4::text[])[ordinality::integer],
                purpose, refusal_is_final, is_held, CASE WHEN is_held THEN now() END,
                last_error, mailbox_key, domain_key, language
            FROM jsonb_populate_recordset(NULL::outbox, $2::text::jsonb) WITH ORDINALITY AS email
            JOIN application USING (reference)
            ORDER BY ordinality
        )
        SELECT reference FROM application"#,
        as_json(&applications)?,
        as_json(&emails)?,
        &texts as &[&str],
        &htmls as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(stored.into_iter().collect())
}
