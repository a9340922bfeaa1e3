//! Rules about characters for names, prose, mailboxes and domain names. Each rule follows from a property of Unicode, so a
//! new script needs no new rule.

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The character with which word processors mark a possible line break.
pub(super) const SOFT_HYPHEN: char = '\u{ad}';

/// The next-line control (NEL) of ISO 6429, and the ellipsis of Windows-1252.
const NEXT_LINE: char = '\u{85}';

/// Windows-1252 from 0x80 to 0x9F, as in the Encoding Standard: the five unassigned octets stay controls.
#[rustfmt::skip]
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Returns whether a text has a visible character. An answer without one is missing.
#[must_use]
pub fn has_visible_text(text: &str) -> bool {
    text.contains(is_visible)
}

/// Returns whether a font shows the character: a letter, number, punctuation mark or symbol. Combining marks need a base
/// character, and private-use characters show only on the machine that typed them. An unassigned code point may be a letter
/// of a newer Unicode, so it counts as visible.
pub(super) fn is_visible(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Punctuation, Symbol};
    let may_show = match c.general_category() {
        GeneralCategory::Unassigned => !is_noncharacter(c),
        _ => matches!(c.general_category_group(), Letter | Number | Punctuation | Symbol),
    };
    may_show && !is_blank(c) && !is_ignorable(c)
}

/// Returns whether an address may hold the character: visible characters and their marks. Controls, white space, format
/// characters and private-use characters would mislead.
pub(super) fn is_allowed_in_address(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let is_mark = c.general_category_group() == GeneralCategoryGroup::Mark && !is_ignorable(c);
    is_mark || (is_visible(c) && c.general_category() != GeneralCategory::Unassigned)
}

/// Returns whether a symbol shows nothing: the Braille blank, the musical null notehead, and the object replacement character.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}' | '\u{fffc}')
}

/// Returns the property `Default_Ignorable_Code_Point`: no font shows the character. The property includes reserved code
/// points, so the list is stable.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns whether the character changes the shape of the previous one: joiners and variation selectors.
pub(super) fn is_shaping(c: char) -> bool {
    is_joiner(c) || is_variation_selector(c)
}

/// Returns whether the character is a joiner, which Persian and Indic words and emoji need.
pub(super) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Returns the property `Variation_Selector`, which includes the selectors of Mongolian.
fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Returns whether a shaping character follows one that it can shape: a character outside ASCII, or an emoji with a
/// selector.
pub(super) fn has_base(c: char, before: Option<char>) -> bool {
    let is_emoji_joined = |before| is_variation_selector(before) && c == '\u{200d}';
    before.is_some_and(|before| !before.is_ascii() && (!is_shaping(before) || is_emoji_joined(before)))
}

/// Returns whether the character never belongs in an answer. Bidirectional controls (UAX 9) reorder the text, and a byte
/// order mark comes from a file. Tags outside of flags, and repeated selectors, hide text from readers.
pub(super) fn misleads(c: char, before: Option<char>) -> bool {
    let names_a_flag = || before.is_some_and(|before| before == '\u{1f3f4}' || is_tag(before));
    match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        _ if is_tag(c) => !names_a_flag(),
        _ => is_variation_selector(c) && before.is_some_and(is_variation_selector),
    }
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Returns whether the character is a control or a noncharacter. PostgreSQL rejects NUL; terminals and headers obey other
/// controls.
pub(super) fn is_control_or_noncharacter(c: char) -> bool {
    c.is_control() || is_noncharacter(c)
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Trims the invisible characters at the ends of a word that shape nothing. Selectors, Hangul fillers and the tags of a flag
/// shape the character before them. A final joiner shapes a virama, as in Malayalam and Bengali.
pub(super) fn trim_invisible(word: &str) -> &str {
    let mut word = word.trim_start_matches(|c| c != '\u{115f}' && is_ignorable(c));
    if !word.contains(|c| !is_ignorable(c)) {
        return "";
    }
    while let Some((rest, last)) = last_of(word)
        && is_ignorable(last)
        && !may_end_word(last, rest)
    {
        word = rest;
    }
    word
}

fn last_of(word: &str) -> Option<(&str, char)> {
    let mut characters = word.chars();
    let last = characters.next_back()?;
    Some((characters.as_str(), last))
}

fn may_end_word(last: char, rest: &str) -> bool {
    let is_virama = |c: char| canonical_combining_class(c) == 9;
    let shapes_a_virama = is_joiner(last) && rest.ends_with(is_virama);
    shapes_a_virama || is_variation_selector(last) || is_tag(last) || last == '\u{1160}'
}

/// Decodes Windows-1252 octets that arrived as C1 controls, because a program took the text for Latin-1. People never type
/// C1 controls.
pub(super) fn decode_windows_1252(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut before = None;
    let mut typed = text.chars().peekable();
    while let Some(c) = typed.next() {
        decoded.push(match c {
            NEXT_LINE if ends_a_line(before, typed.peek().copied()) => '\n',
            '\u{80}'..='\u{9f}' => WINDOWS_1252[(u32::from(c) - 0x80) as usize],
            _ => c,
        });
        before = Some(c);
    }
    decoded
}

/// Returns whether 0x85 is a line end. Browsers send CR LF, so elsewhere it is the ellipsis of Windows-1252. No ellipsis
/// follows punctuation, a line end or another 0x85.
fn ends_a_line(before: Option<char>, after: Option<char>) -> bool {
    let is_end =
        |c: char| matches!(c, NEXT_LINE | '\n' | '\r') || c.general_category() == GeneralCategory::OtherPunctuation;
    before.is_some_and(is_end) || after == Some(NEXT_LINE)
}

/// Returns whether the character is a decimal digit of any script.
pub(crate) fn is_digit(c: char) -> bool {
    c.general_category() == GeneralCategory::DecimalNumber
}

/// Returns the ASCII digit of the same value, or `None` for another character. Every script has its digits in runs of ten
/// that begin with zero.
pub(super) fn ascii_digit(c: char) -> Option<char> {
    if !is_digit(c) {
        return None;
    }
    let before = (0..u32::from(c)).rev().map_while(char::from_u32);
    let value = before.take_while(|c| is_digit(*c)).count() % 10;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

/// Returns whether the character is a dash that word processors substitute for a hyphen.
pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2013}' | '\u{2212}')
}

