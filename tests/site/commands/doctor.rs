//! The findings of `npoc doctor`, against real servers.

use std::process::Output;

use npoc::database::MIGRATOR;
use serde_json::Value;

use crate::support::process::{Process, run};
use crate::support::relay::{At, Part, Relay};
use crate::support::{TestSite, database};

/// Returns the findings about a subject: each verdict with its sentence and its advice.
fn found(output: &Output, subject: &str) -> Vec<(String, String)> {
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let findings = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .filter(|finding| finding["subject"] == subject)
        .map(|finding| {
            let whole = format!("{} {}", text(&finding["says"]), text(&finding["advice"]));
            (text(&finding["verdict"]), whole)
        })
        .collect()
}

#[track_caller]
fn finds(output: &Output, subject: &str, verdict: &str, words: &str) {
    let found = found(output, subject);
    let is_it = |(given, says): &(String, String)| given == verdict && says.contains(words);
    assert!(found.iter().any(is_it), "{subject} {verdict} {words}: {found:#?}");
}

async fn examined(url: &str, settings: &[(&str, &str)]) -> Output {
    let all = [&[("DATABASE_URL", url), ("NPOC_MAIL", "folder")], settings].concat();
    let owned: Vec<(String, String)> = all
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    // On another thread, because the relay answers on this one.
    let running = tokio::task::spawn_blocking(move || {
        let all: Vec<(&str, &str)> = owned
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run(&["doctor", "--json"], &all)
    });
    running.await.unwrap()
}

#[tokio::test]
async fn doctor_finds_no_problem_on_a_healthy_site() {
    let url = database::url(&database::fresh_options().await);
    let relay = Relay::playing(Part::Accepts).await;
    let settings = [("DATABASE_URL", url.as_str()), ("SMTP_URL", &relay.url)];
    let site = Process::start(&settings);
    let listen = site.address.to_string();
    let output = examined(
        &url,
        &[("NPOC_MAIL", ""), ("SMTP_URL", &relay.url), ("NPOC_LISTEN", &listen)],
    )
    .await;
    // The server of the tests runs without fsync, for speed.
    finds(&output, "Database", "bad", "fsync=off, full_page_writes=off");
    let whole = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(whole.matches("\"verdict\":\"bad\"").count(), 1, "{whole}");
    finds(&output, "Database", "good", "PostgreSQL");
    finds(
        &output,
        "Migrations",
        "good",
        &format!("all {}", MIGRATOR.iter().count()),
    );
    finds(&output, "Mail", "good", "0 waiting");
    finds(&output, "Relay", "good", "has SMTPUTF8");
    finds(
        &output,
        "Relay",
        "good",
        "would accept emails from no-reply@npoc.org to info@npoc.org",
    );
    finds(&output, "Site", "good", &listen);
    finds(&output, "Disk", "good", "MB left");
    assert!(relay.taken().is_empty(), "the doctor sends no email");
}

#[tokio::test]
async fn doctor_reports_what_the_relay_rejects() {
    let url = database::url(&database::fresh_options().await);
    for (part, verdict, words) in [
        (Part::Says(At::Mail, "553 not your address"), "bad", "NPOC_MAIL_FROM"),
        (Part::Says(At::Rcpt, "550 no such mailbox"), "bad", "NPOC_STAFF_EMAIL"),
        (Part::Says(At::Greeting, "554 go away"), "bad", "cannot be used"),
        (Part::Cuts(At::Ehlo), "bad", "cannot be used"),
        (Part::AcceptsAsciiOnly, "doubtful", "no SMTPUTF8"),
    ] {
        let relay = Relay::playing(part).await;
        let output = examined(&url, &[("NPOC_MAIL", ""), ("SMTP_URL", &relay.url)]).await;
        finds(&output, "Relay", verdict, words);
        assert!(!output.status.success(), "no site listens");
        assert!(relay.taken().is_empty());
    }
    let login = Relay::playing(Part::Says(At::Auth, "535 who are you")).await;
    let with_password = login.url.replace("smtp://", "smtp://npoc:wrong@");
    let output = examined(&url, &[("NPOC_MAIL", ""), ("SMTP_URL", &with_password)]).await;
    finds(&output, "Relay", "bad", "535");
}

