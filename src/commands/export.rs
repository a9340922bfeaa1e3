//! Applications for other programs: spreadsheets, and whatever reads JSON.

use std::io::Write;

use clap::ValueEnum;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use serde::Serialize;

use super::found;
use crate::database::Pool;
use crate::membership::{self, QUESTIONS, Record, Which};
use crate::values::Country;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For spreadsheets: a cell that one would take for a formula begins with an apostrophe
    Csv,
    /// JSON Lines, one exact object for each application
    Jsonl,
}

/// ICANN's region of its country.
pub(super) fn region(record: &Record) -> String {
    Country::parse(&record.country).map_or_else(|_| "unknown".into(), |country| country.region().to_string())
}

/// Every application, or that of a reference, read as it is written.
///
/// # Errors
/// The database's, or that nothing has the reference.
pub(super) async fn export(
    pool: &Pool,
    format: Format,
    reference: Option<&str>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let which = match reference {
        Some(reference) => Which::Of(found(&mut session, reference).await.map(|_| reference.trim())?),
        None => Which::All,
    };
    let records = membership::records(&mut *session, which);
    match format {
        Format::Csv => export_csv(records, out).await,
        Format::Jsonl => export_jsonl(records, out).await,
    }
}

/// Begins with a byte order mark, without which a spreadsheet takes UTF-8 for its own old encoding.
async fn export_csv(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "\u{feff}")?;
    let mut csv = csv::Writer::from_writer(out);
    let worked_out = ["domain_name_ascii", "icann_region", "suspicions"];
    csv.write_record(
        ["reference", "received_at"]
            .into_iter()
            .chain(QUESTIONS.iter().map(|q| q.name))
            .chain(worked_out),
    )?;
    while let Some(record) = records.try_next().await? {
        csv.write_record(cells(&record)?.iter().map(|cell| harmless(cell)))?;
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
    ]);
    Ok(cells)
}

/// A spreadsheet runs a cell that begins like a formula; an apostrophe in front makes it text (OWASP, CSV injection).
/// Where commas are for decimals it takes a semicolon for the end of a cell, and a line break for that of a row.
fn harmless(cell: &str) -> String {
    let mut harmless = String::with_capacity(cell.len() + 1);
    let mut begins_a_cell = true;
    for c in cell.chars() {
        if begins_a_cell && matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') {
            harmless.push('\'');
        }
        begins_a_cell = matches!(c, ';' | '\n') || (begins_a_cell && matches!(c, ' ' | '"'));
        harmless.push(c);
    }
    harmless
}

/// Applications as they are read.
type Records<'a> = BoxStream<'a, sqlx::Result<Record>>;

#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    record: &'a Record,
    icann_region: String,
}

async fn export_jsonl(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(record) = records.try_next().await? {
        serde_json::to_writer(
            &mut *out,
            &Exported {
                icann_region: region(&record),
                record: &record,
            },
        )?;
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for cell in ["=1+1", "+44 20", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        assert_eq!(harmless("a;=1\n\"-1; +1"), "a;'=1\n\"'-1; '+1");
        assert_eq!(harmless("Ann = Lee"), "Ann = Lee");
    }
}
