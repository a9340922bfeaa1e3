//! Exports of applications, as CSV for spreadsheets and as JSON Lines for other programs.

use std::io::Write;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use time::UtcOffset;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::applications::{Exported, find_or_explain, icann_region, open_for_reading};
use super::cli::Format;
use super::output::write_json;
use super::spreadsheet::keep_text;
use super::terminal::progress;
use crate::database::Pool;
use crate::membership::{self, Filter, QUESTIONS, Question, Rule, StoredApplication};

/// Exports the applications that a filter selects, or the application with a reference. Reads each one as it is written.
///
/// # Errors
/// Returns an error if the database is unavailable, the output cannot be written, or no application has the reference.
pub(super) async fn export(
    pool: &Pool,
    format: Format,
    reference: Option<&str>,
    filter: Filter,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut session = open_for_reading(pool, &filter).await?;
    let (filter, count) = match reference {
        Some(reference) => {
            find_or_explain(&mut session, reference).await?;
            (Filter::of(reference), Some(1))
        }
        None if filter.is_unfiltered() => (filter, Some(membership::count(&mut *session).await?)),
        None => (filter, None),
    };
    let bar = progress_bar(count)?;
    let records = membership::list(&mut *session, filter)
        .inspect_ok(|_| bar.inc(1))
        .boxed();
    let exported = write(records, format, out).await;
    bar.finish_and_clear();
    exported
}

async fn write(records: Records<'_>, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        Format::Csv => export_csv(records, out).await,
        Format::Jsonl => export_jsonl(records, out).await,
    }
}

/// Returns a hidden bar if there are conditions, since the number of matches is unknown until the end.
fn progress_bar(count: Option<i64>) -> anyhow::Result<ProgressBar> {
    Ok(match count {
        Some(count) => progress(u64::try_from(count)?, "applications"),
        None => ProgressBar::hidden(),
    })
}

/// Applications, streamed from the database.
type Records<'a> = BoxStream<'a, sqlx::Result<StoredApplication>>;

async fn export_jsonl(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(record) = records.try_next().await? {
        write_json(&Exported::of(&record), out)?;
    }
    Ok(())
}

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

/// Writes a table with one row per application. The byte order mark at its beginning tells spreadsheets that it is UTF-8.
async fn export_csv(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "\u{feff}")?;
    let mut csv = csv::Writer::from_writer(out);
    let asked = QUESTIONS.iter().map(|question| question.name);
    csv.write_record(["reference", "received_at"].into_iter().chain(asked).chain(COMPUTED))?;
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
