//! One try of one email: sends it, finds out whom a failure speaks of, and records what follows.

use std::time::Duration;

use time::OffsetDateTime;

use super::claim::{ClaimedEmail, Request, claim};
use super::schedule::{Next, next};
use super::undelivered::{Undelivered, Why};
use super::{DATABASE_LIMIT, Outbox, SENDING_LIMIT, Step, record, relay_state};
use crate::database::within;
use crate::mailer::{Blame, Failure, Stage};

/// How long a recipient may keep the relay from answering before others go first.
const RECIPIENT_LIMIT: Duration = Duration::from_secs(10);

/// How often it is tried again to record that an email was sent, and how long after.
const RECORD_TRIES: u32 = 10;
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// When a refused connection is made up for.
const REFUSED_WAIT: f64 = 1.0;

/// What became of an email, and when it is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivered {
    pub(super) step: Step,
    pub(super) again_in: Option<Duration>,
}

/// How long the relay may take over the recipient of an email.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// As long as over the whole email.
    Full,
    /// [`RECIPIENT_LIMIT`].
    Little,
}

impl Outbox {
    /// Claims the email that has been due longest, whatever the relay is like, sends it and records the outcome.
    ///
    /// # Errors
    /// The database's. An email that was claimed becomes due again by itself.
    pub async fn deliver_next(&self) -> sqlx::Result<Step> {
        let Some(claimed) = within(DATABASE_LIMIT, claim(&self.pool, &Request::oldest())).await? else {
            return Ok(Step::Nothing);
        };
        let delivered = self.deliver(&claimed, Patience::Full).await?;
        Ok(delivered.step)
    }

    /// Takes a place. The recipients of a domain that is not known to be slow have little time each.
    pub(super) fn begin(&self, claimed: &ClaimedEmail) -> Patience {
        let mut places = self.places();
        places.enter(claimed.id, claimed.domain(), claimed.email.purpose.is_to_staff());
        if claimed.relay_failures > 0 {
            places.note_failing();
        }
        // Where the relay is slow for everybody, nobody would go before.
        if places.is_slow(claimed.domain()) || !places.is_quick() {
            Patience::Full
        } else {
            Patience::Little
        }
    }

    pub(super) async fn deliver(&self, claimed: &ClaimedEmail, patience: Patience) -> sqlx::Result<Delivered> {
        let outcome = self.send(claimed, patience).await;
        if outcome.is_ok() {
            // The next email need not wait until this one is recorded.
            self.places().leave(claimed.id);
            self.freed.notify_one();
        }
        within(DATABASE_LIMIT, self.record(claimed, outcome)).await
    }

