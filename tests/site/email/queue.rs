//! No domain, backlog or outage delays another email.

use std::process::Command;
use std::time::Duration;

use npoc::outbox::{self, DeliveryOutcome};
use uuid::Uuid;

use crate::support::delivery::{deliver_in_background, queue_backlog, site_with, unsent, unsent_emails, wait_until};
use crate::support::process::{Process, emails_in};
use crate::support::relay::{At, Part, Relay};
use crate::support::{database, send_body};

fn took(relay: &Relay, reference: &str) -> usize {
    let taken = relay.taken();
    taken
        .iter()
        .filter(|taken| taken.message.contains(&format!("Message-ID: <{reference}.")))
        .count()
}

#[tokio::test]
async fn slow_domain_delays_no_other_email() {
    let relay = Relay::playing(Part::SilentFor("@slow.example")).await;
    let site = site_with(&relay).await;
    for n in 0..12 {
        site.apply(&[("representative_email", &format!("user{n}@slow.example"))])
            .await;
    }
    let _delivering = deliver_in_background(&site);
    let tries = "SELECT count(*) FROM outbox WHERE recipient LIKE '%@slow.example' AND leased_until > now()";
    wait_until("the site tries the slow domain", async || {
        sqlx::query_scalar::<_, i64>(tries).fetch_one(&site.pool).await.unwrap() > 4
    })
    .await;
    let reference = site.apply(&[]).await;
    wait_until("both emails of another applicant are sent", async || {
        took(&relay, &reference) == 2
    })
    .await;
    let held: i64 = sqlx::query_scalar(tries).fetch_one(&site.pool).await.unwrap();
    assert!(held > 0, "the slow domain is still being tried");
}

#[tokio::test]
async fn new_application_is_emailed_before_a_backlog() {
    let relay = Relay::playing(Part::Takes(Duration::from_millis(5))).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 2_000).await;
    let _delivering = deliver_in_background(&site);
    wait_until("the backlog has started", async || !relay.taken().is_empty()).await;
    let reference = site.apply(&[]).await;
    let before = relay.taken().len();
    wait_until("both emails are sent", async || took(&relay, &reference) == 2).await;
    let taken = relay.taken();
    let last = taken
        .iter()
        .rposition(|taken| taken.message.contains(&reference))
        .unwrap();
    assert!(
        last < before + 100,
        "new emails come next: {before}, {last} of {}",
        taken.len()
    );
    let (_, most) = relay.connections();
    assert!(most <= 10, "{most} concurrent connections");
}

#[tokio::test]
async fn relay_outage_uses_up_no_attempts() {
    for fault in [
        Part::Cuts(At::Greeting),
        Part::Says(At::Greeting, "421 4.3.2 later"),
        Part::Says(At::Ehlo, "554 5.7.1 not you"),
        Part::Says(At::Mail, "451 4.3.0 later"),
        Part::Says(At::Rcpt, "421 4.3.2 later"),
        Part::Cuts(At::Data),
        Part::Cuts(At::Rcpt),
    ] {
        let relay = Relay::playing(fault).await;
        let site = site_with(&relay).await;
        queue_backlog(&site, 3).await;
        for _ in 0..6 {
            site.sql("UPDATE outbox SET due_at = now()").await;
            for _ in 0..3 {
                assert_eq!(
                    site.outbox.deliver_next().await.unwrap(),
                    DeliveryOutcome::Later,
                    "{fault:?}"
                );
            }
        }
        let charged: i64 = sqlx::query_scalar("SELECT sum(attempts) FROM outbox")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert_eq!(charged, 0, "{fault:?}");
        let state = outbox::relay_state(&site.pool).await.unwrap();
        assert!(
            state.failures > 0 && state.failing_since.is_some(),
            "{fault:?}: {state:?}"
        );
        relay.play(Part::Accepts);
        outbox::retry(&site.pool, None).await.unwrap();
        let _delivering = deliver_in_background(&site);
        wait_until("every email is sent", async || unsent(&site.pool).await == 0).await;
        wait_until("the relay works again", async || {
            let state = outbox::relay_state(&site.pool).await.unwrap();
            (state.failures, state.failing_since) == (0, None)
        })
        .await;
    }
}

#[tokio::test]
async fn email_that_breaks_sessions_is_charged_once_others_succeed() {
    let relay = Relay::playing(Part::Cuts(At::Message)).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 1).await;
    let charged = async || -> i32 {
        let query = sqlx::query_scalar("SELECT attempts FROM outbox WHERE message_id LIKE '<old-%'");
        query.fetch_one(&site.pool).await.unwrap()
    };
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Later]);
    assert_eq!(charged().await, 0, "the cause is not known yet");
    relay.play(Part::Accepts);
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
    relay.play(Part::Cuts(At::Message));
    site.sql("UPDATE outbox SET due_at = now() WHERE sent_at IS NULL").await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Later]);
    assert_eq!(charged().await, 1, "the relay accepted others meanwhile");
}

#[tokio::test]
async fn unreadable_row_delays_no_other_email() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 10).await;
    site.sql("UPDATE outbox SET recipient = 'no address' WHERE id % 2 = 0")
        .await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent; 5]);
    let listed = unsent_emails(&site.pool).await;
    assert!(
        listed
            .iter()
            .all(|mail| mail.last_error.as_ref().unwrap().contains("cannot be read"))
    );
}

#[tokio::test]
async fn email_counts_as_sent_only_when_saved_to_disk() {
    let url = database::url(&database::fresh_options().await);
    // Removes the directory even if the test fails.
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
    ];
    let site = Process::start(&settings);
    // Files are limited to 1 KiB: the disk accepts the first part of each email and rejects the rest.
    let limit = |size: &str| {
        let done = Command::new("prlimit")
            .args([&format!("--pid={}", site.id()), size])
            .status();
        assert!(done.unwrap().success());
    };
    limit("--fsize=1024:unlimited");
    let body = send_body(Uuid::now_v7());
    Process::post_until_stored(site.address, &body);
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let failed = "SELECT count(*) FROM outbox WHERE last_error LIKE '%mail folder%'";
    let count = async |query: &'static str| sqlx::query_scalar::<_, i64>(query).fetch_one(&pool).await.unwrap();
    wait_until("the failure is recorded", async || count(failed).await > 0).await;
    assert_eq!(count("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").await, 0);
    let files = async || std::fs::read_dir(home.join("mail")).unwrap().count();
    wait_until("no partial file is left", async || files().await == 0).await;
    limit("--fsize=unlimited:unlimited");
    outbox::retry(&pool, None).await.unwrap();
    wait_until("both emails are saved", async || emails_in(home) == 2).await;
    wait_until("both emails are recorded as sent", async || unsent(&pool).await == 0).await;
    let charged = count("SELECT max(attempts)::bigint FROM outbox").await;
    assert_eq!(charged, 1, "only the successful attempt counts");
}
