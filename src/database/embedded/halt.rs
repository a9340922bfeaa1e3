//! Cancels the start of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::Error;

/// The pause between two checks of something that changes soon.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A request to cancel. All clones share it.
#[derive(Clone, Default)]
pub(super) struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Requests the end. The caller has to wake sleeping threads.
    pub(super) fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns an error once the end is requested.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_requested() {
            Err(Error::Halted)
        } else {
            Ok(())
        }
    }
}
