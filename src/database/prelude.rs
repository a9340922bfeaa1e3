//! Session settings for each connection. They override the defaults of the server, the role and the database.

use sqlx::{Executor as _, PgConnection};

/// Migrations need a backslash in a string. Storing must see rows that another transaction has just committed.
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

/// Makes a commit wait for the disk, and for a synchronous standby if there is one. Keeps a stronger setting.
macro_rules! synchronous {
    ($is_local:literal) => {
        concat!(
            "SELECT set_config('synchronous_commit', 'on', ",
            $is_local,
            ") WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
        )
    };
}

/// Ends our abandoned commits that wait for a standby. The site gives up after seconds, but the server keeps each
/// connection until the standby is back. Their rows are committed only on the primary, so a receipt for one still waits
/// for the standby.
const END_ABANDONED: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = session_user AND datname = current_database() AND wait_event = 'SyncRep'
        AND application_name = current_setting('application_name') AND application_name <> ''
        AND state_change < clock_timestamp() - interval '10 seconds' AND pid <> pg_backend_pid()";

/// Time limits for a dedicated connection. The server ends a wait for a lock, and a statement whose client has been gone
/// for seconds.
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

/// Begins a transaction through a pooler. Its settings end with the transaction. `DEALLOCATE ALL` removes statements that
/// another process of ours may have prepared under the same names.
pub(super) const BEGIN_POOLED: &str = concat!(begin!(), synchronous!("true"));

/// Begins a transaction like [`BEGIN_POOLED`], with the time limits of a dedicated connection.
pub(super) const BEGIN_POOLED_TO_STORE: &str = concat!(begin!(), limits!("SET LOCAL"), "; ", synchronous!("true"));

/// Prepares a connection of the pool.
pub(super) async fn prepare(connection: &mut PgConnection) -> sqlx::Result<()> {
    let prelude = concat!(defaults!("SET"), synchronous!("false"));
    connection.execute(sqlx::raw_sql(prelude)).await?;
    end_abandoned(connection).await;
    Ok(())
}

/// Prepares a dedicated connection. It runs the same few statements, so they are planned once.
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

/// Ends our abandoned commits. Ignores the error if the role may not end any.
pub(super) async fn end_abandoned(connection: &mut PgConnection) {
    if let Err(error) = connection.execute(sqlx::raw_sql(END_ABANDONED)).await {
        tracing::debug!(%error, "abandoned commits not ended");
    }
}

/// Waits until the synchronous standby has everything that this connection can see, if there is a standby. A commit becomes
/// visible when its wait is canceled, so the standby may lack a visible row.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn confirm(connection: &mut PgConnection) -> sqlx::Result<()> {
    let message = "SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
        THEN pg_logical_emit_message(true, 'npoc', '')::text END";
    connection.execute(sqlx::raw_sql(message)).await.map(drop)
}
