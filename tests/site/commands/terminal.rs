//! The output of commands for people and for programs, and their exit status.

use std::process::Command;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::support::process::{Process, run, stdout_of, until};
use crate::support::{TestSite, database, good_with, send_body};

/// Returns the output on a terminal of this width, with escape sequences. `script` of util-linux provides the terminal.
fn on_terminal(site: &TestSite, width: usize, arguments: &str, more: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_npoc");
    let mut script = Command::new("script");
    script
        .args([
            "-qec",
            &format!("stty rows 24 cols {width} && {program} {arguments}"),
            "/dev/null",
        ])
        .current_dir(std::env::temp_dir())
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("TERM", "xterm")
        // An ordinary user has no other directory for emails.
        .env("HOME", std::env::temp_dir())
        .env("DATABASE_URL", database::url(&site.pool.connect_options()))
        .envs(more.iter().copied());
    let output = script.output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace('\r', "")
}

/// Removes the escape sequences for colours.
fn plain(shown: &str) -> String {
    let mut parts = shown.split('\u{1b}');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').unwrap().1)
}

async fn three() -> (TestSite, [String; 3]) {
    let site = TestSite::new().await;
    let long = "Fundación Internacional para el Desarrollo Sostenible y la Cooperación entre los Pueblos";
    let references = [
        site.apply(&[]).await,
        site.apply(&[
            ("organization_name", "مؤسسة النور الخيرية"),
            ("domain_name", "نور.مصر"),
            ("country", "EG"),
        ])
        .await,
        site.apply(&[
            ("organization_name", long),
            ("country", "PE"),
            ("domain_name", "例え財団.テスト"),
        ])
        .await,
    ];
    (site, references)
}

#[tokio::test]
async fn list_fits_any_terminal_width_in_any_script() {
    let (site, references) = three().await;
    site.sql(
        "UPDATE outbox SET sent_at = now() WHERE reference = (SELECT reference FROM applications ORDER BY id LIMIT 1)",
    )
    .await;
    for width in [60, 80, 100, 160] {
        let shown = on_terminal(&site, width, "applications list", &[]);
        let lines: Vec<String> = plain(&shown).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 5, "{lines:#?}");
        for (line, reference) in lines[1..4].iter().zip(&references) {
            assert!(line.width() <= width && line.starts_with(reference), "{width}: {line}");
        }
        assert!(
            lines[0].starts_with("Reference") && lines[4] == "3 applications",
            "{lines:#?}"
        );
        assert!(lines[3].ends_with('…'), "{lines:#?}");
    }
    let shown = on_terminal(&site, 100, "applications list", &[]);
    assert!(
        shown.contains("\u{1b}[32mmailed") && shown.contains("\u{1b}[33mwaiting"),
        "{shown}"
    );
    let colourless = on_terminal(&site, 100, "applications list", &[("NO_COLOR", "1")]);
    assert!(!colourless.contains('\u{1b}'), "{colourless}");
}

