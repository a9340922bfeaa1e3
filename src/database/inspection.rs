//! What a database is like, before anybody relies on it. Changes nothing.

use sqlx::migrate::Migrate as _;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;

use super::OLDEST;
use super::migration::{MIGRATOR, cause};

/// A server and what we may do there.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself")]
pub struct Inspection {
    /// Such as `15.14 (Debian 15.14-0+deb12u1)`.
    pub version: String,
    /// Whether it is recent enough.
    pub will_do: bool,
    /// Whether it keeps text in every script.
    pub is_utf8: bool,
    /// Whether it is a copy that only reads.
    pub is_standby: bool,
    /// Whether it takes no changes from us: it is one, or its operator has said so.
    pub is_read_only: bool,
    /// Whether we may make tables.
    pub may_create: bool,
    /// Whether we may store in those that are there.
    pub may_store: bool,
    /// What it takes the time for.
    pub now: OffsetDateTime,
}

/// Looks at a server.
///
/// # Errors
/// The database's.
pub async fn inspect(connection: &mut PgConnection) -> sqlx::Result<Inspection> {
    // Not checked at compile time: what is asked for is no table of ours.
    let row = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
            current_setting('server_encoding') = 'UTF8' AS is_utf8, pg_is_in_recovery() AS is_standby,
            current_setting('transaction_read_only')::boolean AS is_read_only,
            coalesce(has_table_privilege(to_regclass('applications'), 'INSERT')
                AND has_table_privilege(to_regclass('outbox'), 'INSERT, UPDATE'), true) AS may_store,
            coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create, clock_timestamp() AS now",
    )
    .fetch_one(connection)
    .await?;
    Ok(Inspection {
        version: row.try_get("version")?,
        will_do: u32::try_from(row.try_get::<i32, _>("number")?).is_ok_and(|number| number / 10_000 >= OLDEST),
        is_utf8: row.try_get("is_utf8")?,
        is_standby: row.try_get("is_standby")?,
        is_read_only: row.try_get("is_read_only")?,
        may_store: row.try_get("may_store")?,
        may_create: row.try_get("may_create")?,
        now: row.try_get("now")?,
    })
}

/// How a database stands to the migrations of this program.
#[derive(Debug, PartialEq, Eq)]
pub enum Migrations {
    /// It has all of them, so many.
    All(usize),
    /// It has none.
    None,
    /// So many are still to be run.
    Missing(usize),
    /// It has some that this program does not know: a newer one was here.
    FromNewer,
    /// One ran with other words than this program has.
    Changed,
}

/// Compares what has run with what this program has.
///
/// # Errors
/// The database's.
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
    if applied.iter().any(|applied| known(applied.version).is_none()) {
        return Ok(Migrations::FromNewer);
    }
    let is_changed =
        |ran: &sqlx::migrate::AppliedMigration| known(ran.version).is_some_and(|own| own.checksum != ran.checksum);
    if applied.iter().any(is_changed) {
        return Ok(Migrations::Changed);
    }
    let all = MIGRATOR.iter().count();
    Ok(match all - applied.len() {
        0 => Migrations::All(all),
        missing => Migrations::Missing(missing),
    })
}
