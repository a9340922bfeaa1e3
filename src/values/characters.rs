//! What a character is to the person who reads it. Names, prose, mailboxes and domain names share
//! these rules; each follows from a property of Unicode, so that a new script needs no new line.

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// What word processors put where a line may be broken.
pub(super) const SOFT_HYPHEN: char = '\u{ad}';

/// NEL of ISO 6429, and the ellipsis of Windows-1252.
const NEXT_LINE: char = '\u{85}';

/// Windows-1252 from 0x80 to 0x9F, as the Encoding Standard has it: the five that are not assigned
/// stay controls.
#[rustfmt::skip]
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Whether a reader sees anything in a text. An answer in which nobody sees anything is missing.
#[must_use]
pub fn is_anything_seen(text: &str) -> bool {
    text.contains(is_seen)
}

/// Letters, numbers, punctuation and symbols that a font shows. A mark needs one of them to stand
/// on, so marks alone are no answer. A private-use character shows on the machine that typed it
/// alone. A code point that is not assigned yet may be a letter of a newer Unicode, so it counts.
pub(super) fn is_seen(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Punctuation, Symbol};
    let may_show = match c.general_category() {
        GeneralCategory::Unassigned => !is_noncharacter(c),
        _ => matches!(c.general_category_group(), Letter | Number | Punctuation | Symbol),
    };
    may_show && !is_blank(c) && !is_ignorable(c)
}

/// What an address may hold: what is seen, and the marks on it. Controls, white space, format
/// characters and what has a private meaning would only mislead.
pub(super) fn is_seen_in_an_address(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let is_mark = c.general_category_group() == GeneralCategoryGroup::Mark && !is_ignorable(c);
    is_mark || (is_seen(c) && c.general_category() != GeneralCategory::Unassigned)
}

/// Symbols by their category that show nothing: the blank of Braille, the null notehead of music,
/// and the place of an object that was not copied.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{1d159}' | '\u{fffc}')
}

/// `Default_Ignorable_Code_Point`: no font shows it. The property holds code points for the future too, so this list stays.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Changes the shape of the character before it: the joiners and the variation selectors.
pub(super) fn is_shaping(c: char) -> bool {
    is_joiner(c) || is_variation_selector(c)
}

/// The joiners that Persian, Indic words and emoji need inside.
pub(super) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// `Variation_Selector`, with those of Mongolian.
fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a shaping character has something to shape: a character outside ASCII, which may be an
/// emoji that a selector has shaped already.
pub(super) fn has_what_it_shapes(c: char, before: Option<char>) -> bool {
    let is_emoji_joined = |before| is_variation_selector(before) && c == '\u{200d}';
    before.is_some_and(|before| !before.is_ascii() && (!is_shaping(before) || is_emoji_joined(before)))
}

/// Never belongs to an answer, whatever is around it: bidirectional controls (UAX 9) turn what is
/// read, and the byte order mark comes from a file. Tags hide text from a reader unless they name a
/// flag, and so does a selector behind a selector.
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

/// Separates words and says nothing: a control of any kind, or a code point that is kept for the
/// inside of programs. PostgreSQL refuses NUL; terminals and headers obey the others.
pub(super) fn is_damage(c: char) -> bool {
    c.is_control() || is_noncharacter(c)
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// A word without the invisible characters at its ends that shape nothing there. Selectors shape
/// what is before them, so do the fillers of Hangul and the tags of a flag; a joiner at the end does
/// so behind a virama, as in Malayalam and Bengali.
pub(super) fn without_loose_ends(word: &str) -> &str {
    let mut word = word.trim_start_matches(|c| c != '\u{115f}' && is_ignorable(c));
    if !word.contains(|c| !is_ignorable(c)) {
        return "";
    }
    while let Some((rest, last)) = last_of(word)
        && is_ignorable(last)
        && !is_at_home_at_an_end(last, rest)
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

fn is_at_home_at_an_end(last: char, rest: &str) -> bool {
    let is_virama = |c: char| canonical_combining_class(c) == 9;
    let shapes_a_virama = is_joiner(last) && rest.ends_with(is_virama);
    shapes_a_virama || is_variation_selector(last) || is_tag(last) || last == '\u{1160}'
}

/// The characters that were meant by octets of Windows-1252 that arrived as controls: no person types
/// a C1 control, and a text that was taken for Latin-1 on its way is full of them.
pub(super) fn restored(text: &str) -> String {
    let mut restored = String::with_capacity(text.len());
    let mut before = None;
    let mut typed = text.chars().peekable();
    while let Some(c) = typed.next() {
        restored.push(match c {
            NEXT_LINE if ends_a_line(before, typed.peek().copied()) => '\n',
            '\u{80}'..='\u{9f}' => WINDOWS_1252[(u32::from(c) - 0x80) as usize],
            _ => c,
        });
        before = Some(c);
    }
    restored
}

/// Whether 0x85 is NEL. Browsers send line ends as CR LF, so it is the ellipsis of Windows-1252 but
/// where none would be written: behind punctuation, at a line end, and beside another.
fn ends_a_line(before: Option<char>, after: Option<char>) -> bool {
    let is_end =
        |c: char| matches!(c, NEXT_LINE | '\n' | '\r') || c.general_category() == GeneralCategory::OtherPunctuation;
    before.is_some_and(is_end) || after == Some(NEXT_LINE)
}

/// A decimal digit of any script.
pub(crate) fn is_digit(c: char) -> bool {
    c.general_category() == GeneralCategory::DecimalNumber
}

/// The ASCII digit of the same value; `None` for what is no digit. In every script digits are in runs of ten that begin with
/// zero.
pub(super) fn ascii_digit(c: char) -> Option<char> {
    if !is_digit(c) {
        return None;
    }
    let before = (0..u32::from(c)).rev().map_while(char::from_u32);
    let value = before.take_while(|c| is_digit(*c)).count() % 10;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

/// What word processors make of a hyphen.
pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2013}' | '\u{2212}')
}

/// The ASCII character that a full-width one of an East Asian keyboard stands for (UAX 11).
#[must_use]
pub fn halved(c: char) -> char {
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
    fn ignorable_is_what_a_skeleton_leaves_out() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let is_left_out = skeleton(c.encode_utf8(&mut [0; 4])).next().is_none();
            assert_eq!(is_ignorable(c), is_left_out, "{:x}", u32::from(c));
        }
    }

    #[test]
    fn what_no_reader_sees_is_no_answer() {
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
            assert!(!is_seen(c), "{c:?} {:x}", u32::from(c));
        }
        for c in "a0.-_李Ö王نक❤🦊€\u{fffd}\u{378}\u{1f3f4}ʻ".chars() {
            assert!(is_seen(c), "{c:?}");
        }
    }

    #[test]
    fn the_ends_of_a_word_keep_only_what_shapes_it() {
        for (word, kept) in [
            ("\u{200d}\u{200b}Ann\u{200d}\u{ad}", "Ann"),
            ("അവന്\u{200d}", "അവന്\u{200d}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("\u{fe0f}Ann", "Ann"),
            ("\u{115f}\u{1161}", "\u{115f}\u{1161}"),
            ("\u{115f}\u{1160}", ""),
            ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
        ] {
            assert_eq!(without_loose_ends(word), kept, "{word:?}");
        }
    }

    #[test]
    fn octets_of_windows_1252_are_what_they_were_meant_to_be() {
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
            assert_eq!(restored(typed), meant, "{typed:?}");
        }
    }
}
