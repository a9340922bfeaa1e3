//! The site trusts no clock alone: erasure waits, and emails delayed by a wrong clock become due again.

use std::sync::Arc;
use std::time::Instant;

use npoc::clock::{Clock, Trust};
use npoc::housekeeping;
use npoc::mailer::Mailer;
use npoc::outbox::{self, Outbox};
use npoc::web::Limits;
use sqlx::AssertSqlSafe;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::support::delivery::{deliver_in_background, unsent, wait_until};
use crate::support::process::{Process, TIMEOUT, stdout_of};
use crate::support::{TestSite, database, settings};

/// The offset of a machine that boots without a clock.
fn to_1970() -> Duration {
    OffsetDateTime::UNIX_EPOCH - OffsetDateTime::now_utc()
}

/// Returns the outbox of another process on the same database, whose clock is ahead.
fn outbox_ahead(site: &TestSite, ahead: Duration) -> Outbox {
    let home = site.folder.parent().unwrap().to_str().unwrap();
    let settings = settings(&[("NPOC_DATA_DIR", home)]);
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    Outbox::new(site.connections.clone(), mailer, Arc::new(site.identity.clone())).with_clock(Clock::ahead_by(ahead))
}

async fn trust(site: &TestSite) -> Trust {
    let mut session = site.connections.session().await.unwrap();
    site.outbox.clock().check(&mut session).await.unwrap().trust
}

async fn number(site: &TestSite, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&site.pool).await.unwrap()
}

const QUEUED_REPORTS: &str = "SELECT count(*) FROM outbox WHERE purpose = 'daily-report'";

#[tokio::test]
async fn no_report_is_queued_while_clocks_disagree() {
    let site = TestSite::new().await;
    site.sql(database::REPORT_IS_DUE).await;
    let before = number(&site, "SELECT extract(epoch FROM looked_at)::bigint FROM clock_state").await;
    for ahead in [
        Duration::days(3000),
        Duration::days(-400),
        Duration::hours(2),
        to_1970(),
    ] {
        let outbox = outbox_ahead(&site, ahead);
        housekeeping::run_once(&site.connections, &outbox, &site.review, Some(30))
            .await
            .unwrap();
        assert_eq!(number(&site, QUEUED_REPORTS).await, 0, "{ahead}");
    }
    let after = number(&site, "SELECT extract(epoch FROM looked_at)::bigint FROM clock_state").await;
    assert_eq!(after, before, "the stored time is unchanged");
    site.run_housekeeping(Some(30)).await;
    assert_eq!(number(&site, QUEUED_REPORTS).await, 1);
}

#[tokio::test]
async fn jumped_clock_is_trusted_after_a_week() {
    for jump in [
        "UPDATE clock_state SET seen_at = now() - interval '8 days', looked_at = seen_at - interval '8 days'",
        "UPDATE clock_state SET seen_at = now() + interval '8 years', looked_at = seen_at + interval '8 years'",
        "UPDATE clock_state SET seen_at = now() + interval '2 hours', looked_at = now() + interval '2 hours'",
    ] {
        let site = TestSite::new().await;
        assert_eq!(
            trust(&site).await,
            Trust::Steady,
            "the clock of a new database is trusted"
        );
        site.sql(jump).await;
        site.run_housekeeping(Some(30)).await;
        site.run_housekeeping(Some(30)).await;
        assert!(matches!(trust(&site).await, Trust::Jumped { .. }), "{jump}");
        site.sql("UPDATE clock_state SET steady_since = steady_since - interval '6 days'")
            .await;
        site.run_housekeeping(Some(30)).await;
        assert!(matches!(trust(&site).await, Trust::Jumped { .. }), "{jump}");
        site.sql("UPDATE clock_state SET steady_since = steady_since - interval '1 day'")
            .await;
        site.run_housekeeping(Some(30)).await;
        assert_eq!(trust(&site).await, Trust::Steady, "{jump}");
        let is_now = "SELECT count(*) FROM clock_state WHERE steady_since IS NULL AND abs(extract(epoch FROM seen_at - now())) < 3600";
        assert_eq!(number(&site, is_now).await, 1, "{jump}");
    }
}

/// Ways in which a fast clock delays an email: a name, and the columns then.
const PUT_OFF: [(&str, &str); 10] = [
    (
        "queued in a day",
        "owed_at = now() + interval '1 day', due_at = now() + interval '1 day'",
    ),
    (
        "queued in 400 days",
        "owed_at = now() + interval '400 days', due_at = now() + interval '400 days'",
    ),
    (
        "queued in a minute",
        "owed_at = now() + interval '1 minute', due_at = now() + interval '10 minutes'",
    ),
    (
        "tried in a day",
        "failed_at = now() + interval '1 day', due_at = now() + interval '25 hours', attempts = 3, claims = 3",
    ),
    (
        "tried in two hours",
        "failed_at = now() + interval '2 hours', due_at = now() + interval '3 hours', postponements = 9, claims = 9",
    ),
    (
        "leased in a day",
        "leased_until = now() + interval '1 day', due_at = now() + interval '1 day', claims = 1",
    ),
    (
        "leased in eight years",
        "leased_until = now() + interval '8 years', due_at = now() + interval '8 years', claims = 1, owed_at = now() + interval '8 years'",
    ),
    (
        "leased in ten minutes",
        "leased_until = now() + interval '10 minutes', due_at = now() + interval '10 minutes', claims = 4, attempts = 2",
    ),
    (
        "due later than any wait",
        "due_at = now() + interval '15 hours', attempts = 9, claims = 9",
    ),
    ("due in hours though never tried", "due_at = now() + interval '2 hours'"),
];

