//! Compares each language with English, and reads each sentence for what no sentence may have.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Argument, Kind, Message, Part, walk};

/// The plural categories of whole numbers (CLDR 48). Spanish and French have `many` for multiples of a million.
const CATEGORIES: &[(&str, &[&str])] = &[
    ("ar", &["zero", "one", "two", "few", "many", "other"]),
    ("en", &["one", "other"]),
    ("es", &["one", "many", "other"]),
    ("fr", &["one", "many", "other"]),
    ("ru", &["one", "few", "many", "other"]),
    ("zh", &["other"]),
];

/// Pieces of a French sentence that break a line where French has none: each needs a no-break space (U+00A0).
const BREAKING: &[&str] = &[" :", " ;", " ?", " !", " »", " %", "« "];

/// Returns the faults of English, which describes the arguments of each message.
pub fn faults_of_english(messages: &[Message]) -> Vec<String> {
    let undescribed = |message: &Message| {
        let faults = faults_of_arguments(message, &message.arguments(), "is not described by a comment");
        named("en", message, faults)
    };
    let mut faults = faults_of_all("en", messages);
    faults.extend(messages.iter().flat_map(undescribed));
    faults
}

/// Returns the faults of a translation.
pub fn faults_of(language: &str, messages: &[Message], english: &[Message]) -> Vec<String> {
    let mut faults = faults_of_all(language, messages);
    let by_name: BTreeMap<_, _> = messages.iter().map(|one| (one.name.as_str(), one)).collect();
    for original in english {
        let Some(message) = by_name.get(original.name.as_str()) else {
            faults.push(format!("{language}: {} is missing", original.name));
            continue;
        };
        let found = faults_of_arguments(message, &original.arguments(), "is not in English");
        faults.extend(named(language, message, found));
    }
    let known: BTreeSet<_> = english.iter().map(|one| one.name.as_str()).collect();
    let surplus = messages.iter().filter(|one| !known.contains(one.name.as_str()));
    faults.extend(surplus.map(|one| format!("{language}: {} is not in English", one.name)));
    faults
}

/// Puts language and name before each fault.
fn named(language: &str, message: &Message, faults: Vec<String>) -> Vec<String> {
    let name = &message.name;
    faults
        .into_iter()
        .map(|fault| format!("{language}: {name}: {fault}"))
        .collect()
}

/// Compares the arguments that a sentence uses with those that English describes.
fn faults_of_arguments(message: &Message, arguments: &[Argument], foreign: &str) -> Vec<String> {
    let kind_of = |name: &str| arguments.iter().find(|one| one.name == name).map(|one| one.kind);
    let mut faults = Vec::new();
    walk(&message.parts, &mut |part| match part {
        Part::Argument(name) | Part::Plural { number: name, .. } if kind_of(name).is_none() => {
            faults.push(format!("${name} {foreign}"));
        }
        Part::Plural { number, .. } if kind_of(number) != Some(Kind::Number) => {
            faults.push(format!("${number} is no number"));
        }
        _ => {}
    });
    faults.dedup();
    let used = message.used();
    let required = arguments.iter().filter(|one| !one.is_optional);
    let missing = required.filter(|one| !used.contains(&one.name.as_str()));
    faults.extend(missing.map(|one| format!("${} is left out", one.name)));
    faults
}

/// Returns the faults that need no comparison.
fn faults_of_all(language: &str, messages: &[Message]) -> Vec<String> {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for message in messages {
        let mut found = Vec::new();
        if !seen.insert(&message.name) {
            found.push("is there twice".to_owned());
        }
        walk(&message.parts, &mut |part| match part {
            Part::Text(text) => found.extend(fault_of_text(language, text)),
            Part::Argument(_) => {}
            Part::Plural { forms, .. } => found.extend(fault_of_forms(language, forms)),
        });
        faults.extend(named(language, message, found));
    }
    faults
}

/// Returns what a text must not have.
pub fn fault_of_text(language: &str, text: &str) -> Option<String> {
    if let Some(fault) = text.chars().find_map(fault_of_character) {
        return Some(fault);
    }
    if let Some(entity) = entity(text) {
        return Some(format!("{entity}, which is shown as it is"));
    }
    if text.contains("??") {
        return Some("??: letters were lost when a program saved them; save as UTF-8".to_owned());
    }
    let breaking = BREAKING
        .iter()
        .find(|piece| language == "fr" && text.contains(**piece))?;
    Some(format!(
        "“{breaking}” has a plain space; write a no-break space (U+00A0)"
    ))
}

/// Returns why no sentence has this character: HTML is not text, quotes are typographic, templates isolate directions, and
/// elements have private marks.
fn fault_of_character(character: char) -> Option<String> {
    let code = u32::from(character);
    match character {
        '<' | '>' => Some(format!("the character {character}: a sentence has no HTML")),
        '\'' => Some("a straight apostrophe (\'); write ’".to_owned()),
        '"' => Some("a straight quotation mark (\"); write the marks of the language, such as “ ”".to_owned()),
        '\n' => Some("a line break; write the sentence on one line".to_owned()),
        '\u{FFFD}' => Some("a letter was lost (U+FFFD); write it again, and save as UTF-8".to_owned()),
        '\u{61C}'
        | '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{E000}'..='\u{F8FF}'
        | '\u{FEFF}' => Some(format!("the invisible character U+{code:04X}; delete it")),
        control if control.is_control() => Some(format!("the control character U+{code:04X}; delete it")),
        _ => None,
    }
}

/// Returns the first HTML entity, as in `&nbsp;`.
fn entity(text: &str) -> Option<String> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|one| one == '#' || one.is_ascii_alphanumeric());
    let names = text.split('&').skip(1).filter_map(|rest| Some(rest.split_once(';')?.0));
    names
        .filter(|name| is_name(name))
        .map(|name| format!("&{name};"))
        .next()
}

fn fault_of_forms(language: &str, forms: &[(String, Vec<Part>)]) -> Option<String> {
    let Some((_, expected)) = CATEGORIES.iter().find(|(one, _)| *one == language) else {
        return Some(format!("the plural categories of {language} are not in build/check.rs"));
    };
    let mut given: Vec<_> = forms.iter().map(|(category, _)| category.as_str()).collect();
    if let Some(foreign) = given.iter().find(|category| !expected.contains(category)) {
        return Some(format!("[{foreign}] is no plural category of this language"));
    }
    given.sort_unstable();
    let missing = expected.iter().find(|category| !given.contains(category));
    let twice = given.windows(2).find(|pair| pair[0] == pair[1]);
    let twice = twice.map(|pair| format!("the plural form [{}] is there twice", pair[0]));
    missing
        .map(|category| format!("the plural form [{category}] is missing"))
        .or(twice)
}
