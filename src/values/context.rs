//! What a registry asks of a label beyond UTS 46 (RFC 5891, 4.2.3.3): letters, digits and marks
//! alone (RFC 5892, 3), some of which belong to a name only beside certain others (appendix A.3 to
//! A.9) or never (2.6). The joiners (A.1 and A.2) are judged by UTS 46 itself.
//!
//! UTS 46 alone lets symbols pass, which IDNA 2008 took out of names. A few registries sell names of
//! emoji all the same; such a name is refused here too. ICANN's SSAC advises against them at every
//! level (SAC095): they look different on every machine and alike to many readers, and much software
//! refuses them. An organization that has one has another name besides.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// The first character that no name holds: symbols of ASCII (STD3), punctuation of any living script
/// but what a label may hold beside others, and the slashes that look like the end of a name. Commas
/// come from a list, quotation marks from a text.
pub(super) fn stray_punctuation(name: &str) -> Option<char> {
    name.chars().find(|c| is_stray(*c))
}

fn is_stray(c: char) -> bool {
    let is_punctuation = c.general_category_group() == GeneralCategoryGroup::Punctuation;
    match c {
        '.' | '-' | '\u{3002}' | '\u{ff61}' | '\u{b7}' | '\u{5f3}' | '\u{5f4}' | '\u{f0b}' | '\u{30fb}' => false,
        '\u{2044}' | '\u{2215}' => true,
        _ => c.is_ascii_punctuation() || (is_punctuation && c <= '\u{ffff}'),
    }
}

/// The first character of a U-label that may not be in its place.
pub(super) fn misplaced(label: &str) -> Option<char> {
    let characters: Vec<char> = label.chars().collect();
    let is_in_place = |index: &usize| {
        let before = index.checked_sub(1).map(|index| characters[index]);
        may_stand(characters[*index], before, characters.get(index + 1).copied(), label)
    };
    (0..characters.len())
        .find(|index| !is_in_place(index))
        .map(|index| characters[index])
}

fn may_stand(c: char, before: Option<char>, after: Option<char>, label: &str) -> bool {
    match c {
        '\u{b7}' => (before, after) == (Some('l'), Some('l')),
        '\u{375}' => is_of(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        '\u{30fb}' => label.chars().any(is_japanese),
        // Extended Arabic-Indic digits look like the Arabic-Indic ones.
        '\u{6f0}'..='\u{6f9}' => !label.contains(is_arabic_indic_digit),
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => false,
        _ => is_of_a_name(c),
    }
}

/// RFC 5892, 3: the letters, digits and marks of 2.1 (UTS 46 has made capitals small, and the small
/// letters of Cherokee, which are the newer ones, capitals), the exceptions of 2.6, and the hyphen
/// and the joiners, which have rules of their own; but no Jamo (2.9) and no marks for symbols or
/// music (2.4).
fn is_of_a_name(c: char) -> bool {
    use GeneralCategory::{DecimalNumber, LowercaseLetter, ModifierLetter, NonspacingMark, OtherLetter, SpacingMark};
    match c {
        '-' | '\u{200c}' | '\u{200d}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' | '\u{13a0}'..='\u{13f5}' => {
            true
        }
        _ if is_jamo(c) || matches!(c, '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d24f}') => false,
        _ => matches!(
            c.general_category(),
            LowercaseLetter | OtherLetter | ModifierLetter | DecimalNumber | NonspacingMark | SpacingMark
        ),
    }
}

fn is_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}')
}

fn is_of(neighbor: Option<char>, script: Script) -> bool {
    neighbor.is_some_and(|c| c.script() == script)
}

fn is_japanese(c: char) -> bool {
    matches!(c.script(), Script::Hiragana | Script::Katakana | Script::Han)
}

fn is_arabic_indic_digit(c: char) -> bool {
    ('\u{660}'..='\u{669}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_needs_its_neighbors_is_taken_beside_them_only() {
        for label in [
            "col·lectiu",
            "α͵β",
            "א׳ב",
            "א״ב",
            "・ぁ",
            "・ァ",
            "・丈",
            "ب٠ب",
            "۰0",
            "example",
            "a-1",
            "straße",
            "οδός",
            "〇",
            "སྤྱ་ད",
            "क्\u{200d}ष",
            "ᏣᎳᎩ",
        ] {
            assert_eq!(misplaced(label), None, "{label}");
        }
        for label in [
            "a·l",
            "l·a",
            "l·",
            "·l",
            "α͵s",
            "α͵",
            "a׳ב",
            "׳ב",
            "a״ב",
            "def・abc",
            "・",
            "ب٠۰",
            "بـب",
            "ߺ",
            "실〮례",
            "〱",
            "〻",
        ] {
            assert!(misplaced(label).is_some(), "{label}");
        }
    }
    #[test]
    fn a_symbol_is_in_no_name() {
        for label in [
            "i❤",
            "☃",
            "a®b",
            "√2",
            "🦊",
            "a\u{20dd}",
            "\u{1100}\u{1161}",
            "€",
            "⠓",
            "𐍁",
        ] {
            assert!(misplaced(label).is_some(), "{label}");
        }
    }
}