#[tokio::test]
async fn emails_delayed_by_a_fast_clock_are_sent_at_once() {
    for (what, changes) in PUT_OFF {
        let site = TestSite::new().await;
        site.apply(&[]).await;
        let put_off = format!("UPDATE outbox SET {changes}");
        sqlx::query(AssertSqlSafe(put_off)).execute(&site.pool).await.unwrap();
        let _delivering = deliver_in_background(&site);
        wait_until(what, async || unsent(&site.pool).await == 0).await;
    }
}

#[tokio::test]
async fn housekeeping_reschedules_only_future_emails() {
    let is_due = "SELECT count(*) FROM outbox WHERE due_at <= now() AND leased_until IS NULL AND owed_at <= now()
        AND coalesce(failed_at <= now(), true)";
    for (what, changes) in PUT_OFF {
        let site = TestSite::new().await;
        site.apply(&[]).await;
        let put_off = format!("UPDATE outbox SET {changes}");
        sqlx::query(AssertSqlSafe(put_off)).execute(&site.pool).await.unwrap();
        site.run_housekeeping(None).await;
        assert_eq!(number(&site, is_due).await, 2, "{what}");
        let failed = number(&site, "SELECT count(failed_at) FROM outbox").await;
        assert_eq!(failed > 0, changes.contains("failed_at"), "{what}");
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            2,
            "{what}"
        );
        site.run_housekeeping(None).await;
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            2,
            "only once: {what}"
        );
    }
    for waits in [
        "due_at = now() + interval '5 minutes', failed_at = now(), claims = 1",
        "due_at = now() + interval '65 minutes', failed_at = now(), postponements = 30, claims = 30",
        "due_at = now() + interval '13 hours', failed_at = now(), attempts = 9, claims = 9",
        "due_at = now() + interval '3 minutes', leased_until = now() + interval '3 minutes', claims = 1",
        "due_at = now() + interval '3 minutes', leased_until = now() + interval '3 minutes', claims = 1,
            owed_at = now() + interval '1 year'",
        "sent_at = now(), owed_at = now() + interval '1 year', due_at = now() + interval '1 year'",
        "given_up_at = now(), owed_at = now() + interval '1 year', due_at = now() + interval '1 year'",
    ] {
        let site = TestSite::new().await;
        site.apply(&[]).await;
        let changed = format!("UPDATE outbox SET {waits}");
        sqlx::query(AssertSqlSafe(changed)).execute(&site.pool).await.unwrap();
        site.run_housekeeping(None).await;
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            0,
            "{waits}"
        );
    }
}

#[tokio::test]
async fn slow_clock_changes_no_email_date() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    // Simulates a clock that is 400 days behind.
    site.sql("UPDATE outbox SET owed_at = now() + interval '400 days', due_at = owed_at + interval '400 days'")
        .await;
    site.sql("UPDATE clock_state SET seen_at = now() + interval '400 days', looked_at = now() + interval '400 days'")
        .await;
    site.sql("UPDATE reports SET day = day + 400").await;
    site.run_housekeeping(Some(30)).await;
    let due = "SELECT count(*) FROM outbox WHERE due_at <= now() AND owed_at > now() + interval '399 days'";
    assert_eq!(number(&site, due).await, 2, "both emails are due");
    let kept = "SELECT count(*) FROM reports WHERE day > now()::date + 390";
    assert_eq!(number(&site, kept).await, 1, "no report is withdrawn");
}

#[tokio::test]
async fn reports_of_future_days_are_withdrawn_and_mentioned() {
    for days in ["1", "6", "400", "3000"] {
        let site = TestSite::new().await;
        site.sql(database::REPORT_IS_DUE).await;
        let ahead = format!(
            "INSERT INTO reports (day, owed_at) SELECT day + {days} + 3, now() + interval '{days} days' FROM reports"
        );
        sqlx::query(AssertSqlSafe(ahead)).execute(&site.pool).await.unwrap();
        site.run_housekeeping(Some(30)).await;
        let to_come = "SELECT count(*) FROM reports WHERE day > (now() AT TIME ZONE 'UTC')::date - 1";
        assert_eq!(number(&site, to_come).await, 0, "{days}");
        let text: String = sqlx::query_scalar("SELECT body_text FROM outbox WHERE purpose = 'daily-report'")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert!(
            text.contains("Reports of future days, withdrawn because a clock was ahead: 1."),
            "{text}"
        );
        // The day of the withdrawn report arrives.
        site.sql(database::REPORT_IS_DUE).await;
        site.run_housekeeping(Some(30)).await;
        assert_eq!(number(&site, QUEUED_REPORTS).await, 2, "{days}");
    }
}

