//! Migrates a database to this program's schema. All missing migrations run in one transaction.

use std::io::ErrorKind;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate as _, MigrateError, Migration, Migrator};
use sqlx::{Executor as _, PgConnection, Row as _};

use super::availability::is_unavailable;
use super::pool::Pool;

/// All migrations, embedded in the binary. sqlx's own lock belongs to a session and would be lost behind a pooler, so
/// [`migrate`] takes a lock that belongs to its transaction.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!();
    migrator.set_locking(false);
    migrator
});

/// The key of the advisory lock, the letters "NPOC". Other programs in the same database are unlikely to use it.
const LOCK: i64 = 0x4e50_4f43;

/// The pause before an unavailable database is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Encodings that keep text in every script. The second one keeps bytes as they are.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

/// Why a database is unsuitable. Each is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Unsuitable {
    /// A newer program has migrated it.
    #[error("A newer npoc has changed this database; install that version again, or restore a backup from before")]
    FromNewer,
    /// It belongs to another program.
    #[error("This database belongs to another program; see DATABASE_URL")]
    OtherProgram,
    /// It has no tables of the site.
    #[error(
        "This database does not have the site's tables. See DATABASE_URL; a first start of the site, or npoc migrate, creates them"
    )]
    Empty,
    /// Some migrations of this program are missing.
    #[error("This database is older than this npoc. Make a backup, then start the site or run npoc migrate")]
    Behind,
    /// A migration that ran differs from this program's.
    #[error("Another build of npoc has created the tables of this database; install that build")]
    Changed,
    /// Its encoding cannot keep what applicants write.
    #[error(
        "This database keeps text in {0}, which lacks most scripts. Create it again with createdb --encoding=UTF8 --template=template0"
    )]
    Encoding(String),
}

/// Why a database is not migrated.
#[derive(Debug, thiserror::Error)]
pub enum NotMigrated {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The database is unsuitable, and trying again cannot help.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
}

impl NotMigrated {
    /// Returns whether the database is unavailable for now, so that trying again can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Database(error) if is_unavailable(error))
    }
}

/// Which of this program's migrations a database has.
#[derive(Debug, PartialEq, Eq)]
pub enum Migrations {
    /// All of them have run. This is their number.
    All(usize),
    /// None has run.
    None,
    /// This many have not run.
    Missing(usize),
    /// Some that ran are unknown: a newer program has migrated it.
    FromNewer,
    /// All that ran are unknown: the tables belong to another program.
    OtherProgram,
    /// One that ran differs from this program's.
    Changed,
}

impl Migrations {
    fn compare(applied: &[AppliedMigration]) -> Self {
        let known = |ran: &AppliedMigration| MIGRATOR.iter().find(|known| known.version == ran.version);
        let pairs: Vec<(&AppliedMigration, &Migration)> =
            applied.iter().filter_map(|ran| Some((ran, known(ran)?))).collect();
        let all = MIGRATOR.iter().count();
        if applied.is_empty() {
            Self::None
        } else if pairs.is_empty() {
            Self::OtherProgram
        } else if pairs.len() < applied.len() {
            Self::FromNewer
        } else if pairs.iter().any(|(ran, known)| ran.checksum != known.checksum) {
            Self::Changed
        } else if pairs.len() < all {
            Self::Missing(all - pairs.len())
        } else {
            Self::All(all)
        }
    }

    /// Returns an error unless the database is the site's and up to date.
    fn check(&self) -> Result<(), Unsuitable> {
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

/// Compares the migrations that ran with this program's.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn migrations(connection: &mut PgConnection) -> sqlx::Result<Migrations> {
    let table: Option<String> = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    let Some(table) = table else {
        return Ok(Migrations::None);
    };
    let applied = connection.list_applied_migrations(&table).await;
    Ok(Migrations::compare(&applied.map_err(database_error)?))
}

/// Runs the missing migrations. Several starts at once take turns.
///
/// # Errors
/// Returns an error if the database is unavailable or unsuitable.
pub async fn migrate(pool: &Pool) -> Result<(), NotMigrated> {
    let mut transaction = pool.transaction().await?;
    check_encoding(&mut transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    match migrations(&mut transaction).await?.check() {
        Err(Unsuitable::Empty | Unsuitable::Behind) => {}
        checked => return Ok(checked?),
    }
    // `run` cannot be called from a task that may move between threads.
    let run = MIGRATOR.run_direct(None, &mut *transaction, false).await;
    run.map_err(database_error)?;
    Ok(transaction.end().await?)
}

/// Checks that a database is the site's and up to date. Changes nothing.
///
/// # Errors
/// Returns an error if the database is unavailable or unsuitable.
pub async fn check(pool: &Pool) -> Result<(), NotMigrated> {
    let mut session = pool.session().await?;
    migrations(&mut session).await?.check()?;
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

/// Returns the database's own error below an error of the migrator, if there is one.
fn database_error(error: MigrateError) -> sqlx::Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
        other => sqlx::Error::Migrate(Box::new(other)),
    }
}

/// Returns when the server in use is replaced. A server that lost its power sends no error.
async fn replaced(pool: &Pool) {
    let mut since = pool.server_since();
    if since.is_none() {
        pool.moved_since(None).await;
        since = pool.server_since();
    }
    pool.moved_since(since).await;
}

/// Runs the missing migrations, and retries while the database is unavailable. Logs that once.
///
/// # Errors
/// Returns an error if trying again cannot help.
pub async fn migrate_with_retries(pool: &Pool) -> Result<(), NotMigrated> {
    let mut is_logged = false;
    loop {
        let migrated = tokio::select! {
            migrated = migrate(pool) => migrated,
            () = replaced(pool) => Err(sqlx::Error::Io(ErrorKind::ConnectionAborted.into()).into()),
        };
        match migrated {
            Err(error) if error.is_unavailable() => {
                if !std::mem::replace(&mut is_logged, true) {
                    tracing::warn!(%error, "database unavailable; serving pages while migrations are retried");
                }
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            other => return other,
        }
    }
}