/// Returns the ASCII character for a full-width one of an East Asian keyboard (UAX 11).
#[must_use]
pub fn to_half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use unicode_security::skeleton;

    use super::*;

    #[test]
    fn ignorable_characters_are_those_that_skeletons_omit() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let is_dropped = skeleton(c.encode_utf8(&mut [0; 4])).next().is_none();
            assert_eq!(is_ignorable(c), is_dropped, "{:x}", u32::from(c));
        }
    }

    #[test]
    fn invisible_characters_are_not_visible_text() {
        let unseen = [
            " \t\r\n\u{85}\u{a0}\u{3000}\u{1680}\u{2028}",
            "\0\u{1e}\u{7f}\u{96}",
            "\u{ad}\u{34f}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200f}\u{202e}\u{2060}\u{2064}\u{2069}\u{206f}\u{feff}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}",
            "\u{17b4}\u{17b5}\u{180b}\u{180f}\u{fe00}\u{fe0f}\u{e0100}\u{e01ef}",
            "\u{2800}\u{1d159}\u{fffc}",
            "\u{fff9}\u{fffb}\u{1d173}\u{1d17a}\u{1bca0}\u{e0001}\u{e0041}\u{e007f}\u{13430}",
            "\u{2065}\u{fff0}\u{e0080}\u{e0fff}",
            "\u{301}\u{20dd}\u{93e}\u{94d}",
            "\u{e000}\u{f8ff}\u{f0000}\u{10fffd}",
            "\u{fdd0}\u{fffe}\u{ffff}\u{10ffff}",
        ];
        for c in unseen.iter().flat_map(|kind| kind.chars()) {
            assert!(!is_visible(c), "{c:?} {:x}", u32::from(c));
        }
        for c in "a0.-_李Ö王نक❤🦊€\u{fffd}\u{378}\u{1f3f4}ʻ".chars() {
            assert!(is_visible(c), "{c:?}");
        }
    }

    #[test]
    fn the_ends_of_a_word_keep_only_shaping_characters() {
        for (word, kept) in [
            ("\u{200d}\u{200b}Ann\u{200d}\u{ad}", "Ann"),
            ("അവന്\u{200d}", "അവന്\u{200d}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("\u{fe0f}Ann", "Ann"),
            ("\u{115f}\u{1161}", "\u{115f}\u{1161}"),
            ("\u{115f}\u{1160}", ""),
            ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
        ] {
            assert_eq!(trim_invisible(word), kept, "{word:?}");
        }
    }

    #[test]
    fn octets_of_windows_1252_are_decoded() {
        for (typed, meant) in [
            ("1990\u{96}1995", "1990–1995"),
            ("society\u{92}s", "society’s"),
            ("\u{93}x\u{94} \u{80}5 \u{8a}\u{9f}", "“x” €5 ŠŸ"),
            ("a\u{81}b", "a\u{81}b"),
            ("and so on\u{85} then", "and so on… then"),
            ("wait\u{85}what (\u{85})", "wait…what (…)"),
            ("First.\u{85}Second.\u{85}", "First.\nSecond.\n"),
            ("Title\u{85}\u{85}Text", "Title\n\nText"),
        ] {
            assert_eq!(decode_windows_1252(typed), meant, "{typed:?}");
        }
    }
}
