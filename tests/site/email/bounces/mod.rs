//! A bounce is recorded, reported to staff once, and causes no further bounce.

mod malformed;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use npoc::mailer::{BounceAddress, BounceVerdict, read_bounce};
use npoc::outbox::{self, BounceOutcome, DeliveryOutcome, EmailFilter};
use uuid::Uuid;

use crate::support::{TestSite, database, process};

const ADDRESS: &str = "bounce+*@npoc.org";

/// The token in every report of this folder.
const TOKEN: &str = "k7dq2m4xw3hs5e2n";

fn report(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/email/bounces");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// Returns the expected result of each report: file, verdict, class and status.
fn reports() -> Vec<[&'static str; 4]> {
    let rows = include_str!("expected.tsv").lines().skip(1);
    rows.map(|row| row.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect()
}

/// Returns a site that has sent both emails of an application. The email to the applicant has the token of the reports.
async fn site_with_sent_mail() -> (TestSite, String) {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE outbox SET token = 'k7dq2m4xw3hs5e2n' WHERE message_id LIKE '%.applicant@%'")
        .await;
    site.deliver_all().await;
    (site, reference)
}

async fn bounce(site: &TestSite, mail: &[u8]) -> BounceOutcome {
    let report = read_bounce(mail, &BounceAddress::parse(ADDRESS).unwrap());
    outbox::record_bounce(&site.connections, &site.identity, &report)
        .await
        .unwrap()
}

/// Runs `npoc mail bounced` with an email on standard input, as a mail server does.
fn handed_over(url: &str, mail: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_npoc"));
    command.args(["mail", "bounced"]).current_dir(std::env::temp_dir());
    command
        .env_clear()
        .env("DATABASE_URL", url)
        .env("NPOC_BOUNCE_ADDRESS", ADDRESS)
        .env("HOME", "/nowhere");
    let pipe = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = pipe.spawn().unwrap();
    running.stdin.take().unwrap().write_all(mail).unwrap();
    running.wait_with_output().unwrap()
}

#[test]
fn every_bounce_format_is_understood() {
    let address = BounceAddress::parse(ADDRESS).unwrap();
    let rows = reports();
    assert!(rows.len() > 45);
    for [file, verdict, class, status] in rows {
        let read = read_bounce(&report(file), &address);
        assert_eq!(read.tokens.first().map(String::as_str), Some(TOKEN), "{file}");
        let found = match &read.verdict {
            BounceVerdict::Failed(details) => ("failed", details.class.name(), details.status.as_deref()),
            BounceVerdict::Delayed(details) => ("delayed", details.class.name(), details.status.as_deref()),
            BounceVerdict::Complaint => ("complaint", "-", None),
            BounceVerdict::Other => ("other", "-", None),
        };
        assert_eq!(
            found,
            (verdict, class, Some(status).filter(|status| *status != "-")),
            "{file}"
        );
    }
}

#[tokio::test]
async fn bounce_is_recorded_and_reported_to_staff_once() {
    let (site, reference) = site_with_sent_mail().await;
    let report = report("postfix-unknown.eml");
    assert_eq!(bounce(&site, &report).await, BounceOutcome::Recorded);
    assert_eq!(bounce(&site, &report).await, BounceOutcome::Duplicate);
    let listed = outbox::list(&site.pool, EmailFilter::Bounced).await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].bounce_class.as_deref()),
        (1, Some("no-such-mailbox"))
    );
    assert!(listed[0].bounce_reason.as_ref().unwrap().contains("5.1.1"));
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent], "one email to staff");
    let notice = std::fs::read_to_string(site.folder.join(format!("{reference}.applicant.bounced.eml"))).unwrap();
    assert!(notice.contains("To: info@npoc.org"), "{notice}");
    assert!(
        notice.contains(&format!("In-Reply-To: <{reference}.staff@npoc.org>")),
        "the notice belongs to the thread of the application"
    );
}

