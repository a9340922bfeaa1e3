//! Detects mailboxes with characters that a keyboard, a word processor or an input method probably inserted by mistake:
//! `o’brien`, `info–kenya`, `ali۱۲۳`, `mаria` with a Cyrillic letter (UTS 39). Such a mailbox may exist, so the site asks,
//! and suggests a likely spelling. A mailbox in one script is never doubtful, nor is Chinese, Japanese or Korean with Latin.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, ScriptExtension, UnicodeScript};
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

use super::characters::{SOFT_HYPHEN, ascii_digit, is_digit, is_hyphen, is_shaping};

/// Alphabets whose letters look like letters of each other.
const ALPHABETS: [Script; 5] = [
    Script::Latin,
    Script::Cyrillic,
    Script::Greek,
    Script::Armenian,
    Script::Cherokee,
];

/// Returns whether the applicant should check a mailbox.
pub(super) fn is_doubtful(mailbox: &str, has_ascii_domain: bool) -> bool {
    let is_plain = || plain(mailbox) == mailbox && !mailbox.contains(is_odd);
    let is_of_one_kind = || !has_foreign_digits(mailbox, has_ascii_domain) && count_digit_kinds(mailbox) < 2;
    let is_as_it_seems = || !parts(mailbox).any(|part| is_mixed(part) || is_disguised(part, mailbox));
    let is_as_meant = mailbox.is_ascii() || (is_plain() && is_of_one_kind() && is_as_it_seems());
    !is_as_meant
}

/// Returns the likely spelling of a doubtful mailbox, if that spelling is not doubtful.
pub(super) fn likely(mailbox: &str, has_ascii_domain: bool) -> Option<String> {
    if mailbox.is_ascii() {
        return None;
    }
    let mut plain = plain(mailbox);
    if has_foreign_digits(&plain, has_ascii_domain) {
        plain = plain.chars().map(|c| ascii_digit(c).unwrap_or(c)).collect();
    }
    let likely = parts(&plain)
        .map(|part| respelled(part, &plain))
        .collect::<Option<String>>()?;
    (likely != mailbox && !is_doubtful(&likely, has_ascii_domain)).then_some(likely)
}

/// Splits a mailbox after its dots, hyphens and other punctuation. Each part may have its own script.
fn parts(mailbox: &str) -> impl Iterator<Item = &str> {
    mailbox.split_inclusive(|c: char| c.is_ascii_punctuation())
}

/// Replaces the characters of word processors and input methods with those of a keyboard, and removes characters that shape
/// nothing.
fn plain(mailbox: &str) -> String {
    let mut before = None;
    let mut plain = String::new();
    for c in mailbox.chars() {
        if c != SOFT_HYPHEN && !(is_shaping(c) && before.is_some_and(is_never_shaped)) {
            typed_as(c, before, &mut plain);
        }
        before = Some(c);
    }
    plain.nfc().collect()
}

fn is_never_shaped(c: char) -> bool {
    ALPHABETS.contains(&c.script())
}

fn typed_as(c: char, before: Option<char>, plain: &mut String) {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' => plain.push('\''),
        '\u{2014}' | '\u{2015}' => plain.push('-'),
        // On Japanese keyboards, the long vowel mark shares the hyphen's key.
        '\u{30fc}' if before.is_some_and(|c| c.is_ascii_alphanumeric()) => plain.push('-'),
        '\u{3002}' | '\u{ff61}' => plain.push('.'),
        _ if is_hyphen(c) => plain.push('-'),
        _ if is_keyboard_letter(c) || normalizes_to_space(c) => plain.push(c),
        _ => plain.extend(std::iter::once(c).nfkc()),
    }
}

/// Returns whether people type the letter although NFKC decomposes it: the Armenian ligature, the vowels am of Thai and Lao,
/// the Lao digraphs, the high hamzas of Kazakh, and the letters of a Korean keyboard.
fn is_keyboard_letter(c: char) -> bool {
    matches!(c, '\u{587}' | '\u{e33}' | '\u{eb3}' | '\u{edc}' | '\u{edd}' | '\u{675}'..='\u{678}' | '\u{3131}'..='\u{318e}')
}

