//! An operator manages applications from a terminal, with the real program.

use npoc::database::MIGRATOR;
use sqlx::Connection as _;

use crate::support::process::{run, stdout_of};
use crate::support::{GOOD, TestSite, database};

#[tokio::test]
async fn applications_are_listed_and_shown() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("organization_name", "صحة للجميع")]).await;
    let list = stdout_of(site.command(&["applications", "list"]));
    assert!(list.contains(&reference) && list.contains("صحة للجميع"));
    let shown = stdout_of(site.command(&["applications", "show", &reference.to_lowercase()]));
    for expected in [
        "صحة للجميع",
        "    Kenya\n",
        "Not provided",
        "ICANN region: Africa",
        "received",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let unknown = site.command(&["applications", "show", "NPOC-0000-0000"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("No application has the reference"));
}

#[tokio::test]
async fn application_is_found_by_any_spelling() {
    let site = TestSite::new().await;
    let reference = site
        .apply(&[
            ("organization_name", "Fundación Éxito 例え財団"),
            ("organization_name_latin", "Tatoe Foundation"),
            ("domain_name", "例え.テスト"),
            ("representative_email", "Hanako@例え.テスト"),
            ("alternate_name", "Bob"),
            ("alternate_email", "bob@example.org"),
        ])
        .await;
    let other = site.apply(&[]).await;
    for typed in [
        &reference,
        &reference.to_lowercase(),
        &reference["NPOC-".len()..],
        &reference.replace('-', " "),
        "例え.テスト",
        "xn--r8jz45g.xn--zckzah",
        "https://www.例え。テスト/about",
        "hanako@xn--r8jz45g.xn--zckzah",
        "BOB@example.org",
        "fundacio\u{301}n é",
        "例え財団",
        "tatoe",
    ] {
        let found = stdout_of(site.command(&["applications", "list", "--text", typed]));
        assert!(
            found.starts_with(&reference) && !found.contains(&other),
            "{typed}: {found}"
        );
    }
    assert_eq!(
        stdout_of(site.command(&["applications", "list", "--text", "example.com"])),
        ""
    );
}

#[tokio::test]
async fn suspected_spam_is_stored_emailed_and_released() {
    let site = TestSite::new().await;
    let links = "Buy <a href=http://a.example>this</a> http://b.example http://c.example http://d.example";
    let marked = site.apply(&[("statement", links)]).await;
    let other = site.apply(&[]).await;
    assert_eq!(site.deliver_all().await.len(), 4, "no email is held");
    let (staff, _) = site.emails(&marked);
    assert!(staff.text.lines().nth(4).unwrap().contains("CHECK: "), "{}", staff.text);
    assert!(
        staff
            .text
            .contains("Signs of spam\n    sent in no time; many links; markup\n"),
        "{}",
        staff.text
    );

    let suspected = stdout_of(site.command(&["applications", "list", "--state", "suspected"]));
    assert!(
        suspected.contains(&marked) && !suspected.contains(&other),
        "{suspected}"
    );
    stdout_of(site.command(&["applications", "release", &marked.to_lowercase()]));
    assert_eq!(
        stdout_of(site.command(&["applications", "list", "--state", "suspected"])),
        ""
    );
    assert!(stdout_of(site.command(&["applications", "show", &marked])).contains("released"));
    assert!(
        !site.command(&["applications", "release", &marked]).status.success(),
        "a second release fails"
    );
    assert!(stdout_of(site.command(&["applications", "list"])).contains(&marked));
}

#[tokio::test]
async fn export_holds_every_answer_and_escapes_formulas() {
    let site = TestSite::new().await;
    let reference = site
        .apply(&[
            ("organization_name", "=HYPERLINK(\"http://evil.example\")"),
            ("website", ""),
        ])
        .await;
    let csv = stdout_of(site.command(&["applications", "export"]));
    assert!(csv.starts_with('\u{feff}'), "spreadsheets need the mark for UTF-8");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let cell = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
    assert_eq!(cell("reference"), reference);
    assert_eq!(cell("organization_name"), "'=HYPERLINK(\"http://evil.example\")");
    assert_eq!(cell("representative_phone"), "'+254 20 123 4567");
    assert_eq!(cell("statement").lines().count(), 2);
    assert_eq!(cell("icann_region"), "Africa");

    let jsonl = stdout_of(site.command(&["applications", "export", "--format", "jsonl"]));
    let exact: serde_json::Value = serde_json::from_str(jsonl.trim()).unwrap();
    assert_eq!(exact["organization_name"], "=HYPERLINK(\"http://evil.example\")");
    assert_eq!(exact["representative_phone"], "+254 20 123 4567");
    assert_eq!(exact["website"], serde_json::Value::Null);
}

#[tokio::test]
async fn export_of_one_application_holds_no_other() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.apply(&[("organization_name", "Somebody else")]).await;
    let export = ["applications", "export", "--format", "jsonl", "--reference"];
    let one = stdout_of(site.command(&[&export[..], &[&reference.to_lowercase()]].concat()));
    let kept: serde_json::Value = serde_json::from_str(&one).unwrap();
    for (name, value) in GOOD
        .iter()
        .filter(|(name, _)| !["authorised", "publish", "registered"].contains(name))
    {
        assert_eq!(kept[name].as_str().unwrap_or_default(), *value, "{name}");
    }
    let unknown = site.command(&[&export[..], &["NPOC-3333-3333"]].concat());
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
}

#[tokio::test]
async fn mail_retry_makes_unsent_emails_due() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE outbox SET given_up_at = now(), last_error = 'refused \u{1b}[31m' WHERE refusal_is_final")
        .await;
    let list = stdout_of(site.command(&["mail", "list"]));
    assert!(
        list.starts_with("2 unsent emails\n") && list.contains("given up on"),
        "{list}"
    );
    assert!(
        !list.contains('\u{1b}'),
        "replies of a mail server cannot control the terminal"
    );
    assert!(stdout_of(site.command(&["mail", "retry", &reference])).contains("2 unsent emails"));
    assert_eq!(site.deliver_all().await.len(), 2);
    assert!(stdout_of(site.command(&["mail", "list"])).starts_with("0 "));
}

#[tokio::test]
async fn migrate_is_idempotent() {
    let options = database::empty_options().await;
    for _ in 0..2 {
        assert_eq!(
            stdout_of(run(&["migrate"], &[("DATABASE_URL", &database::url(&options))])),
            "The database is up to date.\n"
        );
    }
    let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), MIGRATOR.iter().count());
}

#[test]
fn read_only_command_creates_no_database() {
    let home = std::env::temp_dir().join(format!("npoc-nothing-{}", std::process::id()));
    let ended = run(&["applications", "list"], &[("NPOC_DATA_DIR", home.to_str().unwrap())]);
    assert!(!ended.status.success() && !home.exists());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("There is no database in"));
}

#[test]
fn help_lists_every_command() {
    let help = stdout_of(run(&["--help"], &[]));
    for command in ["serve", "migrate", "doctor", "mail", "applications"] {
        assert!(help.contains(command), "{help}");
    }
}
