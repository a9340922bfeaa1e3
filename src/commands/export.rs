//! Applications for other programs: spreadsheets, and whatever reads JSON.

use std::io::Write;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use serde::Serialize;

use super::applications::{found, reading};
use super::command_line::Format;
use super::terminal::progress;
use super::write_json;
use crate::database::Pool;
use crate::membership::{self, Filter, QUESTIONS, Record};
use crate::values::Country;

/// ICANN's region of its country.
pub(super) fn region(record: &Record) -> String {
    Country::parse(&record.country).map_or_else(|_| "unknown".into(), |country| country.region().to_string())
}

/// The applications that a filter lets through, or that of a reference, read as they are written.
///
/// # Errors
/// The database's, or that nothing has the reference.
pub(super) async fn export(
    pool: &Pool,
    format: Format,
    reference: Option<&str>,
    filter: Filter,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut session = reading(pool, &filter).await?;
    let (filter, count) = match reference {
        Some(reference) => (
            found(&mut session, reference).await.map(|_| Filter::of(reference))?,
            Some(1),
        ),
        None if filter.is_of_all() => (filter, Some(membership::count(&mut *session).await?)),
        None => (filter, None),
    };
    // How many meet conditions is known only when they are read.
    let bar = match count {
        Some(count) => progress(u64::try_from(count)?, "applications"),
        None => ProgressBar::hidden(),
    };
    let records = membership::records(&mut *session, filter)
        .inspect_ok(|_| bar.inc(1))
        .boxed();
    let exported = match format {
        Format::Csv => export_csv(records, out).await,
        Format::Jsonl => export_jsonl(records, out).await,
    };
    bar.finish_and_clear();
    exported
}

/// Begins with a byte order mark, without which a spreadsheet takes UTF-8 for its own old encoding.
async fn export_csv(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "\u{feff}")?;
    let mut csv = csv::Writer::from_writer(out);
    let worked_out = ["domain_name_ascii", "icann_region", "suspicions", "states"];
    csv.write_record(
        ["reference", "received_at"]
            .into_iter()
            .chain(QUESTIONS.iter().map(|q| q.name))
            .chain(worked_out),
    )?;
    while let Some(record) = records.try_next().await? {
        csv.write_record(cells(&record)?.iter().map(|cell| escape_formula(cell)))?;
    }
    Ok(csv.flush()?)
}

fn cells(record: &Record) -> anyhow::Result<Vec<String>> {
    let answers = record.answers();
    let received_at = record
        .received_at
        .format(&time::format_description::well_known::Rfc3339)?;
    let mut cells = vec![record.reference.clone(), received_at];
    cells.extend(QUESTIONS.iter().map(|question| answers.all(question.field).join(" ")));
    cells.extend([
        record.domain_name_ascii.clone(),
        region(record),
        record.suspicions.join(" "),
        record.states.join(" "),
    ]);
    Ok(cells)
}

/// A spreadsheet runs a cell that begins like a formula; an apostrophe in front makes it text (OWASP, CSV injection).
/// Where commas are for decimals it takes a semicolon for the end of a cell, and a line break for that of a row.
fn escape_formula(cell: &str) -> String {
    let mut escape_formula = String::with_capacity(cell.len() + 1);
    let mut begins_a_cell = true;
    for c in cell.chars() {
        if begins_a_cell && matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') {
            escape_formula.push('\'');
        }
        begins_a_cell = matches!(c, ';' | '\n') || (begins_a_cell && matches!(c, ' ' | '"'));
        escape_formula.push(c);
    }
    escape_formula
}

/// Applications as they are read.
type Records<'a> = BoxStream<'a, sqlx::Result<Record>>;

/// An application as other programs get it.
#[derive(Serialize)]
pub(super) struct Exported<'a> {
    #[serde(flatten)]
    record: &'a Record,
    icann_region: String,
}

impl<'a> Exported<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        Self {
            record,
            icann_region: region(record),
        }
    }
}

async fn export_jsonl(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(record) = records.try_next().await? {
        write_json(&Exported::of(&record), out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for cell in ["=1+1", "+44 20", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(escape_formula(cell), format!("'{cell}"));
        }
        assert_eq!(escape_formula("a;=1\n\"-1; +1"), "a;'=1\n\"'-1; '+1");
        assert_eq!(escape_formula("Ann = Lee"), "Ann = Lee");
    }
}
