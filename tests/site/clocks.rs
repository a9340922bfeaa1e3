//! No clock is believed alone: what cannot be undone waits, and what a wrong clock put out of sight comes back.

use std::sync::Arc;
use std::time::Instant;

use npoc::clock::{Clock, Trust};
use npoc::housekeeping;
use npoc::mailer::Mailer;
use npoc::outbox::{self, Outbox};
use npoc::web::Limits;
use sqlx::AssertSqlSafe;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch::channel;
use uuid::Uuid;

use crate::support::process::{PATIENCE, Process, said};
use crate::support::{TestSite, database, settings};

/// From now to the time of a machine that boots without a clock.
fn to_1970() -> Duration {
    OffsetDateTime::UNIX_EPOCH - OffsetDateTime::now_utc()
}

/// Another process at the database of a site, on a machine whose clock is set so.
fn beside(site: &TestSite, ahead: Duration) -> Outbox {
    let home = site.folder.parent().unwrap().to_str().unwrap();
    let settings = settings(&[("NPOC_DATA_DIR", home)]);
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    Outbox::new(site.connections.clone(), mailer, Arc::new(site.head.clone())).with_clock(Clock::ahead_by(ahead))
}

async fn trust(site: &TestSite) -> Trust {
    let mut session = site.connections.session().await.unwrap();
    site.outbox.clock().check(&mut session).await.unwrap().trust
}

async fn number(site: &TestSite, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&site.pool).await.unwrap()
}

const REPORTS_OWED: &str = "SELECT count(*) FROM outbox WHERE purpose = 'daily-report'";

#[tokio::test]
async fn no_report_is_owed_while_the_clocks_are_apart() {
    let site = TestSite::new().await;
    site.sql("UPDATE reports SET day = day - 1").await;
    let before = number(&site, "SELECT extract(epoch FROM looked_at)::bigint FROM clock_state").await;
    for ahead in [
        Duration::days(3000),
        Duration::days(-400),
        Duration::hours(2),
        to_1970(),
    ] {
        let outbox = beside(&site, ahead);
        housekeeping::run_once(&site.connections, &outbox, &site.head, Some(30))
            .await
            .unwrap();
        assert_eq!(number(&site, REPORTS_OWED).await, 0, "{ahead}");
    }
    let after = number(&site, "SELECT extract(epoch FROM looked_at)::bigint FROM clock_state").await;
    assert_eq!(after, before, "and no such time is believed");
    site.look(Some(30)).await;
    assert_eq!(number(&site, REPORTS_OWED).await, 1);
}

#[tokio::test]
async fn a_clock_that_jumped_is_believed_after_a_week_and_not_before() {
    for jump in [
        "UPDATE clock_state SET seen_at = now() - interval '8 days', looked_at = seen_at - interval '8 days'",
        "UPDATE clock_state SET seen_at = now() + interval '8 years', looked_at = seen_at + interval '8 years'",
        "UPDATE clock_state SET seen_at = now() + interval '2 hours', looked_at = now() + interval '2 hours'",
    ] {
        let site = TestSite::new().await;
        assert_eq!(trust(&site).await, Trust::Steady, "a new database is believed");
        site.sql(jump).await;
        site.look(Some(30)).await;
        site.look(Some(30)).await;
        assert!(matches!(trust(&site).await, Trust::Jumped { .. }), "{jump}");
        site.sql("UPDATE clock_state SET steady_since = steady_since - interval '6 days'")
            .await;
        site.look(Some(30)).await;
        assert!(matches!(trust(&site).await, Trust::Jumped { .. }), "{jump}");
        site.sql("UPDATE clock_state SET steady_since = steady_since - interval '1 day'")
            .await;
        site.look(Some(30)).await;
        assert_eq!(trust(&site).await, Trust::Steady, "{jump}");
        let is_now = "SELECT count(*) FROM clock_state WHERE steady_since IS NULL AND abs(extract(epoch FROM seen_at - now())) < 3600";
        assert_eq!(number(&site, is_now).await, 1, "{jump}");
    }
}

