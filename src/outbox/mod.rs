//! The queue of emails, and their delivery: at least once, and with one Message-ID. Knows nothing of membership.
//!
//! [`queue`] queues an email, and so does the statement that stores an application, with [`EmailRow`]. Delivery claims an
//! email by moving its due time forward, sends it with no transaction open, and records the outcome. If the process dies
//! in between, the email becomes due again and goes out with the same Message-ID.
//!
//! One email: `delivery` (the loop) → `claim` → `attempt` → `mailer` → `record`. `schedule` decides about retries, `slots`
//! about concurrency.
//!
//! [`Blame`](crate::mailer::Blame) decides what a failure costs. A failure of the recipient may end the tries of its
//! email. Our own failures and the relay's cost no try, and while the relay fails every email waits.

mod attempt;
mod bounces;
mod claim;
mod clock_skew;
mod delivery;
mod record;
mod relay_health;
mod relay_state;
mod row;
mod schedule;
mod slots;
mod slow_domains;
mod status;
mod undelivered;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::database::Pool;
use crate::mailer::{Email, Mailer};
pub use bounces::{BounceOutcome, bounce_reports, bounced_between, record_bounce};
pub use claim::address;
pub use relay_state::{RelayState, relay_state};
pub use row::{EmailRow, as_json, bodies};
pub use slots::MAX_CONNECTIONS;
pub use status::{
    Confirmation, EmailFilter, EmailStatus, QueueStats, confirmation, has_bounced, list, list_about, oldest_wait,
    queue_stats, retry, sent_between,
};
pub use undelivered::{NoticeWriter, Undelivered, UndeliveredReason};

use slots::DeliverySlots;

/// How long an attempt may take. The mailer's own limits are shorter, and the lease is longer.
const SENDING_LIMIT: Duration = Duration::from_secs(130);

/// How long the database may take over a claim or a record, so that a lost answer does not stop delivery.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// Queues emails in the transaction of this connection. An email whose Message-ID is there already is not queued again.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn queue(connection: &mut PgConnection, emails: impl IntoIterator<Item = Email>) -> sqlx::Result<()> {
    let rows: Vec<EmailRow> = emails.into_iter().map(EmailRow::from).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (texts, htmls) = bodies(&rows);
    sqlx::query!(
        "INSERT INTO outbox (message_id, in_reply_to, reference, recipient, reply_to, subject, body_text, body_html,
            purpose, language, refusal_is_final)
        SELECT message_id, in_reply_to, reference, recipient, reply_to, subject,
            ($2::text[])[ordinality::integer], ($3::text[])[ordinality::integer], purpose, language, refusal_is_final
        FROM jsonb_populate_recordset(NULL::outbox, $1::text::jsonb) WITH ORDINALITY
        ON CONFLICT ON CONSTRAINT outbox_message_id_unique DO NOTHING",
        as_json(&rows)?,
        &texts as &[&str],
        &htmls as &[&str]
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Queues an email that is of no use after this number of minutes, such as one to sign in. Without an email, the same
/// statement runs and queues nothing, so that nobody can measure whether there is one.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn queue_expiring(connection: &mut PgConnection, email: Option<Email>, minutes: i32) -> sqlx::Result<()> {
    let rows: Vec<EmailRow> = email.into_iter().map(EmailRow::from).collect();
    let (texts, htmls) = bodies(&rows);
    sqlx::query!(
        "INSERT INTO outbox (message_id, in_reply_to, reference, recipient, reply_to, subject, body_text, body_html, purpose,
            language, refusal_is_final, expires_at)
        SELECT message_id, in_reply_to, reference, recipient, reply_to, subject, ($2::text[])[ordinality::integer], ($3::text[])[ordinality::integer],
            purpose, language, refusal_is_final, now() + make_interval(mins => $4)
        FROM jsonb_populate_recordset(NULL::outbox, $1::text::jsonb) WITH ORDINALITY",
        as_json(&rows)?,
        &texts as &[&str],
        &htmls as &[&str],
        minutes
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Ends the tries of expired emails, and erases all that expired, sent or not. They are not counted as given up: nobody
/// misses them.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn expire(pool: &Pool) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    sqlx::query!(
        "UPDATE outbox SET given_up_at = CASE WHEN sent_at IS NULL THEN coalesce(given_up_at, now()) END, erased_at = now(),
            recipient = '', subject = '', body_text = '', body_html = '', bounce_reason = NULL, blame = NULL,
            last_error = CASE WHEN sent_at IS NULL THEN 'expired' END
        WHERE expires_at <= now() AND erased_at IS NULL AND (leased_until IS NULL OR leased_until < now())"
    )
    .execute(&mut *session)
    .await?;
    session.end().await
}

/// The outcome of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// An email was sent.
    Sent,
    /// An email failed and will be tried again.
    Later,
    /// An email failed for good. Its row stays and is counted.
    GivenUp,
    /// No email is due.
    Nothing,
}

/// The queue, with everything that delivery needs.
#[derive(Debug)]
pub struct Outbox {
    pool: Pool,
    mailer: Mailer,
    notices: Arc<dyn NoticeWriter>,
    clock: Arc<Clock>,
    /// Wakes delivery, because an email is due.
    queued: Notify,
    /// Wakes other work, for the same reason.
    changed: Notify,
    slot_freed: Notify,
    storing: StoringGuard,
    slots: Mutex<DeliverySlots>,
}

/// Slows delivery down while an application is stored. The reference count is the number of guards.
#[derive(Clone, Debug, Default)]
pub struct StoringGuard(Arc<()>);

impl StoringGuard {
    /// Returns whether there is a guard apart from the outbox's own.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Outbox {
    /// Returns an outbox in this database that sends with this mailer. `notices` writes about undelivered emails.
    #[must_use]
    pub fn new(pool: Pool, mailer: Mailer, notices: Arc<dyn NoticeWriter>) -> Self {
        Self {
            pool,
            mailer,
            notices,
            clock: Arc::default(),
            queued: Notify::new(),
            changed: Notify::new(),
            slot_freed: Notify::new(),
            storing: StoringGuard::default(),
            slots: Mutex::default(),
        }
    }

    /// Returns the same outbox with another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        let clock = Arc::new(clock);
        Self { clock, ..self }
    }

    /// Returns the clock of this process.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Wakes delivery and the other work that waits in [`Outbox::changed`], because an email is due now.
    pub fn wake(&self) {
        self.queued.notify_one();
        self.changed.notify_one();
    }

    /// Waits until [`Outbox::wake`] is called. For work other than delivery.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns whether an application is being stored, so that other work gives way.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.storing.is_held()
    }

    /// Returns a guard that slows delivery down until it is dropped.
    #[must_use]
    pub fn storing_guard(&self) -> StoringGuard {
        self.storing.clone()
    }

    fn slots(&self) -> MutexGuard<'_, DeliverySlots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
