//! What the site sets on each connection, whatever the server, the role or the database has for a default.

use sqlx::{Executor as _, PgConnection};

/// Migrations hold a backslash in a string. Storing relies on what another transaction has just committed.
macro_rules! defaults {
    ($set:literal) => {
        concat!(
            $set,
            " standard_conforming_strings = on; ",
            $set,
            " default_transaction_isolation = 'read committed'; "
        )
    };
}

/// A commit is on the disk, and on a synchronous standby where there is one, before the site relies on it. A stronger setting stays.
macro_rules! synchronous {
    ($is_local:literal) => {
        concat!(
            "SELECT set_config('synchronous_commit', 'on', ",
            $is_local,
            ") WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
        )
    };
}

/// Ends our commits that wait for a standby although nobody waits for them any more: the site gives up after seconds, and
/// the server would keep each connection until the standby is back. Their rows are committed here and not there, so a
/// receipt for one still waits for the standby.
const END_ABANDONED: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = session_user AND datname = current_database() AND wait_event = 'SyncRep'
        AND application_name = current_setting('application_name') AND application_name <> ''
        AND state_change < clock_timestamp() - interval '10 seconds' AND pid <> pg_backend_pid()";

/// What the server ends by itself for a connection that stores: a wait for what another transaction holds, and a statement
/// whose client has been gone for seconds.
macro_rules! limits {
    ($set:literal) => {
        concat!(
            $set,
            " lock_timeout = '250ms'; ",
            $set,
            " statement_timeout = '3s'; ",
            $set,
            " idle_in_transaction_session_timeout = '3s'"
        )
    };
}

macro_rules! begin {
    () => {
        "BEGIN ISOLATION LEVEL READ COMMITTED; DEALLOCATE ALL; SET LOCAL standard_conforming_strings = on; "
    };
}

/// Begins a transaction through a pooler, where a setting may not outlive its transaction, and where others of us may have
/// prepared statements by names that come again.
pub(super) const BEGIN_POOLED: &str = concat!(begin!(), synchronous!("true"));

/// As [`BEGIN_POOLED`], to store.
pub(super) const BEGIN_POOLED_TO_STORE: &str = concat!(begin!(), limits!("SET LOCAL"), "; ", synchronous!("true"));

/// Prepares a connection of the pool.
///
/// # Errors
/// The database's error.
pub(super) async fn prepare(connection: &mut PgConnection) -> sqlx::Result<()> {
    let prelude = concat!(defaults!("SET"), synchronous!("false"));
    connection.execute(sqlx::raw_sql(prelude)).await?;
    end_abandoned(connection).await;
    Ok(())
}

/// Prepares a connection that stores. The same few statements come again and again, so they are planned once.
///
/// # Errors
/// The database's error.
pub(super) async fn prepare_to_store(connection: &mut PgConnection) -> sqlx::Result<()> {
    let prelude = concat!(
        "SET plan_cache_mode = force_generic_plan; ",
        defaults!("SET"),
        limits!("SET"),
        "; ",
        synchronous!("false")
    );
    connection.execute(sqlx::raw_sql(prelude)).await?;
    end_abandoned(connection).await;
    Ok(())
}

/// Ends our commits that nobody waits for any more. A role that may not end any goes without.
pub(super) async fn end_abandoned(connection: &mut PgConnection) {
    if let Err(error) = connection.execute(sqlx::raw_sql(END_ABANDONED)).await {
        tracing::debug!(%error, "abandoned commits were not ended");
    }
}

/// Returns when all that this connection can see is on the synchronous standby, where there is one. A commit that waits for
/// the standby becomes visible when its wait is broken off, so seeing a row does not mean that the standby has it.
///
/// # Errors
/// The database's error.
pub async fn confirm(connection: &mut PgConnection) -> sqlx::Result<()> {
    let message = "SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
        THEN pg_logical_emit_message(true, 'npoc', '')::text END";
    connection.execute(sqlx::raw_sql(message)).await.map(drop)
}