#[tokio::test]
async fn doctor_reports_database_problems() {
    let nowhere = examined("postgres://npoc@127.0.0.1:1/npoc", &[]).await;
    finds(&nowhere, "Database", "bad", "Connection refused");
    finds(&nowhere, "Site", "bad", "systemctl start npoc");
    let reader = database::empty_options().await;
    let read_only = format!(
        "{}&options=-c%20default_transaction_read_only%3Don",
        database::url(&reader)
    );
    finds(&examined(&read_only, &[]).await, "Database", "bad", "is read-only");

    let empty = examined(&database::url(&database::empty_options().await), &[]).await;
    finds(&empty, "Migrations", "doubtful", "empty");

    let site = TestSite::new().await;
    let url = database::url(&site.pool.connect_options());
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET owed_at = now() - interval '70 minutes'")
        .await;
    finds(
        &examined(&url, &[]).await,
        "Mail",
        "bad",
        "2 waiting (the oldest for 70 minutes)",
    );
    site.sql("UPDATE outbox SET given_up_at = now()").await;
    finds(&examined(&url, &[]).await, "Mail", "doubtful", "2 given up");
    site.sql("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .await;
    finds(&examined(&url, &[]).await, "Migrations", "doubtful", "1 have not run");
    site.sql(
        "UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = (SELECT min(version) FROM _sqlx_migrations)",
    )
    .await;
    finds(&examined(&url, &[]).await, "Migrations", "bad", "differs");
    site.sql("UPDATE _sqlx_migrations SET version = 99990101000001 WHERE checksum = 'other'")
        .await;
    finds(&examined(&url, &[]).await, "Migrations", "bad", "newer npoc");
}

#[tokio::test]
async fn doctor_reports_missing_database_privileges() {
    let site = TestSite::new().await;
    let url = database::url(&site.pool.connect_options());
    site.sql("CREATE ROLE may_read LOGIN").await;
    site.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO may_read")
        .await;
    let as_another = |name: &str| {
        url.replace("npoc@", &format!("{name}@"))
            .replace("user=npoc", &format!("user={name}"))
    };
    let reading = examined(&as_another("may_read"), &[]).await;
    finds(&reading, "Database", "bad", "may not write");
    site.sql("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM may_read")
        .await;
    finds(
        &examined(&as_another("may_read"), &[]).await,
        "Database",
        "bad",
        "the owner of the database",
    );
    site.sql("DROP ROLE may_read").await;
}

#[tokio::test]
async fn relay_replies_cannot_forge_findings_or_control_terminals() {
    let url = database::url(&database::fresh_options().await);
    let reply = "550-\u{1b}[2J\u{1b}]0;gone\u{7}\r\n550 \rok   Relay: all well \u{202e}";
    let relay = Relay::playing(Part::Says(At::Rcpt, reply)).await;
    let settings = [("DATABASE_URL", url.clone()), ("SMTP_URL", relay.url.clone())];
    for arguments in [&["doctor"][..], &["mail", "test", "a@example.org"]] {
        let settings = settings.clone();
        let run = tokio::task::spawn_blocking(move || {
            let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            run(arguments, &settings)
        });
        let output = run.await.unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("all well"), "{said}");
        assert!(
            !said.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']) && !said.contains("\nok   Relay: all well"),
            "{said}"
        );
    }
}

#[test]
fn doctor_does_not_mistake_another_program_for_the_site() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = other.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in other.incoming().flatten() {
            let _request = std::io::Read::read(&mut stream, &mut [0; 1000]);
            let _gone = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhey");
        }
    });
    let output = run(
        &["doctor", "--json"],
        &[("NPOC_LISTEN", &listen), ("NPOC_DATA_DIR", "/nowhere/npoc")],
    );
    finds(&output, "Site", "bad", "another program answers");
}

#[test]
fn doctor_reports_invalid_and_doubtful_settings() {
    let wrong = run(&["doctor", "--json"], &[("NPOC_LISTEN", "x"), ("NPOC_RATE_LIMIT", "y")]);
    assert_eq!(wrong.status.code(), Some(1));
    finds(&wrong, "Settings", "bad", "NPOC_LISTEN");
    finds(&wrong, "Settings", "bad", "NPOC_RATE_LIMIT");
    let odd = [
        ("NPOC_PUBLIC_URL", "https://127.0.0.1:1"),
        ("NPOC_DATA_DIR", "/nowhere/npoc"),
        ("NPOC_RATE_LIMIT", "0"),
    ];
    let odd = run(&["doctor", "--json"], &odd);
    finds(&odd, "Settings", "doubtful", "NPOC_TRUSTED_PROXIES");
    finds(&odd, "Settings", "doubtful", "NPOC_RATE_LIMIT");
    finds(&odd, "Relay", "doubtful", "SMTP_URL");
    finds(&odd, "Public address", "bad", "cannot be reached");
    finds(&odd, "Database", "doubtful", "is not running");
    let people = run(&["doctor"], &[("NPOC_LISTEN", "x")]);
    let said = String::from_utf8(people.stdout).unwrap();
    assert!(
        said.starts_with("FAIL Settings: NPOC_LISTEN must be") && said.contains("\n       Fix this first"),
        "{said}"
    );
}

#[tokio::test]
async fn doctor_reports_clock_problems_and_planned_erasures() {
    let site = TestSite::new().await;
    let url = database::url(&site.pool.connect_options());
    let days = [("NPOC_RETENTION_DAYS", "30")];
    finds(
        &examined(&url, &days).await,
        "Retention",
        "good",
        "Nothing is announced",
    );
    site.apply(&[]).await;
    site.deliver_all().await;
    site.sql("UPDATE applications SET received_at = now() - interval '31 days'")
        .await;
    site.sql(database::REPORT_IS_DUE).await;
    site.sql("INSERT INTO reports (day) SELECT day + 400 FROM reports")
        .await;
    site.run_housekeeping(Some(30)).await;
    let unsent = examined(&url, &days).await;
    finds(&unsent, "Retention", "doubtful", "not sent yet, so not erased: 1.");
    site.deliver_all().await;
    finds(
        &examined(&url, &days).await,
        "Retention",
        "good",
        "Announced: 1, erased from ",
    );
    assert!(
        found(&examined(&url, &[]).await, "Retention").is_empty(),
        "no retention period, no finding"
    );

    site.sql("UPDATE clock_state SET mails_brought_back = 7, reports_taken_back = 1")
        .await;
    let ahead = "made due: 7. Reports of future days that were withdrawn: 1.";
    finds(&examined(&url, &days).await, "Clock", "doubtful", ahead);
    site.sql("UPDATE clock_state SET seen_at = now() - interval '8 days', looked_at = now() - interval '8 days'")
        .await;
    let jumped = examined(&url, &days).await;
    finds(&jumped, "Clock", "doubtful", "it jumped");
    finds(&jumped, "Clock", "doubtful", "date -u");
}
