//! Takes applications in: those that come while others are being stored are stored together next, so that the
//! more come at once, the less each costs. One alone waits for nobody.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::insert::{Submission, insert};
use super::letters::Letterhead;
use super::store::Receipt;
use crate::database::{Pool, is_away};
use crate::outbox::{Outbox, Precedence};

/// Statements under way at a time: one is prepared while another is committed. More would each hold fewer.
const WRITERS: usize = 2;

/// Applications in one statement, at most.
const TOGETHER: usize = 32;

/// The way in.
#[derive(Debug)]
pub struct Intake {
    places: Arc<Semaphore>,
    outbox: Arc<Outbox>,
    queue: mpsc::UnboundedSender<Waiting>,
}

/// Leave to send one application; there are so many places and no more.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _precedence: Precedence,
}

/// An application that was sent. It is stored whoever still waits for its receipt: when a connection breaks, the
/// applicant has sent it all the same.
struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<anyhow::Result<Receipt>>,
    _place: Place,
}

/// Stores what comes through the queue.
struct Writer {
    queue: Mutex<mpsc::UnboundedReceiver<Waiting>>,
    pool: Pool,
    head: Letterhead,
    outbox: Arc<Outbox>,
}

impl Intake {
    /// With so many places, into this database, with letters of this head. Its writers run as long as it is there.
    #[must_use]
    pub fn new(places: usize, pool: &Pool, head: Letterhead, outbox: &Arc<Outbox>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let writer = Arc::new(Writer {
            queue: Mutex::new(waiting),
            pool: pool.clone(),
            head,
            outbox: Arc::clone(outbox),
        });
        for _ in 0..WRITERS {
            tokio::spawn(Arc::clone(&writer).work());
        }
        Self {
            places: Arc::new(Semaphore::new(places)),
            outbox: Arc::clone(outbox),
            queue,
        }
    }

    /// A place, unless too many are being stored: more would only wait for each other.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place {
            _permit: permit,
            _precedence: self.outbox.precedence(),
        })
    }

    /// Stores an application and owes both its mails, or returns the receipt of the one that the same key stored
    /// before. When this returns a receipt, all of it is committed; when it fails, none of it is, or nobody knows,
    /// and the same key will find it.
    ///
    /// # Errors
    /// The database's, or a letter that cannot be rendered.
    pub async fn submit(&self, place: Place, submission: Submission) -> anyhow::Result<Receipt> {
        let (answer, receipt) = oneshot::channel();
        let waiting = Waiting {
            submission,
            answer,
            _place: place,
        };
        self.queue.send(waiting).ok().context("nobody stores applications")?;
        receipt.await.context("storing the application failed")?
    }
}

impl Writer {
    async fn work(self: Arc<Self>) {
        loop {
            let mut together = Vec::with_capacity(TOGETHER);
            if self.queue.lock().await.recv_many(&mut together, TOGETHER).await == 0 {
                return;
            }
            // In a task of its own, so that a panic is the failure of these and not the end of the writer.
            let writer = Arc::clone(&self);
            drop(tokio::spawn(async move { writer.settle(together).await }).await);
        }
    }

    async fn settle(&self, mut together: Vec<Waiting>) {
        // In one order, so that two statements with the same keys wait for each other and never both.
        together.sort_by_key(|waiting| waiting.submission.key);
        let submissions: Vec<_> = together.iter().map(|waiting| &waiting.submission).collect();
        match insert(&self.pool, &self.head, &submissions).await {
            Ok(receipts) => self.answer(together, receipts),
            Err(error) if together.len() > 1 && !is_away(&error) => self.settle_one_by_one(together).await,
            Err(error) => {
                let nobody = together.iter().map(|_| Err(anyhow!("{error}"))).collect();
                self.answer(together, nobody);
            }
        }
    }

    /// Nobody fails for another's sake.
    async fn settle_one_by_one(&self, together: Vec<Waiting>) {
        for waiting in together {
            Box::pin(self.settle(vec![waiting])).await;
        }
    }

    fn answer(&self, together: Vec<Waiting>, receipts: Vec<anyhow::Result<Receipt>>) {
        for (waiting, receipt) in together.into_iter().zip(receipts) {
            if let Ok(receipt) = &receipt {
                tracing::info!(reference = receipt.reference, "application stored");
                self.outbox.wake();
            }
            drop(waiting.answer.send(receipt));
        }
    }
}
