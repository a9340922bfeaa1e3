//! Stores submitted applications in batches: those that arrive while a batch is being stored form the next one. The more
//! arrive at once, the less each costs; a single application waits for no other.

mod counted_as;
mod facts;
mod insert;
mod limits;
mod receipts;
mod reference;
mod submission;

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
use crate::database::{DEDICATED_CONNECTIONS, DedicatedConnection, Opened, Pool};
use crate::outbox::{Outbox, StoringGuard};
use insert::{NotStored, insert};
pub use limits::{Hold, SINGLE_EMAILS};
pub use receipts::{Receipt, Status, language_of_former_secret, receipt_of_key, set_language, status};
pub use submission::{SenderNetwork, Submission, submission_key};

/// The most applications in one batch.
const STORE_BATCH: usize = 32;

/// The time limit for storing one batch.
const STORE_LIMIT: Duration = Duration::from_secs(4);

/// Accepts applications and stores them. At most a fixed number is stored at the same time.
#[derive(Debug)]
pub struct Submissions {
    permits: Arc<Semaphore>,
    capacity: u32,
    outbox: Arc<Outbox>,
    queue: mpsc::UnboundedSender<Queued>,
    failed_at: FailedAt,
}

/// When storing last failed for every application. `None` if something was stored since.
type FailedAt = Arc<std::sync::Mutex<Option<Instant>>>;

/// A permit to submit one application. The number of permits is limited.
#[derive(Debug)]
pub struct SubmitPermit {
    _permit: OwnedSemaphorePermit,
    _guard: StoringGuard,
}

/// A queued application. It is stored even if the client has disconnected, because the applicant has sent it.
struct Queued {
    submission: Submission,
    answer: oneshot::Sender<anyhow::Result<Receipt>>,
    /// The span of the request, for the log: the storing task has no request of its own.
    request: Span,
    _permit: SubmitPermit,
}

/// The time for which a failure counts if no other application is submitted.
const FAILURE_COUNTS: Duration = Duration::from_secs(10);

/// The pause before a writer asks a full server for a connection again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

type BatchResult = Result<Vec<anyhow::Result<Receipt>>, NotStored>;

/// Stores batches from the queue over its own connection.
struct BatchWriter {
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Queued>>>,
    connection: DedicatedConnection,
    /// Whether the server may have no connection left for this writer.
    may_be_full: bool,
    failed_at: FailedAt,
    identity: MailIdentity,
    outbox: Arc<Outbox>,
}

impl Submissions {
    /// Starts the writers, which run until this is dropped. At most `capacity` applications are stored at the same time.
    ///
    /// # Panics
    /// Panics outside a Tokio runtime.
    #[must_use]
    pub fn new(capacity: u16, pool: &Pool, identity: &MailIdentity, outbox: &Arc<Outbox>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let failed_at = FailedAt::default();
        for rank in 0..DEDICATED_CONNECTIONS {
            let writer = BatchWriter {
                queue: Arc::clone(&waiting),
                connection: DedicatedConnection::beside(pool, rank),
                may_be_full: true,
                failed_at: Arc::clone(&failed_at),
                identity: identity.clone(),
                outbox: Arc::clone(outbox),
            };
            tokio::spawn(writer.work());
        }
        Self {
            permits: Arc::new(Semaphore::new(capacity.into())),
            capacity: capacity.into(),
            outbox: Arc::clone(outbox),
            queue,
            failed_at,
        }
    }

