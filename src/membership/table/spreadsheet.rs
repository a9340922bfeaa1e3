//! Keeps a cell of a CSV file as text when a spreadsheet opens the file.
//!
//! A spreadsheet converts text that looks like a number, a date, a sum of money or a truth value, and runs text that looks
//! like a formula. CSV cannot mark a cell as text: spreadsheets ignore quotation marks, and `="…"` is a formula for other
//! programs too. So an apostrophe precedes the cell, and stays visible.
//!
//! `LibreOffice` converts by the locale of the import: its digits, separators, currency, names of months and days, and words
//! for true and false; `bin/spreadsheet` tests it. Excel converts by the locale of Windows, and knows English names in every
//! locale. It turns `3-4`, `MAR1` and `1/2` into dates, digits after the fifteenth into zeros, `5 p` into a time, and `#N/A`
//! into an error. The reader's locale is unknown, so this module protects every cell that any locale would convert.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::values::Country;
use crate::values::characters::{is_digit, to_half_width};

/// The meaning of a word in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Forms a date with any number.
    Date,
    /// Forms a date or a number with two numbers: `H 20.1.1` in Hungary, `1E5` everywhere.
    Day,
    /// Before or after noon. Follows a number.
    Half,
    /// Forms a sum with any number.
    Money,
    /// Has no meaning by itself.
    Joiner,
    /// Is a truth value if it is the whole cell.
    Truth,
}

/// The words in their comparable form.
static WORDS: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    let mut meaning = Meaning::Joiner;
    let lines = include_str!("spreadsheet_words.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        match section(line) {
            Some(next) => meaning = next,
            None => words.extend(listed(line).map(|word| (comparable(word), meaning))),
        }
    }
    words
});

fn section(line: &str) -> Option<Meaning> {
    Some(match line.strip_prefix('[')?.strip_suffix(']')? {
        "dates" => Meaning::Date,
        "days" => Meaning::Day,
        "halves" => Meaning::Half,
        "money" => Meaning::Money,
        "truth" => Meaning::Truth,
        _ => Meaning::Joiner,
    })
}

fn listed(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Puts an apostrophe before each piece of a cell that a spreadsheet would convert. In locales with a decimal comma, a
/// semicolon ends a cell and a line break ends a row, so each piece counts. The first and the last piece share a cell with
/// the neighbors' text: they may be formulas, but never numbers.
pub(super) fn keep_text(cell: &str) -> String {
    let pieces: Vec<&str> = cell.split_inclusive([';', '\n']).collect();
    let last = pieces.len().saturating_sub(1);
    let is_alone = |index: usize| last == 0 || (index > 0 && index < last);
    let mut kept = String::with_capacity(cell.len() + 1);
    for (index, piece) in pieces.into_iter().enumerate() {
        let text = piece.trim_start_matches([' ', '"']);
        kept.push_str(&piece[..piece.len() - text.len()]);
        if is_formula(text) || (is_alone(index) && is_converted(text.trim_end_matches([';', '\n']))) {
            kept.push('\'');
        }
        kept.push_str(text);
    }
    kept
}

/// Returns whether a spreadsheet runs the text as a formula. A hyphen alone is a common sign for "nothing", and no formula.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) && text.trim_end() != "-"
}

/// Returns whether a spreadsheet converts the text: to an error, a truth value, or a number, alone or with words.
fn is_converted(text: &str) -> bool {
    let comparable = comparable(text.trim());
    comparable.starts_with('#')
        || WORDS.get(&comparable) == Some(&Meaning::Truth)
        || Parts::of(&comparable).is_some_and(|parts| parts.form_a_value())
}

/// Returns a text as spreadsheets compare words: half-width, in lower case, without accents and without direction marks.
/// [`crate::values::folded`] would go too far, since it also unifies the signs of numbers.
fn comparable(text: &str) -> String {
    let half_width: String = text.chars().map(to_half_width).collect();
    let lower = half_width.to_lowercase();
    let bare = lower
        .nfd()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}' | '\u{200e}' | '\u{200f}'));
    bare.map(|c| match c {
        'ı' => 'i',
        'ς' => 'σ',
        other => other,
    })
    .collect()
}

/// The parts of a comparable cell.
#[derive(Default)]
struct Parts {
    numbers: usize,
    has_words: bool,
    /// Whether a word or sign forms a value with one number.
    has_strong_word: bool,
    has_day: bool,
}

impl Parts {
    /// Splits a cell. Returns `None` if a part belongs to no number, date, time or sum.
    fn of(cell: &str) -> Option<Self> {
        let mut parts = Self::default();
        let mut rest = cell;
        while let Some(c) = rest.chars().next() {
            let before = &cell[..cell.len() - rest.len()];
            let length = if is_digit(c) {
                parts.numbers += 1;
                rest.find(|c| !is_digit(c)).unwrap_or(rest.len())
            } else if is_letter(c) {
                let length = word_length(rest);
                parts.take(&rest[..length], before.chars().next_back())?;
                length
            } else {
                parts.has_strong_word |= is_currency(c) || (c == '/' && is_currency_before_slash(before));
                c.len_utf8()
            };
            if !(is_digit(c) || is_letter(c) || is_sign(c)) {
                return None;
            }
            rest = &rest[length..];
        }
        Some(parts)
    }

