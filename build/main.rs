//! Makes Rust of the sentences in `locales/`, and fails if a language lacks one. `locales/en` describes the messages. Also
//! makes the style sheet smaller.
//!
//! `catalogue` reads, `check` compares, `pseudo` adds two languages for tests, `review` reads who reviewed a translation,
//! `generate` writes `words.rs`, which `src/locale/words.rs` includes.

#![expect(clippy::print_stdout, reason = "a build script talks to Cargo on standard output")]

mod catalogue;
mod check;
mod generate;
mod pseudo;
mod review;
mod style;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use catalogue::Message;
use generate::Translation;
use review::Review;

/// The languages, countries and reviews, or every fault.
struct Locales {
    languages: Vec<Translation>,
    countries: Vec<(String, Vec<(String, String)>)>,
    reviews: Vec<(String, Review)>,
    faults: Vec<String>,
}

/// The variable with which `bin/words` builds a program although a translation has faults: this command repairs them. English
/// then takes the place of the translation.
const UNFINISHED: &str = "UNFINISHED_TRANSLATIONS";

fn main() {
    // `sqlx::migrate!` reads the folder when the crate is compiled and does not notice a new file.
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=locales");
    println!("cargo::rerun-if-changed=build");
    let css = |name| fs::read_to_string(format!("static/{name}")).map(|css| style::smaller(&css));
    println!("cargo::rerun-if-changed=static/site.css");
    println!("cargo::rerun-if-changed=static/desk.css");
    write("site.css", css("site.css"));
    write(
        "desk.css",
        css("site.css").and_then(|site| Ok(site + &css("desk.css")?)),
    );
    let locales = Locales::read(Path::new("locales"));
    for fault in &locales.faults {
        println!("cargo::error={fault}");
    }
    if locales.faults.is_empty() {
        let code = generate::words(&locales.languages)
            + &generate::countries(&locales.countries)
            + &generate::reviews(&locales.reviews);
        write("words.rs", Ok(code));
    }
}

/// Writes a file for the program, if its content could be made.
fn write(name: &str, content: io::Result<String>) {
    let path = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    if let Err(error) = content.and_then(|content| fs::write(&path, content)) {
        println!("cargo::error={name}: {error}");
    }
}

impl Locales {
    fn read(folder: &Path) -> Self {
        let mut locales = Self {
            languages: Vec::new(),
            countries: Vec::new(),
            reviews: Vec::new(),
            faults: Vec::new(),
        };
        let english = match messages(folder, "en") {
            Ok(english) => english,
            Err(faults) => return Self { faults, ..locales },
        };
        locales.faults.extend(check::faults_of_english(&english));
        locales.add("en", english.clone(), false);
        for code in codes(folder) {
            match translation(folder, &code, &english) {
                Ok(messages) => locales.add_translation(folder, &code, messages, &english),
                Err(faults) => locales.add_faulty(&code, faults, &english),
            }
        }
        locales.add("en-XA", pseudo::accented(&english), true);
        locales.add("ar-XB", pseudo::mirrored(&english), true);
        locales
    }

    fn add_translation(&mut self, folder: &Path, code: &str, messages: Vec<Message>, english: &[Message]) {
        match review::read(&folder.join(code), &messages, english) {
            Ok(review) => self.reviews.push((code.to_owned(), review)),
            Err(fault) => self.faults.push(fault),
        }
        match countries(code, &folder.join(code).join("countries.tsv")) {
            Ok(countries) => self.countries.push((code.to_owned(), countries)),
            Err(fault) => self.faults.push(fault),
        }
        self.add(code, messages, false);
    }

    fn add_faulty(&mut self, code: &str, faults: Vec<String>, english: &[Message]) {
        if env::var_os(UNFINISHED).is_none() {
            return self.faults.extend(faults);
        }
        // Only here, so that a build without faults counts as current with the variable and without it.
        println!("cargo::rerun-if-env-changed={UNFINISHED}");
        self.add(code, english.to_vec(), false);
    }

    fn add(&mut self, code: &str, messages: Vec<Message>, is_pseudo: bool) {
        self.languages.push(Translation {
            code: code.to_owned(),
            messages,
            is_pseudo,
        });
    }
}

/// Reads the messages of a language, with those of all files in one list.
fn messages(folder: &Path, code: &str) -> Result<Vec<Message>, Vec<String>> {
    let files = catalogue::read(&folder.join(code))?;
    Ok(files.into_values().flatten().collect())
}

/// Reads the messages of a translation in the order of English.
fn translation(folder: &Path, code: &str, english: &[Message]) -> Result<Vec<Message>, Vec<String>> {
    let messages = messages(folder, code)?;
    let faults = check::faults_of(code, &messages, english);
    if !faults.is_empty() {
        return Err(faults);
    }
    let named = |original: &Message| messages.iter().find(|one| one.name == original.name).cloned();
    Ok(english.iter().filter_map(named).collect())
}

/// Returns the languages besides English, sorted.
fn codes(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.path().is_dir());
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut codes: Vec<String> = names.filter(|name| name != "en").collect();
    codes.sort();
    codes
}

/// Reads countries by code and name, in the order of their lines. A line with a number sign is a comment.
fn countries(language: &str, path: &Path) -> Result<Vec<(String, String)>, String> {
    let fault = |fault: &dyn Display| format!("{}: {fault}", path.display());
    let text = fs::read_to_string(path).map_err(|error| fault(&error))?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let country = |line: &str| {
        let country = line.split_once('\t').filter(|(_, name)| !name.trim().is_empty());
        let (code, name) = country.ok_or_else(|| fault(&format!("“{line}” is no code and name")))?;
        check::fault_of_text(language, name).map_or(Ok((code.to_owned(), name.to_owned())), |found| Err(fault(&found)))
    };
    let countries: Vec<_> = lines.map(country).collect::<Result<_, _>>()?;
    let mut codes: Vec<_> = countries.iter().map(|(code, _)| code).collect();
    codes.sort();
    match codes.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(fault(&format!("{} is there twice", pair[0]))),
        None => Ok(countries),
    }
}
