//! Brings a database up to date. All that is missing in one transaction: all of it or nothing.

use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Executor as _, PgConnection, Row as _};

use super::availability::is_unavailable;
use super::inspection::{Migrations, migrations};
use super::pool::Pool;

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

/// Encodings that keep text in every script. The second keeps octets as they are.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

/// Why a database cannot be used. Each is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Unsuitable {
    /// A newer program has changed it.
    #[error("A newer npoc has changed this database; install that version again, or restore a backup from before")]
    FromNewer,
    /// Another program keeps its tables there.
    #[error("This is no database of the site: another program has made its tables; see DATABASE_URL")]
    OtherProgram,
    /// The site has made no tables there.
    #[error(
        "This is no database of the site: its tables are not there. See DATABASE_URL; a first start of the site, or npoc migrate, makes them"
    )]
    Empty,
    /// Migrations of this program are missing.
    #[error("This database is older than this npoc. Make a backup, then start the site or run npoc migrate")]
    Behind,
    /// A migration ran with other words than this program has.
    #[error("Another npoc than this one has made the tables of this database; install the npoc that it came with")]
    Changed,
    /// It cannot keep what applicants write.
    #[error(
        "This database keeps text in {0}, which lacks most scripts. Make it again with createdb --encoding=UTF8 --template=template0"
    )]
    Encoding(String),
}

/// Why a database is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum NotMigrated {
    /// The database's own error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Waiting and trying again cannot help.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
}

impl NotMigrated {
    /// Returns whether waiting can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Database(error) if is_unavailable(error))
    }
}

/// Runs what has not run yet. Several starts at once take turns. Changes nothing where all have run.
///
/// # Errors
/// The database's error, or why the database cannot be used.
pub async fn migrate(pool: &Pool) -> Result<(), NotMigrated> {
    let mut transaction = pool.transaction().await?;
    check_encoding(&mut transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    match migrations(&mut transaction).await?.of_ours() {
        Err(Unsuitable::Empty | Unsuitable::Behind) => {}
        already => return Ok(already?),
    }
    // `run` cannot be called from a task that may move between threads.
    let run = MIGRATOR.run_direct(None, &mut *transaction, false).await;
    run.map_err(cause)?;
    Ok(transaction.end().await?)
}

/// Checks that a database is the site's and up to date. Changes nothing.
///
/// # Errors
/// The database's error, or why the database cannot be used.
pub async fn check(pool: &Pool) -> Result<(), NotMigrated> {
    let mut session = pool.session().await?;
    migrations(&mut session).await?.of_ours()?;
    Ok(session.end().await?)
}

async fn check_encoding(connection: &mut PgConnection) -> Result<(), NotMigrated> {
    let answer = connection.fetch_one(sqlx::raw_sql("SHOW server_encoding")).await?;
    let encoding: String = answer.try_get(0)?;
    if ENCODINGS.contains(&encoding.as_str()) {
        Ok(())
    } else {
        Err(Unsuitable::Encoding(encoding).into())
    }
}

impl Migrations {
    /// Returns whether the tables are ours and as this program needs them.
    fn of_ours(&self) -> Result<(), Unsuitable> {
        match self {
            Self::All(_) => Ok(()),
            Self::None => Err(Unsuitable::Empty),
            Self::Missing(_) => Err(Unsuitable::Behind),
            Self::FromNewer => Err(Unsuitable::FromNewer),
            Self::OtherProgram => Err(Unsuitable::OtherProgram),
            Self::Changed => Err(Unsuitable::Changed),
        }
    }
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
/// As [`migrate`], where waiting cannot help.
pub async fn migrate_when_it_answers(pool: &Pool) -> Result<(), NotMigrated> {
    let mut was_away = false;
    loop {
        match migrate(pool).await {
            Err(error) if error.is_unavailable() => {
                if !std::mem::replace(&mut was_away, true) {
                    tracing::warn!(%error, "the database is away; pages are served, and it is tried again");
                }
                tokio::time::sleep(AWAY).await;
            }
            other => return other,
        }
    }
}
