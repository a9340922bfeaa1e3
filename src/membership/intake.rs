//! Takes applications in: those that come while others are being stored are stored together next, so that
//! the more come at once, the less each costs. One alone waits for nobody.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::letters::Letterhead;
use super::store::{Receipt, Submission, store};
use crate::database::{Pool, is_away};

/// Statements under way at a time: one is prepared while another is committed.
const WRITERS: usize = 4;

/// Applications in one statement, at most.
const TOGETHER: usize = 32;

/// The way in. Every application gets a receipt, once it and its mails are committed, or an error.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: mpsc::Sender<Waiting>,
}

/// Somebody who waits for a receipt.
#[derive(Debug)]
struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<anyhow::Result<Receipt>>,
}

impl Intake {
    /// Into this database, with letters of this head. Its writers run as long as it is there.
    #[must_use]
    pub fn new(pool: &Pool, head: &Letterhead) -> Self {
        let (queue, waiting) = mpsc::channel(TOGETHER);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WRITERS {
            tokio::spawn(write(pool.clone(), head.clone(), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Stores an application and owes both its mails, or returns the receipt of the one that the same key
    /// stored before. When this returns a receipt, all of it is committed; when it fails, none of it is, or
    /// nobody knows, and the same key will find it.
    ///
    /// # Errors
    /// The database's, or a letter that cannot be rendered.
    pub async fn submit(&self, submission: Submission) -> anyhow::Result<Receipt> {
        let (answer, receipt) = oneshot::channel();
        let waiting = Waiting { submission, answer };
        self.queue
            .send(waiting)
            .await
            .ok()
            .context("nobody stores applications")?;
        receipt.await.context("storing the application failed")?
    }
}

async fn write(pool: Pool, head: Letterhead, queue: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    loop {
        let mut batch = Vec::with_capacity(TOGETHER);
        if queue.lock().await.recv_many(&mut batch, TOGETHER).await == 0 {
            return;
        }
        // In a task of its own, so that a panic is the failure of these and not the end of the writer.
        drop(tokio::spawn(store_and_answer(pool.clone(), head.clone(), batch)).await);
    }
}

async fn store_and_answer(pool: Pool, head: Letterhead, mut batch: Vec<Waiting>) {
    // Whoever was told that nothing is known is not stored behind their back.
    batch.retain(|waiting| !waiting.answer.is_closed());
    if batch.is_empty() {
        return;
    }
    // In one order, so that two statements with the same keys wait for each other and never both.
    batch.sort_by_key(|waiting| waiting.submission.key);
    let (submissions, answers): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|waiting| (waiting.submission, waiting.answer))
        .unzip();
    match store(&pool, &head, &submissions).await {
        Ok(receipts) => {
            for (answer, receipt) in answers.into_iter().zip(receipts) {
                drop(answer.send(Ok(receipt)));
            }
        }
        Err(error) => one_by_one(&pool, &head, &submissions, answers, &error).await,
    }
}

/// What failed together is tried one by one, so that nobody fails for another's sake; unless the database is
/// away, which it is for all.
async fn one_by_one(
    pool: &Pool,
    head: &Letterhead,
    submissions: &[Submission],
    answers: Vec<oneshot::Sender<anyhow::Result<Receipt>>>,
    error: &anyhow::Error,
) {
    let is_hopeless = submissions.len() == 1 || error.downcast_ref().is_some_and(is_away);
    for (submission, answer) in submissions.iter().zip(answers) {
        let stored = if is_hopeless {
            Err(anyhow::anyhow!("{error:#}"))
        } else {
            let alone = store(pool, head, std::slice::from_ref(submission)).await;
            alone.and_then(|receipts| receipts.into_iter().next().context("no receipt"))
        };
        drop(answer.send(stored));
    }
}