#[tokio::test]
async fn report_is_queued_when_all_report_days_lie_ahead() {
    let site = TestSite::new().await;
    site.sql("UPDATE reports SET day = day + 400").await;
    site.sql("UPDATE clock_state SET seen_at = now() + interval '400 days', looked_at = now() + interval '400 days'")
        .await;
    site.run_housekeeping(None).await;
    assert_eq!(number(&site, QUEUED_REPORTS).await, 1);
}

#[tokio::test]
async fn application_never_looks_old_when_the_clock_starts_in_1970() {
    for (ahead, what) in [
        (to_1970(), "1970"),
        (Duration::days(3000), "ahead"),
        (Duration::days(-900), "behind"),
    ] {
        let site = TestSite::at(Clock::ahead_by(ahead), Limits::default(), &[]).await;
        site.run_housekeeping(Some(30)).await;
        let reference = site.apply(&[]).await;
        let record = npoc::membership::find(&site.pool, &reference).await.unwrap().unwrap();
        let apart = (record.received_at - OffsetDateTime::now_utc()).abs();
        assert!(apart < Duration::minutes(10), "{what}: {apart}");
    }
}

#[tokio::test]
async fn no_age_is_negative() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET owed_at = now() + interval '1 day'").await;
    let stats = outbox::queue_stats(&site.connections).await.unwrap();
    assert_eq!(stats.oldest_waits, Duration::ZERO);
    assert!(stats.oldest_queued_at.unwrap() <= OffsetDateTime::now_utc() + Duration::MINUTE);
    assert_eq!(
        site.get("/health/ready").await.body,
        "ready\noldest unsent email: 0 s\n"
    );
}

#[tokio::test]
async fn fast_clock_does_not_exhaust_limits_for_a_year() {
    let site = TestSite::with(&[("NPOC_RATE_LIMIT", "1000")]).await;
    for _ in 0..20 {
        site.apply(&[("website", &format!("{}.example", Uuid::new_v4()))]).await;
    }
    site.sql("UPDATE outbox SET owed_at = now() + interval '1 year', sent_at = now() + interval '1 year'")
        .await;
    let reference = site.apply(&[]).await;
    let held = outbox::list_about(&site.pool, &reference).await.unwrap();
    assert!(held.iter().all(|mail| !mail.is_held), "{held:?}");
}

#[tokio::test]
async fn manual_erasure_checks_the_clock_unless_overridden() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    site.deliver_all().await;
    site.sql("UPDATE applications SET received_at = now() - interval '31 days'")
        .await;
    site.sql("UPDATE clock_state SET seen_at = now() - interval '9 days', looked_at = now() - interval '9 days'")
        .await;
    let erase = ["applications", "erase", "--older-than", "30", "--yes"];
    let refused = site.command(&erase);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && why.contains("The clock jumped") && why.contains("--despite-clock"),
        "{why}"
    );
    assert_eq!(site.count("applications").await, 1);
    let alone = site.command(&["applications", "erase", "--older-than", "30", "--despite-clock"]);
    assert!(!alone.status.success(), "--despite-clock needs --yes");
    assert_eq!(
        stdout_of(site.command(&[&erase[..], &["--despite-clock"]].concat())),
        "Erased: 1 application.\n"
    );
}

/// Counts the transactions of a database. The query itself runs in another one, so it is not counted.
async fn transactions(other: &sqlx::PgPool, database: &str) -> i64 {
    sqlx::query_scalar("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1")
        .bind(database)
        .fetch_one(other)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_site_pauses_between_database_queries() {
    let options = database::fresh_options().await;
    let other = database::fresh().await;
    let home = std::env::temp_dir().join(format!("npoc-idle-{}", Uuid::new_v4()));
    let _site = Process::start(&[
        ("DATABASE_URL", &database::url(&options)),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RETENTION_DAYS", "30"),
        // Nobody answers there. With lookups the site reads one more table.
        ("NPOC_DNS", "127.0.0.1:9"),
    ]);
    let name = options.get_database().unwrap();
    // The first housekeeping run ends, and the statistics are written.
    let began = Instant::now();
    while began.elapsed() < TIMEOUT * 2 {
        let before = transactions(&other, name).await;
        let then = Instant::now();
        while transactions(&other, name).await < before + 3 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        // An idle site needs at least eight seconds for three transactions.
        if then.elapsed() > std::time::Duration::from_secs(8) {
            return;
        }
    }
    panic!("the idle site queries too often");
}
