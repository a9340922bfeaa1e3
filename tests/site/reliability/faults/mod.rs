//! Tests that need additional programs or much time. `.ci/faults` runs them.

mod pooler;
mod storm;
