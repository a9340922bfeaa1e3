//! Keeps a cell of a CSV file as typed when a spreadsheet opens the file.
//!
//! A spreadsheet converts what looks like a number, a date, a sum of money or a truth value, and runs what looks like a
//! formula. CSV cannot say that a cell is text: quotation marks count for nothing, and `="…"` is itself a formula, which
//! other programs would read as one. What is left is an apostrophe before the cell. It stays visible.
//!
//! `LibreOffice` converts by the locale in which the file is opened: its digits, separators, currency, names of months and
//! days, and words for true and false; `bin/spreadsheet` tries it. Excel does the same by the locale of Windows, and takes
//! English names in any. It makes a date of `3-4`, `MAR1` or `1/2`, zeros of the digits after the fifteenth, a time of
//! `5 p`, and an error of `#N/A`. Nobody knows the reader's locale, so that what any would convert counts.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::values::Country;
use crate::values::characters::{halved, is_digit};

/// What a word says about the cell that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Any number makes a date of it.
    Date,
    /// Two numbers make a date or a number with it: `H 20.1.1` in Hungary, `1E5` anywhere.
    Day,
    /// Before or after noon. It comes after a number.
    Half,
    /// Any number makes a sum of it.
    Money,
    /// Means nothing by itself.
    Joiner,
    /// The whole cell.
    Truth,
}

/// By their comparable form.
static WORDS: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    let mut meaning = Meaning::Joiner;
    let lines = include_str!("spreadsheet_words.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        match section(line) {
            Some(begun) => meaning = begun,
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

/// Puts an apostrophe before the cell where a spreadsheet would take it for anything but text. Where commas are for
/// decimals, it takes a semicolon for the end of a cell and a line break for that of a row, so that each piece counts. The
/// first and the last piece then share a cell with the neighbours' text and are never numbers; they may be formulas.
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

/// A hyphen alone is the usual sign for nothing, and no formula.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) && text.trim_end() != "-"
}

/// Whether a spreadsheet makes anything but text of it: an error, a truth value, or a number with words that belong to one.
fn is_converted(text: &str) -> bool {
    let comparable = comparable(text.trim());
    comparable.starts_with('#')
        || WORDS.get(&comparable) == Some(&Meaning::Truth)
        || Parts::of(&comparable).is_some_and(|parts| parts.make_a_value())
}

/// A text as spreadsheets compare words: half-width, in lower case, without accents, in which they differ, and without marks of
/// direction. [`crate::values::folded`] would go too far: it takes the signs of a number for each other.
fn comparable(text: &str) -> String {
    let halved: String = text.chars().map(halved).collect();
    let lower = halved.to_lowercase();
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

/// What a comparable cell consists of.
#[derive(Default)]
struct Parts {
    numbers: usize,
    has_words: bool,
    /// One number is enough with such a word or sign.
    has_strong_word: bool,
    has_day: bool,
}

impl Parts {
    /// None if a part of it is nothing that a number, a date, a time or a sum has.
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
                parts.has_strong_word |= is_currency(c) || (c == '/' && is_slashed(before));
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
            Meaning::Money | Meaning::Half if before == Some('.') && is_ending(&word) => return None,
            Meaning::Half if self.numbers == 0 => return None,
            Meaning::Date | Meaning::Money | Meaning::Half => self.has_strong_word = true,
            Meaning::Day if self.numbers > 0 && is_half_alone(&word, before) => self.has_strong_word = true,
            Meaning::Day => self.has_day = true,
            Meaning::Joiner | Meaning::Truth => {}
        }
        Some(())
    }

    fn make_a_value(&self) -> bool {
        match self.numbers {
            0 => false,
            1 => !self.has_words || self.has_strong_word,
            _ => !self.has_words || self.has_strong_word || self.has_day,
        }
    }
}

/// The code of a country after a full stop ends a domain name, such as `163.kr`; but `5.am` is a time.
fn is_ending(word: &str) -> bool {
    word != "am" && Country::parse(word).is_ok()
}

/// `5 a` is a time in Excel, and `5a` is none; `5 de.` is one in Hungary and `5 ma` in Friesland, and `5.de` is none.
fn is_half_alone(word: &str, before: Option<char>) -> bool {
    match word {
        "a" => before.is_some_and(char::is_whitespace),
        "de" | "ma" | "mi" => before != Some('.'),
        _ => false,
    }
}

/// `a.m.`, `p. m.` and `พ.ย.` are one word: a full stop after a single letter belongs to it where another letter follows.
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

/// `S/` and `B/.` are the currencies of Peru and Panama.
fn is_slashed(before: &str) -> bool {
    matches!(before.rsplit(|c| !is_letter(c)).next(), Some("s" | "b"))
}

fn is_letter(c: char) -> bool {
    (c.is_alphabetic() && !is_digit(c)) || is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_currency(c: char) -> bool {
    c.general_category() == GeneralCategory::CurrencySymbol
}

/// Of ASCII those that numbers have; of the rest whatever some script writes between its digits.
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
    fn every_section_of_words_is_known_and_has_some() {
        use Meaning::{Date, Day, Half, Joiner, Money, Truth};
        for meaning in [Date, Day, Half, Money, Joiner, Truth] {
            assert!(WORDS.values().any(|of| *of == meaning), "{meaning:?}");
        }
        let sections = include_str!("spreadsheet_words.txt").matches("\n[").count();
        assert_eq!(sections, 6);
    }
}
