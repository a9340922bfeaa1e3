//! Personal data is erased on request, and when the retention period ends.

use axum::http::StatusCode;
use futures_util::future::join_all;
use npoc::clock::Clock;
use npoc::membership::{erase_announced, erase_older_than};
use npoc::outbox;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::delivery::unsent_emails;
use crate::support::{GOOD, TestSite, database};

/// Returns every row of every table as text.
async fn all_that_is_stored(site: &TestSite) -> String {
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&site.pool).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let rows = format!("SELECT coalesce(string_agg(line::text, ' '), '') FROM {table} AS line");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_one(&site.pool)
            .await
            .unwrap();
        all.push_str(&rows);
    }
    all
}

async fn events(site: &TestSite, reference: &str) -> Vec<String> {
    let history = npoc::membership::history(&site.pool, reference).await.unwrap();
    history.into_iter().map(|(_, event)| event).collect()
}

#[tokio::test]
async fn erasure_removes_every_answer_from_every_table() {
    let site = TestSite::new().await;
    let sent = site.send_until_stored(&[], Uuid::now_v7()).await;
    let receipt = sent.location().to_owned();
    let reference = site.get(&receipt).await.text_of(".reference");
    let erase = ["applications", "erase", "--yes", &reference.to_lowercase()];
    let refused = site.command(&erase);
    assert!(!refused.status.success(), "emails about it are not sent yet");
    site.deliver_all().await;
    let typed = GOOD.iter().flat_map(|(_, value)| value.split('\n'));
    let typed: Vec<&str> = typed.filter(|value| value.len() > "not-yet".len()).collect();
    let before = all_that_is_stored(&site).await;
    assert!(typed.iter().all(|value| before.contains(value)), "{before}");

    let erased = site.command(&erase);
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    let after = all_that_is_stored(&site).await;
    for value in typed {
        assert!(!after.contains(value), "{value}: {after}");
    }
    assert_eq!(site.get(&receipt).await.status, StatusCode::NOT_FOUND);
    assert_eq!(events(&site, &reference).await, ["received", "erased"]);
    let show = ["applications", "show", &reference];
    let export = ["applications", "export", "--reference", &reference];
    for command in [&erase[..], &show, &export] {
        let ended = site.command(command);
        let why = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            !ended.status.success() && why.contains("was erased on"),
            "{command:?}: {why}"
        );
    }
}

#[tokio::test]
async fn erasure_waits_until_emails_about_an_application_are_sent() {
    let site = TestSite::new().await;
    let sent = site.apply(&[]).await;
    site.deliver_all().await;
    let waiting = site.apply(&[]).await;
    site.sql("UPDATE applications SET received_at = now() - interval '31 days'")
        .await;
    site.sql("UPDATE outbox SET sent_at = NULL, given_up_at = now() WHERE sent_at IS NOT NULL AND refusal_is_final")
        .await;
    let new = site.apply(&[]).await;

    assert_eq!(erase_older_than(&site.connections, 30, |_| ()).await.unwrap(), 1);
    assert_eq!(events(&site, &sent).await, ["received", "erased"]);
    assert_eq!(outbox::queue_stats(&site.connections).await.unwrap().given_up, 0);
    assert_eq!(outbox::retry(&site.pool, Some(&sent)).await.unwrap(), 0);
    assert!(
        unsent_emails(&site.pool)
            .await
            .iter()
            .all(|mail| mail.reference.as_deref() != Some(&sent))
    );

    site.deliver_all().await;
    assert_eq!(erase_older_than(&site.connections, 30, |_| ()).await.unwrap(), 1);
    assert_eq!(events(&site, &waiting).await, ["received", "erased"]);
    assert_eq!(events(&site, &new).await, ["received"]);
    let (staff, _) = site.emails(&new);
    assert!(staff.text.contains("Afya Bora"), "other applications keep their data");
}

