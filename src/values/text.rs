//! Free text in any script: cleaned first, then measured in grapheme clusters, since a family
//! emoji and a Devanagari syllable are one character to the person who typed them.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use validator::ValidateLength;

use super::Fault;

/// A grapheme cluster may hold any number of code points, so the count alone bounds no memory.
/// No writing system needs this many on average; a text that does is refused as too long.
const CODE_POINTS_PER_CHARACTER: u64 = 16;

/// Cleans one line and measures it: `min` to `max` characters.
///
/// # Errors
/// [`Fault::Missing`], [`Fault::TooShort`], [`Fault::TooLong`] or [`Fault::Damaged`].
pub fn line(typed: &str, min: u64, max: u64) -> Result<String, Fault> {
    measured(clean_line(typed), min, max)
}

/// Cleans text that keeps its line breaks (as `\n`) and measures it: `min` to `max` characters.
///
/// # Errors
/// [`Fault::Missing`], [`Fault::TooShort`], [`Fault::TooLong`] or [`Fault::Damaged`].
pub fn prose(typed: &str, min: u64, max: u64) -> Result<String, Fault> {
    measured(clean_prose(typed), min, max)
}

/// One line: NFC, each run of white space one space, nothing invisible that could mislead.
fn clean_line(typed: &str) -> String {
    let visible: String = typed.chars().filter(|c| is_kept(*c)).nfc().collect();
    visible
        .split_whitespace()
        .map(trim_joiners)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Many lines: each cleaned as a line, line ends made `\n`, at most one empty line in a row.
fn clean_prose(typed: &str) -> String {
    let unified = typed.replace("\r\n", "\n").replace(is_line_end, "\n");
    let mut prose = String::with_capacity(unified.len());
    for line in unified.split('\n').map(clean_line) {
        if !(line.is_empty() && (prose.is_empty() || prose.ends_with("\n\n"))) {
            prose.push_str(&line);
            prose.push('\n');
        }
    }
    prose.truncate(prose.trim_end().len());
    prose
}

fn measured(clean: String, min: u64, max: u64) -> Result<String, Fault> {
    let given = Characters(&clean).length().unwrap_or_default();
    let code_points = clean.chars().count() as u64;
    if clean.is_empty() {
        Err(Fault::Missing)
    } else if clean.contains(char::REPLACEMENT_CHARACTER) {
        Err(Fault::Damaged)
    } else if !Characters(&clean).validate_length(Some(min), None, None) {
        Err(Fault::TooShort { min, given })
    } else if !Characters(&clean).validate_length(None, Some(max), None) {
        Err(Fault::TooLong { max, given })
    } else if code_points > max * CODE_POINTS_PER_CHARACTER {
        Err(Fault::TooLong {
            max,
            given: code_points,
        })
    } else {
        Ok(clean)
    }
}

/// `validator` counts code points; a reader counts grapheme clusters (UAX 29).
struct Characters<'a>(&'a str);

impl ValidateLength<u64> for Characters<'_> {
    fn length(&self) -> Option<u64> {
        Some(self.0.graphemes(true).count() as u64)
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// White space is folded later; other controls, bidirectional controls (UAX 9) and the byte order
/// mark never belong to an answer: PostgreSQL refuses NUL, terminals and headers obey the rest.
pub(super) fn is_kept(c: char) -> bool {
    c.is_whitespace() || !(c.is_control() || is_bidi_control(c) || c == '\u{feff}')
}

pub(super) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether it is a number and no words, which reads from left to right whatever its digits are: left
/// to itself, a phone number in Arabic digits would show its groups in the wrong order.
#[must_use]
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_alphabetic)
}

/// The ASCII character that a full-width one of an East Asian keyboard stands for (UAX 11).
#[must_use]
pub fn halved(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// Zero-width joiners shape letters and emoji within a word and mean nothing at its ends.
fn trim_joiners(word: &str) -> &str {
    word.trim_matches(is_zero_width)
}

pub(super) fn is_zero_width(c: char) -> bool {
    is_never_shaping(c) || matches!(c, '\u{200c}' | '\u{200d}')
}

/// Invisible everywhere; unlike the joiners, which Persian or Sinhala words need inside.
pub(super) fn is_never_shaping(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cleaned_before_it_is_judged() {
        for (typed, clean, why) in [
            ("  Ann \t Lee ", "Ann Lee", "white space is folded and trimmed"),
            ("A\r\nBcc: x@y.org", "A Bcc: x@y.org", "a line break becomes a space"),
            ("Jose\u{301}", "José", "NFC"),
            ("a\0b\u{7}c\u{9f}", "abc", "controls go"),
            (
                "\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200f}",
                "evil x",
                "bidi controls go",
            ),
            ("\u{200d}\u{200b}Ann\u{200d}", "Ann", "joiners at the ends go"),
            ("\u{feff}Ann", "Ann", "the byte order mark goes"),
            ("नेपाल\u{200d}ी", "नेपाल\u{200d}ी", "joiners inside stay"),
            ("東京\u{3000}財団", "東京 財団", "the ideographic space is a space"),
            ("\u{200b} \u{200d}", "", "nothing visible is nothing"),
        ] {
            assert_eq!(clean_line(typed), clean, "{why}");
            assert_eq!(clean_line(clean), clean, "cleaning twice changes nothing: {why}");
        }
    }

    #[test]
    fn prose_keeps_its_lines_and_one_kind_of_line_end() {
        for (typed, clean) in [
            ("a\r\nb\rc\u{2028}d\u{85}e", "a\nb\nc\nd\ne"),
            ("\n\n a  b \n\n\n\n c \n ", "a b\n\nc"),
            ("   ", ""),
        ] {
            assert_eq!(clean_prose(typed), clean);
            assert_eq!(clean_prose(clean), clean);
        }
    }

    #[test]
    fn lengths_count_what_a_reader_counts() {
        let families = "👨‍👩‍👧‍👦".repeat(3);
        assert!(line(&families, 3, 3).is_ok());
        assert!(line("नि है", 2, 2).is_err());
        assert_eq!(line("李", 2, 3), Err(Fault::TooShort { min: 2, given: 1 }));
        assert_eq!(line("abcd", 1, 3), Err(Fault::TooLong { max: 3, given: 4 }));
        assert_eq!(line(" \u{200b}", 1, 3), Err(Fault::Missing));
        assert_eq!(line("caf\u{fffd}", 1, 9), Err(Fault::Damaged));
    }

    #[test]
    fn a_character_made_of_a_million_marks_is_too_long() {
        let hostile = format!("a{}", "\u{301}".repeat(1_000_000));
        assert!(matches!(line(&hostile, 1, 200), Err(Fault::TooLong { .. })));
    }
}
