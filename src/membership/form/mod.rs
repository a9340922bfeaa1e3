//! The form: its questions, the answers to them, and the check that makes an application of answers.

mod answers;
mod check;
mod questions;

pub use answers::Answers;
#[cfg(test)]
pub use check::tests::good_with;
pub use check::{Application, Problem, check};
pub use questions::{Field, Group, QUESTIONS, Question, Rule, Value};
