//! Inspects a database server before the site relies on it. Changes nothing.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, Row as _};
use time::OffsetDateTime;

use super::availability::within;
use super::embedded::OLDEST;
use super::primary::{ASK_LIMIT, timeline};

/// The first version that records the version of a database's collation.
const COLLATION_VERSIONS: i32 = 150_000;

/// The properties of a server, and our privileges there.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact")]
pub struct Inspection {
    /// Its version, such as `15.14 (Debian 15.14-0+deb12u1)`.
    pub version: String,
    /// Whether this version is supported.
    pub is_supported: bool,
    /// The encoding of its text, such as `UTF8`.
    pub encoding: String,
    /// Whether it is a standby.
    pub is_standby: bool,
    /// Whether it takes no writes: it is a standby, or a setting forbids them.
    pub is_read_only: bool,
    /// Whether we may create tables.
    pub may_create: bool,
    /// Whether we may write to the existing tables.
    pub may_store: bool,
    /// Its time.
    pub now: OffsetDateTime,
    /// Settings that may lose stored rows when the machine crashes, as `name=value`.
    pub not_durable: Vec<String>,
    /// Whether the operating system's sort order has changed since the database was created.
    pub collation_changed: bool,
    /// The connection limit of this user, if there is one.
    pub connection_limit: Option<i32>,
}

/// Inspects one server.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn inspect(connection: &mut PgConnection) -> sqlx::Result<Inspection> {
    // Not checked at compile time, since it reads system catalogs. A list of privileges would mean any of them.
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

/// The inspection of one of several servers.
#[derive(Clone, Debug)]
pub struct HostInspection {
    /// The host name and port.
    pub name: String,
    /// The server's answer, or why there is none.
    pub answer: Result<HostAnswer, String>,
}

/// What a server reports about itself.
#[derive(Clone, Debug)]
pub struct HostAnswer {
    /// Its version, such as `15.14`.
    pub version: String,
    /// The identifier of its cluster, which a primary and its standbys share.
    pub cluster: i64,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// The number of promotions, for a primary.
    pub timeline: Option<i32>,
    /// The replication lag of a standby, in seconds since the last replayed commit. It is 0 if everything received is replayed,
    /// and the standby is connected to its primary as far as we may see.
    pub behind: Option<f64>,
    /// The primary's setting `synchronous_standby_names`.
    pub synchronous: String,
    /// Its connected standbys, if we may see them.
    pub standbys: Option<Standbys>,
}

/// The standbys that are connected to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standbys {
    /// Those for which a commit waits.
    pub synchronous: i64,
    /// The others.
    pub asynchronous: i64,
}

impl HostInspection {
    /// Returns whether the server answers and takes writes.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| !answer.is_read_only)
    }
}

/// Inspects each of several servers.
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
                WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND (NOT pg_has_role('pg_monitor', 'USAGE')
                    OR EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')) THEN 0
                ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END::double precision AS behind,
            current_setting('synchronous_standby_names') AS synchronous",
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
        standbys: standbys(&mut connection).await?,
    })
}

/// Counts the standbys that are connected to this server. Returns `None` if its user may not see them.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn standbys(connection: &mut PgConnection) -> sqlx::Result<Option<Standbys>> {
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS synchronous,
            count(*) FILTER (WHERE sync_state IN ('async', 'potential')) AS asynchronous
        FROM pg_stat_replication WHERE state = 'streaming' HAVING pg_has_role('pg_monitor', 'USAGE')",
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Standbys {
            synchronous: row.try_get("synchronous")?,
            asynchronous: row.try_get("asynchronous")?,
        })
    })
    .transpose()
}
