//! Applications for spreadsheets.

use std::io::Write;

use futures_util::TryStreamExt as _;
use time::UtcOffset;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::export::{Records, region};
use super::spreadsheet::keep_text;
use crate::membership::{QUESTIONS, Question, Rule, StoredApplication};

/// RFC 3339 with as many digits as PostgreSQL has, so that the column sorts as text. No spreadsheet takes it for a date
/// because of its `Z`.
const INSTANT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Columns after the answers, which the site worked out.
const WORKED_OUT: [&str; 4] = ["domain_name_ascii", "icann_region", "suspicions", "states"];

/// Writes a table with one row for each application. It begins with a byte order mark, without which a spreadsheet takes
/// UTF-8 for its own old encoding.
///
/// # Errors
/// The database's, or that of writing.
pub(super) async fn export(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "\u{feff}")?;
    let mut csv = csv::Writer::from_writer(out);
    let asked = QUESTIONS.iter().map(|question| question.name);
    csv.write_record(["reference", "received_at"].into_iter().chain(asked).chain(WORKED_OUT))?;
    while let Some(record) = records.try_next().await? {
        csv.write_record(cells(&record)?.iter().map(|cell| keep_text(cell)))?;
    }
    Ok(csv.flush()?)
}

fn cells(record: &StoredApplication) -> anyhow::Result<Vec<String>> {
    let answers = record.answers();
    let received_at = record.received_at.to_offset(UtcOffset::UTC).format(INSTANT)?;
    let mut cells = vec![record.reference.clone(), received_at];
    cells.extend(
        QUESTIONS
            .iter()
            .map(|question| answer(question, answers.all(question.field))),
    );
    cells.extend([
        record.domain_name_ascii.clone(),
        region(record),
        record.suspicions.join(" "),
        record.states.join(" "),
    ]);
    Ok(cells)
}

/// A box that was left unticked is an answer too.
fn answer(question: &Question, given: &[String]) -> String {
    match question.rule {
        Rule::Yes if given.is_empty() => "no".to_owned(),
        Rule::AnyOf(_) if given.is_empty() => "none".to_owned(),
        _ => given.join(" "),
    }
}