    /// Returns whether storing failed recently for a reason that affects every application, and none was stored since.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < FAILURE_COUNTS)
    }

    /// Returns a permit, or `None` if the limit is reached: more applications would only wait for each other.
    #[must_use]
    pub fn permit(&self) -> Option<SubmitPermit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(SubmitPermit {
            _permit: permit,
            _guard: self.outbox.storing_guard(),
        })
    }

    /// Returns the time for an application that arrives now. A clock that is behind does not make it look old.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.outbox.clock().now()
    }

    /// Stores an application and queues both its emails, or returns the receipt that the same key got before. A receipt
    /// means that all of it is committed.
    ///
    /// # Errors
    /// Returns an error if the application is not stored, or if that is unknown. The same key finds what is stored.
    pub async fn submit(&self, permit: SubmitPermit, submission: Submission) -> anyhow::Result<Receipt> {
        let (answer, receipt) = oneshot::channel();
        let queued = Queued {
            submission,
            answer,
            request: Span::current(),
            _permit: permit,
        };
        self.queue.send(queued).ok().context("no writer is running")?;
        receipt.await.context("storing the application failed")?
    }

    /// Waits for a limited time until all queued applications are stored, and accepts no more.
    pub async fn close(&self) {
        let all = tokio::time::timeout(STORE_LIMIT, self.permits.acquire_many(self.capacity)).await;
        self.permits.close();
        if all.is_err() {
            tracing::error!("stopping while applications are being stored; they may be lost");
        }
    }
}

impl BatchWriter {
    async fn work(mut self) {
        loop {
            self.wait_for_connection().await;
            let mut batch = Vec::with_capacity(STORE_BATCH);
            if self.queue.lock().await.recv_many(&mut batch, STORE_BATCH).await == 0 {
                return;
            }
            // A panic fails this batch and does not end the writer.
            drop(AssertUnwindSafe(self.store(batch)).catch_unwind().await);
        }
    }

    /// Waits while the server has no connection left, so that the other writer stores the applications. Applicants get any
    /// other failure at once.
    async fn wait_for_connection(&mut self) {
        while self.may_be_full && self.connection.open().await == Opened::OutOfConnections {
            tokio::time::sleep(FULL_PAUSE).await;
        }
        self.may_be_full = false;
    }

    async fn store(&mut self, mut batch: Vec<Queued>) {
        // One order of keys for all statements prevents a deadlock.
        batch.sort_by_key(|queued| queued.submission.key);
        let deadline = Instant::now() + STORE_LIMIT;
        match self.insert(&batch, deadline).await {
            Err(error) if !error.affects_all() => self.store_one_by_one(batch, deadline).await,
            receipts => self.answer(batch, receipts),
        }
    }

    /// Stores each application alone, so that none fails because of another. One that waits for a lock goes last.
    async fn store_one_by_one(&mut self, batch: Vec<Queued>, deadline: Instant) {
        let mut left = VecDeque::from(batch);
        while let Some(one) = left.pop_front() {
            match self.insert(std::slice::from_ref(&one), deadline).await {
                Err(error) if error.is_lock_timeout() && Instant::now() < deadline => left.push_back(one),
                receipt => self.answer(vec![one], receipt),
            }
        }
    }

    async fn insert(&mut self, batch: &[Queued], deadline: Instant) -> BatchResult {
        let submissions: Vec<_> = batch.iter().map(|queued| &queued.submission).collect();
        insert(&mut self.connection, &self.identity, &submissions, deadline).await
    }

    /// Records a failure that affects every application. A probe may miss it: a full disk still has room for a probe.
    fn record(&self, receipts: &BatchResult) {
        let failed = match receipts {
            Ok(_) => None,
            Err(error) if error.affects_all() => Some(Instant::now()),
            Err(_) => return,
        };
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    fn answer(&mut self, batch: Vec<Queued>, receipts: BatchResult) {
        self.record(&receipts);
        self.may_be_full = matches!(&receipts, Err(error) if error.is_server_full());
        let failures = |error: NotStored| batch.iter().map(|_| Err(anyhow!("{error}"))).collect();
        let is_stored = receipts.is_ok();
        let receipts = receipts.unwrap_or_else(failures);
        for (queued, receipt) in batch.into_iter().zip(receipts) {
            let _request = queued.request.enter();
            if let Ok(receipt) = &receipt {
                tracing::info!(reference = receipt.reference, "application stored");
            }
            if let Err(Err(error)) = queued.answer.send(receipt) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "application not stored, and the client has disconnected"
                );
            }
        }
        if is_stored {
            self.outbox.wake();
        }
    }
}
