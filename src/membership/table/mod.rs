//! Applications as a table for spreadsheets: CSV with one row for each.

use time::UtcOffset;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{QUESTIONS, Question, Rule, StoredApplication};
use crate::values::Country;

mod spreadsheet;

use spreadsheet::keep_text;

/// RFC 3339 with PostgreSQL's number of digits, so that the column sorts as text. Its `Z` keeps spreadsheets from
/// converting it to a date.
const INSTANT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Columns after the answers. The site computes them.
const COMPUTED: [&str; 6] = [
    "domain_name_ascii",
    "icann_region",
    "suspicions",
    "states",
    "language",
    "review_state",
];

/// Returns the beginning of a table: the byte order mark, which tells spreadsheets that it is UTF-8, and the header.
///
/// # Errors
/// Returns no error; writing to memory cannot fail.
pub fn table_head() -> anyhow::Result<Vec<u8>> {
    let asked = QUESTIONS.iter().map(|question| question.name);
    let header = line(["reference", "received_at"].into_iter().chain(asked).chain(COMPUTED))?;
    Ok(["\u{feff}".as_bytes(), &header].concat())
}

/// Returns the row of an application.
///
/// # Errors
/// Returns an error if its time cannot be written.
pub fn table_row(record: &StoredApplication) -> anyhow::Result<Vec<u8>> {
    line(cells(record)?.iter().map(|cell| keep_text(cell)))
}

/// Returns the ICANN region of the applicant's country.
#[must_use]
pub fn icann_region(record: &StoredApplication) -> String {
    Country::parse(&record.country).map_or_else(|_| "unknown".into(), |country| country.region().to_string())
}

fn line<T: AsRef<[u8]>>(cells: impl Iterator<Item = T>) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(cells)?;
    Ok(csv.into_inner()?)
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
        icann_region(record),
        record.suspicions.join(" "),
        record.states.join(" "),
        record.language.clone(),
        record.review_state.clone(),
    ]);
    Ok(cells)
}

/// Returns a cell. An unticked box is an answer too.
fn answer(question: &Question, given: &[String]) -> String {
    match question.rule {
        Rule::Yes if given.is_empty() => "no".to_owned(),
        Rule::AnyOf(_) if given.is_empty() => "none".to_owned(),
        _ => given.join(" "),
    }
}