#[tokio::test]
async fn invented_tokens_and_vacation_notes_mark_nothing() {
    let (site, _) = site_with_sent_mail().await;
    let made_up = String::from_utf8_lossy(&report("postfix-unknown.eml")).replace(TOKEN, "aaaaaaaaaaaaaaaa");
    assert_eq!(bounce(&site, made_up.as_bytes()).await, BounceOutcome::UnknownToken);
    assert_eq!(bounce(&site, b"no mail at all").await, BounceOutcome::UnknownToken);
    assert_eq!(bounce(&site, b"").await, BounceOutcome::UnknownToken);
    for note in [
        "vacation.eml",
        "mdn.eml",
        "postfix-delivered.eml",
        "reply-that-quotes.eml",
    ] {
        assert_eq!(bounce(&site, &report(note)).await, BounceOutcome::Irrelevant, "{note}");
    }
    assert!(outbox::list(&site.pool, EmailFilter::Bounced).await.unwrap().is_empty());
    assert_eq!(site.deliver_all().await, [], "staff get no email");
    let counted: i64 = sqlx::query_scalar("SELECT sum(reports)::bigint FROM bounce_reports WHERE verdict = 'other'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(counted, 6, "every report is counted");
}

#[tokio::test]
async fn delay_is_reported_once_and_a_later_bounce_too() {
    let (site, _) = site_with_sent_mail().await;
    assert_eq!(
        bounce(&site, &report("postfix-delayed.eml")).await,
        BounceOutcome::Recorded
    );
    assert_eq!(
        bounce(&site, &report("gmail-delayed.eml")).await,
        BounceOutcome::Duplicate
    );
    assert_eq!(
        bounce(&site, &report("postfix-expired.eml")).await,
        BounceOutcome::Recorded
    );
    assert_eq!(
        bounce(&site, &report("postfix-delayed.eml")).await,
        BounceOutcome::Duplicate
    );
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent, DeliveryOutcome::Sent],
        "one email about the delay, one about the bounce"
    );
}

#[tokio::test]
async fn bounce_of_an_email_to_staff_causes_no_further_email() {
    let (site, reference) = site_with_sent_mail().await;
    bounce(&site, &report("postfix-unknown.eml")).await;
    site.deliver_all().await;
    // Bounces of the email about the bounce, of the email to staff, and of an email to an applicant at staff's address.
    for (which, name) in [
        (".bounced@", "qmail.eml"),
        (".staff@", "exim-dsn.eml"),
        (".applicant@", "gmail-full.eml"),
    ] {
        sqlx::query("UPDATE outbox SET token = DEFAULT")
            .execute(&site.pool)
            .await
            .unwrap();
        sqlx::query(
            "UPDATE outbox SET token = $1, recipient = 'INFO@npoc.org', bounced_at = NULL WHERE message_id LIKE $2",
        )
        .bind(TOKEN)
        .bind(format!("%{which}%"))
        .execute(&site.pool)
        .await
        .unwrap();
        assert_eq!(bounce(&site, &report(name)).await, BounceOutcome::Recorded, "{which}");
        assert_eq!(site.deliver_all().await, [], "{which}");
    }
    let stats = outbox::queue_stats(&site.connections).await.unwrap();
    assert_eq!((stats.bounced, stats.staff_bounced), (3, 2));
    assert_eq!(site.count("outbox").await, 3, "{reference}");
}

#[tokio::test]
async fn bounce_of_an_erased_application_leaves_no_address() {
    let (site, reference) = site_with_sent_mail().await;
    let erased = site.command(&["applications", "erase", "--yes", &reference]);
    assert!(erased.status.success());
    for name in ["gmail-delayed.eml", "exim-dsn.eml", "arf-abuse.eml"] {
        assert_eq!(bounce(&site, &report(name)).await, BounceOutcome::Recorded, "{name}");
    }
    let rows: Vec<String> = sqlx::query_scalar("SELECT outbox::text FROM outbox")
        .fetch_all(&site.pool)
        .await
        .unwrap();
    assert!(
        rows.iter()
            .all(|row| !row.contains("example") && !row.contains("afyabora")),
        "{rows:?}"
    );
    assert_eq!(site.deliver_all().await, [], "staff get no email");
}

