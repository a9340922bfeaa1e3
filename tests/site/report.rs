//! Someone notices: the daily report, readiness, the log.

use futures_util::future::join_all;
use npoc::database::Pool;
use npoc::membership::queue_daily_report;
use npoc::outbox::Step;
use sqlx::postgres::PgPoolOptions;

use crate::support::process::{self, PATIENCE};
use crate::support::{Mail, TestSite};

async fn a_day_later(site: &TestSite) {
    site.sql("UPDATE applications SET received_at = received_at - interval '1 day'")
        .await;
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '1 day', owed_at = owed_at - interval '1 day'")
        .await;
    site.sql("UPDATE reports SET day = day - 1").await;
}

async fn owe(site: &TestSite) -> bool {
    owe_through(site, &site.connections).await
}

async fn owe_through(site: &TestSite, pool: &Pool) -> bool {
    let mut session = pool.session().await.unwrap();
    let look = site.outbox.clock().check(&mut session).await.unwrap();
    session.end().await.unwrap();
    queue_daily_report(pool, &site.head, None, &look).await.unwrap()
}

/// The reports that were mailed, oldest first.
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
async fn once_a_day_staff_get_received_mailed_and_waiting_however_many_instances_run() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    let waiting = site.apply(&[]).await;
    assert!(!owe(&site).await, "the day has not ended");
    a_day_later(&site).await;
    let owed = join_all((0..8).map(|_| owe(&site))).await;
    let owed = owed.into_iter().filter(|owed| *owed).count();
    assert_eq!(owed, 1);
    site.sql("UPDATE outbox SET due_at = now() + interval '1 day' WHERE reference IS NOT NULL AND sent_at IS NULL")
        .await;
    assert_eq!(site.deliver_all().await, [Step::Sent]);
    assert!(!owe(&site).await, "once a day");

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
async fn a_report_needs_one_connection_and_waits_for_no_second() {
    let site = TestSite::new().await;
    site.sql("UPDATE reports SET day = day - 1").await;
    let only_one = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let only_one = only_one.connect_with((*site.pool.connect_options()).clone()).await;
    let pool = Pool::new(only_one.unwrap(), false);
    assert!(owe_through(&site, &pool).await);
}

#[tokio::test]
async fn a_day_without_anything_is_reported_too_and_days_that_were_missed_together() {
    let site = TestSite::new().await;
    site.sql("UPDATE reports SET day = day - 1").await;
    assert!(owe(&site).await);
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
    assert!(owe(&site).await, "after three days without a site");
    let subject: String =
        sqlx::query_scalar("SELECT subject FROM outbox WHERE message_id LIKE '<daily%' AND sent_at IS NULL")
            .fetch_optional(&site.pool)
            .await
            .unwrap()
            .unwrap_or_default();
    assert!(subject.contains(" to "), "{subject}");
}

#[tokio::test]
async fn readiness_tells_for_how_long_the_oldest_mail_has_waited() {
    let site = TestSite::new().await;
    assert_eq!(site.get("/health/ready").await.body, "ready\noldest unsent mail: 0 s\n");
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET owed_at = now() - interval '1 hour'").await;
    // An answer serves for a second.
    let mut body = String::from("ready\noldest unsent mail: 0 s\n");
    while body == "ready\noldest unsent mail: 0 s\n" {
        body = site.get("/health/ready").await.body;
    }
    let seconds = body.strip_prefix("ready\noldest unsent mail: ").unwrap();
    let seconds: i64 = seconds.trim_end_matches(" s\n").parse().unwrap();
    assert!((3600..7200).contains(&seconds), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_sees_requests_applications_and_mail_on_a_listener_of_its_own() {
    let site = TestSite::new().await;
    let monitor = site.listen_to_monitor().await;
    site.get("/join").await;
    site.get("/nowhere").await;
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET owed_at = now() - interval '1 hour'").await;
    site.sql("UPDATE outbox SET given_up_at = now() WHERE refusal_is_final")
        .await;
    let figures = process::get(monitor, "/metrics").unwrap().body;
    for line in [
        "npoc_http_requests_total{method=\"GET\",route=\"/join\",status=\"200\"} 1",
        "npoc_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\"} 1",
        "npoc_http_requests_total{method=\"POST\",route=\"/membership\",status=\"303\"} 1",
        "npoc_applications 1",
        "npoc_database_up 1",
        "npoc_outbox_mails{state=\"waiting\"} 1",
        "npoc_outbox_mails{state=\"given_up\"} 1",
    ] {
        assert!(
            figures.lines().any(|figure| figure.starts_with(line)),
            "{line} in {figures}"
        );
    }
    let oldest = "npoc_outbox_oldest_unsent_seconds ";
    let oldest = figures.lines().find_map(|figure| figure.strip_prefix(oldest)).unwrap();
    assert!((3600.0..7200.0).contains(&oldest.parse::<f64>().unwrap()), "{oldest}");
    for pattern in [
        "npoc_build_info{version=",
        "npoc_start_time_seconds 1",
        "npoc_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/membership\"} 1",
    ] {
        assert!(
            figures.lines().any(|figure| figure.starts_with(pattern)),
            "{pattern} in {figures}"
        );
    }
    let sum = "npoc_http_request_duration_seconds_sum{route=\"/membership\"} ";
    let took = figures.lines().find_map(|figure| figure.strip_prefix(sum)).unwrap();
    assert!(took.parse::<f64>().unwrap() > 0.0, "{took}");
    every_alert_waits_for_a_figure_that_is_there(&figures);
    assert_eq!(site.get("/metrics").await.status, 404, "not for visitors");
    assert_eq!(
        process::get(monitor, "/").unwrap().status,
        404,
        "and the monitor sees no pages"
    );

    site.pool.close().await;
    let figures = process::get(monitor, "/metrics").unwrap().body;
    assert!(figures.contains("npoc_database_up 0\n"), "{figures}");
}

fn every_alert_waits_for_a_figure_that_is_there(figures: &str) {
    let alerts = include_str!("../../deploy/alerts.yml");
    let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: Vec<_> = words.filter(|word| word.starts_with("npoc_")).collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        // That of several servers is not there where there is one.
        let is_there = name == "npoc_database_hosts" || figures.contains(&format!("\n{name}"));
        assert!(is_there, "{name} is no figure");
    }
}
