//! Silence of the applicant: reminders, and the lapse after them.

use npoc::outbox::DeliveryOutcome;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::{Browser, done, state};

/// Asks the applicant, and sends the emails. Returns the reference.
async fn asked(site: &TestSite) -> String {
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "ask", &[("question", "What is your purpose?")]).await;
    site.deliver_all().await;
    reference
}

async fn days_pass(site: &TestSite, days: i32) {
    let question = "UPDATE applications SET state_since = state_since - make_interval(days => $1),
        answer_until = answer_until - $1 WHERE state = 'asked'";
    let emails = "UPDATE outbox SET sent_at = sent_at - make_interval(days => $1) WHERE sent_at IS NOT NULL";
    for statement in [question, emails] {
        sqlx::query(statement).bind(days).execute(&site.pool).await.unwrap();
    }
    site.run_housekeeping(None).await;
    site.deliver_all().await;
}

#[tokio::test]
async fn unanswered_application_is_reminded_twice_and_then_lapses() {
    let site = TestSite::new().await;
    let reference = asked(&site).await;
    let path = site.folder.join(format!("{reference}.2.reminder-1.applicant.eml"));
    days_pass(&site, 10).await;
    assert!(!path.exists());
    days_pass(&site, 7).await;
    let mail = crate::support::Mail::read(&std::fs::read(&path).unwrap());
    assert_eq!(mail.subject, format!("NPOC waits for your answer: {reference}"));
    assert!(mail.text.contains("    What is your purpose?"));
    let (_, first) = site.emails(&reference);
    assert_eq!(mail.header("In-Reply-To"), first.header("Message-ID"));
    // The last day ends at noon UTC of the day after, when it ends everywhere.
    days_pass(&site, 12).await;
    assert!(
        site.folder
            .join(format!("{reference}.2.reminder-2.applicant.eml"))
            .exists()
    );
    days_pass(&site, 0).await;
    let notice = std::fs::read(site.folder.join(format!("{reference}.2.lapse-notice.staff.eml"))).unwrap();
    assert!(crate::support::Mail::read(&notice).text.contains("lapses in 7 days"));
    days_pass(&site, 6).await;
    assert_eq!(state(&site, &reference).await.0, "asked");
    days_pass(&site, 2).await;
    assert_eq!(state(&site, &reference).await, ("lapsed".to_owned(), 3));
    let told = site.update(&reference, 3, "applicant").unwrap();
    assert_eq!(
        told.subject,
        format!("Your application to NPOC has lapsed: {reference}")
    );
    // An answer opens it again.
    let status = site.status_path(&reference).await;
    site.post_raw(&format!("{status}/answer"), "version=3&text=Health+for+all.")
        .await;
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 4));
}

#[tokio::test]
async fn bounced_reminder_stops_the_lapse() {
    let site = TestSite::new().await;
    let reference = asked(&site).await;
    days_pass(&site, 17).await;
    days_pass(&site, 12).await;
    site.sql("UPDATE outbox SET bounced_at = now() WHERE message_id LIKE '%reminder-2%'")
        .await;
    days_pass(&site, 30).await;
    days_pass(&site, 30).await;
    assert_eq!(state(&site, &reference).await.0, "asked");
    assert!(
        !site
            .folder
            .join(format!("{reference}.2.lapse-notice.staff.eml"))
            .exists()
    );
}

#[tokio::test]
async fn clock_that_is_not_trusted_reminds_nobody() {
    let site = TestSite::new().await;
    asked(&site).await;
    site.run_housekeeping(None).await;
    site.sql("UPDATE clock_state SET steady_since = now()").await;
    days_pass(&site, 400).await;
    assert_eq!(site.outbox.deliver_next().await.unwrap(), DeliveryOutcome::Nothing);
    let reminders: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE message_id LIKE '%reminder%'")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(reminders, 0);
}

#[tokio::test]
async fn damaged_application_stops_no_other_reminder() {
    let site = TestSite::new().await;
    let damaged = asked(&site).await;
    let reference = site
        .apply(&[("domain_name", "other.org"), ("representative_email", "info@other.org")])
        .await;
    let dora = Browser::new(&site).sign_in("dora@npoc.test").await;
    done(&dora, &reference, "ask", &[("question", "What is your purpose?")]).await;
    site.deliver_all().await;
    sqlx::query("UPDATE applications SET representative_email = '' WHERE reference = $1")
        .bind(&damaged)
        .execute(&site.pool)
        .await
        .unwrap();
    days_pass(&site, 20).await;
    assert!(
        site.folder
            .join(format!("{reference}.2.reminder-1.applicant.eml"))
            .exists()
    );
}
