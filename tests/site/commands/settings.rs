//! All settings are checked before the start, and one message lists every fault.

use npoc::database::DatabaseChoice;
use npoc::mailer::Transport;
use npoc::settings::{DefaultValue, ReadFor, SETTINGS, Setting, Settings};

use crate::support::process::run;
use crate::support::{read_settings, settings};

const HOME: (&str, &str) = ("HOME", "/home/npoc");

#[test]
fn defaults_run_the_site_at_home() {
    let settings = settings(&[HOME]);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.public_url, "http://127.0.0.1:8080");
    assert_eq!(settings.staff_email.to_string(), "info@npoc.org");
    assert_eq!(settings.mail_from.to_string(), "NPOC website <no-reply@npoc.org>");
    assert_eq!(settings.rate_limit, 30);
    let home = "/home/npoc/.local/state/npoc";
    assert!(matches!(&settings.database, DatabaseChoice::Embedded(dir) if dir.to_str() == Some(home)));
    assert!(
        matches!(&settings.transport, Transport::Folder(dir) if dir.to_str() == Some("/home/npoc/.local/state/npoc/mail"))
    );
}

#[test]
fn one_message_lists_all_faults_without_values() {
    let faults = read_settings(
        ReadFor::Serve,
        &[
            HOME,
            ("NPOC_LISTEN", "s3cret"),
            ("NPOC_PUBLIC_URL", "s3cret"),
            ("DATABASE_URL", "mysql://s3cret"),
            ("SMTP_URL", "http://s3cret"),
            ("NPOC_MAIL", "s3cret"),
            ("NPOC_MAIL_FROM", "s3cret"),
            ("NPOC_STAFF_EMAIL", "s3cret"),
            ("NPOC_TRUSTED_PROXIES", "s3cret"),
            ("NPOC_RATE_LIMIT", "s3cret"),
            ("NPOC_RETENTION_DAYS", "29"),
            ("NPOC_METRICS_LISTEN", "s3cret"),
            ("NPOC_LOG_FORMAT", "s3cret"),
        ],
    )
    .unwrap_err()
    .to_string();
    for name in [
        "NPOC_LISTEN",
        "NPOC_PUBLIC_URL",
        "DATABASE_URL",
        "SMTP_URL",
        "NPOC_MAIL",
        "NPOC_MAIL_FROM",
        "NPOC_STAFF_EMAIL",
        "NPOC_TRUSTED_PROXIES",
        "NPOC_RATE_LIMIT",
        "NPOC_RETENTION_DAYS",
        "NPOC_METRICS_LISTEN",
        "NPOC_LOG_FORMAT",
    ] {
        assert!(faults.contains(&format!("\n  {name} must be ")), "{name}: {faults}");
    }
    assert!(!faults.contains("s3cret"), "{faults}");
}

#[test]
fn production_site_without_a_relay_refuses_to_start() {
    let own = ("DATABASE_URL", "postgres://npoc@localhost/npoc");
    let faults = read_settings(ReadFor::Serve, &[HOME, own]).unwrap_err().to_string();
    assert!(
        faults.contains("SMTP_URL") && faults.contains("NPOC_MAIL=folder"),
        "{faults}"
    );
    assert!(read_settings(ReadFor::Serve, &[HOME, own, ("NPOC_MAIL", "folder")]).is_ok());
    assert!(read_settings(ReadFor::Serve, &[HOME, own, ("SMTP_URL", "smtp://localhost:25")]).is_ok());
    assert!(
        read_settings(ReadFor::Command, &[HOME, own]).is_ok(),
        "a command sends no email"
    );
}

#[test]
fn unusable_addresses_in_settings_are_rejected() {
    for (name, value) in [
        ("NPOC_MAIL_FROM", "büro@example.org"),
        ("NPOC_STAFF_EMAIL", "büro@example.org"),
        ("NPOC_PUBLIC_URL", "https://npoc.org/#a"),
        ("NPOC_PUBLIC_URL", "https://user:password@npoc.org"),
        ("NPOC_CHARTER_URL", "javascript:alert(1)"),
        ("NPOC_CHARTER_URL", "npoc.org/charter"),
        ("NPOC_CHARTER_URL", "https://user:password@example.org/charter"),
        ("NPOC_CHARTER_URL", "http://127.0.0.1:8080/charter/"), // redirects to itself
        ("NPOC_LEADERS", "Chair: Ann\nVice chair: Bob"),
    ] {
        assert!(
            read_settings(ReadFor::Serve, &[HOME, (name, value)]).is_err(),
            "{name}={value}"
        );
    }
    let international = settings(&[HOME, ("NPOC_MAIL_FROM", "NPOC <no-reply@例え.テスト>")]);
    assert_eq!(international.mail_from.email.domain(), "xn--r8jz45g.xn--zckzah");
}

#[test]
fn program_exits_with_every_invalid_setting() {
    let ended = run(&[], &[("NPOC_LISTEN", "nowhere"), ("NPOC_RATE_LIMIT", "many")]);
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("NPOC_LISTEN") && said.contains("NPOC_RATE_LIMIT"),
        "{said}"
    );
}

#[test]
fn every_setting_has_a_row_and_a_line_in_the_package() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let asking = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    assert!(Settings::read(ReadFor::Serve, true, asking).is_ok());
    let system_variables = ["HOME", "XDG_STATE_HOME"];
    // Other modules and libraries read these.
    let read_elsewhere = ["NPOC_SETTINGS", "PG_BINDIR", "SSL_CERT_FILE"];
    let mut read = asked.into_inner();
    read.retain(|name| !system_variables.contains(&name.as_str()));
    read.extend(read_elsewhere.map(str::to_owned));
    let rows = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    assert_eq!(read, rows);

    let package = include_str!("../../../deploy/npoc.env");
    for name in read.iter().filter(|name| *name != "NPOC_SETTINGS") {
        let sets = |line: &str| line.trim_start_matches('#').starts_with(&format!("{name}="));
        assert!(package.lines().any(sets), "{name} is not in deploy/npoc.env");
    }
}

