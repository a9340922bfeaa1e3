//! Retention and erasure, once there are staff.

use axum::http::StatusCode;
use npoc::staff::Role;

use crate::support::TestSite;
use crate::support::desk::{REASON, done, state};

#[tokio::test]
async fn erased_application_leaves_no_word() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let dora = site.member("Dora", Role::Decider).await;
    done(&dora, &reference, "ask", &[("question", "Marker question?")]).await;
    let status = site.status_path(&reference).await;
    site.post_raw(&format!("{status}/answer"), "version=2&text=Marker+answer.")
        .await;
    done(&dora, &reference, "note", &[("text", "Marker note.")]).await;
    let objection = [("verdict", "object"), ("reason", "Marker objection.")];
    done(&dora, &reference, "opinion", &objection).await;
    done(
        &dora,
        &reference,
        "decide",
        &[
            ("decision", "not_accept"),
            ("reason", "Marker reason, of enough words."),
        ],
    )
    .await;
    let erased = site.command(&["applications", "erase", &reference, "--yes"]);
    assert!(!erased.status.success(), "an email is still to be sent");
    site.deliver_all().await;
    let erased = site.command(&["applications", "erase", &reference, "--yes"]);
    assert!(erased.status.success());
    for table in [
        "entries",
        "opinions",
        "conflicts",
        "change_links",
        "outbox",
        "application_history",
        "desk_log",
        "applications",
    ] {
        let query = format!("SELECT {table}::text FROM {table}");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&site.pool)
            .await
            .unwrap();
        for row in rows {
            assert!(!row.contains("Marker") && !row.contains("afyabora"), "{table}: {row}");
        }
    }
    assert_eq!(
        dora.get(&format!("/desk/applications/{reference}")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(site.get(&status).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn retention_counts_from_the_closing_and_spares_open_applications() {
    let site = TestSite::new().await;
    let open = site.apply(&[]).await;
    let closed = site
        .apply(&[("domain_name", "b.or.ke"), ("representative_email", "b@b.or.ke")])
        .await;
    site.deliver_all().await;
    site.sql("UPDATE applications SET received_at = now() - interval '400 days'")
        .await;
    let due = async || npoc::membership::count_older_than(&site.pool, 365).await.unwrap();
    assert_eq!(due().await, 2);
    // Once there are staff, only closed ones count, from their closing.
    let dora = site.member("Dora", Role::Decider).await;
    assert_eq!(due().await, 0);
    done(&dora, &closed, "review", &[]).await;
    done(
        &dora,
        &closed,
        "decide",
        &[("decision", "not_accept"), ("reason", REASON)],
    )
    .await;
    assert_eq!(due().await, 0);
    site.sql("UPDATE applications SET state_since = now() - interval '366 days' WHERE state = 'not-accepted'")
        .await;
    // The appeal is possible until then.
    assert_eq!(due().await, 0);
    site.sql("UPDATE applications SET appeal_until = (now() - interval '367 days')::date WHERE state = 'not-accepted'")
        .await;
    assert_eq!(due().await, 1);
    site.deliver_all().await;
    assert!(
        site.command(&["applications", "erase", "--older-than", "365", "--yes"])
            .status
            .success()
    );
    assert_eq!(state(&site, &open).await.0, "received");
}
