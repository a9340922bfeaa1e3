//! The queue of emails, and their delivery: at least once, visibly once. Knows nothing of membership.
//!
//! An email is queued by the statement that stores what it is about (`membership::Submissions`) or by [`queue`]. Delivery
//! claims it by moving its due time forward, talks to the relay with no transaction open, and records the outcome. If
//! the process dies in between, the email becomes due again by itself and goes out with the same Message-ID.
//!
//! A failure counts only against whom it speaks of ([`Blame`](crate::mailer::Blame)): the recipient's may end the tries
//! of that email; ours and the relay's cost no email a try, and while the relay fails all wait together.

mod ahead;
mod attempt;
mod bounces;
mod claim;
mod delivery;
mod places;
mod record;
mod relay_state;
mod row;
mod schedule;
mod status;
mod undelivered;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::database::Pool;
use crate::mailer::{Email, Mailer};
pub use bounces::{BounceOutcome, bounce_reports, bounced_between, record_bounce};
pub use places::MOST_CONNECTIONS;
pub use relay_state::{RelayState, relay_state};
pub use row::{EmailRow, as_json};
pub use status::{
    Confirmation, EmailFilter, EmailStatus, QueueStats, about, confirmation, mailed, oldest_wait, retry, standing,
    unsent, with_state,
};
pub use undelivered::{NoticeWriter, Undelivered, Why};

use delivery::Delivery;
use places::Places;

/// How long one try may take before it is ended from outside. The mailer's own limits are shorter, and the lease longer.
const SENDING_LIMIT: Duration = Duration::from_secs(130);

/// How long the database may take over a claim or a record, so that a network that swallows its answer ends no delivery.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// Emails as the columns that an `INSERT … SELECT unnest(…)` takes.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the columns of the outbox, which the migrations explain")]
pub struct Columns {
    pub message_ids: Vec<String>,
    pub in_replies_to: Vec<Option<String>>,
    pub references: Vec<Option<String>>,
    pub recipients: Vec<String>,
    pub replies_to: Vec<Option<String>>,
    pub subjects: Vec<String>,
    pub texts: Vec<String>,
    pub htmls: Vec<String>,
    pub purposes: Vec<String>,
    pub refusals_are_final: Vec<bool>,
    pub are_held: Vec<bool>,
}

impl Extend<Email> for Columns {
    fn extend<T: IntoIterator<Item = Email>>(&mut self, emails: T) {
        for email in emails {
            let reply_to = email.reply_to.map(|address| address.to_wire().to_string());
            self.message_ids.push(email.message_id);
            self.in_replies_to.push(email.in_reply_to);
            self.references.push(email.reference);
            self.recipients.push(email.recipient.to_wire().to_string());
            self.replies_to.push(reply_to);
            self.subjects.push(email.subject);
            self.texts.push(email.text);
            self.htmls.push(email.html);
            self.purposes.push(email.purpose.name().to_owned());
            self.refusals_are_final.push(!email.purpose.is_to_staff());
            self.are_held.push(email.is_held);
        }
    }
}

/// Queues emails in the transaction of this connection. An email whose Message-ID is there already is not queued again.
///
/// # Errors
/// The database's error.
pub async fn queue(connection: &mut PgConnection, emails: impl IntoIterator<Item = Email>) -> sqlx::Result<()> {
    let mut rows = Columns::default();
    rows.extend(emails);
    if rows.message_ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO outbox (message_id, in_reply_to, reference, recipient, reply_to, subject, body_text, body_html,
            purpose, refusal_is_final, is_held, given_up_at)
        SELECT *, CASE WHEN is_held THEN now() END
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::boolean[], $11::boolean[])
            AS email (message_id, in_reply_to, reference, recipient, reply_to, subject, body_text, body_html,
                purpose, refusal_is_final, is_held)
        ON CONFLICT ON CONSTRAINT outbox_message_id_unique DO NOTHING",
        &rows.message_ids,
        &rows.in_replies_to as &[Option<String>],
        &rows.references as &[Option<String>],
        &rows.recipients,
        &rows.replies_to as &[Option<String>],
        &rows.subjects,
        &rows.texts,
        &rows.htmls,
        &rows.purposes,
        &rows.refusals_are_final,
        &rows.are_held
    )
    .execute(connection)
    .await
    .map(drop)
}

/// What became of one step of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An email was sent.
    Sent,
    /// An email failed and will be tried again.
    Later,
    /// An email failed for good; its row stays and is counted.
    GivenUp,
    /// No email is due.
    Nothing,
}

/// The queue with those who empty it.
#[derive(Debug)]
pub struct Outbox {
    pool: Pool,
    mailer: Mailer,
    notices: Arc<dyn NoticeWriter>,
    clock: Arc<Clock>,
    owed: Notify,
    /// Wakes work other than delivery on the same occasion.
    news: Notify,
    /// Says that a place is free.
    freed: Notify,
    precedence: Precedence,
    places: Mutex<Places>,
}

/// Comes before delivery for as long as this is held. Nothing is in it: it counts its holders.
#[derive(Clone, Debug, Default)]
pub struct Precedence(Arc<()>);

impl Precedence {
    /// Whether anybody holds it beside the outbox itself.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Outbox {
    /// An outbox in this database, emptied through this mailer. The writer makes the emails about undelivered emails.
    #[must_use]
    pub fn new(pool: Pool, mailer: Mailer, notices: Arc<dyn NoticeWriter>) -> Self {
        Self {
            pool,
            mailer,
            notices,
            clock: Arc::default(),
            owed: Notify::new(),
            news: Notify::new(),
            freed: Notify::new(),
            precedence: Precedence::default(),
            places: Mutex::default(),
        }
    }

    /// The same with another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        let clock = Arc::new(clock);
        Self { clock, ..self }
    }

    /// The clock of this process.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Says that an email is due now, so that nobody waits for the next look at the table.
    pub fn wake(&self) {
        self.owed.notify_one();
        self.news.notify_one();
    }

    /// Waits until something was stored that causes emails, for work other than delivery.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Returns whether others are storing what somebody waits for.
    #[must_use]
    pub fn is_giving_way(&self) -> bool {
        self.precedence.is_held()
    }

    /// Slows delivery down while it is held, for those who store what somebody waits for.
    #[must_use]
    pub fn precedence(&self) -> Precedence {
        self.precedence.clone()
    }

    /// Delivers until told to stop, then finishes what was begun.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        Delivery::new(self).run(stop).await;
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
