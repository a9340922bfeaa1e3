//! The tables of applications, read: who applied, and what became of it.

use std::future::ready;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use super::form::{Answers, Field as F};
use super::search::Search;
use crate::database::{Pool, confirm};
use crate::values::Country;

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

/// Returns the receipt of what a submission key stored, if it stored anything, once a synchronous standby has it too.
///
/// # Errors
/// The database's error.
pub async fn receipt_of_key(pool: &Pool, key: Uuid) -> sqlx::Result<Option<Receipt>> {
    let mut session = pool.session().await?;
    let receipt = sqlx::query_as!(
        Receipt,
        "SELECT reference, receipt_secret AS secret, received_at FROM applications WHERE submission_key = $1",
        key
    )
    .fetch_optional(&mut *session)
    .await?;
    if receipt.is_some() {
        confirm(&mut session).await?;
    }
    session.end().await?;
    Ok(receipt)
}

/// Returns whether an application could be stored now: writes a message that no table holds and commits it, which waits for a
/// synchronous standby as storing does.
///
/// # Errors
/// The database's error.
pub async fn can_store(pool: &Pool) -> sqlx::Result<bool> {
    pool.end_abandoned().await?;
    let mut session = pool.session().await?;
    let is_written = sqlx::query_scalar!(
        r#"SELECT CASE WHEN current_setting('transaction_read_only') = 'off'
                AND has_table_privilege('applications', 'SELECT') AND has_table_privilege('applications', 'INSERT')
                AND has_table_privilege('application_history', 'INSERT')
                AND has_table_privilege('outbox', 'SELECT') AND has_table_privilege('outbox', 'INSERT')
            THEN pg_logical_emit_message(true, 'npoc', '') IS NOT NULL ELSE false END AS "is_written!""#
    )
    .fetch_one(&mut *session)
    .await?;
    session.end().await?;
    Ok(is_written)
}

/// The receipt at an address, if there is one.
///
/// # Errors
/// The database's error.
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
/// The database's error.
pub async fn find<'a>(executor: impl PgExecutor<'a> + 'a, reference: &str) -> sqlx::Result<Option<Record>> {
    records(executor, Filter::of(reference)).try_next().await
}

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
    /// Names of [`State`], the weightiest first.
    pub states: Vec<String>,
}

/// How an application stands: in one of these states, or in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Marked as what may be spam.
    Suspected,
    /// Its applicant's mail is held.
    Held,
    /// A mail about it is not tried any more.
    GivenUp,
    /// A mail about it is still to be sent, by itself or in a digest.
    Waiting,
    /// None of these: all its mails were sent.
    Mailed,
}

impl State {
    /// Every one, by its weight.
    pub const ALL: [Self; 5] = [Self::Suspected, Self::Held, Self::GivenUp, Self::Waiting, Self::Mailed];

    /// Its name, in records and for commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::Held => "held",
            Self::GivenUp => "given-up",
            Self::Waiting => "waiting",
            Self::Mailed => "mailed",
        }
    }
}

/// Which applications are read: those that meet every condition that is set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one of these references, in upper case.
    pub references: Option<Vec<String>>,
    /// Received then or later.
    pub since: Option<OffsetDateTime>,
    /// Received earlier.
    pub before: Option<OffsetDateTime>,
    /// Of one of these countries.
    pub countries: Option<Vec<Country>>,
    /// In this state, among others.
    pub state: Option<State>,
    /// Which a search finds.
    pub search: Option<Search>,
}

impl Filter {
    /// Selects that of a reference.
    #[must_use]
    pub fn of(reference: &str) -> Self {
        Self::of_references(vec![reference.trim().to_uppercase()])
    }

    /// Selects those of these references, in upper case.
    pub(super) fn of_references(references: Vec<String>) -> Self {
        Self {
            references: Some(references),
            ..Self::default()
        }
    }

    /// Returns whether it lets every application through.
    #[must_use]
    pub fn lets_all_through(&self) -> bool {
        let is_any_day = self.since.is_none() && self.before.is_none();
        is_any_day
            && self.references.is_none()
            && self.countries.is_none()
            && self.state.is_none()
            && self.search.is_none()
    }

