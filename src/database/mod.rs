//! The database: a server of the operator's, or the site's own. Either way PostgreSQL, brought up
//! to date before it is used.

pub mod embedded;
mod inspection;
mod migration;
mod pool;
mod reserved;

use std::path::Path;
use std::time::Duration;

use embedded::{First, Keeper};
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};

use crate::settings::DatabaseChoice;
pub use inspection::{Inspection, Migrations, inspect, migrations};
pub use migration::{MIGRATOR, migrate, migrate_when_it_answers};
pub use pool::{Pool, Session, is_away, within};
pub use reserved::Reserved;

/// The oldest major version of PostgreSQL that will do: still supported by its makers when this was written.
pub const OLDEST: u32 = 14;

/// Connections of the pool of one process, beside those that were reserved. Well below PostgreSQL's default of 100,
/// so that several instances and an operator's psql fit beside each other.
const CONNECTIONS: u32 = 16;

/// How long a request waits for a connection before it says that the database is away.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// How long an orderly end waits for queries under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A pool, with the server it talks to where that is our own.
pub struct Database {
    /// Connections.
    pub pool: Pool,
    server: Option<Keeper>,
}

impl Database {
    /// The way to the database, starting the embedded server if that is the choice. Nothing is
    /// connected yet: a site can serve its pages while the server is away, its own too.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn at(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        Self::reach(choice, First::MayWait).await
    }

    async fn reach(choice: &DatabaseChoice, first: First) -> anyhow::Result<Self> {
        let (options, is_pooled, server) = match choice {
            DatabaseChoice::Url { options, is_pooled } => ((**options).clone(), *is_pooled, None),
            DatabaseChoice::Embedded(home) => {
                let (socket, server) = Keeper::start(home, first).await?;
                (options(&socket), false, Some(server))
            }
        };
        Ok(Self {
            pool: Pool::new(pool_options().connect_lazy_with(options), is_pooled),
            server,
        })
    }

    /// As [`Self::at`], connected and brought up to date.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        let database = Self::reach(choice, First::MustRun).await?;
        migrate(&database.pool).await.map_err(not_up_to_date)?;
        Ok(database)
    }

    /// As [`Self::open`], for a command: a server that a running site has up is used as it is.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open_or_create_beside(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        Self::open(&beside(choice)).await
    }

    /// As [`Self::open_or_create_beside`], for a command that reads: where there is no database, a
    /// new and empty one would be a wrong answer.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open_beside(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        if let DatabaseChoice::Embedded(home) = choice {
            let is_there = home.join("postgres").is_dir();
            anyhow::ensure!(
                is_there,
                "There is no database in {}; see NPOC_DATA_DIR and DATABASE_URL",
                home.display()
            );
        }
        Self::open_or_create_beside(choice).await
    }

    /// Closes the connections, then stops the server where it is ours.
    pub async fn close(self) {
        // A query that hangs must not keep the process from ending.
        drop(tokio::time::timeout(CLOSE_LIMIT, self.pool.close()).await);
        if let Some(server) = self.server {
            drop(tokio::task::spawn_blocking(move || server.stop()).await);
        }
    }
}

/// The server that a running site has up, where it is an embedded one; else the choice as it is.
#[must_use]
pub fn beside(choice: &DatabaseChoice) -> DatabaseChoice {
    let running = match choice {
        DatabaseChoice::Embedded(home) => embedded::running(home),
        DatabaseChoice::Url { .. } => None,
    };
    running.map_or_else(
        || choice.clone(),
        |socket| DatabaseChoice::Url {
            options: Box::new(options(&socket)),
            is_pooled: false,
        },
    )
}

/// Why the database cannot be used, for the operator.
#[must_use]
pub fn not_up_to_date(error: sqlx::Error) -> anyhow::Error {
    if matches!(&error, sqlx::Error::Migrate(why) if matches!(**why, MigrateError::VersionMissing(_))) {
        return anyhow::Error::new(FromNewer);
    }
    let sentence = if is_away(&error) {
        "The database does not answer; see DATABASE_URL"
    } else {
        "The database cannot be brought up to date"
    };
    anyhow::Error::from(error).context(sentence)
}

/// A newer program has changed the database. To start this one again cannot help.
#[derive(Debug, thiserror::Error)]
#[error("A newer npoc has changed this database; install that version again, or restore a backup from before")]
pub struct FromNewer;

/// Without the pool's own test before a connection is used, which waits without end.
fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_LIMIT)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_usable(connection)))
        .after_release(|connection, _| Box::pin(is_usable(connection)))
}

async fn is_usable(connection: &mut PgConnection) -> sqlx::Result<bool> {
    pool::answers(connection).await.map(|()| true)
}

/// How to reach an embedded server: only through its socket, whatever the environment says of other servers.
#[must_use]
pub fn options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .port(5432)
        .socket(socket_dir)
        .username(embedded::USER)
        .password("")
        .database(embedded::DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .application_name("npoc")
}
