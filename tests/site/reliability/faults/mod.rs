//! Tests that need additional programs or much time. `bin/faults` runs them.

mod pooler;
mod storm;