    fn is_found(&self, record: &Record) -> bool {
        self.search.as_ref().is_none_or(|search| search.matches(record))
    }
}

/// Applications in the order of arrival, read from the database as they are consumed.
pub fn records<'a>(executor: impl PgExecutor<'a> + 'a, filter: Filter) -> BoxStream<'a, sqlx::Result<Record>> {
    let codes = |countries: &Vec<Country>| countries.iter().map(|country| country.code().to_owned()).collect();
    let countries: Option<Vec<String>> = filter.countries.as_ref().map(codes);
    let selection = filter.search.as_ref().map(Search::preselection).unwrap_or_default();
    sqlx::query_as!(
        Record,
        r#"SELECT applications.reference, received_at, organization_name, organization_name_latin, domain_name,
            domain_name_ascii, website, country, registered, registration_note, kind_of_work, statement,
            representative_name, representative_role, representative_email, representative_phone,
            alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible, authorised,
            authoriser, publish, mailing_list, suspicions, is_suspected, states AS "states!"
         FROM applications, LATERAL (
            SELECT coalesce(nullif(array_remove(ARRAY[
                CASE WHEN applications.is_suspected THEN 'suspected' END,
                CASE WHEN bool_or(is_held AND refusal_is_final) THEN 'held' END,
                CASE WHEN bool_or(given_up_at IS NOT NULL AND NOT is_held) THEN 'given-up' END,
                CASE WHEN bool_or(sent_at IS NULL AND given_up_at IS NULL OR is_held AND NOT refusal_is_final
                    AND (digest IS NULL OR digest IN (
                        SELECT message_id FROM outbox WHERE purpose = 'digest' AND sent_at IS NULL))) THEN 'waiting' END
            ], NULL), '{}'), '{mailed}') AS states
            FROM outbox WHERE outbox.reference = applications.reference
         ) AS mails
         WHERE ($1::text[] IS NULL OR applications.reference = ANY ($1))
            AND ($2::timestamptz IS NULL OR received_at >= $2)
            AND ($3::timestamptz IS NULL OR received_at < $3)
            AND ($4::text[] IS NULL OR country = ANY ($4))
            AND ($5::text IS NULL OR $5 = ANY (states))
            AND ($5 IS DISTINCT FROM 'suspected' OR is_suspected)
            AND (NOT $6::boolean OR search_grams IS NULL OR search_grams @> $7::integer[] OR search_grams @> $8::integer[]
                OR domain_name_ascii = $9 OR applications.reference = $10)
         ORDER BY received_at, id"#,
        filter.references.as_deref(),
        filter.since,
        filter.before,
        countries.as_deref(),
        filter.state.map(State::name),
        filter.search.is_some(),
        selection.words.as_deref(),
        selection.also.as_deref(),
        selection.domain_name,
        selection.reference
    )
    .fetch(executor)
    .try_filter(move |record| ready(filter.is_found(record)))
    .boxed()
}

/// Has the server look for little among much in this transaction: it plans each search by what is looked for, since a plan
/// for any of them reads the whole table; it begins no workers and compiles nothing, which would take longer than the search;
/// and it has room for where it finds much. Comes before [`records`] that somebody looks for.
///
/// # Errors
/// The database's error.
pub async fn prepare_search(executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT set_config(name, value, true)
        FROM (VALUES ('plan_cache_mode', 'force_custom_plan'), ('max_parallel_workers_per_gather', '0'), ('jit', 'off'),
            ('work_mem', '64MB')) AS given (name, value)"
    )
    .fetch_all(executor)
    .await
    .map(drop)
}

/// Takes the mark from an application that is no spam, and notes that in its history. Returns
/// whether it was marked.
///
/// # Errors
/// The database's error.
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

/// Locks an application until the transaction ends, once no other changes it.
///
/// # Errors
/// The database's error.
pub async fn lock(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM applications WHERE reference = upper($1) FOR UPDATE",
        reference.trim()
    )
    .fetch_optional(executor)
    .await
    .map(drop)
}

/// How many applications are stored.
///
/// # Errors
/// The database's error.
pub async fn count(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM applications"#)
        .fetch_one(executor)
        .await
}

/// What became of an application, in order.
///
/// # Errors
/// The database's error.
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
