//! What is kept of an applicant can be taken out, and is when its time is over.

use axum::http::StatusCode;
use npoc::membership::erase_older_than;
use npoc::outbox;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::{GOOD, TestSite};

/// Every row of every table, as text.
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
async fn an_application_that_is_erased_leaves_nothing_of_what_was_typed_anywhere() {
    let site = TestSite::new().await;
    let sent = site.send_until_stored(&[], Uuid::now_v7()).await;
    let receipt = sent.location().to_owned();
    let reference = site.get(&receipt).await.text_of(".reference");
    let erase = ["applications", "erase", "--yes", &reference.to_lowercase()];
    let refused = site.command(&erase);
    assert!(!refused.status.success(), "mail about it is still to be sent");
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
async fn applications_are_erased_when_their_retention_is_over_and_not_while_mail_about_them_waits() {
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
    assert_eq!(outbox::standing(&site.connections).await.unwrap().given_up, 0);
    assert_eq!(outbox::retry(&site.pool, Some(&sent)).await.unwrap(), 0);
    assert!(
        outbox::unsent(&site.pool)
            .await
            .unwrap()
            .iter()
            .all(|mail| mail.reference.as_deref() != Some(&sent))
    );

    site.deliver_all().await;
    assert_eq!(erase_older_than(&site.connections, 30, |_| ()).await.unwrap(), 1);
    assert_eq!(events(&site, &waiting).await, ["received", "erased"]);
    assert_eq!(events(&site, &new).await, ["received"]);
    let (staff, _) = site.mails(&new);
    assert!(staff.text.contains("Afya Bora"), "others keep what is theirs");
}

#[tokio::test]
async fn the_privacy_page_says_for_how_long_applications_are_kept() {
    let days = [("NPOC_RETENTION_DAYS", "400")];
    let set = TestSite::with(&days).await.get("/privacy").await;
    assert!(set.body.contains("erased 400 days after it arrived"));
    let not_set = TestSite::new().await.get("/privacy").await;
    assert!(not_set.body.contains("has not yet set a period"));
}
