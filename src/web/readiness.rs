//! The check whether an application can be stored now. It queries the database at most once a second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::database::{Pool, within};
use crate::{membership, outbox};

/// How long the database may take for one check.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// How long the result of a check is reused.
const REUSE: Duration = Duration::from_secs(1);

/// The last check whether an application can be stored.
#[derive(Debug)]
pub struct Readiness {
    pool: Pool,
    /// Locked during a check, so that concurrent requests share its result.
    last: Mutex<Option<(Instant, Health)>>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug)]
pub enum Health {
    /// An application can be stored. Contains the age of the oldest unsent email.
    Ready(time::Duration),
    /// No application can be stored.
    NotReady,
}

impl Readiness {
    /// Checks this database.
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            last: Mutex::new(None),
        }
    }

    /// Returns the current health. Queries the database at most once a second.
    pub async fn health(&self) -> Health {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = *last
            && at.elapsed() < REUSE
        {
            return health;
        }
        let health = within(READY_LIMIT, self.check()).await.unwrap_or(Health::NotReady);
        if matches!(health, Health::NotReady) {
            self.pool.recheck_server();
        }
        *last = Some((Instant::now(), health));
        health
    }

    async fn check(&self) -> sqlx::Result<Health> {
        if !membership::can_store(&self.pool).await? {
            return Ok(Health::NotReady);
        }
        Ok(Health::Ready(outbox::oldest_wait(&self.pool).await?))
    }
}
