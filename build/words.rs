//! Prints the sentences of a language as a table for a spreadsheet, reads the table back, and records a review. `bin/words`
//! runs it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, mem};

use csv::Writer;
use time::OffsetDateTime;

#[path = "catalogue.rs"]
pub(crate) mod catalogue;
#[path = "check.rs"]
pub(crate) mod check;
#[expect(dead_code, reason = "the build uses the rest")]
#[path = "review.rs"]
pub(crate) mod review;
#[path = "table.rs"]
mod table;

use catalogue::Message;
use table::{MARK, Row, protected};

/// The header of the table. Only `name` and `translation` must be there when the table is read.
const HEADER: [&str; 5] = ["file", "name", "English", "translation", "comment"];

/// The texts that a spreadsheet shows for a formula that it cannot run.
const SPREADSHEET_ERRORS: &[&str] = &[
    "#NAME?", "#N/A", "#REF!", "#VALUE!", "#NULL!", "#NUM!", "#DIV/0!", "Err:5",
];

/// Why the program does nothing.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// Sentences or files are wrong. Nothing was written.
    Faults(Vec<String>),
    /// A file or the output cannot be written.
    Disk(String),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let locales = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
    match run(&arguments, &locales).and_then(|output| print(&output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(sentence)) => {
            eprintln!("{sentence} bin/words --help says more.");
            ExitCode::from(2)
        }
        Err(Failure::Faults(faults)) => {
            eprintln!("{}\nNothing was written.", faults.join("\n"));
            ExitCode::FAILURE
        }
        Err(Failure::Disk(sentence)) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the output. `head` and other programs may stop reading.
fn print(output: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(output) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Disk(error.to_string())),
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn fault(fault: impl ToString) -> Failure {
    Failure::Faults(vec![fault.to_string()])
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::Disk(format!("{}: {error}", path.display())))
}

/// Runs the command, and returns what it prints.
///
/// # Errors
/// Returns a sentence if the arguments are wrong, and one for each fault of the files.
pub fn run(arguments: &[OsString], locales: &Path) -> Result<Vec<u8>, Failure> {
    match arguments {
        [option, language, by] if option == "--reviewed" => {
            let by = by.to_string_lossy();
            Locale::of(locales, language)?.store_review(&by).map(String::into_bytes)
        }
        [option, ..] if option.to_string_lossy().starts_with("--") => Err(Failure::Usage(
            "This needs --reviewed, a language and a name.".to_owned(),
        )),
        [language] => Locale::of(locales, language)?.table(),
        [language, file] => {
            let locale = Locale::of(locales, language)?;
            let table = fs::read(file).map_err(|error| fault(format!("{}: {error}", file.to_string_lossy())))?;
            locale.store_table(&table).map(String::into_bytes)
        }
        _ => Err(Failure::Usage("Name a language, and perhaps a table.".to_owned())),
    }
}

/// A language, and the English sentences that it translates.
#[derive(Debug)]
pub struct Locale {
    code: String,
    folder: PathBuf,
    /// The English sentences by file.
    english: BTreeMap<String, Vec<Message>>,
}

