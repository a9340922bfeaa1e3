//! The database: a server of the operator's, or the site's own. Either way PostgreSQL, brought up
//! to date before it is used.

pub mod embedded;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use embedded::{Durability, Embedded};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::settings::DatabaseChoice;

/// Every migration, carried by the binary.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Connections of one process. Well below PostgreSQL's default of 100, so that several instances
/// and an operator's psql fit beside each other.
const CONNECTIONS: u32 = 16;

/// How long a request waits for a connection before it says that the database is away.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// How long an orderly end waits for queries under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A pool, with the server it talks to where that is our own.
pub struct Database {
    /// Connections.
    pub pool: PgPool,
    server: Option<Embedded>,
}

impl Database {
    /// Connects, starting the embedded server if that is the choice and none is up, and migrates.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        let (options, server) = match choice {
            DatabaseChoice::Url(options) => ((**options).clone(), None),
            DatabaseChoice::Embedded(home) => start(home).await?,
        };
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_with(options)
            .await
            .context("The database does not answer; see DATABASE_URL")?;
        // Under an advisory lock of the database, so two starts at once do no harm.
        MIGRATOR
            .run(&pool)
            .await
            .context("The database cannot be brought up to date")?;
        Ok(Self { pool, server })
    }

    /// As [`Self::open`], for a command: a server that a running site has up is used as it is.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open_or_create_beside(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        if let DatabaseChoice::Embedded(home) = choice
            && let Some(socket) = embedded::running(home)
        {
            return Self::open(&DatabaseChoice::Url(Box::new(options(&socket)))).await;
        }
        Self::open(choice).await
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

    /// Returns when the embedded server has ended by itself; never for a server that is not ours.
    pub async fn lost(&self) {
        let Some(server) = &self.server else {
            return std::future::pending().await;
        };
        let watch = server.watch();
        drop(tokio::task::spawn_blocking(move || watch.wait()).await);
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

async fn start(home: &Path) -> anyhow::Result<(PgConnectOptions, Option<Embedded>)> {
    let home: PathBuf = home.to_owned();
    let server = tokio::task::spawn_blocking(move || Embedded::start(&home, Durability::Full)).await??;
    Ok((options(server.socket_dir()), Some(server)))
}

/// How to reach an embedded server: only through its socket.
#[must_use]
pub fn options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .username(embedded::USER)
        .database(embedded::DATABASE)
}
