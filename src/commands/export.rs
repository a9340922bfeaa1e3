//! Applications for other programs: spreadsheets, and whatever reads JSON.

use std::io::Write;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use serde::Serialize;

use super::applications::{found, reading};
use super::command_line::Format;
use super::csv;
use super::terminal::progress;
use super::write_json;
use crate::database::Pool;
use crate::membership::{self, Filter, StoredApplication};
use crate::values::Country;

/// ICANN's region of its country.
pub(super) fn region(record: &StoredApplication) -> String {
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
        None if filter.is_unfiltered() => (filter, Some(membership::count(&mut *session).await?)),
        None => (filter, None),
    };
    let bar = bar(count)?;
    let records = membership::records(&mut *session, filter)
        .inspect_ok(|_| bar.inc(1))
        .boxed();
    let exported = write(records, format, out).await;
    bar.finish_and_clear();
    exported
}

async fn write(records: Records<'_>, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        Format::Csv => csv::export(records, out).await,
        Format::Jsonl => export_jsonl(records, out).await,
    }
}

/// None where there are conditions: how many applications meet them is known only when they are read.
fn bar(count: Option<i64>) -> anyhow::Result<ProgressBar> {
    Ok(match count {
        Some(count) => progress(u64::try_from(count)?, "applications"),
        None => ProgressBar::hidden(),
    })
}

/// Applications as they are read.
pub(super) type Records<'a> = BoxStream<'a, sqlx::Result<StoredApplication>>;

/// An application as other programs get it.
#[derive(Serialize)]
pub(super) struct Exported<'a> {
    #[serde(flatten)]
    record: &'a StoredApplication,
    icann_region: String,
}

impl<'a> Exported<'a> {
    pub(super) fn of(record: &'a StoredApplication) -> Self {
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
