//! What a registry asks of a label beyond UTS 46 (RFC 5891, 4.2.3.3): characters that belong to a
//! name only beside certain others (RFC 5892, appendix A.3 to A.9), and some that never do (2.6).
//! The joiners (A.1 and A.2) are judged by UTS 46 itself.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// The first character that no name holds: punctuation and symbols of ASCII (STD3), and other
/// punctuation that belongs to no script, such as an ideographic comma or a quotation mark. Commas
/// come from a list, quotation marks from a text.
pub(super) fn stray_punctuation(name: &str) -> Option<char> {
    name.chars().find(|c| is_stray(*c))
}

fn is_stray(c: char) -> bool {
    let is_punctuation = c.general_category_group() == GeneralCategoryGroup::Punctuation;
    match c {
        '.' | '-' | '\u{3002}' | '\u{ff61}' | '\u{b7}' | '\u{30fb}' => false,
        _ => c.is_ascii_punctuation() || (is_punctuation && c.script() == Script::Common),
    }
}

/// Whether every character of a U-label stands where it may.
pub(super) fn is_in_context(label: &str) -> bool {
    let characters: Vec<char> = label.chars().collect();
    let stands_well = |index: usize| {
        let before = index.checked_sub(1).map(|index| characters[index]);
        may_stand(characters[index], before, characters.get(index + 1).copied(), label)
    };
    (0..characters.len()).all(stands_well) && !mixes_arabic_digits(label)
}

fn may_stand(c: char, before: Option<char>, after: Option<char>, label: &str) -> bool {
    match c {
        '\u{b7}' => (before, after) == (Some('l'), Some('l')),
        '\u{375}' => is_of(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        '\u{30fb}' => label.chars().any(is_japanese),
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => false,
        _ => true,
    }
}

fn is_of(neighbor: Option<char>, script: Script) -> bool {
    neighbor.is_some_and(|c| c.script() == script)
}

fn is_japanese(c: char) -> bool {
    matches!(c.script(), Script::Hiragana | Script::Katakana | Script::Han)
}

/// Arabic-Indic and extended Arabic-Indic digits look alike.
fn mixes_arabic_digits(label: &str) -> bool {
    label.contains(|c| ('\u{660}'..='\u{669}').contains(&c)) && label.contains(|c| ('\u{6f0}'..='\u{6f9}').contains(&c))
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
        ] {
            assert!(is_in_context(label), "{label}");
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
            assert!(!is_in_context(label), "{label}");
        }
    }
}
