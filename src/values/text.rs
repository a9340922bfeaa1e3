//! Free text in any script: cleaned, then measured in grapheme clusters. A family emoji or a Devanagari syllable is one
//! character to its writer.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use validator::ValidateLength;

use super::Fault;
use super::characters::{decode_windows_1252, has_visible_text, is_control_or_noncharacter, misleads, trim_invisible};

/// The greatest average number of code points per character. No writing system needs as many. The limit bounds memory, since
/// a grapheme cluster may have any number.
const CODE_POINTS_PER_CHARACTER: u64 = 16;

/// Cleans one line and measures it: `min` to `max` characters.
///
/// # Errors
/// Returns [`Fault::Missing`], [`Fault::TooShort`], [`Fault::TooLong`] or [`Fault::Damaged`].
pub fn line(typed: &str, min: u64, max: u64) -> Result<String, Fault> {
    clean_and_measure(typed, clean_line, min, max)
}

/// Cleans text that keeps its line breaks (as `\n`) and measures it: `min` to `max` characters.
///
/// # Errors
/// Returns [`Fault::Missing`], [`Fault::TooShort`], [`Fault::TooLong`] or [`Fault::Damaged`].
pub fn prose(typed: &str, min: u64, max: u64) -> Result<String, Fault> {
    clean_and_measure(typed, clean_prose, min, max)
}

/// Cleans one line: decodes Windows-1252, normalizes (NFC), and collapses white space. A control becomes a space, so that it
/// still separates words.
fn clean_line(typed: &str) -> String {
    cleaned(&decode_windows_1252(typed))
}

fn cleaned(line: &str) -> String {
    let mut before = None;
    let kept = line.chars().filter(|c| {
        let is_kept = !misleads(*c, before);
        before = if is_kept { Some(*c) } else { before };
        is_kept
    });
    let visible: String = kept
        .map(|c| if is_control_or_noncharacter(c) { ' ' } else { c })
        .nfc()
        .collect();
    visible
        .split_whitespace()
        .map(trim_invisible)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Cleans each line, unifies line ends to `\n`, and keeps at most one empty line in a row.
fn clean_prose(typed: &str) -> String {
    let unified = decode_windows_1252(typed)
        .replace("\r\n", "\n")
        .replace(is_line_end, "\n");
    let mut prose = String::with_capacity(unified.len());
    for line in unified.split('\n').map(cleaned) {
        if !(line.is_empty() && (prose.is_empty() || prose.ends_with("\n\n"))) {
            prose.push_str(&line);
            prose.push('\n');
        }
    }
    prose.truncate(prose.trim_end().len());
    prose
}

fn clean_and_measure(typed: &str, clean: fn(&str) -> String, min: u64, max: u64) -> Result<String, Fault> {
    if !has_visible_text(typed) {
        return Err(Fault::Missing);
    }
    let clean = clean(typed);
    let given = Characters(&clean).length().unwrap_or_default();
    let code_points = clean.chars().count() as u64;
    if clean.contains(char::REPLACEMENT_CHARACTER) {
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
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

/// Returns whether the text is a number without words, such as a phone number. Pages mark it as left-to-right, since a browser
/// would show groups of Arabic digits in the wrong order.
#[must_use]
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cleaned() {
        for (typed, clean, why) in [
            ("  Ann \t Lee ", "Ann Lee", "white space is folded and trimmed"),
            ("A\r\nBcc: x@y.org", "A Bcc: x@y.org", "a line break becomes a space"),
            ("Jose\u{301}", "José", "NFC"),
            (
                "\u{7}a\0b\u{1e}\u{7f}c\u{9d}",
                "a b c",
                "a control between words is a space",
            ),
            ("society\u{92}s", "society’s", "Windows-1252 is decoded"),
            (
                "\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200f}",
                "evil x",
                "bidi controls go",
            ),
            ("\u{200d}\u{200b}Ann\u{200d}", "Ann", "joiners at the ends go"),
            ("\u{feff}Ann", "Ann", "the byte order mark goes"),
            ("नेपाल\u{200d}ी", "नेपाल\u{200d}ी", "joiners inside stay"),
            ("東京\u{3000}財団", "東京 財団", "the ideographic space is a space"),
            ("Ann \u{3164} Lee", "Ann Lee", "an invisible word goes"),
            ("Ann\u{e0068}\u{e0069}", "Ann", "hidden text goes"),
            (
                "❤\u{fe0f}\u{e0148}\u{e0155}",
                "❤\u{fe0f}",
                "one selector for one character",
            ),
        ] {
            assert_eq!(clean_line(typed), clean, "{why}");
            assert_eq!(clean_line(clean), clean, "cleaning twice changes nothing: {why}");
        }
    }

    #[test]
    fn prose_keeps_its_lines_with_one_kind_of_line_end() {
        for (typed, clean) in [
            ("a\r\nb\rc\u{2028}d.\u{85}e", "a\nb\nc\nd.\ne"),
            ("\n\n a  b \n\n\n\n c \n ", "a b\n\nc"),
            ("   ", ""),
        ] {
            assert_eq!(clean_prose(typed), clean);
            assert_eq!(clean_prose(clean), clean);
        }
    }

    #[test]
    fn lengths_count_grapheme_clusters() {
        let families = "👨‍👩‍👧‍👦".repeat(3);
        assert!(line(&families, 3, 3).is_ok());
        assert!(line("नि है", 2, 2).is_err());
        assert_eq!(line("李", 2, 3), Err(Fault::TooShort { min: 2, given: 1 }));
        assert_eq!(line("abcd", 1, 3), Err(Fault::TooLong { max: 3, given: 4 }));
        assert_eq!(line(" \u{200b}", 1, 3), Err(Fault::Missing));
        assert_eq!(line("caf\u{fffd}", 1, 9), Err(Fault::Damaged));
    }

    #[test]
    fn a_character_may_have_sixteen_code_points() {
        let with_marks = |marks| format!("q{}", "\u{301}".repeat(marks));
        assert_eq!(line(&with_marks(15), 1, 1), Ok(with_marks(15)));
        assert_eq!(line(&with_marks(16), 1, 1), Err(Fault::TooLong { max: 1, given: 17 }));
    }

    #[test]
    fn a_character_made_of_a_million_marks_is_too_long() {
        let hostile = format!("a{}", "\u{301}".repeat(1_000_000));
        assert!(matches!(line(&hostile, 1, 200), Err(Fault::TooLong { .. })));
    }
}
