//! An organization applies: the form, the check page, storing and the receipt.

mod batching;
mod doubts;
mod journey;
mod universal_acceptance;
mod validation;
