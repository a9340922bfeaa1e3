//! Takes applications in: those that come while others are being stored are stored together next, so that the
//! more come at once, the less each costs. One alone waits for nobody.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use time::OffsetDateTime;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tracing::Span;

use super::emails::MailIdentity;
use super::insert::{NotStored, Submission, insert};
use super::store::Receipt;
use crate::database::{Opened, Pool, Reserved, STORING};
use crate::outbox::{Outbox, StoringGuard};

/// Applications in one statement, at most.
const TOGETHER: usize = 32;

/// How long the database may take over those that came together, so that what hangs keeps others only so long.
const LIMIT: Duration = Duration::from_secs(4);

/// The way in.
#[derive(Debug)]
pub struct Intake {
    places: Arc<Semaphore>,
    all: u32,
    outbox: Arc<Outbox>,
    queue: mpsc::UnboundedSender<Waiting>,
    failed_at: FailedAt,
}

/// When storing failed for all, unless something was stored since.
type FailedAt = Arc<std::sync::Mutex<Option<Instant>>>;

/// Leave to send one application; the number of places is limited.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _guard: StoringGuard,
}

/// An application that was sent. It is stored even where nobody waits for its receipt any more: when a connection breaks, the
/// applicant has sent it all the same.
struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<anyhow::Result<Receipt>>,
    /// Of the request, for the log: the task that stores belongs to none.
    request: Span,
    _place: Place,
}

/// For how long a failure counts if nobody sends another application.
const FAILURE_COUNTS: Duration = Duration::from_secs(10);

/// How long a writer waits before it asks a server that is full for a connection again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

type Receipts = Result<Vec<anyhow::Result<Receipt>>, NotStored>;

/// Stores what comes through the queue, by a connection of its own.
struct Writer {
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Waiting>>>,
    connection: Reserved,
    /// Whether the server may have no connection for this writer.
    may_be_full: bool,
    failed_at: FailedAt,
    head: MailIdentity,
    outbox: Arc<Outbox>,
}

impl Intake {
    /// Takes at most `places` applications at a time and stores them in this database. Its writers run until it is dropped.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn new(places: u16, pool: &Pool, head: &MailIdentity, outbox: &Arc<Outbox>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let failed_at = FailedAt::default();
        for rank in 0..STORING {
            let writer = Writer {
                queue: Arc::clone(&waiting),
                connection: Reserved::beside(pool, rank),
                may_be_full: true,
                failed_at: Arc::clone(&failed_at),
                head: head.clone(),
                outbox: Arc::clone(outbox),
            };
            tokio::spawn(writer.work());
        }
        Self {
            places: Arc::new(Semaphore::new(places.into())),
            all: places.into(),
            outbox: Arc::clone(outbox),
            queue,
            failed_at,
        }
    }

    /// Returns whether storing failed a moment ago, for a reason that holds for every application, and nothing was stored since.
    #[must_use]
    pub fn fails(&self) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < FAILURE_COUNTS)
    }

    /// A place, unless too many are being stored: more would only wait for each other.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place {
            _permit: permit,
            _guard: self.outbox.storing_guard(),
        })
    }

    /// The time for what arrives now. No clock that is behind makes it look old.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.outbox.clock().now()
    }

    /// Stores an application and owes both its mails, or returns the receipt of the one that the same key stored
    /// before. When this returns a receipt, all of it is committed; when it fails, none of it is, or nobody knows,
    /// and the same key will find it.
    ///
    /// # Errors
    /// Why there is no receipt: the database's failure, or of this application alone.
    pub async fn submit(&self, place: Place, submission: Submission) -> anyhow::Result<Receipt> {
        let (answer, receipt) = oneshot::channel();
        let waiting = Waiting {
            submission,
            answer,
            request: Span::current(),
            _place: place,
        };
        self.queue.send(waiting).ok().context("nobody stores applications")?;
        receipt.await.context("storing the application failed")?
    }

    /// Waits until all that was sent is stored, as long as that is soon, and takes no more.
    pub async fn close(&self) {
        let all = tokio::time::timeout(LIMIT, self.places.acquire_many(self.all)).await;
        self.places.close();
        if all.is_err() {
            tracing::error!("the site stops while applications are being stored; they may not be");
        }
    }
}

impl Writer {
    async fn work(mut self) {
        loop {
            self.wait_for_connection().await;
            let mut together = Vec::with_capacity(TOGETHER);
            if self.queue.lock().await.recv_many(&mut together, TOGETHER).await == 0 {
                return;
            }
            // A panic is the failure of these and not the end of the writer.
            drop(AssertUnwindSafe(self.settle(together)).catch_unwind().await);
        }
    }

    /// Leaves the applications to the other writer while the server has no connection for this one. Any other failure is
    /// reported to the applicants at once.
    async fn wait_for_connection(&mut self) {
        while self.may_be_full && self.connection.open().await == Opened::ServerIsFull {
            tokio::time::sleep(FULL_PAUSE).await;
        }
        self.may_be_full = false;
    }

    async fn settle(&mut self, mut together: Vec<Waiting>) {
        // In one order, so that two statements with the same keys wait for each other and never both.
        together.sort_by_key(|waiting| waiting.submission.key);
        let until = Instant::now() + LIMIT;
        match self.insert(&together, until).await {
            Err(error) if !error.is_for_all() => self.settle_one_by_one(together, until).await,
            receipts => self.answer(together, receipts),
        }
    }

    /// Nobody fails for another's sake: one that waits for what another transaction holds goes behind the others.
    async fn settle_one_by_one(&mut self, together: Vec<Waiting>, until: Instant) {
        let mut left = VecDeque::from(together);
        while let Some(one) = left.pop_front() {
            match self.insert(std::slice::from_ref(&one), until).await {
                Err(error) if error.is_held() && Instant::now() < until => left.push_back(one),
                receipt => self.answer(vec![one], receipt),
            }
        }
    }

    async fn insert(&mut self, together: &[Waiting], until: Instant) -> Receipts {
        let submissions: Vec<_> = together.iter().map(|waiting| &waiting.submission).collect();
        insert(&mut self.connection, &self.head, &submissions, until).await
    }

    /// What could not be stored for any application tells more than a probe can: a full disk has room for that.
    fn note(&self, receipts: &Receipts) {
        let failed = match receipts {
            Ok(_) => None,
            Err(error) if error.is_for_all() => Some(Instant::now()),
            Err(_) => return,
        };
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    fn answer(&mut self, together: Vec<Waiting>, receipts: Receipts) {
        self.note(&receipts);
        self.may_be_full = matches!(&receipts, Err(error) if error.is_of_full_server());
        let nobodys = |error: NotStored| together.iter().map(|_| Err(anyhow!("{error}"))).collect();
        let is_stored = receipts.is_ok();
        let receipts = receipts.unwrap_or_else(nobodys);
        for (waiting, receipt) in together.into_iter().zip(receipts) {
            let _request = waiting.request.enter();
            if let Ok(receipt) = &receipt {
                tracing::info!(reference = receipt.reference, "application stored");
            }
            if let Err(Err(error)) = waiting.answer.send(receipt) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "an application whose sender has gone was not stored"
                );
            }
        }
        if is_stored {
            self.outbox.wake();
        }
    }
}
