//! Start, stop and log.

use npoc::database::{MIGRATOR, Pool, migrate};
use sqlx::PgPool;
use sqlx::migrate::Migrate as _;
use uuid::Uuid;

use crate::support::delivery::unsent;
use crate::support::process::{Process, emails_in, until};
use crate::support::relay::{At, Part, Relay};
use crate::support::{GOOD, database, encode, good_with};

/// A site in its own process with its own database, and its emails in a folder.
struct Site {
    process: Process,
    pool: PgPool,
    home: std::path::PathBuf,
}

impl Site {
    async fn start() -> Self {
        let options = database::fresh_options().await;
        let home = std::env::temp_dir().join(format!("npoc-operation-{}", Uuid::new_v4()));
        let process = Process::start(&[
            ("DATABASE_URL", &database::url(&options)),
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("NPOC_MAIL", "folder"),
        ]);
        let pool = PgPool::connect_with(options).await.unwrap();
        Self { process, pool, home }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.home));
    }
}

fn application(step: &str, key: Uuid) -> String {
    let key = key.to_string();
    encode(&good_with(&[("step", step), ("submission_key", &key)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn log_holds_no_answer_and_no_receipt_secret() {
    let site = Site::start().await;
    let address = site.process.address;
    let refused = encode(&good_with(&[("representative_email", "Wanjiku at AfyaBora")]));
    assert_eq!(Process::post(address, &refused).unwrap().status, 422);
    assert_eq!(
        Process::post(address, &application("check", Uuid::now_v7()))
            .unwrap()
            .status,
        200
    );
    let sent = Process::post_until_stored(address, &application("send", Uuid::now_v7()));
    assert_eq!(site.process.get(&sent.location).unwrap().status, 200);
    site.process.get("/membership/received/Wanjiku");
    until(|| emails_in(&site.home) == 2 && site.process.log().matches("email sent").count() == 2);
    let log = site.process.log();
    assert!(log.contains("application stored") && log.contains("NPOC-"), "{log}");
    let secret = sent.location.rsplit('/').next().unwrap();
    let typed = GOOD.iter().map(|(_, typed)| *typed).filter(|typed| typed.len() > 6);
    for private in typed.chain(["Wanjiku", "AfyaBora", secret, "127.0.0.1:8", "wanjiku"]) {
        assert!(!log.contains(private), "{private} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_email_is_logged() {
    let first = Site::start().await;
    Process::post_until_stored(first.process.address, &application("send", Uuid::now_v7()));
    // The rows are updated after the files are written.
    until(|| first.process.log().matches("email sent").count() == 2);
    sqlx::query(
        "UPDATE outbox SET sent_at = NULL, owed_at = now() - interval '1 hour', due_at = now() + interval '1 hour'",
    )
    .execute(&first.pool)
    .await
    .unwrap();
    let later = Process::start(&[
        ("DATABASE_URL", &database::url(&first.pool.connect_options())),
        ("NPOC_DATA_DIR", first.home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
    ]);
    until(|| later.log().contains("email has waited too long"));
    assert!(later.log().contains("waiting=2"), "{}", later.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_staff_address_is_logged_without_names() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "550 5.1.1 no such user as info@npoc.org")).await;
    let options = database::fresh_options().await;
    let site = Process::start(&[("DATABASE_URL", &database::url(&options)), ("SMTP_URL", &relay.url)]);
    Process::post_until_stored(site.address, &application("send", Uuid::now_v7()));
    until(|| site.log().contains("email to staff is refused"));
    let log = site.log();
    assert!(log.contains("ERROR") && log.contains("code=550"), "{log}");
    assert!(!log.contains("info@") && !log.contains("wanjiku"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_finishes_open_requests() {
    let site = Site::start().await;
    let address = site.process.address;
    let lock = database::lock_applications(&site.pool).await;
    let sending = std::thread::spawn(move || Process::post(address, &application("send", Uuid::now_v7())));
    // Other tests' databases come from the same template, so their tables have the same numbers.
    let is_waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'applications'::regclass \
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while sqlx::query_scalar::<_, i64>(is_waiting)
        .fetch_one(&site.pool)
        .await
        .unwrap()
        == 0
    {}
    site.process.terminate();
    // The site accepts no connection, while the open request is not finished.
    until(|| std::net::TcpStream::connect(address).is_err());
    lock.commit().await.unwrap();
    assert_eq!(
        sending.join().unwrap().unwrap().status,
        303,
        "the open request is finished"
    );
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(stored, 1);
    until(|| site.process.log().contains("stopped"));
}

#[tokio::test]
async fn database_of_any_earlier_version_is_migrated_with_its_data() {
    let versions = MIGRATOR.iter().count();
    for first in 2..=versions {
        let options = database::empty_options().await;
        let pool = PgPool::connect_with(options).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        connection.ensure_migrations_table("_sqlx_migrations").await.unwrap();
        for migration in MIGRATOR.iter().take(first) {
            connection.apply("_sqlx_migrations", migration).await.unwrap();
        }
        sqlx::raw_sql(OF_THE_FIRST_VERSION)
            .execute(&mut *connection)
            .await
            .unwrap();
        drop(connection);
        let connections = Pool::new(pool.clone(), false);
        migrate(&connections).await.unwrap();
        migrate(&connections).await.unwrap();
        let record = npoc::membership::find(&pool, "NPOC-ACDE-FGHJ").await.unwrap().unwrap();
        assert_eq!(
            (record.organization_name.as_str(), record.is_suspected),
            ("Afya Bora", false),
            "from {first}"
        );
        assert_eq!(unsent(&pool).await, 4, "queued emails stay queued");
        let purposes: Vec<String> = sqlx::query_scalar("SELECT purpose FROM outbox ORDER BY id")
            .fetch_all(&pool)
            .await
            .unwrap();
        assert_eq!(
            purposes,
            ["application", "arrival", "daily-report", "undelivered"],
            "from {first}"
        );
    }
}

/// An application and emails, as the first version writes them. It may run on after another instance has migrated.
const OF_THE_FIRST_VERSION: &str = "
    INSERT INTO applications (reference, submission_key, receipt_secret, organization_name, domain_name,
        domain_name_ascii, country, registered, registration_note, kind_of_work, statement, representative_name,
        representative_role, representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list)
    VALUES ('NPOC-ACDE-FGHJ', gen_random_uuid(), gen_random_uuid(), 'Afya Bora', 'afyabora.or.ke', 'afyabora.or.ke',
        'KE', true, 'NGO Board', 'health', 'We run health posts.', 'Ann', 'Director', 'ann@afyabora.or.ke', 'unsure',
        '{}', true, true, false);
    INSERT INTO application_history (reference, event) VALUES ('NPOC-ACDE-FGHJ', 'received');
    INSERT INTO outbox (message_id, reference, recipient, subject, body_text, body_html, refusal_is_final)
    SELECT id, 'NPOC-ACDE-FGHJ', 'info@npoc.org', 'Test', 'Test', 'Test', id LIKE '%.applicant@%'
    FROM unnest(ARRAY['<NPOC-ACDE-FGHJ.staff@npoc.org>', '<NPOC-ACDE-FGHJ.applicant@npoc.org>',
        '<daily.2026-11-24@npoc.org>', '<NPOC-ACDE-FGHJ.given-up-1@npoc.org>']) AS id;";

#[test]
fn every_test_named_in_the_promises_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let promises = std::fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let named: Vec<&str> = promises.split('`').skip(1).step_by(2).collect();
    let sources = [rust_below(&root.join("src")), rust_below(&root.join("tests"))].concat();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty() && named.len() > 20, "{missing:?} of {}", named.len());
}

fn rust_below(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source = |path: std::path::PathBuf| match path.extension() {
        _ if path.is_dir() => rust_below(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(path).unwrap(),
        _ => String::new(),
    };
    entries.map(source).collect()
}
