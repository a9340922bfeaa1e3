//! The database: a server of the operator's, or the site's own. Either way PostgreSQL, brought up
//! to date before it is used.

mod address;
mod availability;
mod dedicated;
pub mod embedded;
mod inspection;
mod migration;
mod pool;
mod prelude;
mod primary;

use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded::{First, Keeper};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

pub use address::{AddressError, DatabaseAddress};
pub use availability::{is_out_of_connections, is_unavailable, within};
pub use dedicated::{DedicatedConnection, Opened};
pub use inspection::{HostAnswer, HostInspection, Inspection, Migrations, inspect, inspect_hosts, migrations};
pub use migration::{MIGRATOR, NotMigrated, Unsuitable, check, migrate, migrate_when_it_answers};
pub use pool::{Pool, Session};
pub use prelude::confirm;
pub use primary::HostRole;

/// The oldest major version of PostgreSQL that will do: still supported by its makers when this was written.
pub const OLDEST: u32 = 14;

/// Connections that store, which are not the pool's: one statement is prepared while another is committed. More would each
/// hold fewer applications.
pub const DEDICATED_CONNECTIONS: u32 = 2;

/// Connections of one process, unless a setting says otherwise. Well below PostgreSQL's default of 100, so that several
/// instances and an operator's psql fit beside each other.
pub const CONNECTIONS: u32 = 18;

/// Connections that a site leaves to commands at a terminal, where it has few.
const OF_TERMINAL: u32 = 1;

/// Connections of a command, of which those that store are never opened.
pub const COMMAND_CONNECTIONS: u32 = DEDICATED_CONNECTIONS + OF_TERMINAL;

/// How long the server may take to say what it is like.
const ADAPT_LIMIT: Duration = Duration::from_secs(5);

/// How long an orderly end waits for queries under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Where applications are kept.
#[derive(Clone, Debug)]
pub enum DatabaseChoice {
    /// A server of the operator's, or several.
    Url(Box<DatabaseAddress>),
    /// The site's own, below this directory.
    Embedded(PathBuf),
}

/// A pool, with the server it talks to where that is our own.
pub struct Database {
    /// Connections.
    pub pool: Pool,
    server: Option<Keeper>,
}

impl Database {
    /// Makes the way to the database, of at most `connections`, and starts the embedded server if that is the choice. Nothing is
    /// connected yet: a site can serve its pages while the server is away, its own too.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn at(choice: &DatabaseChoice, connections: u32) -> anyhow::Result<Self> {
        Self::reach(choice, connections, First::MayWait).await
    }

    async fn reach(choice: &DatabaseChoice, connections: u32, first: First) -> anyhow::Result<Self> {
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

    /// Opens the database for a command that brings it up to date. A server that a running site has up is used as it is.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open_and_migrate(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        let database = Self::reach(&running_or_configured(choice), COMMAND_CONNECTIONS, First::MustRun).await?;
        migrate(&database.pool).await.map_err(not_up_to_date)?;
        Ok(database)
    }

    /// Opens the database for a command that needs it as it is: its tables are neither made nor changed.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn open(choice: &DatabaseChoice) -> anyhow::Result<Self> {
        if let DatabaseChoice::Embedded(home) = choice {
            let is_there = home.join("postgres/PG_VERSION").is_file();
            anyhow::ensure!(
                is_there,
                "There is no database in {}; see NPOC_DATA_DIR and DATABASE_URL",
                home.display()
            );
        }
        let database = Self::reach(&running_or_configured(choice), COMMAND_CONNECTIONS, First::MustRun).await?;
        check(&database.pool).await.map_err(not_up_to_date)?;
        Ok(database)
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
pub fn not_up_to_date(error: NotMigrated) -> anyhow::Error {
    match error {
        NotMigrated::Unsuitable(why) => why.into(),
        NotMigrated::Database(error) if is_unavailable(&error) => {
            anyhow::Error::from(error).context("The database does not answer; see DATABASE_URL")
        }
        NotMigrated::Database(error) => anyhow::Error::from(error).context("The database cannot be used"),
    }
}

/// Takes no more connections than the server leaves to the site, and logs what about the server may cost applications.
pub async fn adapt(pool: &Pool) {
    let inspecting = async {
        let mut session = pool.session().await?;
        let inspection = inspect(&mut session).await?;
        session.end().await?;
        Ok(inspection)
    };
    let inspected = within(ADAPT_LIMIT, inspecting).await;
    let limit = inspected.as_ref().ok().and_then(|found| found.connection_limit);
    share(pool, limit.and_then(|limit| u32::try_from(limit).ok()));
    if let Ok(inspection) = inspected {
        warn(&inspection);
    }
}

/// Those that store come first, then the rest of the site, which needs one, then commands.
fn share(pool: &Pool, limit: Option<u32>) {
    let limit = limit.unwrap_or(u32::MAX);
    let storing = if limit > DEDICATED_CONNECTIONS + OF_TERMINAL {
        DEDICATED_CONNECTIONS
    } else {
        1
    };
    pool.shrink_to(limit.saturating_sub(storing + OF_TERMINAL));
    pool.let_store(storing);
}

fn warn(inspection: &Inspection) {
    if !inspection.not_durable.is_empty() {
        let settings = inspection.not_durable.join(", ");
        tracing::warn!(
            settings,
            "a crash of the database may cost stored applications; see npoc doctor"
        );
    }
    if inspection.collation_changed {
        tracing::warn!("the collation of the database has changed; see npoc doctor");
    }
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
        .application_name(address::APPLICATION_NAME)
}
