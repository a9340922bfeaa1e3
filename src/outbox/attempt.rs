//! One attempt to send one email: sends it, decides whose failure a failure is, and records the outcome.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::claim::{ClaimRequest, ClaimedEmail, claim};
use super::schedule::{Cost, Decision, decide};
use super::slots::RecipientTimeout;
use super::undelivered::{Undelivered, UndeliveredReason};
use super::{DATABASE_LIMIT, DeliveryOutcome, Outbox, SENDING_LIMIT, record, relay_state};
use crate::database::within;
use crate::mailer::{Blame, SendFailure, Stage};

/// How long the relay may take over a recipient before other emails go first.
const RECIPIENT_LIMIT: Duration = Duration::from_secs(10);

/// How long a sent email is tried to be recorded. It is sent again otherwise. A takeover of the database takes 45 seconds.
const RECORDING_LIMIT: Duration = Duration::from_mins(2);

/// The time limit of one of these tries. A server that lost its power sends no error.
const RECORD_LIMIT: Duration = Duration::from_secs(5);

/// The pause between two of these tries.
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// Seconds before the retry of an email whose connection the relay refused while it served others.
const REFUSED_CONNECTION_WAIT: f64 = 1.0;

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptResult {
    pub(super) outcome: DeliveryOutcome,
    pub(super) retry_in: Option<Duration>,
}

impl Outbox {
    /// Claims the email that has been due longest, even while the relay fails, sends it and records the outcome.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable. A claimed email becomes due again when its lease ends.
    pub async fn deliver_next(&self) -> sqlx::Result<DeliveryOutcome> {
        let Some(claimed) = within(DATABASE_LIMIT, claim(&self.pool, &ClaimRequest::oldest())).await? else {
            return Ok(DeliveryOutcome::Nothing);
        };
        let result = self.attempt(&claimed, RecipientTimeout::Full).await?;
        Ok(result.outcome)
    }

    /// Takes a slot for an email. Returns how long the relay may take over its recipient.
    pub(super) fn take_slot(&self, claimed: &ClaimedEmail) -> RecipientTimeout {
        let mut slots = self.slots();
        slots.take(claimed.id, claimed.domain(), claimed.email.purpose);
        if claimed.relay_failures > 0 {
            slots.relay.record_failing();
        }
        slots.recipient_timeout(claimed.domain())
    }

    pub(super) async fn attempt(
        &self,
        claimed: &ClaimedEmail,
        timeout: RecipientTimeout,
    ) -> sqlx::Result<AttemptResult> {
        let sent = self.send_within_limit(claimed, timeout).await;
        if sent.is_ok() {
            // The next email need not wait until this one is recorded.
            self.slots().release(claimed.id);
            self.slot_freed.notify_one();
        }
        match sent {
            Ok(()) => self.record_sent(claimed).await,
            Err(failure) => within(DATABASE_LIMIT, self.record_failed(claimed, &failure)).await,
        }
    }

    /// Sends an email in its own task, so that a panic fails this attempt and does not end delivery.
    async fn send_within_limit(&self, claimed: &ClaimedEmail, timeout: RecipientTimeout) -> Result<(), SendFailure> {
        let mailer = match timeout {
            RecipientTimeout::Full => self.mailer.clone(),
            RecipientTimeout::Short => self.mailer.with_recipient_limit(RECIPIENT_LIMIT),
        };
        let (email, seed) = (claimed.email.clone(), claimed.seed.clone());
        let sending = tokio::spawn(async move { mailer.send(&email, &seed).await });
        let abort = sending.abort_handle();
        match tokio::time::timeout(SENDING_LIMIT, sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(SendFailure::new(Blame::Unclear, "sending panicked")),
            Err(_) => {
                abort.abort();
                Err(SendFailure::new(Blame::Unclear, "sending took too long"))
            }
        }
    }

    async fn record_failed(&self, claimed: &ClaimedEmail, failure: &SendFailure) -> sqlx::Result<AttemptResult> {
        let result = self.record_failure(claimed, failure).await?;
        log_failure(claimed, failure, result);
        alert_operator(claimed, failure);
        Ok(result)
    }

    async fn record_sent(&self, claimed: &ClaimedEmail) -> sqlx::Result<AttemptResult> {
        let sent_at = self.record_sent_with_retries(claimed).await?;
        tracing::info!(
            message_id = claimed.email.message_id,
            attempt = claimed.claims,
            "email sent"
        );
        let limit = self.slots().record_taken(sent_at);
        within(DATABASE_LIMIT, async {
            self.record_answer(claimed).await?;
            self.publish_limit(limit).await
        })
        .await?;
        Ok(AttemptResult {
            outcome: DeliveryOutcome::Sent,
            retry_in: None,
        })
    }

    /// Tries more than once, because an email is sent again if its sending is not recorded.
    async fn record_sent_with_retries(&self, claimed: &ClaimedEmail) -> sqlx::Result<Option<OffsetDateTime>> {
        let until = Instant::now() + RECORDING_LIMIT;
        loop {
            match within(RECORD_LIMIT, record::record_sent(&self.pool, claimed)).await {
                Err(error) if Instant::now() < until => {
                    tracing::warn!(%error, "sent email cannot be recorded; retrying");
                    tokio::time::sleep(RECORD_PAUSE).await;
                }
                recorded => return recorded,
            }
        }
    }

