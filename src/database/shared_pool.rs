//! A connection pool that can be replaced while it is in use.

use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

/// The current pool. All clones share it. Connections of a replaced pool close when they are returned.
#[derive(Clone, Debug)]
pub(super) struct SharedPool(Arc<RwLock<PgPool>>);

impl SharedPool {
    pub(super) fn new(pool: PgPool) -> Self {
        Self(Arc::new(RwLock::new(pool)))
    }

    /// Returns the current pool.
    pub(super) fn current(&self) -> PgPool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens at most `most` connections from now on, and at least one. Never raises the limit.
    pub(super) fn shrink_to(&self, most: u32) {
        if most < self.current().options().get_max_connections() {
            self.replace(|old| {
                let options = old.options().clone().max_connections(most.max(1));
                options.connect_lazy_with((*old.connect_options()).clone())
            });
        }
    }

    /// Connects to this server from now on.
    pub(super) fn connect_to(&self, server: PgConnectOptions) {
        self.replace(|old| old.options().clone().connect_lazy_with(server));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.current().is_closed()
    }

    fn replace(&self, with: impl FnOnce(&PgPool) -> PgPool) {
        let mut pool = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = with(&pool);
        let old = std::mem::replace(&mut *pool, new);
        tokio::spawn(async move { old.close().await });
    }
}