/// Stores applications that arrived 50 days ago, a minute apart. Returns their references.
async fn store_old(site: &TestSite, applications: i32) -> Vec<String> {
    site.apply(&[]).await;
    site.deliver_all().await;
    sqlx::query(
        "WITH one AS (DELETE FROM applications RETURNING *)
        INSERT INTO applications (reference, submission_key, receipt_secret, received_at, organization_name, domain_name,
            domain_name_ascii, country, registered, registration_note, kind_of_work, statement, representative_name,
            representative_role, representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list)
        SELECT 'NPOC-AAAA-' || translate(lpad(n::text, 4, '0'), '0123456789', 'ACDEFGHJKM'), gen_random_uuid(),
            gen_random_uuid(), now() - interval '50 days' + make_interval(mins => n), organization_name, domain_name,
            domain_name_ascii, country, registered, registration_note, kind_of_work, statement, representative_name,
            representative_role, representative_email, ncsg_status, not_eligible, authorised, publish, mailing_list
        FROM one, generate_series(1, $1) AS n",
    )
    .bind(applications)
    .execute(&site.pool)
    .await
    .unwrap();
    left(site).await
}

/// Returns the references of the stored applications, oldest first.
async fn left(site: &TestSite) -> Vec<String> {
    sqlx::query_scalar("SELECT reference FROM applications ORDER BY received_at")
        .fetch_all(&site.pool)
        .await
        .unwrap()
}

/// Sends the daily report of the past day. Returns its text.
async fn next_report(site: &TestSite, days: u16) -> String {
    site.sql(database::REPORT_IS_DUE).await;
    site.run_housekeeping(Some(days)).await;
    site.deliver_all().await;
    sqlx::query_scalar("SELECT body_text FROM outbox WHERE purpose = 'daily-report' ORDER BY id DESC LIMIT 1")
        .fetch_one(&site.pool)
        .await
        .unwrap()
}

/// Moves the sent emails and the history back by a day.
async fn a_day_passes(site: &TestSite) {
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '1 day'").await;
    site.change_log(
        "application_history",
        "UPDATE application_history SET happened_at = happened_at - interval '1 day'",
    )
    .await;
}

#[tokio::test]
async fn application_is_erased_a_day_after_the_notice_to_staff() {
    let site = TestSite::new().await;
    let old = store_old(&site, 1).await;
    let new = site.apply(&[]).await;
    site.deliver_all().await;
    site.run_housekeeping(Some(30)).await;
    assert_eq!(site.count("applications").await, 2, "staff have no notice");
    let text = next_report(&site, 30).await;
    assert!(
        text.contains("To be erased tomorrow, on ") && text.contains("\n    1, which arrived or were closed before "),
        "{text}"
    );
    assert!(text.contains(&format!("before\nthat day:\n    {}\n", old[0])), "{text}");
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '23 hours 59 minutes'")
        .await;
    site.run_housekeeping(Some(30)).await;
    assert_eq!(site.count("applications").await, 2, "the notice is a minute too young");
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '1 minute'")
        .await;
    site.run_housekeeping(None).await;
    assert_eq!(site.count("applications").await, 2, "no retention period is set");
    site.run_housekeeping(Some(30)).await;
    assert_eq!(left(&site).await, [new]);
    assert_eq!(events(&site, &old[0]).await, ["erased"]);
    let text = next_report(&site, 30).await;
    assert!(!text.contains("To be erased"), "{text}");
}

#[tokio::test]
async fn at_most_a_tenth_is_erased_a_day_and_only_if_announced() {
    let site = TestSite::new().await;
    let old = store_old(&site, 30).await;
    let text = next_report(&site, 30).await;
    assert!(
        old[..3].iter().all(|one| text.contains(one)) && !text.contains(&old[3]),
        "{text}"
    );
    assert!(text.contains("Others follow on later days"), "{text}");
    // An unannounced application becomes the oldest, as after a restored backup.
    site.sql(
        "UPDATE applications SET received_at = received_at - interval '1 year' WHERE reference = 'NPOC-AAAA-ACAA'",
    )
    .await;
    a_day_passes(&site).await;
    for _ in 0..3 {
        site.run_housekeeping(Some(30)).await;
    }
    let now_left = left(&site).await;
    assert!(
        now_left.len() == 27 && old[..3].iter().all(|one| !now_left.contains(one)),
        "{now_left:?}"
    );

    next_report(&site, 30).await;
    site.sql("UPDATE outbox SET sent_at = sent_at - interval '1 day'").await;
    site.run_housekeeping(Some(30)).await;
    assert_eq!(left(&site).await.len(), 27, "a day must pass after the first three");
    site.change_log(
        "application_history",
        "UPDATE application_history SET happened_at = happened_at - interval '1 day'",
    )
    .await;
    site.run_housekeeping(Some(30)).await;
    assert_eq!(left(&site).await.len(), 25, "a tenth of the remaining applications");
    assert!(!left(&site).await.contains(&"NPOC-AAAA-ACAA".to_owned()));
}

