//! Indexes applications for search, a moment after they are stored: storing one must not wait for that. The same work indexes
//! what an earlier release stored, and what a migration wants indexed again. Several instances share it.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use tokio::sync::watch;

use super::search::grams;
use super::store::{Filter, records};
use crate::database::{Pool, within};
use crate::outbox::Outbox;

/// How often to look for applications that no wake-up announced, such as those of other instances.
const EVERY: Duration = Duration::from_mins(5);

/// How long to wait for others to come after one was stored.
const GATHER: Duration = Duration::from_secs(1);

/// Applications in one transaction, at most, and while others are being stored.
const AT_ONCE: i64 = 50;
const FEW: i64 = 10;

/// How long one transaction may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How many times as long as it works it rests, while applications are being stored.
const RESTS: u32 = 9;

/// Indexes what is not indexed until told to stop. What is under way then is left to the next start.
pub async fn index_for_search(pool: &Pool, outbox: &Outbox, mut stop: watch::Receiver<bool>) {
    let indexing = async {
        loop {
            if let Err(error) = index_all(pool, outbox).await {
                pool.doubt();
                tracing::warn!(%error, "applications could not be indexed for search, which looks at each of them; trying again");
            }
            tokio::select! {
                () = outbox.changed() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    };
    tokio::select! {
        () = indexing => {}
        _ = stop.wait_for(|is_stopping| *is_stopping) => {}
    }
}

/// Indexes all that is not indexed, giving way to applications that are being stored.
///
/// # Errors
/// The database's error; what was indexed before stays so.
pub async fn index_all(pool: &Pool, outbox: &Outbox) -> sqlx::Result<()> {
    loop {
        let began = Instant::now();
        let most = if outbox.is_storing() { FEW } else { AT_ONCE };
        if within(LIMIT, index_some(pool, most)).await? == 0 {
            return Ok(());
        }
        if outbox.is_storing() {
            tokio::time::sleep(began.elapsed() * RESTS).await;
        }
    }
}

/// Returns how many were indexed.
async fn index_some(pool: &Pool, most: i64) -> sqlx::Result<usize> {
    let mut transaction = pool.transaction().await?;
    let references = claim(&mut transaction, most).await?;
    if !references.is_empty() {
        let filter = Filter::of_references(references.clone());
        let found: Vec<_> = records(&mut *transaction, filter).try_collect().await?;
        let mut all = Rows::default();
        for record in &found {
            all.push(record.reference.clone(), &grams(record));
        }
        all.write(&mut transaction).await?;
    }
    transaction.end().await?;
    Ok(references.len())
}

/// Takes the oldest that are not indexed and that nobody else holds. No disk and no standby is waited for: what a crash
/// loses is indexed again.
async fn claim(connection: &mut PgConnection, most: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query!("SELECT set_config('synchronous_commit', 'off', true)")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query_scalar!(
        "SELECT reference FROM applications WHERE search_grams IS NULL ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        most
    )
    .fetch_all(connection)
    .await
}

/// What is written of several applications. Arrays of different lengths make no array of arrays, so all grams are one.
#[derive(Default)]
struct Rows {
    references: Vec<String>,
    first: Vec<i32>,
    last: Vec<i32>,
    grams: Vec<i32>,
}

impl Rows {
    fn push(&mut self, reference: String, grams: &[i32]) {
        let position = |grams: &[i32]| i32::try_from(grams.len()).unwrap_or(i32::MAX);
        self.references.push(reference);
        self.first.push(position(&self.grams).saturating_add(1));
        self.grams.extend(grams);
        self.last.push(position(&self.grams));
    }

    async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query!(
            "UPDATE applications SET search_grams = ($4::integer[])[given.first:given.last]
            FROM unnest($1::text[], $2::integer[], $3::integer[]) AS given (reference, first, last)
            WHERE applications.reference = given.reference",
            &self.references,
            &self.first,
            &self.last,
            &self.grams
        )
        .execute(connection)
        .await
        .map(drop)
    }
}
