//! PgBouncer in transaction mode, between the site and its database.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::support::process::Process;
use crate::support::{database, send_body};

/// More threads than PgBouncer has connections, so that sessions share connections.
const SIDES: usize = 16;
const EACH: usize = 25;

struct PgBouncer {
    process: Child,
    home: PathBuf,
    port: u16,
}

impl PgBouncer {
    fn before(options: &PgConnectOptions) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let home = std::env::temp_dir().join(format!("npoc-pooler-{}", Uuid::new_v4()));
        std::fs::create_dir(&home).unwrap();
        let (name, socket) = (options.get_database().unwrap(), options.get_socket().unwrap().display());
        let file = home.join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n{name} = host={socket} dbname={name} user=npoc\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n\
             ignore_startup_parameters = extra_float_digits\n"
        );
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        command.arg("-q").arg(file).stdin(Stdio::null()).stderr(Stdio::null());
        // Only the user of the server may use its socket, and PgBouncer refuses to run as root.
        let server = std::fs::metadata(options.get_socket().unwrap()).unwrap();
        let process = command.uid(server.uid()).gid(server.gid()).spawn();
        let process = process.expect("pgbouncer is missing: bin/faults installs it");
        Self { process, home, port }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.home));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PgBouncer: bin/faults runs it"]
async fn pgbouncer_in_transaction_mode_stores_and_sends_once() {
    let options = database::empty_options().await;
    let pgbouncer = PgBouncer::before(&options);
    let home = pgbouncer.home.join("data");
    let url = format!(
        "postgres://npoc@127.0.0.1:{}/{}?sslmode=disable&statement-cache-capacity=0",
        pgbouncer.port,
        options.get_database().unwrap()
    );
    let site = Process::start(&[
        ("DATABASE_URL", &url),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RATE_LIMIT", "0"),
    ])
    .ready();
    std::thread::scope(|scope| {
        for _ in 0..SIDES {
            scope.spawn(|| (0..EACH).for_each(|_| send(&site)));
        }
    });
    let pool = PgPool::connect_with(options).await.unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while (stored(&pool).await.1 < 2 * SIDES * EACH) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(stored(&pool).await, (SIDES * EACH, 2 * SIDES * EACH));
    assert_eq!(site.get("/health/ready").unwrap().status, 200);
}

fn send(site: &Process) {
    let body = send_body(Uuid::now_v7());
    let answer = Process::post_until_stored(site.address, &body);
    assert_eq!(site.get(&answer.location).unwrap().status, 200, "the receipt is found");
}

/// Counts the applications and the sent emails.
async fn stored(pool: &PgPool) -> (usize, usize) {
    let counts: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM applications), (SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL)",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    (usize::try_from(counts.0).unwrap(), usize::try_from(counts.1).unwrap())
}
