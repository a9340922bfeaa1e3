//! The site copes with the settings, roles and limits of its database, and readiness reports what is missing.

use std::time::Instant;

use npoc::database::{Pool, Unsuitable, migrate};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use crate::support::process::{Process, emails_in, run, until};
use crate::support::{database, send_body_with};

/// Runs statements as the administrator of a database.
async fn administer(options: &PgConnectOptions, statements: &[String]) {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    for statement in statements {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
            .execute(&mut connection)
            .await;
        done.unwrap();
    }
    connection.close().await.unwrap();
}

/// Creates a database with its own role. Returns the connection options of the administrator and of the role.
async fn owned(created: &str, of_role: &str) -> (PgConnectOptions, PgConnectOptions) {
    let administrator = database::empty_options().await;
    let name = format!("owned_{}", Uuid::now_v7().simple());
    let statements = [
        format!("CREATE ROLE {name} LOGIN {of_role}"),
        format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0 {created}"),
    ];
    administer(&administrator, &statements).await;
    let options = administrator.database(&name);
    (options.clone(), options.username(&name))
}

fn name(options: &PgConnectOptions) -> &str {
    options.get_database().unwrap()
}

/// Encodes an application with a new key and a new mailbox.
fn application() -> String {
    let key = Uuid::now_v7();
    send_body_with(&[("representative_email", &format!("{key}@afyabora.or.ke"))], key)
}

fn send(site: &Process) -> u16 {
    Process::post(site.address, &application()).unwrap().status
}

/// Sends until the application is stored, always with the same key.
fn apply(site: &Process) {
    Process::post_until_stored(site.address, &application());
}

fn is_ready(site: &Process) -> bool {
    site.get("/health/ready").unwrap().status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_reports_whether_applications_can_be_stored() {
    let (administrator, role) = owned("", "").await;
    let site = Process::start(&[("DATABASE_URL", &database::url(&role)), ("NPOC_MAIL", "folder")]);
    until(|| is_ready(&site));
    let name = name(&role);
    for (broken, repaired) in [
        (
            format!("REVOKE INSERT ON applications FROM {name}"),
            format!("GRANT INSERT ON applications TO {name}"),
        ),
        (
            format!("REVOKE SELECT ON outbox FROM {name}"),
            format!("GRANT SELECT ON outbox TO {name}"),
        ),
        (
            format!("ALTER ROLE {name} SET default_transaction_read_only = on"),
            format!("ALTER ROLE {name} RESET default_transaction_read_only"),
        ),
        (
            "ALTER TABLE applications RENAME TO gone".into(),
            "ALTER TABLE gone RENAME TO applications".into(),
        ),
    ] {
        let reconnected =
            format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{name}'");
        administer(&administrator, &[broken.clone(), reconnected.clone()]).await;
        until(|| !is_ready(&site));
        assert_eq!(send(&site), 503, "{broken}");
        administer(&administrator, &[repaired.clone(), reconnected]).await;
        until(|| is_ready(&site));
        apply(&site);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_checks_query_the_database_once_a_second() {
    let url = database::url(&database::fresh_options().await);
    let site = Process::start(&[
        ("DATABASE_URL", &url),
        ("NPOC_MAIL", "folder"),
        ("NPOC_LOG", "info,sqlx=debug"),
    ]);
    until(|| is_ready(&site));
    let checks = || site.log().matches("pg_logical_emit_message").count();
    // The log line follows the answer.
    until(|| checks() > 0);
    let (before, began) = (checks(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert!(is_ready(&site))));
        }
    });
    let most = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    // A check writes one or two log lines.
    assert!(checks() - before <= 2 * most, "{} in {most} s", checks() - before);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_synchronous_whatever_the_role_default() {
    for (set, expected) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let (administrator, role) = owned("", "").await;
        administer(
            &administrator,
            &[format!("ALTER ROLE {} SET synchronous_commit = {set}", name(&role))],
        )
        .await;
        let site = Process::start(&[("DATABASE_URL", &database::url(&role)), ("NPOC_MAIL", "folder")]);
        until(|| is_ready(&site));
        administer(&administrator, &[TRIGGERS.to_owned()]).await;
        apply(&site);
        let pool = PgPool::connect_with(administrator).await.unwrap();
        let seen = || async {
            let seen =
                "SELECT string_agg(DISTINCT place || '=' || setting, ' ' ORDER BY place || '=' || setting) FROM seen";
            sqlx::query_scalar::<_, String>(seen).fetch_one(&pool).await.unwrap()
        };
        let both = format!("applications={expected} outbox={expected}");
        while seen().await != both {
            assert!(
                seen().await.split(' ').all(|setting| both.contains(setting)),
                "{set}: {}",
                seen().await
            );
            tokio::task::yield_now().await;
        }
    }
}

