//! Sends what is due, many at a time: claims an email when a place is free, and learns from each outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ahead::Horizon;
use super::claim::{ClaimedEmail, First, Request, claim};
use super::places::Free;
use super::{DATABASE_LIMIT, Outbox};
use crate::database::within;

/// How often the table is looked at when nobody says that something is due: another process may have queued an email.
const POLL: Duration = Duration::from_secs(5);

/// How long delivery gives way before each email while applications are being stored.
const BREATH: Duration = Duration::from_millis(12);

/// How long an email may wait in vain for one to another domain than the busy ones, before the table is searched again.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);

/// Sends what is due until told to stop, then finishes what was begun.
pub(super) struct Delivery {
    outbox: Arc<Outbox>,
    tasks: JoinSet<Option<Duration>>,
    /// When to look at the table again although nobody says so.
    look_at: Instant,
    horizon: Horizon,
    /// Whether nothing is being sent and nothing was due, so that it is enough to ask when the next email is.
    is_quiet: bool,
    /// When the table was last searched in vain, for an urgent email or beside the busy domains.
    nothing_urgent: Option<Instant>,
    nothing_beside: Option<Instant>,
    /// How long such a search counts. One that took long is not repeated soon.
    search_again: Duration,
}

impl Delivery {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            horizon: Horizon::default(),
            outbox,
            tasks: JoinSet::new(),
            look_at: Instant::now(),
            is_quiet: true,
            nothing_urgent: None,
            nothing_beside: None,
            search_again: SEARCH_AGAIN,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.outbox.mailer.tidy();
        self.outbox.remember_connections().await;
        while !*stop.borrow() {
            let rest = self.deliver_what_is_due(&stop).await;
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.note(ended),
                () = self.outbox.freed.notified() => {}
                () = self.outbox.owed.notified() => self.note_news(),
                () = tokio::time::sleep(rest) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while self.tasks.join_next().await.is_some() {}
        self.outbox.mailer.rest();
    }

    /// Returns how long to rest. Claims nothing while nothing is due.
    async fn deliver_what_is_due(&mut self, stop: &watch::Receiver<bool>) -> Duration {
        if self.is_quiet
            && let Some(rest) = self.until_due().await
        {
            return rest;
        }
        self.is_quiet = false;
        let rest = self.fill_places(stop).await;
        if self.is_quiet {
            self.until_due().await.unwrap_or(rest)
        } else {
            rest
        }
    }

    /// How long nothing is due, at most [`POLL`]; nothing where something is.
    async fn until_due(&mut self) -> Option<Duration> {
        match self.horizon.next_due(&self.outbox).await {
            Ok(due_in) => {
                let rest = due_in.map_or(POLL, |due_in| due_in.min(POLL));
                (!rest.is_zero()).then(|| rest + Duration::from_millis(1))
            }
            Err(error) => {
                self.outbox.pool.recheck_server();
                tracing::warn!(%error, "the outbox cannot be read; trying again");
                Some(POLL)
            }
        }
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
                    self.outbox.pool.recheck_server();
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
            self.is_quiet = request.then_oldest;
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
        self.is_quiet = false;
    }
}