#[tokio::test]
async fn instances_together_erase_no_more_than_one() {
    let site = TestSite::new().await;
    store_old(&site, 40).await;
    next_report(&site, 30).await;
    a_day_passes(&site).await;
    let clock = Clock::default();
    let erased = join_all((0..6).map(|_| erase_announced(&site.connections, &clock, 30))).await;
    let erased: u64 = erased.into_iter().map(Result::unwrap).sum();
    assert_eq!((erased, site.count("applications").await), (4, 36));
}

#[tokio::test]
async fn erasure_needs_a_delivered_notice_and_a_trusted_clock() {
    for doubt in [
        "UPDATE outbox SET sent_at = NULL",
        "UPDATE outbox SET bounced_at = now()",
        "DELETE FROM outbox",
        "UPDATE clock_state SET seen_at = now() - interval '8 days', looked_at = now() - interval '8 days'",
        "UPDATE clock_state SET seen_at = now() + interval '1 day', looked_at = now() + interval '1 day'",
        "UPDATE clock_state SET steady_since = now() - interval '6 days'",
        "UPDATE erasure_notices SET made_at = now() - interval '8 days'",
        "UPDATE applications SET received_at = now() - interval '29 days'",
    ] {
        let site = TestSite::new().await;
        store_old(&site, 1).await;
        next_report(&site, 30).await;
        a_day_passes(&site).await;
        sqlx::query(doubt).execute(&site.pool).await.unwrap();
        site.run_housekeeping(Some(30)).await;
        assert_eq!(site.count("applications").await, 1, "{doubt}");
    }
    for ahead in [
        time::Duration::days(3000),
        time::Duration::days(-3000),
        time::Duration::hours(2),
    ] {
        let site = TestSite::at(Clock::ahead_by(ahead), npoc::web::Limits::default(), &[]).await;
        let right = TestSite::new().await;
        store_old(&right, 1).await;
        next_report(&right, 30).await;
        a_day_passes(&right).await;
        let erased = erase_announced(&right.connections, site.outbox.clock(), 30)
            .await
            .unwrap();
        assert_eq!(erased, 0, "{ahead}");
    }
}

#[tokio::test]
async fn changed_retention_period_needs_a_new_notice() {
    let site = TestSite::new().await;
    let old = store_old(&site, 1).await;
    next_report(&site, 30).await;
    a_day_passes(&site).await;
    site.run_housekeeping(Some(40)).await;
    assert_eq!(site.count("applications").await, 1);
    let text = next_report(&site, 40).await;
    assert!(
        text.contains(&old[0]) && text.contains("retention period of 40 days"),
        "{text}"
    );
    a_day_passes(&site).await;
    site.run_housekeeping(Some(40)).await;
    assert_eq!(site.count("applications").await, 0);
}

#[tokio::test]
async fn report_says_that_erasure_waits_after_a_clock_jump() {
    let site = TestSite::new().await;
    let old = store_old(&site, 1).await;
    site.sql("UPDATE clock_state SET seen_at = now() - interval '8 days', looked_at = now() - interval '8 days'")
        .await;
    let text = next_report(&site, 30).await;
    assert!(
        text.contains("no application is erased by its age before") && !text.contains(&old[0]),
        "{text}"
    );
}

#[tokio::test]
async fn privacy_page_states_the_retention_period() {
    let days = [("NPOC_RETENTION_DAYS", "400")];
    let set = TestSite::with(&days).await.get("/privacy").await;
    assert!(set.body.contains("erased 400 days after it arrived"));
    let not_set = TestSite::new().await.get("/privacy").await;
    assert!(not_set.body.contains("has not yet set a period"));
}