    async fn record_failure(&self, claimed: &ClaimedEmail, failure: &SendFailure) -> sqlx::Result<AttemptResult> {
        if !self.is_relay_failure(claimed, failure) {
            return self.record_email_failure(claimed, failure).await;
        }
        if failure.asks_for_fewer_connections() {
            let limit = self.slots().record_refused_connection();
            if limit.is_some() {
                self.publish_limit(limit).await?;
                return self
                    .retry(claimed, failure, REFUSED_CONNECTION_WAIT, Cost::Nothing)
                    .await;
            }
        }
        self.slots().relay.record_failing();
        let wait = record::record_relay_failure(&self.pool, claimed, failure).await?;
        Ok(AttemptResult::retry_in(wait))
    }

    /// Returns whether the relay as a whole fails, so that every email waits for it.
    fn is_relay_failure(&self, claimed: &ClaimedEmail, failure: &SendFailure) -> bool {
        let relay = &mut self.slots().relay;
        match failure.blame {
            Blame::Relay => !(failure.may_be_of_recipient() && relay.serves()),
            Blame::Unclear => relay.record_broken(claimed.id),
            Blame::Us => relay.record_refused_email(claimed.id, (failure.code, failure.enhanced)),
            Blame::Slow | Blame::RecipientForNow | Blame::Recipient => false,
        }
    }

    /// Records that the relay answered for an email, yes or no. If it failed before, waiting emails can go now.
    async fn record_answer(&self, claimed: &ClaimedEmail) -> sqlx::Result<()> {
        let was_failing = self.slots().relay.record_answer() || claimed.relay_failures > 0;
        if was_failing {
            let mut session = self.pool.session().await?;
            relay_state::record_success(&mut *session).await?;
            session.end().await?;
            tracing::info!("relay available again");
            self.wake();
        }
        Ok(())
    }

    /// Records a failure of this email alone.
    async fn record_email_failure(&self, claimed: &ClaimedEmail, failure: &SendFailure) -> sqlx::Result<AttemptResult> {
        if failure.blame == Blame::Slow {
            self.slots().remember_slow(claimed.domain());
        }
        if failure.blame != Blame::Unclear {
            self.record_answer(claimed).await?;
        }
        let took_others = self.slots().relay.took_any_since(claimed.failed_at);
        match decide(claimed.tries, failure.blame, claimed.email.purpose, took_others) {
            Decision::Retry { wait, cost } => self.retry(claimed, failure, wait.as_secs_f64(), cost).await,
            Decision::GiveUp => self.give_up(claimed, failure).await,
        }
    }

    async fn retry(
        &self,
        claimed: &ClaimedEmail,
        failure: &SendFailure,
        wait: f64,
        cost: Cost,
    ) -> sqlx::Result<AttemptResult> {
        let mut session = self.pool.session().await?;
        record::record_retry(&mut *session, claimed, failure, wait, cost).await?;
        session.end().await?;
        Ok(AttemptResult::retry_in(wait))
    }

    async fn give_up(&self, claimed: &ClaimedEmail, failure: &SendFailure) -> sqlx::Result<AttemptResult> {
        let notice = self.notices.notice(&Undelivered {
            message_id: claimed.email.message_id.clone(),
            reference: claimed.email.reference.clone(),
            recipient: claimed.email.recipient.clone(),
            purpose: claimed.email.purpose,
            subject: claimed.email.subject.clone(),
            claims: claimed.claims,
            reason: UndeliveredReason::GivenUp(failure.reason.clone()),
        });
        let notice = notice.map_err(|error| sqlx::Error::Encode(error.into()))?;
        record::record_given_up(&self.pool, claimed, failure, notice).await?;
        self.wake();
        Ok(AttemptResult {
            outcome: DeliveryOutcome::GivenUp,
            retry_in: None,
        })
    }

    /// Begins with the connection limit that the relay accepted before, or with the default if the database is unavailable.
    pub(super) async fn restore_limit(&self) {
        let reading = async {
            let mut session = self.pool.session().await?;
            let state = relay_state::relay_state(&mut *session).await?;
            session.end().await?;
            Ok(state)
        };
        if let Ok(state) = within(DATABASE_LIMIT, reading).await {
            let connections = usize::try_from(state.connections).unwrap_or_default();
            self.slots().restore_limit(connections);
        }
    }

    async fn publish_limit(&self, limit: Option<usize>) -> sqlx::Result<()> {
        let Some(limit) = limit else { return Ok(()) };
        tracing::info!(connections = limit, "relay connection limit changed");
        let mut session = self.pool.session().await?;
        relay_state::record_connections(&mut *session, i32::try_from(limit).unwrap_or(i32::MAX)).await?;
        session.end().await
    }
}

impl AttemptResult {
    fn retry_in(seconds: f64) -> Self {
        Self {
            outcome: DeliveryOutcome::Later,
            retry_in: Some(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        }
    }
}

/// Logs a failure without an address and without a server's words.
fn log_failure(claimed: &ClaimedEmail, failure: &SendFailure, result: AttemptResult) {
    tracing::warn!(
        message_id = claimed.email.message_id,
        attempt = claimed.claims,
        code = failure.code,
        blame = ?failure.blame,
        stage = failure.stage.map(Stage::name),
        again_in_seconds = result.retry_in.map(|wait| wait.as_secs()),
        "email not sent"
    );
}

/// Logs an error if the failure needs an operator.
fn alert_operator(claimed: &ClaimedEmail, failure: &SendFailure) {
    let message_id = &claimed.email.message_id;
    let code = failure.code;
    if failure.blame == Blame::Recipient && claimed.email.purpose.is_to_staff() {
        tracing::error!(
            message_id,
            code,
            "email to staff is refused; see NPOC_STAFF_EMAIL and the relay"
        );
    } else if failure.blame == Blame::Us && claimed.relay_failures == 0 {
        tracing::error!(
            message_id,
            code,
            "the relay refuses emails from us; see npoc mail list and npoc doctor"
        );
    }
}
