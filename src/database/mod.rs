//! The database, always PostgreSQL: either the operator's server or the embedded one.

mod address;
mod availability;
mod dedicated;
pub mod embedded;
mod inspection;
mod migration;
mod pool;
mod prelude;
mod primary;
mod shared_pool;

use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded::{FirstStart, Keeper};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

pub use address::{AddressError, DatabaseAddress};
pub use availability::{is_out_of_connections, is_unavailable, within};
pub use dedicated::{DedicatedConnection, Opened};
pub use embedded::OLDEST;
pub use inspection::{HostAnswer, HostInspection, Inspection, Standbys, inspect, inspect_hosts, standbys};
pub use migration::{MIGRATOR, Migrations, NotMigrated, Unsuitable, check, migrate, migrate_with_retries, migrations};
pub use pool::{DEDICATED_CONNECTIONS, Pool, Session};
pub use prelude::confirm;
pub use primary::HostRole;

/// Connections that a running site leaves to commands.
const SPARE_CONNECTIONS: u32 = 1;

/// The number of connections of a command, which never opens the dedicated ones.
pub const COMMAND_CONNECTIONS: u32 = DEDICATED_CONNECTIONS + SPARE_CONNECTIONS;

/// How long the inspection of the server may take.
const INSPECT_LIMIT: Duration = Duration::from_secs(5);

/// How long closing the database waits for running queries.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// The database that the settings choose.
#[derive(Clone, Debug)]
pub enum DatabaseChoice {
    /// One or several servers of the operator's.
    Url(Box<DatabaseAddress>),
    /// The embedded database in this directory.
    Embedded(PathBuf),
}

/// A connection pool, and the embedded server if there is one.
pub struct Database {
    /// The connection pool.
    pub pool: Pool,
    server: Option<Keeper>,
}

impl Database {
    /// Prepares a pool of at most `connections`, and starts the embedded server if it is chosen. Does not wait for a
    /// connection, so a site can serve pages while the database is unavailable.
    ///
    /// # Errors
    /// Returns a sentence for the operator.
    pub async fn at(choice: &DatabaseChoice, connections: u32) -> anyhow::Result<Self> {
        Self::start(choice, connections, FirstStart::MayRetry).await
    }

    async fn start(choice: &DatabaseChoice, connections: u32, first: FirstStart) -> anyhow::Result<Self> {
        let (address, server) = match choice {
            DatabaseChoice::Url(address) => ((**address).clone(), None),
            DatabaseChoice::Embedded(home) => {
                let (socket, server) = Keeper::start(home, first).await?;
                (DatabaseAddress::of(options(&socket)), Some(server))
            }
        };
        Ok(Self {
            pool: Pool::at(&address, connections.saturating_sub(DEDICATED_CONNECTIONS).max(1)),
            server,
        })
    }

    async fn start_for_command(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        Self::start(
            &running_or_configured(choice),
            COMMAND_CONNECTIONS,
            FirstStart::MustSucceed,
        )
        .await
    }

    /// Opens and migrates the database for a command. Uses the embedded server of a running site if there is one.
    ///
    /// # Errors
    /// Returns a sentence for the operator.
    pub async fn open_and_migrate(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        let database = Self::start_for_command(choice).await?;
        migrate(&database.pool).await.map_err(explain)?;
        Ok(database)
    }

    /// Opens the database for a command. Creates and changes no tables.
    ///
    /// # Errors
    /// Returns a sentence for the operator.
    pub async fn open(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        if let DatabaseChoice::Embedded(home) = choice {
            let exists = home.join("postgres/PG_VERSION").is_file();
            anyhow::ensure!(
                exists,
                "There is no database in {}; see NPOC_DATA_DIR and DATABASE_URL",
                home.display()
            );
        }
        let database = Self::start_for_command(choice).await?;
        check(&database.pool).await.map_err(explain)?;
        Ok(database)
    }

    /// Closes the connections, then stops the embedded server.
    pub async fn close(self) {
        // A hanging query must not keep the process from ending.
        drop(tokio::time::timeout(CLOSE_LIMIT, self.pool.close()).await);
        if let Some(server) = self.server {
            drop(tokio::task::spawn_blocking(move || server.stop()).await);
        }
    }
}

/// Returns the embedded server of a running site if there is one, and the configured choice otherwise.
#[must_use]
pub fn running_or_configured(choice: &DatabaseChoice) -> DatabaseChoice {
    let running = match choice {
        DatabaseChoice::Embedded(home) => embedded::running(home),
        DatabaseChoice::Url(_) => None,
    };
    running.map_or_else(
        || choice.clone(),
        |socket| DatabaseChoice::Url(Box::new(DatabaseAddress::of(options(&socket)))),
    )
}

/// Explains to the operator why the database cannot be used.
#[must_use]
pub fn explain(error: NotMigrated) -> anyhow::Error {
    match error {
        NotMigrated::Unsuitable(why) => why.into(),
        NotMigrated::Database(error) if is_unavailable(&error) => {
            anyhow::Error::from(error).context("The database does not answer; see DATABASE_URL")
        }
        NotMigrated::Database(error) => anyhow::Error::from(error).context("The database cannot be used"),
    }
}

/// Adapts the pool to the server's connection limit, and warns about settings that may lose applications.
pub async fn adapt_to_server(pool: &Pool) {
    let inspecting = async {
        let mut session = pool.session().await?;
        let inspection = inspect(&mut session).await?;
        session.end().await?;
        Ok(inspection)
    };
    let inspected = within(INSPECT_LIMIT, inspecting).await;
    let limit = inspected.as_ref().ok().and_then(|found| found.connection_limit);
    share_connections(pool, limit.and_then(|limit| u32::try_from(limit).ok()));
    if let Ok(inspection) = inspected {
        warn(&inspection);
    }
}

/// Gives connections to storing first, then to the rest of the site, which needs one, then to commands.
fn share_connections(pool: &Pool, limit: Option<u32>) {
    let limit = limit.unwrap_or(u32::MAX);
    let dedicated = if limit > DEDICATED_CONNECTIONS + SPARE_CONNECTIONS {
        DEDICATED_CONNECTIONS
    } else {
        1
    };
    pool.shrink_to(limit.saturating_sub(dedicated + SPARE_CONNECTIONS));
    pool.allow_dedicated(dedicated);
}

fn warn(inspection: &Inspection) {
    if !inspection.not_durable.is_empty() {
        let settings = inspection.not_durable.join(", ");
        tracing::warn!(
            settings,
            "database may lose applications when its machine crashes; see npoc doctor"
        );
    }
    if inspection.collation_changed {
        tracing::warn!("database collation changed; see npoc doctor");
    }
}

/// Returns the connection options of an embedded server. They use only its socket, and ignore the environment.
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
        .application_name(address::APPLICATION_NAME)
}
