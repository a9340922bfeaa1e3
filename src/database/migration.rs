//! Brings a database up to date. All that is missing in one transaction: all of it or nothing.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};

use super::pool::{Pool, is_away};

/// Every migration, carried by the binary. Without a lock of its own, which would belong to a
/// session and be lost behind a pooler: [`migrate`] takes one that belongs to its transaction.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!();
    migrator.set_locking(false);
    migrator
});

/// Any number that other users of the same database do not lock.
const LOCK: i64 = 0x4e50_4f43;

/// How long to wait before a database that was away is tried again.
const AWAY: Duration = Duration::from_secs(1);

/// Runs what has not run yet. Several starts at once take turns.
///
/// # Errors
/// The database's; [`is_away`] tells whether it is worth waiting for.
pub async fn migrate(pool: &Pool) -> sqlx::Result<()> {
    let mut transaction = pool.transaction().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    // `run` cannot be called from a task that may move between threads.
    MIGRATOR
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(cause)?;
    transaction.commit().await
}

/// The database's own error, where there is one below.
pub(super) fn cause(error: MigrateError) -> sqlx::Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
        other => sqlx::Error::Migrate(Box::new(other)),
    }
}

/// As [`migrate`], waiting for a database that is away. Says so once.
///
/// # Errors
/// The database's, where waiting cannot help.
pub async fn migrate_when_it_answers(pool: &Pool) -> sqlx::Result<()> {
    let mut was_away = false;
    loop {
        match migrate(pool).await {
            Err(error) if is_away(&error) => {
                if !std::mem::replace(&mut was_away, true) {
                    tracing::warn!(%error, "the database is away; pages are served, and it is tried again");
                }
                tokio::time::sleep(AWAY).await;
            }
            other => return other,
        }
    }
}
