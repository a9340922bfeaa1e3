//! The delivery loop: claims due emails while slots are free, and sends many at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::claim::{ClaimRequest, ClaimedEmail, Priority, claim};
use super::clock_skew::DueCheck;
use super::slots::FreeSlots;
use super::{DATABASE_LIMIT, Outbox};
use crate::database::within;

/// How often the table is read although nothing woke delivery, because another process may queue emails.
const POLL: Duration = Duration::from_secs(5);

/// The pause before each claim while applications are stored.
const STORING_PAUSE: Duration = Duration::from_millis(12);

/// How long a search that found no email counts, before the table is searched again.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);

/// The delivery loop and its state.
pub(super) struct Delivery {
    outbox: Arc<Outbox>,
    tasks: JoinSet<Option<Duration>>,
    /// When to read the table again although nothing woke delivery.
    poll_at: Instant,
    due_check: DueCheck,
    /// Whether nothing is in flight and nothing was due. Then only the next due time is read.
    is_quiet: bool,
    /// When a search last found no urgent email, or no email to a domain that is not busy.
    nothing_urgent: Option<Instant>,
    only_busy_domains: Option<Instant>,
    /// How long such a search counts. A search that took long counts longer.
    search_again: Duration,
}

impl Outbox {
    /// Delivers until `stop` is set, then finishes the emails in flight.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        Delivery::new(self).run(stop).await;
    }
}

impl Delivery {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            due_check: DueCheck::default(),
            outbox,
            tasks: JoinSet::new(),
            poll_at: Instant::now(),
            is_quiet: true,
            nothing_urgent: None,
            only_busy_domains: None,
            search_again: SEARCH_AGAIN,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.outbox.mailer.remove_unfinished_files();
        self.outbox.restore_limit().await;
        while !*stop.borrow() {
            let rest = self.deliver_due(&stop).await;
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.end_task(ended),
                () = self.outbox.slot_freed.notified() => {}
                () = self.outbox.queued.notified() => self.forget_searches(),
                () = tokio::time::sleep(rest) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while self.tasks.join_next().await.is_some() {}
        self.outbox.mailer.close_idle_connections();
    }

    /// Sends the due emails. Returns how long to rest.
    async fn deliver_due(&mut self, stop: &watch::Receiver<bool>) -> Duration {
        if self.is_quiet
            && let Some(rest) = self.until_due().await
        {
            return rest;
        }
        self.is_quiet = false;
        let rest = self.fill_slots(stop).await;
        if self.is_quiet {
            self.until_due().await.unwrap_or(rest)
        } else {
            rest
        }
    }

    /// Returns how long nothing is due, at most [`POLL`], or `None` if an email is due.
    async fn until_due(&mut self) -> Option<Duration> {
        match self.due_check.next_due(&self.outbox).await {
            Ok(due_in) => {
                let rest = due_in.map_or(POLL, |due_in| due_in.min(POLL));
                (!rest.is_zero()).then(|| rest + Duration::from_millis(1))
            }
            Err(error) => {
                self.outbox.pool.recheck_server();
                tracing::warn!(%error, "outbox cannot be read; retrying");
                Some(POLL)
            }
        }
    }

    /// Claims emails while slots are free. Returns how long to rest.
    async fn fill_slots(&mut self, stop: &watch::Receiver<bool>) -> Duration {
        while let Some(request) = self.request() {
            self.give_way().await;
            if *stop.borrow() {
                break;
            }
            let began = Instant::now();
            let claimed = within(DATABASE_LIMIT, claim(&self.outbox.pool, &request)).await;
            self.search_again = SEARCH_AGAIN.max(began.elapsed() * 10);
            match claimed {
                Ok(Some(claimed)) => self.spawn_attempt(claimed, &request),
                Ok(None) => return self.found_nothing(&request),
                Err(error) => {
                    self.outbox.pool.recheck_server();
                    tracing::warn!(%error, "outbox cannot be read; retrying");
                    return POLL;
                }
            }
        }
        let change = self.outbox.slots().next_change();
        change.unwrap_or(SEARCH_AGAIN).min(SEARCH_AGAIN)
    }

    /// Returns what to claim next, or `None` if no slot is free or a recent search found nothing.
    fn request(&self) -> Option<ClaimRequest> {
        let slots = self.outbox.slots();
        let (free, busy_domains) = (slots.free(), slots.busy_domains());
        let is_recent = |search: Option<Instant>| search.is_some_and(|at| at.elapsed() < self.search_again);
        if !busy_domains.is_empty() && is_recent(self.only_busy_domains) {
            return None;
        }
        let priority = match free {
            _ if is_recent(self.nothing_urgent) => Priority::None,
            FreeSlots { staff: true, .. } => Priority::NewOrStaff,
            FreeSlots { urgent: true, .. } => Priority::New,
            FreeSlots { .. } => Priority::None,
        };
        let request = ClaimRequest {
            priority,
            then_oldest: free.other,
            busy_domains,
            waits_for_relay: true,
        };
        (priority != Priority::None || request.then_oldest).then_some(request)
    }

    /// Waits while applications are stored: a visitor waits for the receipt, and queued emails are safe.
    async fn give_way(&self) {
        if self.outbox.is_storing() {
            tokio::time::sleep(STORING_PAUSE).await;
        }
    }

    fn spawn_attempt(&mut self, claimed: ClaimedEmail, request: &ClaimRequest) {
        if request.priority != Priority::None && !claimed.is_urgent() {
            self.nothing_urgent = Some(Instant::now());
        }
        let outbox = Arc::clone(&self.outbox);
        let timeout = outbox.take_slot(&claimed);
        self.tasks.spawn(async move {
            let result = outbox.attempt(&claimed, timeout).await;
            outbox.slots().release(claimed.id);
            match result {
                Ok(result) => result.retry_in,
                Err(error) => {
                    tracing::warn!(%error, "delivery outcome cannot be recorded; the email becomes due again");
                    None
                }
            }
        });
    }

    fn found_nothing(&mut self, request: &ClaimRequest) -> Duration {
        let now = Instant::now();
        self.nothing_urgent = Some(now);
        if !request.busy_domains.is_empty() {
            self.only_busy_domains = Some(now);
            return SEARCH_AGAIN;
        }
        if self.outbox.slots().reset_if_idle() {
            self.outbox.mailer.close_idle_connections();
            self.is_quiet = request.then_oldest;
        }
        let due = self.poll_at.saturating_duration_since(now);
        let rest = if due.is_zero() { POLL } else { due.min(POLL) };
        // A slot that is kept for urgent emails may soon be free for others.
        let change = self.outbox.slots().next_change();
        if request.then_oldest {
            rest
        } else {
            change.unwrap_or(rest).min(rest)
        }
    }

    fn end_task(&mut self, ended: Result<Option<Duration>, tokio::task::JoinError>) {
        // Sending has its own task. A panic in this one is a bug, and ends the process.
        let retry_in = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let Some(wait) = retry_in else { return };
        let at = Instant::now() + wait + Duration::from_millis(10);
        let is_past = self.poll_at <= Instant::now();
        self.poll_at = if is_past { at } else { self.poll_at.min(at) };
    }

    fn forget_searches(&mut self) {
        self.nothing_urgent = None;
        self.only_busy_domains = None;
        self.is_quiet = false;
    }
}
