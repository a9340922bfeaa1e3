//! One server for the run, one database for each test: databases, not schemas, since advisory
//! locks belong to a database. Migrated once, into a template.

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

use super::process::PATIENCE;

/// The server lives as long as the process: its lifeline removes it, and its files, afterwards.
static SERVER: OnceLock<Embedded> = OnceLock::new();
/// The clause by which the server copies the template; see [`copying_files`].
static TEMPLATE: OnceCell<&str> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A migrated database that nobody else uses.
pub async fn fresh() -> PgPool {
    PgPoolOptions::new()
        .max_connections(8)
        .connect_with(fresh_options().await)
        .await
        .unwrap()
}

/// How to reach a migrated database that nobody else uses.
pub async fn fresh_options() -> PgConnectOptions {
    let copying = TEMPLATE.get_or_init(make_template).await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(format!("CREATE DATABASE {name} TEMPLATE site_template{copying}")).await;
    server().database(&name)
}

/// A database without anything in it.
pub async fn empty_options() -> PgConnectOptions {
    let name = format!("empty_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(format!("CREATE DATABASE {name}")).await;
    server().database(&name)
}

/// The address by which a process of its own reaches a database.
pub fn url(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().unwrap().display().to_string();
    format!(
        "postgres:///{}?host={socket}&user={}",
        options.get_database().unwrap(),
        options.get_username()
    )
}

/// Makes the template, and returns how the server copies it.
async fn make_template() -> &'static str {
    admin("CREATE DATABASE site_template".into()).await;
    let mut connection = PgConnection::connect_with(&server().database("site_template"))
        .await
        .unwrap();
    MIGRATOR.run(&mut connection).await.unwrap();
    let version = connection.server_version_num().unwrap();
    connection.close().await.unwrap();
    admin("ALTER DATABASE site_template WITH IS_TEMPLATE true ALLOW_CONNECTIONS false".into()).await;
    copying_files(version)
}

/// The server copies the template's files, which takes less time than the write-ahead log where nothing waits for the
/// disk. PostgreSQL 14 always copies files and does not know the clause.
fn copying_files(version: u32) -> &'static str {
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
        // On a thread of its own: starting blocks, and belongs to no test's runtime.
        std::thread::spawn(|| Embedded::start(&home(), Durability::Disposable).unwrap())
            .join()
            .unwrap()
    })
}

/// One of PostgreSQL's programs, in the version of the servers that tests run against. PATH may have another one: a
/// `pg_dump` refuses a server that is newer than itself.
pub fn program(name: &str) -> PathBuf {
    embedded().program(name)
}

/// In memory where there is enough of it: a database for each test is three gigabytes in all.
fn home() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if has_room(&memory) {
        memory
    } else {
        std::env::temp_dir()
    };
    parent.join(format!("npoc-tests-{}", std::process::id()))
}

/// Whether four gigabytes are free there, as POSIX `df` says it.
fn has_room(directory: &Path) -> bool {
    let told = Command::new("df").arg("-Pk").arg(directory).output();
    let told = told
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let free = told
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3))
        .map(str::parse::<u64>);
    matches!(free, Some(Ok(kibibytes)) if kibibytes >= 4 * 1024 * 1024)
}

/// Ends every connection to a database, and lets nobody connect again.
pub async fn take_away(pool: &PgPool) {
    let options = pool.connect_options();
    let name = options.get_database().unwrap();
    admin(format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
    admin(format!(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{name}'"
    ))
    .await;
}

/// Lets nobody store an application until this is committed.
pub async fn lock_applications(pool: &PgPool) -> Transaction<'static, Postgres> {
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE applications")
        .execute(&mut *lock)
        .await
        .unwrap();
    lock
}

/// Returns when a statement waits for a lock.
pub async fn await_blocked(pool: &PgPool) {
    let blocked =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    let waiting = async {
        while !sqlx::query_scalar::<_, bool>(blocked).fetch_one(pool).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// Copies a database to another server, as a backup does, by PostgreSQL's own programs.
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