/// Returns whether the character is an accent on a space, such as `¨`.
fn normalizes_to_space(c: char) -> bool {
    std::iter::once(c).nfkc().any(char::is_whitespace)
}

/// Returns whether texts but not identifiers use the character: quotation marks, bullets, an ellipsis.
fn is_odd(c: char) -> bool {
    let is_punctuation = c.general_category_group() == GeneralCategoryGroup::Punctuation;
    !c.is_ascii() && (normalizes_to_space(c) || (is_punctuation && !c.identifier_allowed()))
}

/// Returns whether an otherwise ASCII mailbox has digits of another script. For a mailbox of digits alone, the domain tells
/// which digits its owner writes.
fn has_foreign_digits(mailbox: &str, has_ascii_domain: bool) -> bool {
    let mut others = mailbox.chars().filter(|c| !is_digit(*c) || c.is_ascii());
    let is_ascii_else = others.all(|c| c.is_ascii());
    let is_beside_latin = mailbox.contains(|c: char| c.is_ascii_alphabetic()) || has_ascii_domain;
    is_ascii_else && is_beside_latin && !mailbox.is_ascii()
}

/// Counts the kinds of digits by their zeros.
fn count_digit_kinds(mailbox: &str) -> usize {
    let zero = |c| Some(u32::from(c) - ascii_digit(c)?.to_digit(10)?);
    let mut zeros: Vec<u32> = mailbox.chars().filter_map(zero).collect();
    zeros.sort_unstable();
    zeros.dedup();
    zeros.len()
}

/// Returns whether a word mixes writing systems (UTS 39, 5.1). Latin with Chinese, Japanese or Korean counts as one system
/// ("highly restrictive", 5.2).
fn is_mixed(part: &str) -> bool {
    let others: String = part.chars().filter(|c| c.script() != Script::Latin).collect();
    !part.is_single_script() && !is_east_asian(&others)
}

fn is_east_asian(text: &str) -> bool {
    let scripts = text.resolve_script_set();
    scripts.hanb || scripts.jpan || scripts.kore
}

/// Returns whether a word of another script looks like ASCII letters in a mailbox with a Latin word: `а.smith`.
fn is_disguised(part: &str, mailbox: &str) -> bool {
    let is_beside_latin = mailbox.contains(|c: char| c.is_ascii_alphabetic());
    let is_of_another = |c: char| c.is_alphabetic() && c.script() != Script::Latin;
    let reads_as_ascii = || spelled_in(Script::Latin, part).is_some_and(|latin| latin.is_ascii());
    is_beside_latin && part.contains(is_of_another) && !is_mixed(part) && reads_as_ascii()
}

fn respelled(part: &str, mailbox: &str) -> Option<String> {
    if is_mixed(part) {
        spelled_in(main_script(part)?, part)
    } else if is_disguised(part, mailbox) {
        spelled_in(Script::Latin, part)
    } else {
        Some(part.to_owned())
    }
}

/// Returns the script of most letters; Latin if there is a tie.
fn main_script(part: &str) -> Option<Script> {
    let letters = part.chars().filter(|c| c.is_alphabetic());
    let scripts: Vec<Script> = letters.map(|c| c.script()).filter(|s| *s != Script::Common).collect();
    let count = |script: &Script| scripts.iter().filter(|other| *other == script).count();
    let rank = |script: &&Script| (count(script), **script == Script::Latin);
    scripts.iter().max_by_key(rank).copied()
}

fn spelled_in(script: Script, part: &str) -> Option<String> {
    let spelled = |c: char| {
        let belongs = ScriptExtension::from(c).contains_script(script) || c.script() == Script::Inherited;
        match ascii_digit(c) {
            Some(digit) if script == Script::Latin => Some(digit),
            _ if belongs => Some(c),
            _ => look_alike(script, c),
        }
    };
    part.chars().map(spelled).collect()
}

/// Returns the letter of an alphabet that looks like a letter of another, in the same case if possible.
fn look_alike(script: Script, c: char) -> Option<char> {
    let alike = LETTERS
        .get(&skeleton_of(c))
        .filter(|_| ALPHABETS.contains(&c.script()))?;
    let alike = alike.iter().copied().filter(|other| other.script() == script);
    alike.min_by_key(|other| other.is_uppercase() != c.is_uppercase())
}

