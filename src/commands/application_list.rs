//! The list of applications: a table on a terminal, lines for other programs. Rows are written as they are read, so the
//! widths of columns depend on the terminal alone.

use std::io::Write;

use futures_util::TryStreamExt as _;
use time::macros::format_description;

use super::applications::{Exported, open_for_reading};
use super::output::write_json;
use super::terminal::{Terminal, Tone, counted, fit};
use crate::database::Pool;
use crate::membership::{self, Filter, State, StoredApplication};

/// The space between columns.
const GAP: &str = "  ";
const REFERENCE: usize = "NPOC-ACDE-FGHJ".len();
const STATE: usize = "suspected".len();
const DAY: usize = "2026-11-25".len();
const MINUTE: usize = "2026-11-25 14:06".len();
/// The terminal width from which rows show the time of day.
const WIDE: usize = 100;

/// The widths of the table's columns. The last two columns may hold any script, and share the remaining width.
struct Table {
    terminal: Terminal,
    received: usize,
    domain: usize,
    name: usize,
}

impl Table {
    fn with_width(width: usize, terminal: Terminal) -> Self {
        let received = if width < WIDE { DAY } else { MINUTE };
        let rest = width.saturating_sub(REFERENCE + received + 2 + STATE + 5 * GAP.len());
        let domain = (rest * 2 / 5).min(30);
        Self {
            terminal,
            received,
            domain,
            name: rest - domain,
        }
    }

    fn write(&self, record: &StoredApplication, is_first: bool, out: &mut impl Write) -> anyhow::Result<()> {
        if is_first {
            let received = if self.received == DAY {
                "Received"
            } else {
                "Received (UTC)"
            };
            let heads = self.row(["Reference", received, "CC", "State", "Domain name", "Organization"]);
            let heads = self.terminal.toned(Tone::Heading, heads.join(GAP).trim_end());
            writeln!(out, "{heads}")?;
        }
        let received_at = received_at(record)?;
        let state = record.states.first().map_or("", String::as_str);
        let mut row = self.row([
            &record.reference,
            received_at.get(..self.received).unwrap_or(&received_at),
            &record.country,
            state,
            &record.domain_name,
            &record.organization_name,
        ]);
        row[3] = self.terminal.toned(tone(state), &row[3]);
        Ok(writeln!(out, "{}", row.join(GAP).trim_end())?)
    }

    fn row(&self, cells: [&str; 6]) -> [String; 6] {
        let widths = [REFERENCE, self.received, 2, STATE, self.domain, self.name];
        let mut widths = widths.into_iter();
        cells.map(|cell| fit(cell, widths.next().unwrap_or_default()))
    }
}

fn tone(state: &str) -> Tone {
    match state {
        state if state == State::Mailed.name() => Tone::Good,
        state if state == State::GivenUp.name() => Tone::Bad,
        _ => Tone::Doubtful,
    }
}

/// Returns the minute of arrival, in UTC.
fn received_at(record: &StoredApplication) -> anyhow::Result<String> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    Ok(record.received_at.format(format)?)
}

/// Lists applications: as a table, as lines or as JSON objects.
pub(super) async fn list(pool: &Pool, filter: Filter, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let terminal = Terminal::of_stdout();
    let table = terminal.width.map(|width| Table::with_width(width, terminal));
    let mut session = open_for_reading(pool, &filter).await?;
    let mut records = membership::list(&mut *session, filter);
    let mut count = 0_u64;
    while let Some(record) = records.try_next().await? {
        match &table {
            _ if json => write_json(&Exported::of(&record), out)?,
            Some(table) => table.write(&record, count == 0, out)?,
            None => write_line(&record, out)?,
        }
        count += 1;
    }
    match table {
        Some(_) if !json => Ok(writeln!(out, "{}", counted(count, "application"))?),
        _ => Ok(()),
    }
}

/// Writes a line for other programs. No answer of one line contains a tab.
fn write_line(record: &StoredApplication, out: &mut impl Write) -> anyhow::Result<()> {
    let cells = [
        &record.reference,
        &received_at(record)?,
        &record.country,
        &record.states.join(","),
        &record.domain_name,
        &record.organization_name,
    ];
    Ok(writeln!(out, "{}", cells.map(String::as_str).join("\t"))?)
}
