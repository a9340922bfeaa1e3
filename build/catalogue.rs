//! The sentences of one language: `locales/<language>/*.ftl`, in the syntax of Project Fluent.
//!
//! A message is text, arguments, and plural forms of a number. Everything else that Fluent offers (terms, references,
//! functions, attributes) is refused: each sentence is written out, so that a translator sees all of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use fluent_syntax::ast::{Comment, Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::parser::{self, ErrorKind, ParserError};

/// A sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its name, as in `join-lead`.
    pub name: String,
    /// The lines of the comment above it.
    pub comment: Vec<String>,
    /// Its text.
    pub parts: Vec<Part>,
}

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// The argument with this name.
    Argument(String),
    /// The form for a number. The last form is the default.
    Plural {
        /// The argument with the number.
        number: String,
        /// The forms by CLDR category.
        forms: Vec<(String, Vec<Part>)>,
    },
}

/// An argument that the comment of an English message describes, as in `# $mail (Element): the link info@npoc.org`.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether a language may leave it out.
    pub is_optional: bool,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text, which is escaped like the sentence around it.
    Text,
    /// A whole number.
    Number,
    /// A link or another trusted piece of HTML.
    Element,
}

impl Message {
    /// Returns the arguments that the comment describes.
    pub fn arguments(&self) -> Vec<Argument> {
        self.comment.iter().filter_map(|line| argument(line)).collect()
    }

    /// Returns the names of the arguments that the sentence uses.
    pub fn used(&self) -> Vec<&str> {
        let mut names = Vec::new();
        walk(&self.parts, &mut |part| match part {
            Part::Text(_) => {}
            Part::Argument(name) | Part::Plural { number: name, .. } => names.push(name.as_str()),
        });
        names
    }

    /// Returns the sentence as an `.ftl` file has it behind the equals sign.
    pub fn source(&self) -> String {
        source(&self.parts)
    }
}

fn argument(line: &str) -> Option<Argument> {
    let (name, rest) = line.strip_prefix('$')?.split_once(" (")?;
    let (kind, _) = rest.split_once("):")?;
    let (kind, is_optional) = match kind.strip_suffix(", optional") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let kind = match kind {
        "Text" => Kind::Text,
        "Number" => Kind::Number,
        "Element" => Kind::Element,
        _ => return None,
    };
    Some(Argument {
        name: name.to_owned(),
        kind,
        is_optional,
    })
}

/// Calls `visit` for each part, also for those inside of plural forms.
pub fn walk<'a>(parts: &'a [Part], visit: &mut impl FnMut(&'a Part)) {
    for part in parts {
        visit(part);
        if let Part::Plural { forms, .. } = part {
            for (_, parts) in forms {
                walk(parts, visit);
            }
        }
    }
}

fn source(parts: &[Part]) -> String {
    let one = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Argument(name) => format!("{{ ${name} }}"),
        Part::Plural { number, forms } => plural_source(number, forms),
    };
    parts.iter().map(one).collect()
}

fn plural_source(number: &str, forms: &[(String, Vec<Part>)]) -> String {
    let line = |(index, (category, parts)): (usize, &(String, Vec<Part>))| {
        let indent = if index + 1 == forms.len() { "   *" } else { "    " };
        format!("{indent}[{category}] {}\n", source(parts))
    };
    let lines: String = forms.iter().enumerate().map(line).collect();
    format!("{{ ${number} ->\n{lines}}}")
}

/// Reads the sentences of a language by file, in the order of their lines.
///
/// # Errors
/// Returns a sentence for each fault.
pub fn read(folder: &Path) -> Result<BTreeMap<String, Vec<Message>>, Vec<String>> {
    let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
    let entries = fs::read_dir(folder).map_err(|error| vec![format!("{}: {error}", folder.display())])?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "ftl") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match read_text(&path).and_then(|text| parse(&text)) {
                Ok(messages) => drop(files.insert(name, messages)),
                Err(found) => faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", path.display()))),
            }
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

fn read_text(path: &Path) -> Result<String, Vec<String>> {
    fs::read_to_string(path).map_err(|error| {
        vec![match error.kind() {
            io::ErrorKind::InvalidData => "the file is not UTF-8; save it as UTF-8".to_owned(),
            _ => error.to_string(),
        }]
    })
}

