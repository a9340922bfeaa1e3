//! The catalogue as its files have it, without the program that is tested.

use std::collections::HashSet;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use npoc::locale::Language;
use npoc::values::Country;

use crate::support::folded;

/// Texts with an argument between each two of them, with single spaces.
type Segment = Vec<String>;

/// Everything that a page in one language may say.
pub struct Catalogue {
    plain: HashSet<String>,
    with_arguments: Vec<Segment>,
}

impl Catalogue {
    /// Reads the files of a language, and the names of its countries.
    pub fn of(language: Language) -> Self {
        let mut catalogue = Self {
            plain: countries(language).into_iter().collect(),
            with_arguments: Vec::new(),
        };
        for text in files(language) {
            let resource = fluent_syntax::parser::parse(text.as_str()).unwrap();
            for entry in &resource.body {
                let Entry::Message(message) = entry else { continue };
                for segment in segments_of(message.value.as_ref().unwrap()) {
                    catalogue.add(&segment);
                }
            }
        }
        catalogue
    }

    fn add(&mut self, segment: &Segment) {
        let mut segment: Segment = segment.iter().map(|part| folded(part)).collect();
        match segment.len() {
            1 => drop(self.plain.insert(segment.remove(0))),
            _ => self.with_arguments.push(segment),
        }
    }

    /// Returns whether a sentence of the catalogue, or a part of one between two elements, says this.
    pub fn says(&self, text: &str) -> bool {
        let text = folded(text);
        self.plain.contains(&text) || self.with_arguments.iter().any(|segment| matches(segment, &text))
    }
}

/// Returns the names of countries in the order of their file. English has its names in the program.
pub fn countries(language: Language) -> Vec<String> {
    if language == Language::En {
        return Country::offers().iter().map(|offer| offer.label.clone()).collect();
    }
    let path = format!(
        "{}/locales/{}/countries.tsv",
        env!("CARGO_MANIFEST_DIR"),
        language.code()
    );
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap().1.to_owned()).collect()
}

/// Returns the contents of a language's files.
pub fn files(language: Language) -> Vec<String> {
    let folder = format!("{}/locales/{}", env!("CARGO_MANIFEST_DIR"), language.code());
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "ftl"));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Returns the messages of a file that none of these sentences says.
pub fn unsaid(language: Language, file: &str, said: &[String]) -> Vec<String> {
    let path = format!("{}/locales/{}/{file}.ftl", env!("CARGO_MANIFEST_DIR"), language.code());
    let text = std::fs::read_to_string(path).unwrap();
    let resource = fluent_syntax::parser::parse(text.as_str()).unwrap();
    let messages = resource.body.iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message),
        _ => None,
    });
    let is_unsaid = |pattern: &Pattern<&str>| {
        let whole: Segment = segments_of(pattern).into_iter().max_by_key(Vec::len).unwrap();
        let whole: Segment = whole.iter().map(|part| folded(part)).collect();
        !said
            .iter()
            .any(|sentence| whole == [sentence.as_str()] || matches(&whole, sentence))
    };
    let unsaid = messages.filter(|message| is_unsaid(message.value.as_ref().unwrap()));
    unsaid.map(|message| message.id.name.to_owned()).collect()
}

/// Returns every run of texts between arguments, since the files do not say which argument is an element.
fn segments_of(pattern: &Pattern<&str>) -> Vec<Segment> {
    let mut parts = vec![String::new()];
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => parts.last_mut().unwrap().push_str(value),
            PatternElement::Placeable {
                expression: Expression::Inline(InlineExpression::VariableReference { .. }),
            } => parts.push(String::new()),
            PatternElement::Placeable {
                expression: Expression::Select { variants, .. },
            } => {
                return variants
                    .iter()
                    .flat_map(|variant| segments_of(&variant.value))
                    .collect();
            }
            PatternElement::Placeable { .. } => unreachable!("the build refuses other placeables"),
        }
    }
    let has_words = |run: &Segment| run.iter().any(|part| part.contains(char::is_alphabetic));
    let runs = (0..parts.len()).flat_map(|from| (from..parts.len()).map(move |to| (from, to)));
    let runs = runs.map(|(from, to)| parts[from..=to].to_vec());
    runs.filter(has_words).collect()
}

/// Returns whether a text is the segment, with anything where it has an argument.
fn matches(segment: &[String], text: &str) -> bool {
    let [first, between @ .., last] = segment else {
        return false;
    };
    let rest = text.strip_prefix(first.as_str());
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    between.iter().all(|part| match rest.split_once(part.as_str()) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}
