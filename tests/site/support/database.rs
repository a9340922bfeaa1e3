//! One server for all tests, one database for each test, copied from a migrated template.
//!
//! Databases and not schemas, because advisory locks belong to a database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use npoc::database::embedded::{Durability, Embedded};
use npoc::database::{MIGRATOR, options};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::OnceCell;

use super::process::TIMEOUT;

/// The server. It ends with the process, and its files are removed then.
static SERVER: OnceLock<Embedded> = OnceLock::new();
/// The clause for copying the template, see [`copy_strategy`].
static TEMPLATE: OnceCell<&str> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Returns a pool for a new migrated database.
pub async fn fresh() -> PgPool {
    PgPoolOptions::new()
        .max_connections(8)
        .connect_with(fresh_options().await)
        .await
        .unwrap()
}

/// Moves the reports back until the report of the last day is due. A day ends ten minutes after midnight.
pub const REPORT_IS_DUE: &str = "UPDATE reports SET day = day - (SELECT max(day) FROM reports)
    + ((now() - interval '10 minutes') AT TIME ZONE 'UTC')::date - 2";

/// Returns the connection options of a new migrated database.
pub async fn fresh_options() -> PgConnectOptions {
    let copying = TEMPLATE.get_or_init(make_template).await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(format!("CREATE DATABASE {name} TEMPLATE site_template{copying}")).await;
    server().database(&name)
}

/// Returns the connection options of a new empty database.
pub async fn empty_options() -> PgConnectOptions {
    let name = format!("empty_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(format!("CREATE DATABASE {name}")).await;
    server().database(&name)
}

/// Returns the address of a database for `DATABASE_URL`.
pub fn url(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().unwrap().display().to_string();
    format!(
        "postgres:///{}?host={socket}&user={}",
        options.get_database().unwrap(),
        options.get_username()
    )
}

/// Creates the template. Returns the clause for copying it.
async fn make_template() -> &'static str {
    admin("CREATE DATABASE site_template".into()).await;
    let mut connection = PgConnection::connect_with(&server().database("site_template"))
        .await
        .unwrap();
    MIGRATOR.run(&mut connection).await.unwrap();
    let version = connection.server_version_num().unwrap();
    connection.close().await.unwrap();
    admin("ALTER DATABASE site_template WITH IS_TEMPLATE true ALLOW_CONNECTIONS false".into()).await;
    copy_strategy(version)
}

/// Returns the clause that makes the server copy files: without fsync, that is faster than the WAL. PostgreSQL 14 has no
/// such clause and always copies files.
fn copy_strategy(version: u32) -> &'static str {
    if version >= 150_000 { " STRATEGY FILE_COPY" } else { "" }
}

async fn admin(statement: String) {
    let mut connection = PgConnection::connect_with(&server().database("postgres"))
        .await
        .unwrap();
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn server() -> PgConnectOptions {
    options(embedded().socket_dir())
}

fn embedded() -> &'static Embedded {
    SERVER.get_or_init(|| {
        // On its own thread, because starting blocks and belongs to no runtime of a test.
        std::thread::spawn(|| Embedded::start(&home(), Durability::Disposable).unwrap())
            .join()
            .unwrap()
    })
}

/// Returns the path of a PostgreSQL program in the version of the server. `pg_dump` from PATH may be older, and would
/// reject the server.
pub fn program(name: &str) -> PathBuf {
    embedded().program(name)
}

/// Returns a directory in memory if there is enough room: all databases together need three gigabytes.
fn home() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if has_room(&memory) {
        memory
    } else {
        std::env::temp_dir()
    };
    parent.join(format!("npoc-tests-{}", std::process::id()))
}

/// Whether a directory has four free gigabytes, from POSIX `df`.
fn has_room(directory: &Path) -> bool {
    let output = Command::new("df").arg("-Pk").arg(directory).output();
    let output = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let free = output
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3))
        .map(str::parse::<u64>);
    matches!(free, Some(Ok(kibibytes)) if kibibytes >= 4 * 1024 * 1024)
}

/// Closes every connection to a database and rejects new ones.
pub async fn take_away(pool: &PgPool) {
    let options = pool.connect_options();
    let name = options.get_database().unwrap();
    admin(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
    admin(format!(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{name}'"
    ))
    .await;
}

/// Locks the table of applications until the transaction ends.
pub async fn lock_applications(pool: &PgPool) -> Transaction<'static, Postgres> {
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE applications")
        .execute(&mut *lock)
        .await
        .unwrap();
    lock
}

/// Waits until a statement waits for a lock.
pub async fn await_blocked(pool: &PgPool) {
    let blocked =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    let waiting = async {
        while !sqlx::query_scalar::<_, bool>(blocked).fetch_one(pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting).await.unwrap();
}

/// Copies a database to another server with `pg_dump` and `pg_restore`.
pub fn copy(name: &str, from: &Path, to: &Path) {
    let script = "set -e
        \"$createdb\" -h \"$3\" -U npoc \"$1\"
        \"$pg_dump\" -Fc -h \"$2\" -U npoc \"$1\" | \"$pg_restore\" --no-owner --exit-on-error -h \"$3\" -U npoc -d \"$1\"";
    let mut copying = Command::new("bash");
    copying
        .args(["-o", "pipefail", "-c", script, "copy", name])
        .args([from, to])
        .envs(["createdb", "pg_dump", "pg_restore"].map(|name| (name, program(name))));
    assert!(copying.status().unwrap().success());
}
