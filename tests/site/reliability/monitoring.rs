//! Readiness and metrics.

use crate::support::TestSite;
use crate::support::process;

#[tokio::test]
async fn readiness_shows_the_age_of_the_oldest_email() {
    let site = TestSite::new().await;
    assert_eq!(
        site.get("/health/ready").await.body,
        "ready\noldest unsent email: 0 s\n"
    );
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET owed_at = now() - interval '1 hour'").await;
    // The site reuses an answer for a second.
    let mut body = String::from("ready\noldest unsent email: 0 s\n");
    while body == "ready\noldest unsent email: 0 s\n" {
        body = site.get("/health/ready").await.body;
    }
    let seconds = body.strip_prefix("ready\noldest unsent email: ").unwrap();
    let seconds: i64 = seconds.trim_end_matches(" s\n").parse().unwrap();
    assert!((3600..7200).contains(&seconds), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_cover_requests_applications_and_emails() {
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
    assert_alerts_use_existing_metrics(&figures);
    assert_eq!(site.get("/metrics").await.status, 404, "visitors get no metrics");
    assert_eq!(
        process::get(monitor, "/").unwrap().status,
        404,
        "the metrics listener serves no pages"
    );

    site.pool.close().await;
    let figures = process::get(monitor, "/metrics").unwrap().body;
    assert!(figures.contains("npoc_database_up 0\n"), "{figures}");
}

fn assert_alerts_use_existing_metrics(figures: &str) {
    let alerts = include_str!("../../../deploy/alerts.yml");
    let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: Vec<_> = words.filter(|word| word.starts_with("npoc_")).collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        // A site exports these with several database servers, or if its user may see standbys.
        let is_of_several = ["npoc_database_hosts", "npoc_database_standbys"].contains(&name);
        let is_exported = is_of_several || figures.contains(&format!("\n{name}"));
        assert!(is_exported, "{name} is not exported");
    }
}
