//! Halts those who start a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;

/// Whether somebody wants the start to end. All clones say the same.
#[derive(Clone, Default)]
pub(super) struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Tells them. Those who sleep are to be woken.
    pub(super) fn tell(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_told(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns an error once they are to halt.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_told() { Err(Error::Halted) } else { Ok(()) }
    }
}