/// Ways in which a clock that was ahead put a mail out of sight, and what the mail is like then.
const PUT_OFF: [(&str, &str); 10] = [
    (
        "owed in a day",
        "owed_at = now() + interval '1 day', due_at = now() + interval '1 day'",
    ),
    (
        "owed in 400 days",
        "owed_at = now() + interval '400 days', due_at = now() + interval '400 days'",
    ),
    (
        "owed in a minute",
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
async fn mail_that_a_clock_ahead_put_off_goes_at_once() {
    for (what, changes) in PUT_OFF {
        let site = TestSite::new().await;
        site.apply(&[]).await;
        let put_off = format!("UPDATE outbox SET {changes}");
        sqlx::query(AssertSqlSafe(put_off)).execute(&site.pool).await.unwrap();
        let (_stop, stopping) = channel(false);
        tokio::spawn(Arc::clone(&site.outbox).run(stopping));
        let sending = async {
            while !outbox::unsent(&site.pool).await.unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, sending).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn a_look_brings_back_what_lies_in_the_future_and_nothing_else() {
    let is_due = "SELECT count(*) FROM outbox WHERE due_at <= now() AND leased_until IS NULL AND owed_at <= now()
        AND coalesce(failed_at <= now(), true)";
    for (what, changes) in PUT_OFF {
        let site = TestSite::new().await;
        site.apply(&[]).await;
        let put_off = format!("UPDATE outbox SET {changes}");
        sqlx::query(AssertSqlSafe(put_off)).execute(&site.pool).await.unwrap();
        site.look(None).await;
        assert_eq!(number(&site, is_due).await, 2, "{what}");
        let failed = number(&site, "SELECT count(failed_at) FROM outbox").await;
        assert_eq!(failed > 0, changes.contains("failed_at"), "{what}");
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            2,
            "{what}"
        );
        site.look(None).await;
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            2,
            "once: {what}"
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
        site.look(None).await;
        assert_eq!(
            number(&site, "SELECT mails_brought_back FROM clock_state").await,
            0,
            "{waits}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_changes_no_date_of_a_mail() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    // As if the time were 400 days ago.
    site.sql("UPDATE outbox SET owed_at = now() + interval '400 days', due_at = owed_at + interval '400 days'")
        .await;
    site.sql("UPDATE clock_state SET seen_at = now() + interval '400 days', looked_at = now() + interval '400 days'")
        .await;
    site.sql("UPDATE reports SET day = day + 400").await;
    site.look(Some(30)).await;
    let due = "SELECT count(*) FROM outbox WHERE due_at <= now() AND owed_at > now() + interval '399 days'";
    assert_eq!(number(&site, due).await, 2, "they go");
    let kept = "SELECT count(*) FROM reports WHERE day > now()::date + 390";
    assert_eq!(number(&site, kept).await, 1, "and no report is taken back");
}

#[tokio::test]
async fn reports_of_days_to_come_are_taken_back_and_told() {
    for days in ["1", "6", "400", "3000"] {
        let site = TestSite::new().await;
        let ahead = format!(
            "INSERT INTO reports (day, owed_at) SELECT day + {days} + 1, now() + interval '{days} days' FROM reports"
        );
        sqlx::query(AssertSqlSafe(ahead)).execute(&site.pool).await.unwrap();
        site.sql("UPDATE reports SET day = day - 1").await;
        site.look(Some(30)).await;
        let to_come = "SELECT count(*) FROM reports WHERE day > (now() AT TIME ZONE 'UTC')::date - 1";
        assert_eq!(number(&site, to_come).await, 0, "{days}");
        let text: String = sqlx::query_scalar("SELECT body_text FROM outbox WHERE purpose = 'daily-report'")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert!(
            text.contains("Reports of days to come, taken back since a clock was ahead: 1."),
            "{text}"
        );
        // The day of the report that was taken back comes.
        site.sql("UPDATE reports SET day = day - 1").await;
        site.look(Some(30)).await;
        assert_eq!(number(&site, REPORTS_OWED).await, 2, "{days}");
    }
}

#[tokio::test]
async fn a_report_is_owed_though_every_day_in_the_table_is_to_come() {
    let site = TestSite::new().await;
    site.sql("UPDATE reports SET day = day + 400").await;
    site.sql("UPDATE clock_state SET seen_at = now() + interval '400 days', looked_at = now() + interval '400 days'")
        .await;
    site.look(None).await;
    assert_eq!(number(&site, REPORTS_OWED).await, 1);
}

#[tokio::test]
async fn an_application_never_looks_old_because_a_machine_boots_in_1970() {
    for (ahead, what) in [
        (to_1970(), "1970"),
        (Duration::days(3000), "ahead"),
        (Duration::days(-900), "behind"),
    ] {
        let site = TestSite::at(Clock::ahead_by(ahead), Limits::default(), &[]).await;
        site.look(Some(30)).await;
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
    let standing = outbox::standing(&site.connections).await.unwrap();
    assert_eq!(standing.oldest_waits, Duration::ZERO);
    assert!(standing.oldest_owed_at.unwrap() <= OffsetDateTime::now_utc() + Duration::MINUTE);
    assert_eq!(site.get("/health/ready").await.body, "ready\noldest unsent mail: 0 s\n");
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_holds_no_mailbox_for_a_year() {
    let site = TestSite::with(&[("NPOC_RATE_LIMIT", "1000")]).await;
    for _ in 0..20 {
        site.apply(&[("website", &format!("{}.example", Uuid::new_v4()))]).await;
    }
    site.sql("UPDATE outbox SET owed_at = now() + interval '1 year', sent_at = now() + interval '1 year'")
        .await;
    let reference = site.apply(&[]).await;
    let held = outbox::about(&site.pool, &reference).await.unwrap();
    assert!(held.iter().all(|mail| !mail.is_held), "{held:?}");
}

#[tokio::test]
async fn erasing_by_hand_asks_the_clocks_unless_a_person_knows_better() {
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
    assert!(!alone.status.success(), "only together with --yes");
    assert_eq!(
        said(site.command(&[&erase[..], &["--despite-clock"]].concat())),
        "Erased: 1 application.\n"
    );
}

/// Of the test's own questions none is counted: they go to another database.
async fn transactions(other: &sqlx::PgPool, database: &str) -> i64 {
    sqlx::query_scalar("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1")
        .bind(database)
        .fetch_one(other)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_site_rests_between_questions_to_its_database() {
    let options = database::fresh_options().await;
    let other = database::fresh().await;
    let home = std::env::temp_dir().join(format!("npoc-idle-{}", Uuid::new_v4()));
    let _site = Process::start(&[
        ("DATABASE_URL", &database::url(&options)),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RETENTION_DAYS", "30"),
    ]);
    let name = options.get_database().unwrap();
    // Until it has looked after everything once, and that was counted.
    let began = Instant::now();
    while began.elapsed() < PATIENCE * 2 {
        let before = transactions(&other, name).await;
        let then = Instant::now();
        while transactions(&other, name).await < before + 3 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        // Three more cannot come sooner, however fast the machine is.
        if then.elapsed() > std::time::Duration::from_secs(8) {
            return;
        }
    }
    panic!("it asks again and again");
}
