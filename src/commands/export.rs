//! Exports of applications, as CSV for spreadsheets and as JSON Lines for other programs.

use std::io::Write;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;

use super::applications::{Exported, find_or_explain, open_for_reading};
use super::cli::Format;
use super::output::write_json;
use super::terminal::progress;
use crate::database::Pool;
use crate::membership::{self, Filter, StoredApplication, table_head, table_row};

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

async fn export_csv(mut records: Records<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    out.write_all(&table_head()?)?;
    while let Some(record) = records.try_next().await? {
        out.write_all(&table_row(&record)?)?;
    }
    Ok(out.flush()?)
}