/// Parses the text of one file.
///
/// # Errors
/// Returns a sentence for each fault.
pub fn parse(text: &str) -> Result<Vec<Message>, Vec<String>> {
    // Windows programs begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{FEFF}');
    let line = |position: usize| text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1;
    if let Some(position) = text.find('\t') {
        return Err(vec![format!("line {}: a tab; write spaces", line(position))]);
    }
    let resource = parser::parse(text).map_err(|(_, errors)| {
        let fault = |error: ParserError| format!("line {}: {}", line(error.pos.start), reason(&error.kind));
        errors.into_iter().map(fault).collect::<Vec<_>>()
    })?;
    let (mut messages, mut faults) = (Vec::new(), Vec::new());
    for entry in resource.body {
        match message(entry) {
            Some(Ok(message)) => messages.push(message),
            Some(Err(fault)) => faults.push(fault),
            None => {}
        }
    }
    if faults.is_empty() { Ok(messages) } else { Err(faults) }
}

/// Returns what is wrong in the words of a translator.
fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::ExpectedMessageField { entry_id } => format!("{entry_id}: no text"),
        ErrorKind::ExpectedToken('=') => {
            "a line that is no message; in a long sentence, indent each further line".to_owned()
        }
        ErrorKind::ExpectedToken('}') | ErrorKind::UnbalancedClosingBrace => {
            "a brace without its other half".to_owned()
        }
        ErrorKind::MissingDefaultVariant => "no plural form has an asterisk, as in *[other]".to_owned(),
        ErrorKind::MultipleDefaultVariants => "two plural forms have an asterisk".to_owned(),
        ErrorKind::MissingValue => "a plural form has no text".to_owned(),
        other => other.to_string(),
    }
}

fn message(entry: Entry<&str>) -> Option<Result<Message, String>> {
    let message = match entry {
        Entry::Message(message) => message,
        Entry::Term(term) => return Some(Err(format!("-{}: a term; write its words out", term.id.name))),
        _ => return None,
    };
    let name = message.id.name;
    if let Some(attribute) = message.attributes.first() {
        let attribute = attribute.id.name;
        return Some(Err(format!(
            "{name}: an attribute (.{attribute}); give it a name of its own"
        )));
    }
    let Some(value) = message.value else {
        return Some(Err(format!("{name}: no text")));
    };
    let lines = |comment: Comment<&str>| comment.content.iter().map(|line| (*line).to_owned()).collect();
    let parts = parts(&value).map_err(|fault| format!("{name}: {fault}"));
    Some(parts.map(|parts| Message {
        name: name.to_owned(),
        comment: message.comment.map(lines).unwrap_or_default(),
        parts,
    }))
}

fn parts(pattern: &Pattern<&str>) -> Result<Vec<Part>, String> {
    pattern.elements.iter().map(part).collect()
}

fn part(element: &PatternElement<&str>) -> Result<Part, String> {
    match element {
        PatternElement::TextElement { value } => Ok(Part::Text((*value).to_owned())),
        PatternElement::Placeable { expression } => match expression {
            Expression::Inline(InlineExpression::VariableReference { id }) => Ok(Part::Argument(id.name.to_owned())),
            Expression::Select { selector, variants } => plural(selector, variants),
            Expression::Inline(other) => Err(refused(other)),
        },
    }
}

fn plural(selector: &InlineExpression<&str>, variants: &[Variant<&str>]) -> Result<Part, String> {
    let InlineExpression::VariableReference { id } = selector else {
        return Err(refused(selector));
    };
    if !variants.last().is_some_and(|variant| variant.default) {
        return Err("the form with the asterisk is not the last one".to_owned());
    }
    let form = |variant: &Variant<&str>| match variant.key {
        VariantKey::Identifier { name } => Ok((name.to_owned(), parts(&variant.value)?)),
        VariantKey::NumberLiteral { value } => Err(format!("[{value}] is no plural category")),
    };
    Ok(Part::Plural {
        number: id.name.to_owned(),
        forms: variants.iter().map(form).collect::<Result<_, _>>()?,
    })
}

fn refused(expression: &InlineExpression<&str>) -> String {
    match expression {
        InlineExpression::FunctionReference { id, .. } => format!("the function {}, which this site has not", id.name),
        InlineExpression::MessageReference { id, .. } => format!("a reference to {}; write its words out", id.name),
        InlineExpression::TermReference { id, .. } => format!("a reference to -{}; write its words out", id.name),
        _ => "a placeable that is no argument".to_owned(),
    }
}