#[test]
fn settings_guide_is_rendered_from_the_rows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    let expected = docs();
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(
        found == expected,
        "docs/settings.md is out of date; run this test with UPDATE_DOCS=1"
    );
}

fn docs() -> String {
    let escaped = |text: &str| text.replace('*', "\\*").replace('<', "\\<").replace('|', "\\|");
    let row = |setting: &Setting| {
        let default = match setting.default {
            DefaultValue::Literal(value) => format!("`{value}`"),
            DefaultValue::Described(words) => escaped(words),
        };
        format!("| `{}` | {} | {default} |\n", setting.name, escaped(setting.meaning))
    };
    let rows: String = SETTINGS.iter().map(row).collect();
    format!("{DOCS_INTRODUCTION}\n| Setting | Meaning | Default |\n|---|---|---|\n{rows}")
}

const DOCS_INTRODUCTION: &str = "# Settings

<!-- Rendered from src/settings/mod.rs. To update it: UPDATE_DOCS=1 cargo test --test site settings_guide -->

Settings are environment variables. A file can set them too, with one `NAME=value` on each line: `.env` in the working
directory, or the file that `--settings` or `NPOC_SETTINGS` names. The environment takes precedence over the file. An empty
value counts as not set.

In a named file, `npoc` rejects a setting that is set twice, an unknown name that begins with `NPOC_`, and a `$` outside
single quotes. `npoc` refuses to start if a setting is invalid, and lists every problem.
";

#[test]
fn packaged_settings_work_with_a_relay() {
    let package = include_str!("../../../deploy/npoc.env").replace("#SMTP_URL", "SMTP_URL");
    let file = std::env::temp_dir().join(format!("npoc-package-{}", std::process::id()));
    std::fs::write(&file, package).unwrap();
    let said = run(&["doctor", "--json", "--settings", file.to_str().unwrap()], &[]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.starts_with("{\"subject\":\"Settings\",\"verdict\":\"good\""),
        "{said}"
    );
    std::fs::remove_file(file).unwrap();
}

#[test]
fn settings_file_is_read_and_its_values_are_not_quoted() {
    let file = std::env::temp_dir().join(format!("npoc-settings-{}", std::process::id()));
    let path = file.to_str().unwrap();
    std::fs::write(
        &file,
        "# A comment\nNPOC_LISTEN='nowhere'\nNPOC_MAIL_FROM='NPOC <a@example.org>'\n",
    )
    .unwrap();
    for arguments in [&["serve", "--settings", path][..], &["--settings", path]] {
        let said = String::from_utf8(run(arguments, &[]).stderr).unwrap();
        assert!(
            said.contains("NPOC_LISTEN must be") && !said.contains("NPOC_MAIL_FROM"),
            "{said}"
        );
    }
    let overruled = run(
        &["doctor", "--json"],
        &[("NPOC_SETTINGS", path), ("NPOC_LISTEN", "127.0.0.1:1")],
    );
    assert!(
        !String::from_utf8_lossy(&overruled.stdout).contains("must be"),
        "the environment overrides the file"
    );
    std::fs::write(
        &file,
        "NPOC_LISTEN=127.0.0.1:1\nSMTP_URL=smtp://npoc:s3cret word@example.org\n",
    )
    .unwrap();
    let said = String::from_utf8(run(&["serve", "--settings", path], &[]).stderr).unwrap();
    assert!(
        said.contains("what follows NPOC_LISTEN is not NAME=value") && !said.contains("s3cret"),
        "{said}"
    );
    std::fs::remove_file(&file).unwrap();
    let gone = run(&["serve", "--settings", path], &[]);
    assert_eq!(gone.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("cannot be read: No such file"));
}

#[test]
fn ambiguous_settings_file_is_rejected() {
    let file = std::env::temp_dir().join(format!("npoc-otherwise-{}", std::process::id()));
    for (lines, fault) in [
        (
            "NPOC_LISTEN=127.0.0.1:1\nNPOC_LISTEN=127.0.0.1:2\n",
            "NPOC_LISTEN is set twice",
        ),
        ("NPOC_LISTN=127.0.0.1:1\n", "NPOC_LISTN is no setting"),
        ("SMTP_URL=smtp://u:s3$cret@h\n", "the value of SMTP_URL has a $ in it"),
        (
            "SMTP_URL=\"smtp://u:s3$cret@h\"\n",
            "the value of SMTP_URL has a $ in it",
        ),
    ] {
        std::fs::write(&file, lines).unwrap();
        let ended = run(&["mail", "list", "--settings", file.to_str().unwrap()], &[]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(78));
        assert!(said.contains(fault) && !said.contains("cret"), "{said}");
    }
    std::fs::write(
        &file,
        "# NPOC_LISTN=1\n\nSMTP_URL='smtp://u:s3$cret@h'\r\nNPOC_LISTEN=nowhere\n",
    )
    .unwrap();
    let ended = run(&["mail", "list", "--settings", file.to_str().unwrap()], &[]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        said.contains("NPOC_LISTEN must be") && !said.contains("SMTP_URL"),
        "{said}"
    );
    std::fs::remove_file(file).unwrap();
}
