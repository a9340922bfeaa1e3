//! Writes the sentences of all languages as Rust: a field for each message without arguments, and a function for each
//! other one. So a misspelled name does not compile, and an unused message is a warning.

use std::fmt::Write as _;

use super::catalogue::{Argument, Kind, Message, Part};
use super::review::Review;

/// A language with its messages in the order of English.
pub struct Translation {
    /// The code, as in `fr`.
    pub code: String,
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether only programs with debug assertions have it.
    pub is_pseudo: bool,
}

/// Returns the source of the module `locale::words`.
pub fn words(languages: &[Translation]) -> String {
    let english = &languages[0].messages;
    let mut code = String::new();
    let fields = english.iter().filter(|message| message.arguments().is_empty());
    code += "/// The sentences of one language.\n#[derive(Debug)]\npub struct Words {\n";
    code += "    /// The language.\n    pub language: Language,\n";
    for message in fields {
        _ = writeln!(code, "    pub(crate) {}: &'static str,", identifier(&message.name));
    }
    code += "}\n\n";
    for language in languages {
        code += &table(language, english);
    }
    code += "impl Words {\n";
    code += &chosen(languages);
    for (index, message) in english
        .iter()
        .enumerate()
        .filter(|(_, one)| !one.arguments().is_empty())
    {
        code += &function(index, message, languages);
    }
    code + "}\n"
}

/// Returns the static table with the messages without arguments.
fn table(language: &Translation, english: &[Message]) -> String {
    let (name, variant) = (language.code.to_uppercase().replace('-', "_"), variant(&language.code));
    let mut code = format!(
        "{}static {name}: Words = Words {{\n    language: Language::{variant},\n",
        condition(language)
    );
    for (message, original) in language.messages.iter().zip(english) {
        if original.arguments().is_empty() {
            _ = writeln!(code, "    {}: {:?},", identifier(&message.name), message.source());
        }
    }
    code + "};\n\n"
}

fn chosen(languages: &[Translation]) -> String {
    let mut code = "    /// Returns the sentences of a language.\n    #[must_use]\n".to_owned();
    code += "    pub fn of(language: Language) -> &'static Self {\n        match language {\n";
    for language in languages {
        let name = language.code.to_uppercase().replace('-', "_");
        let variant = variant(&language.code);
        _ = writeln!(
            code,
            "            {}Language::{variant} => &{name},",
            condition(language)
        );
    }
    code + "        }\n    }\n\n"
}

/// Returns the function of a message with arguments.
fn function(index: usize, message: &Message, languages: &[Translation]) -> String {
    let arguments = message.arguments();
    let elements: Vec<_> = arguments.iter().filter(|one| one.kind == Kind::Element).collect();
    let parameters = arguments
        .iter()
        .map(|one| format!("{}: {}", one.name, parameter(one.kind)));
    let (generics, result) = if elements.is_empty() {
        ("", "String")
    } else {
        ("<'a>", "Sentence<'a>")
    };
    let mut code = format!("    pub(crate) fn {}{generics}(&self, ", identifier(&message.name));
    code += &parameters.collect::<Vec<_>>().join(", ");
    // No argument has this name, since those of Fluent begin with a letter.
    _ = writeln!(code, ") -> {result} {{\n        let mut _text = String::new();");
    for one in arguments.iter().filter(|one| one.is_optional) {
        _ = writeln!(code, "        _ = {};", one.name);
    }
    code += "        match self.language {\n";
    for language in languages {
        let variant = variant(&language.code);
        _ = writeln!(code, "            {}Language::{variant} => {{", condition(language));
        code += &statements(&language.messages[index].parts, &arguments, &language.code);
        code += "            }\n";
    }
    code += "        }\n";
    if elements.is_empty() {
        code += "        _text\n";
    } else {
        let names: Vec<_> = elements.iter().map(|one| one.name.as_str()).collect();
        _ = writeln!(code, "        Sentence::new(_text, vec![{}])", names.join(", "));
    }
    code + "    }\n\n"
}

fn parameter(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "&str",
        Kind::Number => "u64",
        Kind::Element => "Element<'a>",
    }
}

/// Returns the statements that write the parts. Elements become marks, which [`Sentence`] replaces.
fn statements(parts: &[Part], arguments: &[Argument], language: &str) -> String {
    let elements: Vec<_> = arguments.iter().filter(|one| one.kind == Kind::Element).collect();
    let one = |part: &Part| match part {
        Part::Text(text) => format!("                _text.push_str({text:?});\n"),
        Part::Argument(name) => match elements.iter().position(|one| one.name == *name) {
            Some(slot) => format!("                _text.push(slot({slot}));\n"),
            None if has_text(arguments, name) && !elements.is_empty() => {
                format!("                push_text(&mut _text, {name});\n")
            }
            None => format!("                _ = write!(_text, \"{{{name}}}\");\n"),
        },
        Part::Plural { number, forms } => plural(number, forms, arguments, language),
    };
    parts.iter().map(one).collect()
}

fn has_text(arguments: &[Argument], name: &str) -> bool {
    let is_text = |one: &Argument| one.name == name && one.kind == Kind::Text;
    arguments.iter().any(is_text)
}

fn plural(number: &str, forms: &[(String, Vec<Part>)], arguments: &[Argument], language: &str) -> String {
    let mut code = format!(
        "                match plural(Language::{}, {number}) {{\n",
        variant(language)
    );
    for (index, (category, parts)) in forms.iter().enumerate() {
        let category = if index + 1 == forms.len() {
            "_".to_owned()
        } else {
            format!("Plural::{}", variant(category))
        };
        _ = writeln!(
            code,
            "                {category} => {{\n{}                }}",
            statements(parts, arguments, language)
        );
    }
    code + "                }\n"
}

/// Returns the source of the reviews, one for each language.
pub fn reviews(reviews: &[(String, Review)]) -> String {
    let mut code = "/// Returns who reviewed a translation, and how much of it.\n#[must_use]\n".to_owned();
    code += "pub fn review(language: Language) -> Option<Review> {\n    Some(match language {\n";
    for (language, review) in reviews {
        _ = writeln!(
            code,
            "        Language::{} => Review {{ by: {:?}, on: {:?}, messages: {}, changed: {} }},",
            variant(language),
            review.by,
            review.on,
            review.messages,
            review.changed
        );
    }
    code + "        _ => return None,\n    })\n}\n"
}

/// Returns the source of the lists of countries, one for each language but English.
pub fn countries(lists: &[(String, Vec<(String, String)>)]) -> String {
    let mut code =
        "/// Returns the countries in the order of a language, by code and name; `None` for English.\n".to_owned();
    code += "pub(super) fn countries(language: Language) -> Option<&'static [(&'static str, &'static str)]> {\n";
    code += "    Some(match language {\n";
    for (language, names) in lists {
        _ = writeln!(code, "        Language::{} => &{names:?},", variant(language));
    }
    code + "        _ => return None,\n    })\n}\n"
}

fn condition(language: &Translation) -> &'static str {
    if language.is_pseudo {
        "#[cfg(debug_assertions)] "
    } else {
        ""
    }
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// Returns the variant of an enum: `Fr` for `fr`, `EnXa` for `en-XA`, `Few` for `few`.
fn variant(code: &str) -> String {
    let words = code.split('-').filter_map(|word| {
        let mut letters = word.chars();
        let first = letters.next()?.to_ascii_uppercase();
        Some(
            std::iter::once(first)
                .chain(letters.map(|letter| letter.to_ascii_lowercase()))
                .collect::<String>(),
        )
    });
    words.collect()
}
