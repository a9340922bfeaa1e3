//! Writes JSON to standard output, and recognizes that its reader has left.

use std::error::Error;
use std::io::{self, Write};

use serde::Serialize;

/// Writes one line of JSON.
pub(super) fn write_json(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(writeln!(out)?)
}

/// Returns whether the reader of standard output has closed it, as in `npoc applications list | head`.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_database_error = error.chain().any(<dyn Error>::is::<sqlx::Error>);
    !is_database_error
        && error
            .chain()
            .any(|cause| io_error_kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

fn io_error_kind(cause: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let in_csv = |error: &csv::Error| match error.kind() {
        csv::ErrorKind::Io(error) => Some(error.kind()),
        _ => None,
    };
    let in_json = cause.downcast_ref().and_then(serde_json::Error::io_error_kind);
    let direct = cause.downcast_ref().map(io::Error::kind);
    direct.or(in_json).or(cause.downcast_ref().and_then(in_csv))
}