impl Locale {
    /// Finds a language.
    ///
    /// # Errors
    /// Returns a sentence if there is no such language, and one for each fault of English.
    pub fn of(locales: &Path, code: impl AsRef<OsStr>) -> Result<Self, Failure> {
        let code = code.as_ref().to_string_lossy().into_owned();
        let entries = fs::read_dir(locales).map_err(fault)?.flatten();
        let names = entries
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name());
        let mut known: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        known.retain(|name| name != "en");
        known.sort();
        if !known.contains(&code) {
            let known = known.join(", ");
            return Err(Failure::Usage(format!(
                "“{code}” is no translation. There are: {known}."
            )));
        }
        let english = catalogue::read(&locales.join("en")).map_err(Failure::Faults)?;
        let locale = Self {
            folder: locales.join(&code),
            code,
            english,
        };
        none(check::faults_of_english(&locale.originals()))?;
        Ok(locale)
    }

    /// Returns the English sentences of all files.
    fn originals(&self) -> Vec<Message> {
        self.english.values().flatten().cloned().collect()
    }

    /// Returns the present translation of all files.
    fn translation(&self) -> Result<Vec<Message>, Failure> {
        let files = catalogue::read(&self.folder).map_err(Failure::Faults)?;
        Ok(files.into_values().flatten().collect())
    }

    /// Returns the table.
    ///
    /// # Errors
    /// Returns a sentence for each fault of the files.
    pub fn table(&self) -> Result<Vec<u8>, Failure> {
        let translation = self.translation()?;
        let sources: HashMap<_, _> = translation.iter().map(|one| (&one.name, one.source())).collect();
        let mut table = Writer::from_writer(MARK.as_bytes().to_vec());
        table.write_record(HEADER).map_err(fault)?;
        for (file, originals) in &self.english {
            for original in originals {
                let translated = sources.get(&original.name).cloned().unwrap_or_default();
                let (name, comment) = (original.name.clone(), original.comment.join(" "));
                let cells = [file.clone(), name, original.source(), translated, comment];
                table.write_record(cells.map(|cell| protected(&cell))).map_err(fault)?;
            }
        }
        table.into_inner().map_err(fault)
    }

    /// Writes the translation of a table, and returns which files changed.
    ///
    /// # Errors
    /// Returns a sentence for each fault. Nothing is written then.
    pub fn store_table(&self, table: &[u8]) -> Result<String, Failure> {
        let rows = table::rows(table).map_err(fault)?;
        let messages = self.messages(&rows)?;
        none(self.surplus_files())?;
        let mut report = Vec::new();
        for (path, text) in self.changed_files(&messages)? {
            write(&path, &text)?;
            report.push(format!("Wrote {}.\n", path.display()));
        }
        if report.is_empty() {
            report.push("The table has nothing new.\n".to_owned());
        }
        report.extend(self.outdated(&rows));
        Ok(report.concat())
    }

    /// Parses and checks the sentences of a table.
    fn messages(&self, rows: &[Row]) -> Result<HashMap<String, Message>, Failure> {
        let (mut messages, mut faults, mut originals) = (Vec::new(), Vec::new(), self.originals());
        let known: HashSet<String> = originals.iter().map(|original| original.name.clone()).collect();
        for row in rows.iter().filter(|row| !row.is_untranslated()) {
            let name = &row.name;
            if !known.contains(name) {
                faults.push(format!("row {}: no sentence has the name “{name}”", row.number));
                continue;
            }
            match message(row) {
                Ok(message) => messages.push(message),
                Err(found) => {
                    faults.extend(found.into_iter().map(|fault| format!("{}: {name}: {fault}", self.code)));
                    originals.retain(|original| original.name != *name);
                }
            }
        }
        faults.extend(check::faults_of(&self.code, &messages, &originals));
        none(faults)?;
        Ok(messages.into_iter().map(|one| (one.name.clone(), one)).collect())
    }

    /// Returns a fault for each file that English has not: its sentences would be there twice.
    fn surplus_files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "ftl"));
        let is_known = |path: &PathBuf| {
            path.file_stem()
                .is_some_and(|name| self.english.contains_key(&*name.to_string_lossy()))
        };
        let surplus = paths.filter(|path| !is_known(path));
        surplus
            .map(|path| format!("{}: English has no such file; delete it", path.display()))
            .collect()
    }

    /// Returns the files that change, with their new text.
    fn changed_files(&self, messages: &HashMap<String, Message>) -> Result<Vec<(PathBuf, String)>, Failure> {
        let mut changed = Vec::new();
        for (file, originals) in &self.english {
            let path = self.folder.join(format!("{file}.ftl"));
            let old = match fs::read_to_string(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(fault(format!("{}: {error}", path.display())));
                }
                old => old.unwrap_or_default(),
            };
            let new = Comments::of(&old).around(originals.iter().filter_map(|one| messages.get(&one.name)));
            if new != old {
                changed.push((path, new));
            }
        }
        Ok(changed)
    }

    /// Returns a sentence for each row whose English is not the present one.
    fn outdated(&self, rows: &[Row]) -> Vec<String> {
        let originals = self.originals();
        let is_outdated = |row: &&Row| {
            let original = originals.iter().find(|original| original.name == row.name);
            let source = original.map(|original| lines(&original.source()));
            row.english.is_some() && source != row.english.as_deref().map(lines)
        };
        let outdated = rows.iter().filter(is_outdated);
        let sentence = |row: &Row| format!("{}: the English has changed since the table was printed.\n", row.name);
        outdated.map(sentence).collect()
    }

    /// Records that a person reviewed the present translation.
    ///
    /// # Errors
    /// Returns a sentence for each fault of the translation.
    pub fn store_review(&self, by: &str) -> Result<String, Failure> {
        if by.trim().is_empty() || by.chars().any(char::is_control) {
            return Err(Failure::Usage("This needs the name of the reviewer.".to_owned()));
        }
        let (originals, mut messages) = (self.originals(), self.translation()?);
        none(check::faults_of(&self.code, &messages, &originals))?;
        messages.sort_by_key(|one| originals.iter().position(|original| original.name == one.name));
        let path = self.folder.join("reviewed.toml");
        let text = review_text(by.trim(), &originals, &messages).map_err(fault)?;
        write(&path, &text)?;
        review::read(&self.folder, &messages, &originals).map_err(fault)?;
        Ok(format!("Wrote {}: {} sentences.\n", path.display(), messages.len()))
    }
}

