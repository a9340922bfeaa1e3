//! Rules of registries for labels beyond UTS 46 (RFC 5891, 4.2.3.3). A label holds letters, digits and marks (RFC 5892, 3).
//! Some are valid only next to certain others (appendix A.3 to A.9), and some never (2.6). UTS 46 itself checks the joiners
//! (A.1 and A.2).
//!
//! UTS 46 allows symbols, which IDNA 2008 removed. A few registries sell emoji names, and these rules reject them. ICANN's
//! SSAC advises against emoji names at every level (SAC095): machines show them differently, readers confuse them, and much
//! software rejects them. An organization with such a name also has another.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// Returns the first character that no name holds: an ASCII symbol (STD3), punctuation of a living script, or a slash that
/// looks like the end of a name. Punctuation with a rule of its own is excepted.
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

/// Returns the first character of a U-label that is invalid in its place.
pub(super) fn misplaced(label: &str) -> Option<char> {
    let characters: Vec<char> = label.chars().collect();
    let is_in_place = |index: &usize| {
        let before = index.checked_sub(1).map(|index| characters[index]);
        is_in_place(characters[*index], before, characters.get(index + 1).copied(), label)
    };
    (0..characters.len())
        .find(|index| !is_in_place(index))
        .map(|index| characters[index])
}

fn is_in_place(c: char, before: Option<char>, after: Option<char>, label: &str) -> bool {
    match c {
        '\u{b7}' => (before, after) == (Some('l'), Some('l')),
        '\u{375}' => is_of(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        '\u{30fb}' => label.chars().any(is_japanese),
        // Extended Arabic-Indic digits look like the Arabic-Indic ones.
        '\u{6f0}'..='\u{6f9}' => !label.contains(is_arabic_indic_digit),
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => false,
        _ => is_name_character(c),
    }
}

/// Returns whether RFC 5892, 3 allows the character: the letters, digits and marks of 2.1, the exceptions of 2.6, the hyphen
/// and the joiners. Rejects Jamo (2.9) and marks for symbols and music (2.4). UTS 46 has already mapped capitals to small
/// letters, and the newer small letters of Cherokee to capitals.
fn is_name_character(c: char) -> bool {
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
    fn some_characters_are_valid_only_next_to_certain_others() {
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
    fn no_name_holds_a_symbol() {
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

    #[test]
    fn a_symbol_that_looks_like_a_slash_is_stray() {
        for slash in ['\u{2044}', '\u{2215}'] {
            assert_eq!(stray_punctuation(&format!("example.org{slash}a")), Some(slash));
        }
        assert_eq!(stray_punctuation("col·lectiu.例・え"), None);
    }
}
