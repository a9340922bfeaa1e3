//! What takes programs or time that not everybody has: `.ci/faults` runs it.

mod pooler;
mod storm;