fn none(faults: Vec<String>) -> Result<(), Failure> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Faults(faults))
    }
}

/// Returns `reviewed.toml`. A string of JSON is a string of TOML too.
fn review_text(by: &str, originals: &[Message], messages: &[Message]) -> serde_json::Result<String> {
    let both = originals.iter().zip(messages);
    let line = |(original, message): (&Message, &Message)| {
        format!("{} = \"{}\"\n", message.name, review::digest(original, message))
    };
    let digests: String = both.map(line).collect();
    let (by, on) = (serde_json::to_string(by)?, OffsetDateTime::now_utc().date());
    Ok(format!(
        "# Written by `bin/words --reviewed`. A sentence that changes counts as not reviewed.\n\
         by = {by}\non = \"{on}\"\n\n[messages]\n{digests}"
    ))
}

/// Parses the sentence of a row.
fn message(row: &Row) -> Result<Message, Vec<String>> {
    if let Some(error) = SPREADSHEET_ERRORS
        .iter()
        .find(|error| row.translation.starts_with(**error))
    {
        let fault = format!("{error} is an error of the spreadsheet; write the sentence behind an apostrophe (')");
        return Err(vec![fault]);
    }
    // Only an indented line continues a sentence, so a line of a cell cannot become another sentence.
    let text = format!("{} = {}", row.name, lines(&row.translation).join("\n    "));
    let prefix = format!("{}: ", row.name);
    let own = |fault: String| fault.strip_prefix(&prefix).unwrap_or(&fault).to_owned();
    let parsed = catalogue::parse(&text).map_err(|faults| faults.into_iter().map(own).collect::<Vec<_>>())?;
    parsed.into_iter().next().ok_or_else(|| vec!["no text".to_owned()])
}

/// Returns the lines of a cell without the spaces at their ends.
fn lines(cell: &str) -> Vec<String> {
    let cell = cell.replace("\r\n", "\n").replace('\r', "\n");
    cell.lines().map(|line| line.trim().to_owned()).collect()
}

/// The comments and blank lines of a file, which stay when it is written again.
#[derive(Default)]
struct Comments {
    top: String,
    above: HashMap<String, String>,
    bottom: String,
}

impl Comments {
    fn of(text: &str) -> Self {
        let (mut comments, mut lines) = (Self::default(), String::new());
        for line in text.trim_start_matches(MARK).lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                lines = lines + line.trim_end() + "\n";
            } else if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
                if comments.above.is_empty() {
                    // Comments without a blank line below them belong to the file too, unless others precede them.
                    let end = lines.rfind("\n\n").map_or(lines.len(), |position| position + 2);
                    comments.top = lines.drain(..end).collect();
                }
                let name = line.split([' ', '=']).next().unwrap_or_default();
                comments.above.insert(name.to_owned(), mem::take(&mut lines));
            } else {
                // A blank line inside of a sentence.
                lines.clear();
            }
        }
        *(if comments.above.is_empty() {
            &mut comments.top
        } else {
            &mut comments.bottom
        }) = lines;
        comments
    }

    /// Returns the text of the file with these sentences.
    fn around<'a>(&self, messages: impl Iterator<Item = &'a Message>) -> String {
        let above = |name: &str| self.above.get(name).map(String::as_str).unwrap_or_default();
        let texts = messages.map(|one| format!("{}{} = {}\n", above(&one.name), one.name, one.source()));
        format!("{}{}{}", self.top, texts.collect::<String>(), self.bottom)
    }
}
