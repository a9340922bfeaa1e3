//! Indexes applications for search in the background, so that storing does not wait for it. Also indexes applications of an
//! earlier release, and those whose index a migration has cleared. Several instances share the work.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use tokio::sync::watch;

use super::applications::{Filter, list};
use super::search::grams;
use crate::database::{Pool, within};
use crate::outbox::Outbox;

/// The time between two runs without a wake-up: other instances store applications too.
const INTERVAL: Duration = Duration::from_mins(5);

/// The pause after a wake-up, so that one run indexes several new applications.
const GATHER: Duration = Duration::from_secs(1);

/// The most applications in one transaction.
const INDEX_BATCH: i64 = 50;

/// The most applications in one transaction while others are being stored.
const SMALL_BATCH: i64 = 10;

/// The time limit for one transaction.
const INDEX_LIMIT: Duration = Duration::from_secs(30);

/// The factor from working time to pause, while applications are being stored.
const PAUSE_FACTOR: u32 = 9;

/// Indexes applications until told to stop. The next start continues an unfinished batch.
pub async fn index_for_search(pool: &Pool, outbox: &Outbox, mut stop: watch::Receiver<bool>) {
    let indexing = async {
        loop {
            if let Err(error) = index_all(pool, outbox).await {
                pool.recheck_server();
                tracing::warn!(%error, "indexing for search failed, retrying; until then searches are slow");
            }
            tokio::select! {
                () = outbox.changed() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    };
    tokio::select! {
        () = indexing => {}
        _ = stop.wait_for(|is_stopping| *is_stopping) => {}
    }
}

/// Indexes all applications without an index. Slows down while applications are being stored.
///
/// # Errors
/// Returns an error if the database is unavailable. What was indexed before stays indexed.
pub async fn index_all(pool: &Pool, outbox: &Outbox) -> sqlx::Result<()> {
    loop {
        let began = Instant::now();
        let most = if outbox.is_storing() { SMALL_BATCH } else { INDEX_BATCH };
        if within(INDEX_LIMIT, index_batch(pool, most)).await? == 0 {
            return Ok(());
        }
        if outbox.is_storing() {
            tokio::time::sleep(began.elapsed() * PAUSE_FACTOR).await;
        }
    }
}

/// Indexes one batch and returns the number of applications in it.
async fn index_batch(pool: &Pool, most: i64) -> sqlx::Result<usize> {
    let mut transaction = pool.transaction().await?;
    let references = claim(&mut transaction, most).await?;
    if !references.is_empty() {
        let filter = Filter::of_references(references.clone());
        let found: Vec<_> = list(&mut *transaction, filter).try_collect().await?;
        let mut all = Rows::default();
        for record in &found {
            all.push(record.reference.clone(), &grams(record));
        }
        all.write(&mut transaction).await?;
    }
    transaction.end().await?;
    Ok(references.len())
}

/// Locks the oldest applications without an index that no other transaction has locked. The commit waits for no disk and no
/// standby, because what a crash loses is indexed again.
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

/// The n-grams of several applications. PostgreSQL has no array of arrays of different lengths, so all are in one array.
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