    fn take(&mut self, word: &str, before: Option<char>) -> Option<()> {
        let word: String = word.chars().filter(|c| is_letter(*c)).collect();
        let meaning = *WORDS.get(&word)?;
        self.has_words = true;
        match meaning {
            Meaning::Money | Meaning::Half if before == Some('.') && is_domain_ending(&word) => return None,
            Meaning::Half if self.numbers == 0 => return None,
            Meaning::Date | Meaning::Money | Meaning::Half => self.has_strong_word = true,
            Meaning::Day if self.numbers > 0 && is_also_half(&word, before) => self.has_strong_word = true,
            Meaning::Day => self.has_day = true,
            Meaning::Joiner | Meaning::Truth => {}
        }
        Some(())
    }

    fn form_a_value(&self) -> bool {
        match self.numbers {
            0 => false,
            1 => !self.has_words || self.has_strong_word,
            _ => !self.has_words || self.has_strong_word || self.has_day,
        }
    }
}

/// Returns whether a word after a full stop is the ending of a domain name, such as `163.kr`. But `5.am` is a time.
fn is_domain_ending(word: &str) -> bool {
    word != "am" && Country::parse(word).is_ok()
}

/// Returns whether a [`Meaning::Day`] word also marks a half of the day: `5 a` is a time in Excel, and `5a` is not. `5 de.` is a
/// time in Hungary and `5 ma` in Friesland, and `5.de` is not.
fn is_also_half(word: &str, before: Option<char>) -> bool {
    match word {
        "a" => before.is_some_and(char::is_whitespace),
        "de" | "ma" | "mi" => before != Some('.'),
        _ => false,
    }
}

/// Returns the length of the first word. `a.m.`, `p. m.` and `พ.ย.` are one word: a full stop after a single letter belongs
/// to the word if another letter follows.
fn word_length(rest: &str) -> usize {
    let mut length = 0;
    loop {
        let run = &rest[length..];
        let end = run.find(|c| !is_letter(c)).unwrap_or(run.len());
        length += end;
        let is_single = run[..end].chars().filter(|c| !is_combining_mark(*c)).count() == 1;
        let next = rest[length..].strip_prefix('.').map(str::trim_start);
        match next {
            Some(next) if is_single && next.starts_with(is_letter) => length = rest.len() - next.len(),
            _ => return length,
        }
    }
}

/// Returns whether a slash belongs to a currency: `S/` is Peru's, and `B/.` Panama's.
fn is_currency_before_slash(before: &str) -> bool {
    matches!(before.rsplit(|c| !is_letter(c)).next(), Some("s" | "b"))
}

fn is_letter(c: char) -> bool {
    (c.is_alphabetic() && !is_digit(c)) || is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_currency(c: char) -> bool {
    c.general_category() == GeneralCategory::CurrencySymbol
}

/// Returns whether a sign may be between digits: in ASCII, the signs of numbers; otherwise, the signs of any script.
fn is_sign(c: char) -> bool {
    use GeneralCategory::{DashPunctuation, FinalPunctuation, MathSymbol, OtherPunctuation};
    if c.is_ascii() {
        return matches!(
            c,
            ' ' | '.' | ',' | '\'' | '`' | '/' | '-' | '+' | ':' | '%' | '(' | ')' | '$'
        );
    }
    c.is_whitespace()
        || is_currency(c)
        || matches!(
            c.general_category(),
            DashPunctuation | FinalPunctuation | MathSymbol | OtherPunctuation
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for cell in ["=1+1", "+44 20", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(keep_text(cell), format!("'{cell}"));
        }
        assert_eq!(keep_text("a;=1\n\"-1; +1"), "a;'=1\n\"'-1; '+1");
        for cell in ["Ann = Lee", "-", ""] {
            assert_eq!(keep_text(cell), cell);
        }
    }

    #[test]
    fn a_number_between_semicolons_or_line_breaks_stays_text() {
        assert_eq!(keep_text("No.;0012; 1/2;5"), "No.;'0012; '1/2;5");
        assert_eq!(keep_text("Registered\n2014\nin Kisumu"), "Registered\n'2014\nin Kisumu");
        assert_eq!(keep_text("2014; Kisumu\n2015"), "2014; Kisumu\n2015");
    }

    #[test]
    fn every_section_of_words_is_known_and_not_empty() {
        use Meaning::{Date, Day, Half, Joiner, Money, Truth};
        for meaning in [Date, Day, Half, Money, Joiner, Truth] {
            assert!(WORDS.values().any(|of| *of == meaning), "{meaning:?}");
        }
        let sections = include_str!("spreadsheet_words.txt").matches("\n[").count();
        assert_eq!(sections, 6);
    }
}