/// The letters of the alphabets by their look. The order is that of the code charts, where common letters come first.
/// Phonetic letters are excluded, since no keyboard has them.
static LETTERS: LazyLock<HashMap<String, Vec<char>>> = LazyLock::new(|| {
    let mut letters = HashMap::<String, Vec<char>>::new();
    for letter in ('A'..='ž').chain('\u{370}'..='\u{58f}').filter(|c| c.is_alphabetic()) {
        letters.entry(skeleton_of(letter)).or_default().push(letter);
    }
    letters
});

fn skeleton_of(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubtful_mailbox_has_a_likely_spelling() {
        for (typed, meant) in [
            ("o’brien", "o'brien"),
            ("o´brien", "o'brien"),
            ("o‘brien", "o'brien"),
            ("info–kenya", "info-kenya"),
            ("info—kenya", "info-kenya"),
            ("info‑kenya", "info-kenya"),
            ("infoーkenya", "info-kenya"),
            ("ali۱۲۳", "ali123"),
            ("ali.٤٥", "ali.45"),
            ("ann๒", "ann2"),
            ("०७१२", "0712"),
            ("mаria", "maria"),
            ("Іvan", "Ivan"),
            ("zoё", "zoë"),
            ("мaрия", "мария"),
            ("βoβ", "βοβ"),
            ("а.smith", "a.smith"),
            ("ann.lеe", "ann.lee"),
            ("oﬃce", "office"),
            ("oﬁce", "ofice"),
            ("ａｎｎ", "ann"),
            ("ａｎｎ．ｌｅｅ", "ann.lee"),
            ("ﻋﻠﻲ", "علي"),
            ("so\u{ad}fia", "sofia"),
            ("jose\u{301}\u{200d}e", "josée"),
            ("m²", "m2"),
            ("名。姓", "名.姓"),
            ("ſophie", "sophie"),
            ("о’brien", "o'brien"),
            ("аa", "aa"),
            ("mаria٣", "maria3"),
        ] {
            let typed: String = typed.nfc().collect();
            assert!(is_doubtful(&typed, true), "{typed}");
            assert_eq!(likely(&typed, true).as_deref(), Some(meant), "{typed}");
            assert!(!is_doubtful(meant, true), "{meant}");
        }
    }

    #[test]
    fn a_doubtful_mailbox_may_have_no_likely_spelling() {
        for typed in [
            "мmax",
            "annب",
            "उपयोगann",
            "ann“lee”",
            "علي12٣",
            "a•b",
            "µtorrent",
            "zoe¨",
            "мaрия٣",
            "aliعلی",
        ] {
            assert!(is_doubtful(typed, true), "{typed}");
            assert_eq!(likely(typed, true), None, "{typed}");
        }
    }

    #[test]
    fn a_mailbox_of_one_script_is_never_doubtful() {
        for typed in [
            "ann",
            "用户",
            "用户2024",
            "用户abc",
            "Ελένη",
            "josé",
            "علي",
            "علي123",
            "علي١٢٣",
            "نامه\u{200c}ای",
            "ශ්\u{200d}රී",
            "नेपा\u{200d}ली",
            "ユーザー",
            "ドコモdocomo",
            "한글漢字",
            "ㅋㅋㅋ",
            "ผู้นำ",
            "ໜູຄຳ",
            "Արևիկ",
            "ʻōlelo",
            "обʼєкт",
            "col·lectiu",
            "ann+用户",
            "ivan.петров",
            "info_علی",
            "kullanıcı",
            "þór",
            "người.dùng",
            "ᎣᏏᏲ",
            "ߞߎߟߎ",
            "ⴰⵎⵔⴰⵙ",
            "སྤྱ་ད",
            "🦊",
            "❤\u{fe0f}",
            "👩\u{200d}🌾",
            "名・姓",
            "דוד׳",
            "葛\u{e0100}城",
        ] {
            assert!(!is_doubtful(typed, true), "{typed}");
            assert_eq!(likely(typed, true), None, "{typed}");
        }
        assert!(!is_doubtful("۱۲۳", false), "digits of the script of the domain");
    }
}
