//! What a database is like, before anybody relies on it. Changes nothing.

use sqlx::migrate::Migrate as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, Row as _};
use time::OffsetDateTime;

use super::OLDEST;
use super::availability::within;
use super::migration::{MIGRATOR, cause};
use super::primary::{ASK_LIMIT, timeline};

/// From which version on a database remembers the version of its collation.
const COLLATION_VERSIONS: i32 = 150_000;

/// A server and what we may do there.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself")]
pub struct Inspection {
    /// Such as `15.14 (Debian 15.14-0+deb12u1)`.
    pub version: String,
    /// Whether it is recent enough.
    pub is_supported: bool,
    /// How it keeps text, such as `UTF8`.
    pub encoding: String,
    /// Whether it is a copy that only reads.
    pub is_standby: bool,
    /// Whether it takes no changes from us: it is a standby, or its operator has said so.
    pub is_read_only: bool,
    /// Whether we may make tables.
    pub may_create: bool,
    /// Whether we may store in those that are there.
    pub may_store: bool,
    /// What it takes the time for.
    pub now: OffsetDateTime,
    /// Settings by which a crash of the machine may cost what was stored, as `name=value`.
    pub not_durable: Vec<String>,
    /// Whether the system sorts text in another way than when the database was made.
    pub collation_changed: bool,
    /// How many connections this user may have, where that is limited.
    pub connection_limit: Option<i32>,
}

/// Looks at a server.
///
/// # Errors
/// The database's error.
pub async fn inspect(connection: &mut PgConnection) -> sqlx::Result<Inspection> {
    // Not checked at compile time: what is asked for is no table of ours. A list of privileges asks for any of them.
    let row = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
            current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby,
            current_setting('transaction_read_only')::boolean AS is_read_only,
            coalesce(has_table_privilege(to_regclass('applications'), 'INSERT')
                AND has_table_privilege(to_regclass('applications'), 'SELECT')
                AND has_table_privilege(to_regclass('application_history'), 'INSERT')
                AND has_table_privilege(to_regclass('outbox'), 'INSERT')
                AND has_table_privilege(to_regclass('outbox'), 'SELECT')
                AND has_table_privilege(to_regclass('outbox'), 'UPDATE'), true) AS may_store,
            coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create, clock_timestamp() AS now,
            array_remove(ARRAY[
                CASE WHEN NOT current_setting('fsync')::boolean THEN 'fsync=off' END,
                CASE WHEN NOT current_setting('full_page_writes')::boolean THEN 'full_page_writes=off' END,
                (SELECT 'synchronous_commit=' || reset_val FROM pg_settings WHERE name = 'synchronous_commit'
                    AND reset_val NOT IN ('on', 'remote_apply'))
            ], NULL) AS not_durable,
            (SELECT least(nullif(rolconnlimit, -1), nullif(datconnlimit, -1)) FROM pg_roles, pg_database
                WHERE rolname = session_user AND datname = current_database() AND NOT rolsuper) AS connection_limit",
    )
    .fetch_one(&mut *connection)
    .await?;
    let number: i32 = row.try_get("number")?;
    Ok(Inspection {
        version: row.try_get("version")?,
        is_supported: u32::try_from(number).is_ok_and(|number| number / 10_000 >= OLDEST),
        encoding: row.try_get("encoding")?,
        is_standby: row.try_get("is_standby")?,
        is_read_only: row.try_get("is_read_only")?,
        may_store: row.try_get("may_store")?,
        may_create: row.try_get("may_create")?,
        now: row.try_get("now")?,
        not_durable: row.try_get("not_durable")?,
        collation_changed: number >= COLLATION_VERSIONS && collation_changed(connection).await?,
        connection_limit: row.try_get("connection_limit")?,
    })
}

async fn collation_changed(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let question = "SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
            AND datcollversion IS NOT NULL
        FROM pg_database WHERE datname = current_database()";
    sqlx::query_scalar(question).fetch_one(connection).await
}

/// One of several servers.
#[derive(Clone, Debug)]
pub struct HostInspection {
    /// Its name, with its port.
    pub name: String,
    /// What it is like, or why it cannot be asked.
    pub answer: Result<HostAnswer, String>,
}