/// Records `synchronous_commit` when a row is stored and when an email is updated.
const TRIGGERS: &str = "
    CREATE TABLE seen (place text, setting text);
    GRANT ALL ON seen TO PUBLIC;
    CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NEW;
    END $$;
    CREATE TRIGGER see BEFORE INSERT ON applications FOR EACH ROW EXECUTE FUNCTION see();
    CREATE TRIGGER see BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION see();";

#[tokio::test(flavor = "multi_thread")]
async fn role_defaults_do_not_affect_the_site() {
    for settings in [
        "standard_conforming_strings = off; backslash_quote = safe_encoding",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_isolation = 'repeatable read'",
        "timezone = 'Asia/Kathmandu'; datestyle = 'SQL,DMY'; intervalstyle = 'sql_standard'",
        "client_encoding = 'SQL_ASCII'; bytea_output = 'escape'",
        "idle_session_timeout = '1s'",
    ] {
        let (administrator, role) = owned("", "").await;
        let set = settings
            .split("; ")
            .map(|setting| format!("ALTER ROLE {} SET {setting}", name(&role)));
        administer(&administrator, &set.collect::<Vec<_>>()).await;
        let url = database::url(&role);
        drop(store_and_send(&url, 4, 5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storing_has_priority_when_connections_are_few() {
    for limit in [3, 4, 6] {
        assert_stores_with(limit).await;
    }
}

/// Starts a site at this database. Concurrent applicants send `each` applications, and all emails are written.
fn store_and_send(url: &str, applicants: usize, each: usize) -> Process {
    let home = std::env::temp_dir().join(format!("npoc-stores-{}", Uuid::new_v4()));
    let site = Process::start(&[
        ("DATABASE_URL", url),
        ("NPOC_MAIL", "folder"),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_RATE_LIMIT", "0"),
    ]);
    until(|| is_ready(&site));
    std::thread::scope(|scope| {
        for _ in 0..applicants {
            scope.spawn(|| (0..each).for_each(|_| apply(&site)));
        }
    });
    until(|| emails_in(&home) == 2 * applicants * each);
    std::fs::remove_dir_all(&home).unwrap();
    site
}

/// Checks that a site stores and sends everything with this connection limit.
async fn assert_stores_with(limit: usize) {
    let (_, role) = owned("", &format!("CONNECTION LIMIT {limit}")).await;
    let _site = store_and_send(&database::url(&role), 6, 10);
    let doctor = run(
        &["doctor", "--json"],
        &[("DATABASE_URL", &database::url(&role)), ("NPOC_MAIL", "folder")],
    );
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let is_said = doctor.contains(&format!("may have {limit} connections"));
    assert!(is_said && doctor.contains("NPOC_DATABASE_CONNECTIONS"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_fails_with_advice_unless_database_is_utf8() {
    for encoding in ["LATIN1", "EUC_JP", "WIN1252"] {
        let created = format!("ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        let (_, role) = owned(&created, "").await;
        let settings = [
            ("DATABASE_URL", &*database::url(&role)),
            ("NPOC_MAIL", "folder"),
            ("NPOC_LISTEN", "127.0.0.1:0"),
        ];
        for arguments in [&["serve"][..], &["migrate"]] {
            let ended = run(arguments, &settings);
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(78), "{said}");
            assert!(
                said.contains(encoding) && said.contains("createdb --encoding=UTF8"),
                "{said}"
            );
        }
    }
}

/// Returns the tables of a database.
async fn tables(options: &PgConnectOptions) -> Vec<String> {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1";
    sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_never_create_or_change_tables() {
    let empty = database::empty_options().await;
    let others = database::empty_options().await;
    administer(&others, &["CREATE TABLE notes (body text)".into()]).await;
    let sqlx_program = database::empty_options().await;
    administer(&sqlx_program, &[OF_ANOTHER_PROGRAM.into()]).await;
    let older = database::fresh_options().await;
    administer(
        &older,
        &["DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)".into()],
    )
    .await;
    for (options, code, words) in [
        (&empty, 1, "does not have the site's tables"),
        (&others, 1, "does not have the site's tables"),
        (&sqlx_program, 78, "another program"),
        (&older, 1, "npoc migrate"),
    ] {
        let before = tables(options).await;
        let url = database::url(options);
        for arguments in [
            &["applications", "list"][..],
            &["applications", "show", "NPOC-ACDE-FGHJ"],
            &["applications", "export"],
            &["applications", "erase", "NPOC-ACDE-FGHJ", "--yes"],
            &["mail", "list"],
            &["mail", "retry"],
        ] {
            let ended = run(arguments, &[("DATABASE_URL", &url)]);
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(code), "{arguments:?} {said}");
            assert!(said.contains(words), "{arguments:?} {said}");
        }
        assert_eq!(tables(options).await, before);
    }
    let serve = run(
        &[],
        &[
            ("DATABASE_URL", &database::url(&sqlx_program)),
            ("NPOC_MAIL", "folder"),
            ("NPOC_LISTEN", "127.0.0.1:0"),
        ],
    );
    assert_eq!(
        serve.status.code(),
        Some(78),
        "the site does not share the database of another program"
    );
}

/// Another program with the same kind of migrations table.
const OF_ANOTHER_PROGRAM: &str = "
    CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
        installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);
    INSERT INTO _sqlx_migrations VALUES (20200101000000, 'notes', now(), true, '\\x00', 1);
    CREATE TABLE notes (body text)";

#[tokio::test]
async fn database_of_another_program_is_left_alone() {
    let options = database::empty_options().await;
    administer(&options, &[OF_ANOTHER_PROGRAM.into()]).await;
    let pool = Pool::new(PgPool::connect_with(options).await.unwrap(), false);
    let error = migrate(&pool).await.unwrap_err();
    assert!(
        matches!(error, npoc::database::NotMigrated::Unsuitable(Unsuitable::OtherProgram)),
        "{error}"
    );
}

#[tokio::test]
async fn start_on_migrated_database_needs_no_create_privilege() {
    let options = database::fresh_options().await;
    let reader = format!("reader_{}", Uuid::now_v7().simple());
    let statements = [
        format!("CREATE ROLE {reader} LOGIN"),
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".into(),
    ];
    administer(&options, &statements).await;
    let pool = Pool::new(PgPool::connect_with(options.username(&reader)).await.unwrap(), false);
    migrate(&pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_collation_is_reported_once_with_advice() {
    let options = database::fresh_options().await;
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    if connection.server_version_num().unwrap() < 150_000 {
        return; // PostgreSQL 14 does not record the collation version.
    }
    let changed = "UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()";
    sqlx::query(changed).execute(&mut connection).await.unwrap();
    let settings = [("DATABASE_URL", &*database::url(&options)), ("NPOC_MAIL", "folder")];
    let site = Process::start(&settings);
    until(|| is_ready(&site) && site.log().contains("collation"));
    apply(&site);
    let log = site.log();
    assert_eq!(log.matches("collation").count(), 1, "{log}");
    let doctor = run(&["doctor", "--json"], &settings);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("REFRESH COLLATION VERSION"), "{doctor}");
}
