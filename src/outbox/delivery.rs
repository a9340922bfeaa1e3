//! Sends what is due, many at a time: claims an email when a place is free, and learns from what becomes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::claim::{ClaimedEmail, First, Request, claim};
use super::places::Free;
use super::schedule::{Next, next};
use super::{DATABASE_LIMIT, Outbox, SENDING_LIMIT, Step, record, relay_state};
use crate::database::within;
use crate::mailer::{Blame, Failure};
use crate::outbox::undelivered::{Undelivered, Why};

/// How often the table is looked at when nobody says that something is due.
const POLL: Duration = Duration::from_secs(5);

/// How long delivery gives way before each email while applications are being stored.
const BREATH: Duration = Duration::from_millis(12);

/// How long a recipient may keep the relay from answering before others go first.
const RECIPIENT_LIMIT: Duration = Duration::from_secs(10);

/// How long an email may wait in vain for one to another domain than the busy ones, before the table is searched again.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);

/// How often it is tried again to record that an email was sent, and how long after.
const RECORD_TRIES: u32 = 10;
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// When a refused connection is made up for.
const REFUSED_WAIT: f64 = 1.0;

/// What became of an email, and when it is tried again.
#[derive(Clone, Copy, Debug)]
struct Delivered {
    step: Step,
    again_in: Option<Duration>,
}

/// How long the relay may take over the recipient of an email.
#[derive(Clone, Copy, Debug)]
enum Patience {
    /// As long as over the whole email.
    Full,
    /// [`RECIPIENT_LIMIT`].
    Little,
}

/// Sends what is due until told to stop, then finishes what was begun.
pub(super) struct Delivery {
    outbox: Arc<Outbox>,
    tasks: JoinSet<Option<Duration>>,
    /// When to look at the table again although nobody says so.
    look_at: Instant,
    /// When the table was last searched in vain, for an urgent email or beside the busy domains.
    nothing_urgent: Option<Instant>,
    nothing_beside: Option<Instant>,
    /// How long such a search counts. One that took long is not repeated soon.
    search_again: Duration,
}

impl Delivery {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            tasks: JoinSet::new(),
            look_at: Instant::now(),
            nothing_urgent: None,
            nothing_beside: None,
            search_again: SEARCH_AGAIN,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.outbox.mailer.tidy();
        self.outbox.remember_connections().await;
        while !*stop.borrow() {
            let rest = self.fill_places(&stop).await;
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.note(ended),
                () = self.outbox.owed.notified() => self.note_news(),
                () = tokio::time::sleep(rest) => self.note_news(),
                _ = stop.changed() => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
        self.outbox.mailer.rest();
    }

    /// Claims emails while places are free. Returns how long to rest.
    async fn fill_places(&mut self, stop: &watch::Receiver<bool>) -> Duration {
        while let Some(request) = self.request() {
            self.give_way().await;
            if *stop.borrow() {
                break;
            }
            let began = Instant::now();
            let claimed = within(DATABASE_LIMIT, claim(&self.outbox.pool, &request)).await;
            self.search_again = SEARCH_AGAIN.max(began.elapsed() * 10);
            match claimed {
                Ok(Some(claimed)) => self.send(claimed, &request),
                Ok(None) => return self.found_nothing(&request),
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; trying again");
                    return POLL;
                }
            }
        }
        let change = self.outbox.places().next_change();
        change.unwrap_or(SEARCH_AGAIN).min(SEARCH_AGAIN)
    }

    /// What to claim next; nothing where no place is free, or where a search was in vain a moment ago.
    fn request(&self) -> Option<Request> {
        let places = self.outbox.places();
        let (free, busy_domains) = (places.free(), places.busy_domains());
        let is_recent = |search: Option<Instant>| search.is_some_and(|at| at.elapsed() < self.search_again);
        if !busy_domains.is_empty() && is_recent(self.nothing_beside) {
            return None;
        }
        let first = match free {
            _ if is_recent(self.nothing_urgent) => First::Oldest,
            Free { staff: true, .. } => First::NewOrToStaff,
            Free { urgent: true, .. } => First::New,
            Free { .. } => First::Oldest,
        };
        let request = Request {
            first,
            then_oldest: free.other,
            busy_domains,
            waits_for_relay: true,
        };
        (first != First::Oldest || request.then_oldest).then_some(request)
    }

    /// What is queued is safe, and somebody waits for a receipt.
    async fn give_way(&self) {
        if self.outbox.precedence.is_held() {
            tokio::time::sleep(BREATH).await;
        }
    }

    fn send(&mut self, claimed: ClaimedEmail, request: &Request) {
        if request.first != First::Oldest && !claimed.is_urgent() {
            self.nothing_urgent = Some(Instant::now());
        }
        let outbox = Arc::clone(&self.outbox);
        let patience = outbox.begin(&claimed);
        self.tasks.spawn(async move {
            let delivered = outbox.deliver(&claimed, patience).await;
            outbox.places().leave(claimed.id);
            match delivered {
                Ok(delivered) => delivered.again_in,
                Err(error) => {
                    tracing::warn!(%error, "what became of a mail cannot be recorded; it becomes due again by itself");
                    None
                }
            }
        });
    }

    fn found_nothing(&mut self, request: &Request) -> Duration {
        let now = Instant::now();
        self.nothing_urgent = Some(now);
        if !request.busy_domains.is_empty() {
            self.nothing_beside = Some(now);
            return SEARCH_AGAIN;
        }
        if self.outbox.places().are_empty() {
            self.outbox.mailer.rest();
        }
        let due = self.look_at.saturating_duration_since(now);
        let rest = if due.is_zero() { POLL } else { due.min(POLL) };
        // A place that was kept for what is urgent may soon be one for others.
        let change = self.outbox.places().next_change();
        if request.then_oldest {
            rest
        } else {
            change.unwrap_or(rest).min(rest)
        }
    }

    fn note(&mut self, ended: Result<Option<Duration>, tokio::task::JoinError>) {
        // Sending has a task of its own, so a panic here is a fault that the whole process must not outlive unseen.
        let again_in = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let Some(wait) = again_in else { return };
        let at = Instant::now() + wait + Duration::from_millis(10);
        let is_over = self.look_at <= Instant::now();
        self.look_at = if is_over { at } else { self.look_at.min(at) };
    }

    fn note_news(&mut self) {
        self.nothing_urgent = None;
        self.nothing_beside = None;
    }
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
    fn begin(&self, claimed: &ClaimedEmail) -> Patience {
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

    async fn deliver(&self, claimed: &ClaimedEmail, patience: Patience) -> sqlx::Result<Delivered> {
        let outcome = self.send(claimed, patience).await;
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
            Blame::Us => places.note_refused_email(claimed.id),
            Blame::Slow | Blame::RecipientForNow | Blame::Recipient => false,
        }
    }

    /// The relay answered for an email, yes or no: whoever waits for it can go.
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
    async fn remember_connections(&self) {
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
        stage = failure.stage.map(crate::mailer::Stage::name),
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
