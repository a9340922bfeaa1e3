//! Stored applications: finds, lists, counts and releases them, and reads their history.

use std::future::ready;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::search::Search;
use super::stored_application::StoredApplication;
use crate::database::Pool;
use crate::values::Country;

/// Returns whether an application could be stored now. Commits a message that no table holds: like storing, that waits
/// for a synchronous standby.
///
/// # Errors
/// Returns an error if the database is unavailable.
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

/// Returns one application by its reference, in upper or lower case.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn find<'a>(executor: impl PgExecutor<'a> + 'a, reference: &str) -> sqlx::Result<Option<StoredApplication>> {
    list(executor, Filter::of(reference)).try_next().await
}

/// A state of an application. It is in one state or in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is suspected to be spam.
    Suspected,
    /// The email to its applicant is held.
    Held,
    /// An email about it has failed for good.
    GivenUp,
    /// An email about it is still to be sent, alone or in a digest.
    Waiting,
    /// All its emails were sent.
    Mailed,
}

impl State {
    /// All states, the most important first.
    pub const ALL: [Self; 5] = [Self::Suspected, Self::Held, Self::GivenUp, Self::Waiting, Self::Mailed];

    /// Returns the name, for exports and commands.
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

/// Selects the applications that meet every condition that is set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// These references, in upper case.
    pub references: Option<Vec<String>>,
    /// The earliest time of arrival.
    pub since: Option<OffsetDateTime>,
    /// The time before which they arrived.
    pub before: Option<OffsetDateTime>,
    /// These countries.
    pub countries: Option<Vec<Country>>,
    /// This state; other states do not matter.
    pub state: Option<State>,
    /// This search.
    pub search: Option<Search>,
}

impl Filter {
    /// Selects the application with this reference.
    #[must_use]
    pub fn of(reference: &str) -> Self {
        Self::of_references(vec![reference.trim().to_uppercase()])
    }

    /// Selects the applications with these references, in upper case.
    #[must_use]
    pub fn of_references(references: Vec<String>) -> Self {
        Self {
            references: Some(references),
            ..Self::default()
        }
    }

    /// Returns whether no condition is set.
    #[must_use]
    pub fn is_unfiltered(&self) -> bool {
        let is_any_day = self.since.is_none() && self.before.is_none();
        is_any_day
            && self.references.is_none()
            && self.countries.is_none()
            && self.state.is_none()
            && self.search.is_none()
    }

    fn is_found(&self, record: &StoredApplication) -> bool {
        self.search.as_ref().is_none_or(|search| search.matches(record))
    }
}

/// Returns the references of all applications but the hidden ones, in the order of arrival.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn references(executor: impl PgExecutor<'_>, hidden: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE reference <> ALL ($1) ORDER BY received_at, id",
        hidden
    )
    .fetch_all(executor)
    .await
}

/// Lists applications in the order of arrival, as a stream.
pub fn list<'a>(executor: impl PgExecutor<'a> + 'a, filter: Filter) -> BoxStream<'a, sqlx::Result<StoredApplication>> {
    let codes = |countries: &Vec<Country>| countries.iter().map(|country| country.code().to_owned()).collect();
    let countries: Option<Vec<String>> = filter.countries.as_ref().map(codes);
    let selection = filter.search.as_ref().map(Search::preselection).unwrap_or_default();
    sqlx::query_as!(
        StoredApplication,
        r#"SELECT applications.reference, received_at, organization_name, organization_name_latin, domain_name,
            domain_name_ascii, website, country, registered, registration_note, kind_of_work, statement,
            representative_name, representative_role, representative_email, representative_phone,
            alternate_name, alternate_email, ncsg_status, icann_groups, not_eligible, authorised,
            authoriser, publish, mailing_list, suspicions, is_suspected, applications.state AS review_state, language, states AS "states!"
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
         ) AS emails
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

/// Prepares this transaction for [`list`] with a search. The server plans each search by its words, because a generic
/// plan reads the whole table. It starts no workers and compiles nothing, because both take longer than the search.
///
/// # Errors
/// Returns an error if the database is unavailable.
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

/// Clears the suspicion of spam from an application and records that in its history. Returns whether it was suspected.
///
/// # Errors
/// Returns an error if the database is unavailable.
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

/// Locks an application until the transaction ends. Waits for other transactions that change it.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn lock(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM applications WHERE reference = upper($1) FOR UPDATE",
        reference.trim()
    )
    .fetch_optional(executor)
    .await
    .map(drop)
}

/// Returns the number of stored applications.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn count(executor: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM applications"#)
        .fetch_one(executor)
        .await
}

/// Returns the history of an application, oldest event first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn history(executor: impl PgExecutor<'_>, reference: &str) -> sqlx::Result<Vec<(OffsetDateTime, String)>> {
    let lines = sqlx::query!(
        "SELECT happened_at, event FROM application_history WHERE reference = upper($1) ORDER BY id",
        reference.trim()
    )
    .fetch_all(executor)
    .await?;
    Ok(lines.into_iter().map(|line| (line.happened_at, line.event)).collect())
}