/// What one of several servers says of itself.
#[derive(Clone, Debug)]
pub struct HostAnswer {
    /// Such as `15.14`.
    pub version: String,
    /// Which cluster it belongs to: the same for a primary and its standbys.
    pub cluster: i64,
    /// Whether it only reads.
    pub is_read_only: bool,
    /// Counts promotions; of one that takes writes.
    pub timeline: Option<i32>,
    /// How far a standby is behind, in seconds, since it last replayed a commit; 0 where it has replayed all that it received.
    pub behind: Option<f64>,
    /// Of a primary: the standbys that a commit waits for, as they are set.
    pub synchronous: String,
    /// How many of these are there; none where we may not see that.
    pub synchronous_standbys: Option<i64>,
}

impl HostInspection {
    /// Returns whether the server answers and takes writes.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| !answer.is_read_only)
    }
}

/// Looks at each of several servers.
pub async fn inspect_hosts(hosts: &[PgConnectOptions]) -> Vec<HostInspection> {
    let asked = hosts.iter().map(|host| async move {
        let answer = within(ASK_LIMIT, inspect_host(host)).await;
        HostInspection {
            name: format!("{}:{}", host.get_host(), host.get_port()),
            answer: answer.map_err(|error| crate::error_chain(&error)),
        }
    });
    futures_util::future::join_all(asked).await
}

async fn inspect_host(host: &PgConnectOptions) -> sqlx::Result<HostAnswer> {
    let mut connection = PgConnection::connect_with(host).await?;
    let row = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('transaction_read_only')::boolean AS is_read_only,
            (SELECT system_identifier FROM pg_control_system()) AS cluster,
            CASE WHEN NOT pg_is_in_recovery() THEN NULL
                WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END::double precision AS behind,
            current_setting('synchronous_standby_names') AS synchronous,
            CASE WHEN pg_has_role('pg_monitor', 'USAGE') THEN (SELECT count(*) FROM pg_stat_replication
                WHERE sync_state IN ('sync', 'quorum')) END AS synchronous_standbys",
    )
    .fetch_one(&mut connection)
    .await?;
    let is_read_only = row.try_get("is_read_only")?;
    Ok(HostAnswer {
        version: row.try_get("version")?,
        cluster: row.try_get("cluster")?,
        is_read_only,
        timeline: if is_read_only {
            None
        } else {
            timeline(&mut connection).await.ok()
        },
        behind: row.try_get("behind")?,
        synchronous: row.try_get("synchronous")?,
        synchronous_standbys: row.try_get("synchronous_standbys")?,
    })
}

/// How a database stands to the migrations of this program.
#[derive(Debug, PartialEq, Eq)]
pub enum Migrations {
    /// All of them have run; this is their number.
    All(usize),
    /// It has none.
    None,
    /// This many are still to be run.
    Missing(usize),
    /// It has some that this program does not know: a newer one was here.
    FromNewer,
    /// It has some, and none of ours: another program keeps its tables there.
    OtherProgram,
    /// One ran with other words than this program has.
    Changed,
}

/// Compares what has run with what this program has.
///
/// # Errors
/// The database's error.
pub async fn migrations(connection: &mut PgConnection) -> sqlx::Result<Migrations> {
    let table: Option<String> = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    let Some(table) = table else {
        return Ok(Migrations::None);
    };
    let applied = connection.list_applied_migrations(&table).await;
    let applied = applied.map_err(cause)?;
    let known = |version| MIGRATOR.iter().find(|migration| migration.version == version);
    let (ours, others): (Vec<_>, Vec<_>) = applied.iter().partition(|applied| known(applied.version).is_some());
    let is_changed =
        |ran: &&&sqlx::migrate::AppliedMigration| known(ran.version).is_some_and(|own| own.checksum != ran.checksum);
    let all = MIGRATOR.iter().count();
    Ok(match (ours.len(), others.len()) {
        (0, 0) => Migrations::None,
        (0, _) => Migrations::OtherProgram,
        (_, 1..) => Migrations::FromNewer,
        _ if ours.iter().find(is_changed).is_some() => Migrations::Changed,
        (ran, _) if ran < all => Migrations::Missing(all - ran),
        _ => Migrations::All(all),
    })
}
