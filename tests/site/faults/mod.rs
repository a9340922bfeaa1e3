//! What takes programs or time that not everybody has: `bin/faults` runs it.

mod pooler;
mod storm;