#[tokio::test]
async fn spam_complaint_stops_confirmations_to_that_address() {
    let (site, _) = site_with_sent_mail().await;
    assert_eq!(bounce(&site, &report("arf-abuse.eml")).await, BounceOutcome::Recorded);
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent],
        "staff get an email about the complaint"
    );
    let again = [("representative_email", "Wanjiku+more@afyabora.or.ke")];
    let reference = site.apply(&again).await;
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent],
        "only the email to staff"
    );
    let emails = outbox::list_about(&site.pool, &reference).await.unwrap();
    assert!(emails[1].is_held, "{emails:?}");
}

#[tokio::test]
async fn receipt_page_shows_a_bounce() {
    let site = TestSite::new().await;
    let sent = site.send_until_stored(&[], Uuid::now_v7()).await;
    site.deliver_all().await;
    let words = "An email to you came back";
    assert!(!site.get(sent.location()).await.body.contains(words));
    site.sql("UPDATE outbox SET bounced_at = now() WHERE NOT refusal_is_final")
        .await;
    assert!(
        !site.get(sent.location()).await.body.contains(words),
        "bounces of emails to staff do not concern applicants"
    );
    site.sql("UPDATE outbox SET bounced_at = now()").await;
    let page = site.get(sent.location()).await;
    assert!(page.body.contains(words) && page.body.contains("info@npoc.org"));
}

#[tokio::test]
async fn mail_server_retries_a_bounce_only_without_a_database() {
    let (site, _) = site_with_sent_mail().await;
    let url = database::url(&site.pool.connect_options());
    for mail in [
        report("postfix-unknown.eml"),
        report("vacation.eml"),
        Vec::new(),
        vec![0xff; 2_000_000],
    ] {
        let output = handed_over(&url, &mail);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let listed = process::stdout_of(site.command(&["mail", "list", "--state", "bounced"]));
    assert!(
        listed.starts_with("1 bounced email\n") && listed.contains("returned on"),
        "{listed}"
    );
    assert_eq!(
        handed_over("postgres://npoc@127.0.0.1:1/npoc", b"x").status.code(),
        Some(75)
    );
    assert_eq!(handed_over("no address", b"x").status.code(), Some(75));
}

#[tokio::test]
async fn bounces_are_read_from_mbox_and_maildir() {
    let (site, _) = site_with_sent_mail().await;
    let url = database::url(&site.pool.connect_options());
    let folder = std::env::temp_dir().join(format!("npoc-bounces-{}", Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("maildir/new")).unwrap();
    std::fs::create_dir_all(folder.join("maildir/cur")).unwrap();
    std::fs::write(folder.join("maildir/new/1"), report("postfix-unknown.eml")).unwrap();
    let mbox = [
        b"From a\n".to_vec(),
        report("vacation.eml"),
        b"\nFrom b\n".to_vec(),
        report("gmail-full.eml"),
    ]
    .concat();
    std::fs::write(folder.join("mbox"), mbox).unwrap();
    let read = |name: &str| {
        let path = folder.join(name);
        process::stdout_of(process::run(
            &["mail", "bounced", path.to_str().unwrap()],
            &[("DATABASE_URL", &url), ("NPOC_BOUNCE_ADDRESS", ADDRESS)],
        ))
    };
    assert_eq!(
        read("mbox"),
        "1 email recorded as bounce, delay or spam complaint; 0 recorded before; 1 other.\n"
    );
    assert_eq!(
        read("maildir"),
        "0 emails recorded as bounce, delay or spam complaint; 1 recorded before; 0 other.\n"
    );
    assert!(folder.join("maildir/cur/1:2,S").is_file(), "the file is marked as read");
    assert_eq!(
        read("maildir"),
        "0 emails recorded as bounce, delay or spam complaint; 0 recorded before; 0 other.\n"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
