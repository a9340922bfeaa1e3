//! Helpers for tests that deliver emails.

use std::sync::Arc;
use std::time::Duration;

use npoc::outbox::{self, EmailFilter, EmailStatus};
use sqlx::PgPool;
use tokio::sync::watch;

use super::TestSite;
use super::process::TIMEOUT;
use super::relay::Relay;

/// Returns a site that sends through this relay.
pub async fn site_with(relay: &Relay) -> TestSite {
    TestSite::with(&[("SMTP_URL", &relay.url)]).await
}

/// Delivers in the background until the returned sender is dropped or set to `true`.
pub fn deliver_in_background(site: &TestSite) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    stop
}

/// Waits for a condition. Fails with its name after the test timeout.
pub async fn wait_until(what: &str, mut is_met: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_met().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(TIMEOUT, waiting).await;
    assert!(waited.is_ok(), "timed out: {what}");
}

/// Lists the unsent emails.
pub async fn unsent_emails(pool: &PgPool) -> Vec<EmailStatus> {
    outbox::list(pool, EmailFilter::Unsent).await.unwrap()
}

/// Counts the unsent emails.
pub async fn unsent(pool: &PgPool) -> usize {
    unsent_emails(pool).await.len()
}

/// Waits until no unsent email is left.
pub async fn all_sent(pool: &PgPool) {
    wait_until("every email is sent", async || unsent(pool).await == 0).await;
}

/// Queues the backlog of an outage: emails to different addresses of one domain.
pub async fn queue_backlog(site: &TestSite, emails: i32) {
    sqlx::query(
        "INSERT INTO outbox (message_id, recipient, subject, body_text, body_html, refusal_is_final, owed_at, due_at)
         SELECT '<old-' || n || '@npoc.org>', 'user' || n || '@old.example', 's', 't', 'h', true,
             now() - interval '1 hour', now() - interval '1 minute' FROM generate_series(1, $1) n",
    )
    .bind(emails)
    .execute(&site.pool)
    .await
    .unwrap();
}
