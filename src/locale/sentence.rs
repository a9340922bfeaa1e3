//! A sentence with links in it. Translators place the links; they write no HTML.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};

/// A trusted piece of HTML in a sentence. It escapes its own text.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    markup: Markup,
    text: Cow<'a, str>,
}

/// The markup around the text of an element.
#[derive(Clone, Debug)]
enum Markup {
    Link { to: String },
    Fixed { start: &'static str, end: &'static str },
}

impl<'a> Element<'a> {
    /// Returns a link.
    #[must_use]
    pub fn link(to: impl fmt::Display, text: impl Into<Cow<'a, str>>) -> Self {
        let markup = Markup::Link { to: to.to_string() };
        let text = text.into();
        Self { markup, text }
    }

    /// Returns the link to NPOC's address.
    #[must_use]
    pub fn mail() -> Self {
        Self::link("mailto:info@npoc.org", "info@npoc.org")
    }

    /// Returns text whose direction does not affect the sentence.
    #[must_use]
    pub fn isolated(text: impl Into<Cow<'a, str>>) -> Self {
        Self::fixed("<bdi>", text, "</bdi>")
    }

    /// Returns the same in bold.
    #[must_use]
    pub fn strong(text: impl Into<Cow<'a, str>>) -> Self {
        Self::fixed("<strong><bdi>", text, "</bdi></strong>")
    }

    /// Returns a domain ending or other technical text, from left to right.
    #[must_use]
    pub fn ltr(text: impl Into<Cow<'a, str>>) -> Self {
        Self::fixed("<bdi dir=\"ltr\">", text, "</bdi>")
    }

    /// Returns Arabic text.
    #[must_use]
    pub fn arabic(text: impl Into<Cow<'a, str>>) -> Self {
        Self::fixed("<bdi dir=\"rtl\" lang=\"ar\">", text, "</bdi>")
    }

    /// Returns words that stay on one line.
    #[must_use]
    pub fn whole(text: impl Into<Cow<'a, str>>) -> Self {
        Self::fixed("<span class=\"whole\">", text, "</span>")
    }

    fn fixed(start: &'static str, text: impl Into<Cow<'a, str>>, end: &'static str) -> Self {
        let markup = Markup::Fixed { start, end };
        let text = text.into();
        Self { markup, text }
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match &self.markup {
            Markup::Link { to } => {
                out.write_str("<a href=\"")?;
                Html.write_escaped_str(&mut *out, to)?;
                out.write_str("\">")?;
                "</a>"
            }
            Markup::Fixed { start, end } => {
                out.write_str(start)?;
                end
            }
        };
        Html.write_escaped_str(&mut *out, &self.text)?;
        out.write_str(end)
    }
}

/// The mark in the text of a [`Sentence`] for its first element; the next ones follow. No message has such a character.
const FIRST_SLOT: char = '\u{E000}';

/// Returns the mark for an element.
pub(super) fn slot(index: u32) -> char {
    char::from_u32(u32::from(FIRST_SLOT) + index).unwrap_or(FIRST_SLOT)
}

/// Adds an argument to the text of a sentence with elements, without characters that would be marks.
pub(super) fn push_text(text: &mut String, argument: &str) {
    text.extend(argument.chars().filter(|character| !is_mark(*character)));
}

fn is_mark(character: char) -> bool {
    ('\u{E000}'..='\u{F8FF}').contains(&character)
}

/// A sentence with elements. As HTML, its text is escaped and its elements are not.
#[derive(Clone, Debug)]
pub struct Sentence<'a> {
    text: String,
    elements: Vec<Element<'a>>,
}

impl<'a> Sentence<'a> {
    /// Builds a sentence whose text has a mark for each element.
    pub(super) fn new(text: String, elements: Vec<Element<'a>>) -> Self {
        Self { text, elements }
    }

    fn element(&self, mark: char) -> Option<&Element<'a>> {
        let index = u32::from(mark).checked_sub(u32::from(FIRST_SLOT))?;
        self.elements.get(usize::try_from(index).ok()?)
    }
}

impl From<&'static str> for Sentence<'_> {
    fn from(text: &'static str) -> Self {
        Self::new(text.to_owned(), Vec::new())
    }
}

impl From<String> for Sentence<'_> {
    fn from(text: String) -> Self {
        let text = text.chars().filter(|character| !is_mark(*character)).collect();
        Self::new(text, Vec::new())
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.text.split_inclusive(|character| self.element(character).is_some()) {
            let element = run.chars().next_back().and_then(|mark| self.element(mark));
            let length = run.len() - element.map_or(0, |_| FIRST_SLOT.len_utf8());
            Html.write_escaped_str(&mut *out, &run[..length])?;
            if let Some(element) = element {
                element.fmt(out)?;
            }
        }
        Ok(())
    }
}

impl HtmlSafe for Sentence<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::Template;

    #[derive(Template)]
    #[template(source = "<p>{{ sentence }}</p>", ext = "html")]
    struct Page<'a> {
        sentence: Sentence<'a>,
    }

    #[test]
    fn a_sentence_escapes_everything_but_its_elements() {
        let text = format!("a <b> & {}, then {}{}.", slot(1), slot(0), slot(0));
        let elements = vec![Element::link("/?a=1&b=\"", "x < y"), Element::isolated("<i>")];
        let sentence = Sentence::new(text, elements);
        let link = "<a href=\"/?a=1&#38;b=&#34;\">x &#60; y</a>";
        let expected = format!("<p>a &#60;b&#62; &#38; <bdi>&#60;i&#62;</bdi>, then {link}{link}.</p>");
        assert_eq!(Page { sentence }.render().unwrap(), expected);
    }

    #[test]
    fn a_private_character_in_an_answer_is_no_element() {
        let sentence = Sentence::new(format!("{}{}", slot(0), slot(7)), vec![Element::isolated("\u{E000}")]);
        assert_eq!(sentence.to_string(), "<bdi>\u{E000}</bdi>\u{E007}");
    }
}
