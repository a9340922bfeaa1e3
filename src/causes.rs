//! Errors as one line for an operator.

/// An error with what lies below it. Some say already what the one below them says.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = all.map(ToString::to_string).collect();
    said.dedup_by(|below, above| above.contains(below.as_str()));
    said.join(": ")
}
