//! Applications as a table on a terminal: written as they are read, however many, so that its columns follow from the
//! terminal alone.

use std::io::Write;

use time::macros::format_description;

use super::terminal::{Terminal, Tone, fit};
use crate::membership::{State, StoredApplication};

/// Between columns.
const GAP: &str = "  ";
const REFERENCE: usize = "NPOC-ACDE-FGHJ".len();
const STATE: usize = "suspected".len();
const DAY: usize = "2026-11-25".len();
const MINUTE: usize = "2026-11-25 14:06".len();
const WIDE: usize = 100;

/// What may be in any script is at the end, and shares what is left.
pub(super) struct Table {
    terminal: Terminal,
    received: usize,
    domain: usize,
    name: usize,
}

impl Table {
    pub(super) fn within(width: usize, terminal: Terminal) -> Self {
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

    pub(super) fn write(&self, record: &StoredApplication, is_first: bool, out: &mut impl Write) -> anyhow::Result<()> {
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
        let minute = minute(record)?;
        let state = record.states.first().map_or("", String::as_str);
        let mut row = self.row([
            &record.reference,
            minute.get(..self.received).unwrap_or(&minute),
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

/// When an application was received, in UTC.
pub(super) fn minute(record: &StoredApplication) -> anyhow::Result<String> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    Ok(record.received_at.format(format)?)
}
