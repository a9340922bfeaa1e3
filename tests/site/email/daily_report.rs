//! Staff get a daily report.

use futures_util::future::join_all;
use npoc::database::Pool;
use npoc::membership::queue_daily_report;
use npoc::outbox::DeliveryOutcome;
use sqlx::postgres::PgPoolOptions;

use crate::support::process::TIMEOUT;
use crate::support::{Mail, TestSite, database};

/// Moves everything back by a day. A day ends ten minutes after midnight.
async fn a_day_later(site: &TestSite) {
    site.sql("UPDATE applications SET received_at = received_at - interval '1 day 10 minutes'")
        .await;
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '1 day 10 minutes', owed_at = owed_at - interval '1 day'")
        .await;
    site.sql(database::REPORT_IS_DUE).await;
}

async fn queue_report(site: &TestSite) -> bool {
    queue_report_through(site, &site.connections).await
}

async fn queue_report_through(site: &TestSite, pool: &Pool) -> bool {
    let mut session = pool.session().await.unwrap();
    let look = site.outbox.clock().check(&mut session).await.unwrap();
    session.end().await.unwrap();
    queue_daily_report(pool, &site.identity, None, &look).await.unwrap()
}

/// Returns the reports that were sent, oldest first.
fn reports(site: &TestSite) -> Vec<Mail> {
    let mut names: Vec<_> = std::fs::read_dir(&site.folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("daily."))
        .collect();
    names.sort();
    names
        .iter()
        .map(|path| Mail::read(&std::fs::read(path).unwrap()))
        .collect()
}

#[tokio::test]
async fn staff_get_one_report_a_day_from_all_instances() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    let waiting = site.apply(&[]).await;
    assert!(!queue_report(&site).await, "the day is not over");
    a_day_later(&site).await;
    let queued = join_all((0..8).map(|_| queue_report(&site))).await;
    let queued = queued.into_iter().filter(|queued| *queued).count();
    assert_eq!(queued, 1);
    site.sql("UPDATE outbox SET due_at = now() + interval '1 day' WHERE reference IS NOT NULL AND sent_at IS NULL")
        .await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent]);
    assert!(!queue_report(&site).await, "only one report a day");

    let [report] = &reports(&site)[..] else {
        panic!("one report")
    };
    assert!(
        report
            .subject
            .ends_with(": 2 received, 2 mailed, 2 waiting, 0 given up"),
        "{}",
        report.subject
    );
    assert_eq!(report.header("To").unwrap(), "info@npoc.org");
    assert_eq!(report.header("Auto-Submitted").unwrap(), "auto-generated");
    for said in [
        "Applications received\n    2\n",
        "Emails sent about applications\n    2\n",
        "Emails waiting now\n    2, the oldest since ",
    ] {
        assert!(report.text.contains(said), "{said} in {}", report.text);
    }
    for named in [&reference, &waiting] {
        assert!(report.text.contains(&format!("\n    {named}\n")) && report.html.contains(named.as_str()));
    }
}

#[tokio::test]
async fn report_needs_only_one_connection() {
    let site = TestSite::new().await;
    site.sql(database::REPORT_IS_DUE).await;
    let only_one = PgPoolOptions::new().max_connections(1).acquire_timeout(TIMEOUT);
    let only_one = only_one.connect_with((*site.pool.connect_options()).clone()).await;
    let pool = Pool::new(only_one.unwrap(), false);
    assert!(queue_report_through(&site, &pool).await);
}

#[tokio::test]
async fn empty_and_missed_days_are_reported() {
    let site = TestSite::new().await;
    site.sql(database::REPORT_IS_DUE).await;
    assert!(queue_report(&site).await);
    site.deliver_all().await;
    let [nothing] = &reports(&site)[..] else {
        panic!("one report")
    };
    assert!(
        nothing
            .subject
            .ends_with(": 0 received, 0 mailed, 0 waiting, 0 given up"),
        "{}",
        nothing.subject
    );
    assert!(nothing.text.contains("This email comes every day") && !nothing.text.contains("npoc mail"));
    assert!(nothing.text.contains("Emails waiting now\n    0\n"), "{}", nothing.text);

    site.sql("DELETE FROM outbox").await;
    site.sql("UPDATE reports SET day = day - 3").await;
    assert!(queue_report(&site).await, "one report covers three days");
    let subject: String =
        sqlx::query_scalar("SELECT subject FROM outbox WHERE message_id LIKE '<daily%' AND sent_at IS NULL")
            .fetch_optional(&site.pool)
            .await
            .unwrap()
            .unwrap_or_default();
    assert!(subject.contains(" to "), "{subject}");
}
