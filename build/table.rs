//! The table of `bin/words`, as spreadsheets write it.

use csv::{ReaderBuilder, StringRecord};

/// The byte order mark, by which Excel recognizes UTF-8.
pub const MARK: &str = "\u{FEFF}";

/// How to save a table, for every file that is not one.
const HOW_TO_SAVE: &str =
    "In Excel, save it as “CSV UTF-8”. In LibreOffice, as “Text CSV” with the character set UTF-8.";

/// A row of a table that was read back.
pub struct Row {
    /// Its number in the spreadsheet.
    pub number: usize,
    /// The name of the sentence.
    pub name: String,
    /// The English sentence, if the table has that column.
    pub english: Option<String>,
    /// The translation; empty if it is missing.
    pub translation: String,
}

impl Row {
    /// Returns whether only the translation is missing.
    pub fn is_untranslated(&self) -> bool {
        self.translation.is_empty() && !self.name.is_empty()
    }
}

/// Decodes a table.
fn text_of(table: &[u8]) -> Result<&str, String> {
    let kind = match table {
        [b'P', b'K', 3, 4, ..] => "a workbook, not a table".to_owned(),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16".to_owned(),
        _ => match str::from_utf8(table) {
            Ok(text) => return Ok(text.trim_start_matches(MARK)),
            Err(error) => {
                let before = table.iter().take(error.valid_up_to());
                format!("not UTF-8 (line {})", before.filter(|byte| **byte == b'\n').count() + 1)
            }
        },
    };
    Err(format!("The file is {kind}. {HOW_TO_SAVE}"))
}

/// Reads the rows that are not empty. Where the comma is the decimal sign, spreadsheets separate columns by semicolons.
///
/// # Errors
/// Returns a sentence if the file is no table, or lacks a column.
pub fn rows(table: &[u8]) -> Result<Vec<Row>, String> {
    let text = text_of(table)?;
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = *b";\t,".iter().max_by_key(|one| count(one)).unwrap_or(&b',');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let (name, translation) = (column(&header, "name")?, column(&header, "translation")?);
    let english = column(&header, "English").ok();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |column: usize| plain(record.get(column).unwrap_or_default().trim()).to_owned();
        rows.push(Row {
            number: index + 2,
            name: cell(name),
            english: english.map(cell),
            translation: cell(translation),
        });
    }
    rows.retain(|row| !row.name.is_empty() || !row.translation.is_empty());
    Ok(rows)
}

fn column(header: &StringRecord, name: &str) -> Result<usize, String> {
    let cells = header.iter().map(str::trim).enumerate();
    let mut found = cells
        .filter(|(_, cell)| cell.eq_ignore_ascii_case(name))
        .map(|(index, _)| index);
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        (Some(_), Some(_)) => Err(format!("Two columns have the header “{name}”.")),
        (None, _) => {
            let given = header.iter().collect::<Vec<_>>().join(", ");
            Err(format!(
                "No column has the header “{name}”. The first row is: {given}. {HOW_TO_SAVE}"
            ))
        }
    }
}

/// Puts an apostrophe before a cell that a spreadsheet would convert: a formula, or text without letters. No sentence begins
/// with a straight apostrophe.
pub fn protected(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let is_text = cell.is_empty() || cell.contains(char::is_alphabetic);
    if is_text && !is_formula {
        cell.to_owned()
    } else {
        format!("'{cell}")
    }
}

fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}
