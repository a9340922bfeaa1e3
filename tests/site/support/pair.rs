//! Two PostgreSQL servers, a primary and a standby that follows it by streaming replication.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use npoc::database::embedded::{DATABASE, Durability, Embedded, USER};
use npoc::database::options;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::database::program;
use super::delivery::wait_until;
use super::gate::{Gate, Way};

/// The servers, each with a gate for network connections. Dropping the pair removes both.
pub struct Pair {
    pub primary: Embedded,
    pub standby: Embedded,
    pub to_primary: Gate,
    pub to_standby: Gate,
    /// The replication stream from the standby to the primary.
    pub stream: Gate,
}

impl Pair {
    pub async fn start() -> Self {
        let primary_home = home();
        let primary = Embedded::start(&primary_home, Durability::Disposable).unwrap();
        let socket = primary.socket_dir().to_owned();
        let stream = Gate::at(Way::To(socket.clone())).await;
        let standby_home = home();
        copy(&socket, &primary_home, &standby_home, stream.port);
        let starting =
            tokio::task::spawn_blocking(move || Embedded::start(&standby_home, Durability::Disposable).unwrap());
        let standby = starting.await.unwrap();
        let pair = Self {
            to_primary: Gate::at(Way::To(socket)).await,
            to_standby: Gate::at(Way::To(standby.socket_dir().to_owned())).await,
            primary,
            standby,
            stream,
        };
        pair.until(
            &pair.primary,
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
        )
        .await;
        pair
    }

    /// Returns the address of both for `DATABASE_URL`, the standby first.
    pub fn url(&self) -> String {
        let (primary, standby) = (self.to_primary.port, self.to_standby.port);
        format!(
            "postgres://{USER}@127.0.0.1:{standby},127.0.0.1:{primary}/{DATABASE}?sslmode=disable&target_session_attrs=read-write"
        )
    }

    /// Makes each commit wait for the standby.
    pub async fn make_synchronous(&self) {
        self.run(&self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await;
        self.run(&self.primary, "SELECT pg_reload_conf()").await;
        self.until(
            &self.primary,
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
        )
        .await;
    }

    /// Makes the primary read-only and keeps its connections, as a demotion may do.
    pub async fn make_primary_read_only(&self) {
        self.run(&self.primary, "ALTER SYSTEM SET default_transaction_read_only = on")
            .await;
        self.run(&self.primary, "SELECT pg_reload_conf()").await;
    }

    /// Promotes the standby, which accepts writes then.
    pub async fn promote(&self) {
        self.run(&self.standby, "SELECT pg_promote()").await;
    }

    /// Runs a statement on a server.
    pub async fn run(&self, server: &Embedded, statement: &str) {
        let mut connection = connect(server).await;
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
        done.unwrap();
        connection.close().await.unwrap();
    }

    /// Queries a number from a server.
    pub async fn number(&self, server: &Embedded, question: &str) -> i64 {
        let mut connection = connect(server).await;
        let number = sqlx::query_scalar(AssertSqlSafe(question))
            .fetch_one(&mut connection)
            .await;
        number.unwrap()
    }

    /// Waits until a query on a server returns true. A standby may not have the tables yet.
    pub async fn until(&self, server: &Embedded, question: &str) {
        let mut connection = connect(server).await;
        wait_until(question, async || {
            let query = sqlx::query_scalar(AssertSqlSafe(question));
            query.fetch_one(&mut connection).await.unwrap_or(false)
        })
        .await;
    }
}

pub async fn connect(server: &Embedded) -> PgConnection {
    PgConnection::connect_with(&options(server.socket_dir())).await.unwrap()
}

fn home() -> PathBuf {
    std::env::temp_dir().join(format!("npoc-pair-{}", Uuid::new_v4()))
}

/// Makes a data directory that of a standby of the primary at a port.
fn make_standby(data: &Path, port: u16) {
    let settings = fs::OpenOptions::new()
        .append(true)
        .open(data.join("postgresql.auto.conf"));
    let conninfo = format!("host=127.0.0.1 port={port} user={USER} sslmode=disable");
    writeln!(
        settings.unwrap(),
        "primary_conninfo = '{conninfo}'\nwal_retrieve_retry_interval = '100ms'"
    )
    .unwrap();
    fs::write(data.join("standby.signal"), "").unwrap();
}

/// Copies the data of a running primary for a standby, with the same owner.
fn copy(socket: &Path, of: &Path, home: &Path, port: u16) {
    let data = home.join("postgres");
    fs::create_dir(home).unwrap();
    let mode = fs::metadata(of).unwrap().permissions().mode();
    fs::set_permissions(home, fs::Permissions::from_mode(mode)).unwrap();
    let mut copying = Command::new(program("pg_basebackup"));
    copying
        .arg("-h")
        .arg(socket)
        .args(["-U", USER, "-X", "stream", "-c", "fast", "-D"])
        .arg(&data);
    assert!(copying.status().unwrap().success());
    make_standby(&data, port);
    let owner = fs::metadata(of.join("postgres")).unwrap();
    let owner = format!("{}:{}", owner.uid(), owner.gid());
    let changed = Command::new("chown").args(["-R", &owner]).arg(&data).status();
    assert!(changed.unwrap().success());
}