    /// In a task of its own, so that a panic is a failed try and not the end of delivery.
    async fn send(&self, claimed: &ClaimedEmail, patience: Patience) -> Result<(), Failure> {
        let mailer = match patience {
            Patience::Full => self.mailer.clone(),
            Patience::Little => self.mailer.with_recipient_limit(RECIPIENT_LIMIT),
        };
        let (email, stamp) = (claimed.email.clone(), claimed.stamp.clone());
        let sending = tokio::spawn(async move { mailer.send(&email, &stamp).await });
        let abort = sending.abort_handle();
        match tokio::time::timeout(SENDING_LIMIT, sending).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::new(Blame::Unclear, "sending panicked")),
            Err(_) => {
                abort.abort();
                Err(Failure::new(Blame::Unclear, "sending took too long"))
            }
        }
    }

    async fn record(&self, claimed: &ClaimedEmail, outcome: Result<(), Failure>) -> sqlx::Result<Delivered> {
        let Err(failure) = outcome else {
            return self.record_sent(claimed).await;
        };
        let delivered = self.record_failure(claimed, &failure).await?;
        log(claimed, &failure, delivered);
        Ok(delivered)
    }

    async fn record_sent(&self, claimed: &ClaimedEmail) -> sqlx::Result<Delivered> {
        let sent_at = self.record_sent_for_certain(claimed).await?;
        tracing::info!(
            message_id = claimed.email.message_id,
            attempt = claimed.claims,
            "mail sent"
        );
        self.relay_answered(claimed).await?;
        let limit = self.places().note_taken(sent_at);
        self.publish(limit).await?;
        Ok(Delivered {
            step: Step::Sent,
            again_in: None,
        })
    }

    /// Tries again while there is time: what is not recorded is sent again.
    async fn record_sent_for_certain(&self, claimed: &ClaimedEmail) -> sqlx::Result<Option<OffsetDateTime>> {
        let mut tries = 0;
        loop {
            match record::record_sent(&self.pool, claimed).await {
                Err(error) if tries < RECORD_TRIES => {
                    tracing::warn!(%error, "that a mail was sent cannot be recorded; trying again");
                    tries += 1;
                    tokio::time::sleep(RECORD_PAUSE).await;
                }
                recorded => return recorded,
            }
        }
    }

    async fn record_failure(&self, claimed: &ClaimedEmail, failure: &Failure) -> sqlx::Result<Delivered> {
        if !self.is_of_the_relay(claimed, failure) {
            return self.record_own_failure(claimed, failure).await;
        }
        if failure.asks_for_fewer_connections() {
            let fewer = self.places().note_refused();
            if fewer.is_some() {
                self.publish(fewer).await?;
                return self.retry(claimed, failure, REFUSED_WAIT, false).await;
            }
        }
        self.places().note_failing();
        let wait = record::record_relay_failure(&self.pool, claimed, failure).await?;
        Ok(Delivered::again(wait))
    }

    /// Whether a failure is the relay's as a whole, so that all wait for it.
    fn is_of_the_relay(&self, claimed: &ClaimedEmail, failure: &Failure) -> bool {
        let mut places = self.places();
        match failure.blame {
            Blame::Relay => !(failure.may_be_of_recipient() && places.serves()),
            Blame::Unclear => places.note_broken(claimed.id),
            Blame::Us => places.note_refused_email(claimed.id, (failure.code, failure.enhanced)),
            Blame::Slow | Blame::RecipientForNow | Blame::Recipient => false,
        }
    }

    /// The relay answered for an email, yes or no, so waiting emails can go.
    async fn relay_answered(&self, claimed: &ClaimedEmail) -> sqlx::Result<()> {
        let was_failing = self.places().note_answered() || claimed.relay_failures > 0;
        if was_failing {
            let mut session = self.pool.session().await?;
            relay_state::record_success(&mut *session).await?;
            session.end().await?;
            tracing::info!("the relay serves again");
            self.wake();
        }
        Ok(())
    }

    /// A failure that speaks of this email alone.
    async fn record_own_failure(&self, claimed: &ClaimedEmail, failure: &Failure) -> sqlx::Result<Delivered> {
        if failure.blame == Blame::Slow {
            self.places().remember_slow(claimed.domain());
        }
        if failure.blame != Blame::Unclear {
            self.relay_answered(claimed).await?;
        }
        let is_proved = self.places().took_any_since(claimed.failed_at);
        match next(
            claimed.tries,
            failure.blame,
            claimed.email.purpose.is_to_staff(),
            is_proved,
        ) {
            Next::Again { wait, is_charged } => self.retry(claimed, failure, wait.as_secs_f64(), is_charged).await,
            Next::GiveUp => self.give_up(claimed, failure).await,
        }
    }

    async fn retry(
        &self,
        claimed: &ClaimedEmail,
        failure: &Failure,
        wait: f64,
        is_charged: bool,
    ) -> sqlx::Result<Delivered> {
        let mut session = self.pool.session().await?;
        record::record_retry(&mut *session, claimed, failure, wait, is_charged).await?;
        session.end().await?;
        Ok(Delivered::again(wait))
    }

    async fn give_up(&self, claimed: &ClaimedEmail, failure: &Failure) -> sqlx::Result<Delivered> {
        let notice = self.notices.notice(&Undelivered {
            message_id: claimed.email.message_id.clone(),
            reference: claimed.email.reference.clone(),
            recipient: claimed.email.recipient.clone(),
            purpose: claimed.email.purpose,
            subject: claimed.email.subject.clone(),
            claims: claimed.claims,
            why: Why::GivenUp(failure.reason.clone()),
        });
        let notice = notice.map_err(|error| sqlx::Error::Encode(error.into()))?;
        record::record_given_up(&self.pool, claimed, failure, notice).await?;
        self.wake();
        Ok(Delivered {
            step: Step::GivenUp,
            again_in: None,
        })
    }

    /// Begins with as many connections as the relay bore before; with the usual number where nobody knows.
    pub(super) async fn remember_connections(&self) {
        let asking = async {
            let mut session = self.pool.session().await?;
            let state = relay_state::relay_state(&mut *session).await?;
            session.end().await?;
            Ok(state)
        };
        if let Ok(state) = within(DATABASE_LIMIT, asking).await {
            let connections = usize::try_from(state.connections).unwrap_or_default();
            self.places().begin_with(connections);
        }
    }

    async fn publish(&self, limit: Option<usize>) -> sqlx::Result<()> {
        let Some(limit) = limit else { return Ok(()) };
        tracing::info!(connections = limit, "the relay gets another number of connections");
        let mut session = self.pool.session().await?;
        relay_state::record_connections(&mut *session, i32::try_from(limit).unwrap_or(i32::MAX)).await?;
        session.end().await
    }
}

impl Delivered {
    fn again(seconds: f64) -> Self {
        Self {
            step: Step::Later,
            again_in: Some(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        }
    }
}

/// The log names no address and quotes no server.
fn log(claimed: &ClaimedEmail, failure: &Failure, delivered: Delivered) {
    tracing::warn!(
        message_id = claimed.email.message_id,
        attempt = claimed.claims,
        code = failure.code,
        blame = ?failure.blame,
        stage = failure.stage.map(Stage::name),
        again_in_seconds = delivered.again_in.map(|wait| wait.as_secs()),
        "mail not sent"
    );
    if failure.blame == Blame::Recipient && claimed.email.purpose.is_to_staff() {
        tracing::error!(
            message_id = claimed.email.message_id,
            code = failure.code,
            "mail to staff is refused; see NPOC_STAFF_EMAIL and the relay"
        );
    } else if failure.blame == Blame::Us && claimed.relay_failures == 0 {
        tracing::error!(
            message_id = claimed.email.message_id,
            code = failure.code,
            "the relay refuses mail from us; see npoc mail list and npoc doctor"
        );
    }
}