#[tokio::test]
async fn application_fits_the_terminal_width() {
    let (site, references) = three().await;
    let statement = "We plant trees, dig wells and teach. ".repeat(20);
    let wordy = site.apply(&[("statement", statement.trim())]).await;
    let shown = plain(&on_terminal(&site, 60, &format!("applications show {wordy}"), &[]));
    assert!(shown.lines().all(|line| line.width() <= 60), "{shown}");
    let answer = shown
        .lines()
        .filter(|line| line.starts_with("    We plant") || line.contains("dig wells"));
    assert!(
        answer.clone().count() > 10 && answer.clone().all(|line| line.width() <= 60),
        "{shown}"
    );
    for words in [
        "The organization",
        "What the site knows",
        "State: waiting",
        ".staff@npoc.org>: next try on",
        ": received",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let elsewhere = stdout_of(site.command(&["applications", "show", &wordy]));
    assert!(
        elsewhere.contains(statement.trim()),
        "lines are not wrapped for programs: {elsewhere}"
    );
    assert!(!elsewhere.contains('\u{1b}'));
    drop(references);
}

/// Returns the listed references under these filters.
fn listed(site: &TestSite, conditions: &[&str]) -> Vec<String> {
    let list = stdout_of(site.command(&[&["applications", "list"], conditions].concat()));
    list.lines()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn list_filters_by_day_country_region_state_and_text() {
    let (site, [kenya, egypt, peru]) = three().await;
    site.sql("UPDATE applications SET received_at = '2026-01-31 23:59:59.9Z' WHERE country = 'KE'")
        .await;
    site.sql("UPDATE applications SET received_at = '2026-02-01 00:00Z' WHERE country = 'EG'")
        .await;
    site.sql("UPDATE applications SET is_suspected = true WHERE country = 'PE'")
        .await;
    site.sql(
        "UPDATE outbox SET sent_at = now() WHERE reference = (SELECT reference FROM applications WHERE country = 'EG')",
    )
    .await;
    site.sql("UPDATE outbox SET given_up_at = now(), is_held = refusal_is_final WHERE reference = (SELECT reference FROM applications WHERE country = 'KE')").await;
    for (conditions, expected) in [
        (&["--until", "2026-01-31"][..], vec![&kenya]),
        (&["--since", "2026-02-01"], vec![&egypt, &peru]),
        (
            &["--since", "2026-01-31", "--until", "2026-02-01"],
            vec![&kenya, &egypt],
        ),
        (&["--country", "peru"], vec![&peru]),
        (&["--country", "ke", "--country", "EG"], vec![&kenya, &egypt]),
        (&["--region", "africa"], vec![&kenya, &egypt]),
        (&["--region", "africa", "--country", "PE"], vec![]),
        (&["--state", "suspected"], vec![&peru]),
        (&["--state", "waiting"], vec![&peru]),
        (&["--state", "mailed"], vec![&egypt]),
        (&["--state", "held"], vec![&kenya]),
        (&["--state", "given-up"], vec![&kenya]),
        (&["--text", "النور"], vec![&egypt]),
        (&["--text", "COOPERACIÓN", "--region", "latin-america"], vec![&peru]),
        (
            &["--text", "four counties", "--since", "2026-02-01"],
            vec![&egypt, &peru],
        ),
    ] {
        let mut expected = expected.into_iter().collect::<Vec<_>>();
        let found = listed(&site, conditions);
        let mut found = found.iter().collect::<Vec<_>>();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{conditions:?}");
    }
}

#[tokio::test]
async fn impossible_filter_is_a_usage_error() {
    let site = TestSite::new().await;
    for wrong in [
        ["--since", "31.1.2026"],
        ["--country", "Atlantis"],
        ["--region", "moon"],
        ["--state", "new"],
    ] {
        let ended = site.command(&[&["applications", "list"], &wrong[..]].concat());
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn json_output_holds_every_answer() {
    let (site, [kenya, egypt, _]) = three().await;
    let list = stdout_of(site.command(&["applications", "list", "--json", "--region", "africa"]));
    let all: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["reference"], *kenya);
    assert_eq!(all[1]["organization_name"], "مؤسسة النور الخيرية");
    assert_eq!(all[1]["states"], serde_json::json!(["waiting"]));
    for (name, _) in good_with(&[]) {
        assert!(all[1].get(name).is_some(), "{name}");
    }
    let shown: Value =
        serde_json::from_str(&stdout_of(site.command(&["applications", "show", "--json", &egypt]))).unwrap();
    assert_eq!(shown["country"], "EG");
    assert_eq!(shown["history"][0]["event"], "received");
    assert_eq!(shown["mails"].as_array().unwrap().len(), 2);
    let emails = stdout_of(site.command(&["mail", "list", "--json"]));
    let mail: Value = serde_json::from_str(emails.lines().next().unwrap()).unwrap();
    assert_eq!(
        (mail["reference"].as_str(), mail["attempts"].as_i64()),
        (Some(kenya.as_str()), Some(0))
    );
    assert_eq!(emails.lines().count(), 6);
}

#[tokio::test]
async fn exit_status_names_the_kind_of_failure() {
    let site = TestSite::new().await;
    let status = |arguments: &[&str]| site.command(arguments).status.code();
    assert_eq!(status(&["applications", "list"]), Some(0));
    assert_eq!(status(&["applications", "lost"]), Some(2));
    for missing in [
        &["applications", "show", "NPOC-3333-3333"][..],
        &["applications", "release", "NPOC-3333-3333"],
        &["applications", "erase", "NPOC-3333-3333"],
        &["applications", "export", "--reference", "NPOC-3333-3333"],
        &["mail", "retry", "NPOC-3333-3333"],
    ] {
        assert_eq!(status(missing), Some(3), "{missing:?}");
    }
    site.sql("UPDATE _sqlx_migrations SET version = 99990101000001 WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    let newer = site.command(&["mail", "list"]);
    assert_eq!(newer.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&newer.stderr).starts_with("npoc: A newer npoc has changed this database; "));
    let away = [("DATABASE_URL", "postgres://npoc@127.0.0.1:1/npoc")];
    assert_eq!(run(&["mail", "list"], &away).status.code(), Some(69));
    for arguments in [&["serve"][..], &["mail", "list"]] {
        assert_eq!(run(arguments, &[("NPOC_LISTEN", "x")]).status.code(), Some(78));
    }
}

#[tokio::test]
async fn old_applications_are_erased_after_confirmation() {
    let (site, [_, egypt, _]) = three().await;
    site.sql("UPDATE applications SET received_at = now() - interval '800 days' WHERE country <> 'PE'")
        .await;
    site.sql("UPDATE outbox SET sent_at = now() WHERE reference <> (SELECT reference FROM applications WHERE country = 'KE')").await;
    let erase = ["applications", "erase", "--older-than", "730"];
    let asked = site.command(&erase);
    assert!(!asked.status.success());
    assert!(
        String::from_utf8_lossy(&asked.stderr)
            .contains("This would erase 2 applications older than 730 days for good; add --yes")
    );
    assert_eq!(site.count("applications").await, 3);
    let one = site.command(&["applications", "erase", &egypt]);
    assert!(
        String::from_utf8_lossy(&one.stderr).contains(&format!("{egypt} of مؤسسة النور الخيرية for good; add --yes"))
    );
    let done = site.command(&[&erase[..], &["--yes"]].concat());
    assert_eq!(done.status.code(), Some(1), "one application is left");
    let done = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(
        done.contains("Erased: 1 application.") && done.contains("1 application not erased, because of unsent emails"),
        "{done}"
    );
    assert_eq!(site.count("applications").await, 2);
    assert_eq!(
        site.command(&["applications", "erase", "--older-than", "3"])
            .status
            .code(),
        Some(2)
    );
}

#[tokio::test]
async fn request_id_is_in_the_response_and_the_log() {
    let options = database::fresh_options().await;
    let home = std::env::temp_dir().join(format!("npoc-request-{}", std::process::id()));
    let url = database::url(&options);
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_LOG_FORMAT", "json"),
    ];
    let site = Process::start(&settings);
    let sent = Process::post(site.address, &send_body(uuid::Uuid::now_v7())).unwrap();
    assert_eq!(sent.status, 303);
    assert_eq!(sent.request_id.len(), 36, "{}", sent.request_id);
    let lines = || {
        site.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .collect::<Vec<_>>()
    };
    let of = |message: &str| lines().into_iter().find(|line| line["fields"]["message"] == message);
    let id = |line: &Value| line["span"]["id"].as_str().unwrap_or_default().to_owned();
    for message in ["application stored", "finished processing request"] {
        // Another thread reads the log.
        until(|| of(message).is_some());
        assert_eq!(id(&of(message).unwrap()), sent.request_id, "{message}");
    }
    drop(site);
    drop(std::fs::remove_dir_all(home));
}

#[tokio::test]
async fn closed_pipe_is_not_an_error() {
    let (site, _) = three().await;
    let program = env!("CARGO_BIN_EXE_npoc");
    for arguments in [
        "applications list",
        "applications export",
        "applications export --format jsonl",
        "mail list",
        "doctor",
    ] {
        // The reader closes the pipe before the command writes.
        let line = format!("{program} {arguments} | true; exit ${{PIPESTATUS[0]}}");
        let mut bash = Command::new("bash");
        let url = database::url(&site.pool.connect_options());
        let output = bash
            .args(["-c", &line])
            .env("DATABASE_URL", url)
            .env("NPOC_MAIL", "folder")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments}: {said}");
    }
}
