//! Folds texts for comparison: texts that look the same to people get one spelling. No page shows folded text.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory as Gc, UnicodeGeneralCategory as _};

use super::characters::{ascii_digit, is_ignorable};

/// Folds a text, so that texts that differ only in typing become equal. Ignores case, accents, width and apostrophes, and
/// unifies dashes, quotation marks, white space and digits.
///
/// Follows NFKC and Unicode's full case folding (UAX 15; section 3.13 of the standard). Also replaces letters that many
/// keyboards lack. Folding twice changes nothing.
///
/// The search index of applications stores folded text. A release that folds differently must set
/// `applications.search_grams` to NULL in a migration, so that each application is indexed again.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return collapsed(text.chars().filter(|c| !is_apostrophe(*c)).map(|c| match c {
            _ if c.is_ascii_whitespace() || c.is_ascii_control() => ' ',
            _ => c.to_ascii_lowercase(),
        }));
    }
    let letters = text.chars().filter_map(joined).nfkd().filter(|c| !is_dropped(*c));
    let plain = letters.flat_map(without_case).flat_map(|c| Plain::of(c).chars());
    collapsed(plain).nfc().collect()
}

/// Collapses each run of spaces, dashes or f, and trims spaces. Copied text often loses an f with its ligature: "Oﬁce" stands
/// for "Office".
fn collapsed(letters: impl Iterator<Item = char>) -> String {
    let mut collapsed = String::new();
    for c in letters {
        let is_repeated = matches!(c, ' ' | '-' | 'f') && collapsed.ends_with(c);
        let is_first = c == ' ' && collapsed.is_empty();
        if !is_repeated && !is_first {
            collapsed.push(c);
        }
    }
    collapsed.truncate(collapsed.trim_end_matches(' ').len());
    collapsed
}

/// Handles characters that NFKD splits into a space and a mark: a voicing mark joins its kana, and a lone accent is dropped.
fn joined(c: char) -> Option<char> {
    match c {
        _ if c.is_ascii() => Some(c),
        '\u{309b}' => Some('\u{3099}'),
        '\u{309c}' => Some('\u{309a}'),
        _ if c.is_whitespace() => Some(c),
        _ => std::iter::once(c)
            .nfkd()
            .next()
            .is_none_or(|first| first != ' ')
            .then_some(c),
    }
}

fn is_dropped(c: char) -> bool {
    is_apostrophe(c) || !c.is_ascii() && (is_accent(c) || is_ignorable(c) || is_for_layout(c))
}

/// Returns whether readers omit the mark: accents, and the vowels of Arabic and Hebrew. In South and South-East Asia, marks
/// are vowels (class 0 or one of the script) or join letters (9). On kana, they form another letter (8).
fn is_accent(c: char) -> bool {
    match c.general_category() {
        Gc::NonspacingMark => !matches!(canonical_combining_class(c), 0 | 8 | 9 | 84..=132),
        Gc::EnclosingMark => true,
        // Hamza, which writers often omit, and the line that stretches a word.
        _ => matches!(c, '\u{621}' | '\u{674}' | '\u{640}'),
    }
}

/// Returns whether the character is an apostrophe, a prime, a letter of that shape, or the dot of a Catalan l·l.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{b7}' | '\u{2b9}'..='\u{2bf}' | '\u{2c8}' | '\u{2ca}' | '\u{2cb}' | '\u{2d0}' | '\u{2ee}'
            | '\u{294}' | '\u{295}' | '\u{241}' | '\u{242}' | '\u{a78b}' | '\u{a78c}' | '\u{55a}' | '\u{5f3}'
            | '\u{7f4}' | '\u{7f5}' | '\u{2018}'..='\u{201b}' | '\u{2027}' | '\u{2032}' | '\u{2035}'
            | '\u{275b}' | '\u{275c}' | '\u{275f}'
    )
}

/// Returns whether the character is the soft hyphen of Todo Mongolian or an interlinear annotation.
fn is_for_layout(c: char) -> bool {
    matches!(c, '\u{1806}' | '\u{fff9}'..='\u{fffb}')
}

/// Folds case fully: upper case turns ß into two letters and unifies the two small sigmas.
fn without_case(c: char) -> impl Iterator<Item = char> {
    let upper = c.to_lowercase().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase)
}

/// The replacement of a character.
enum Plain {
    One(char),
    Several(&'static str),
}

impl Plain {
    fn of(c: char) -> Self {
        let category = c.general_category();
        match c {
            'a'..='z' | '0'..='9' => Self::One(c),
            _ if c.is_whitespace() || category == Gc::Control => Self::One(' '),
            '\u{2212}' | '\u{2043}' | '\u{2d7}' | '\u{2796}' => Self::One('-'),
            _ if category == Gc::DashPunctuation => Self::One('-'),
            _ if is_quotation_mark(c, category) => Self::One('"'),
            _ => ascii_digit(c).map_or_else(|| Self::letter(c), Self::One),
        }
    }

    /// Replaces a letter that many keyboards lack (CLDR, Latin-ASCII), and unifies Arabic letters that differ by keyboard.
    fn letter(c: char) -> Self {
        Self::One(match c {
            'æ' => return Self::Several("ae"),
            'œ' => return Self::Several("oe"),
            'þ' => return Self::Several("th"),
            'ⱥ' => 'a',
            'ƀ' | 'ɓ' | 'ƃ' => 'b',
            'ƈ' | 'ȼ' => 'c',
            'đ' | 'ð' | 'ɖ' | 'ɗ' | 'ƌ' => 'd',
            'ə' | 'ǝ' | 'ɛ' | 'ɇ' => 'e',
            'ƒ' => 'f',
            'ǥ' | 'ɠ' | 'ɣ' => 'g',
            'ħ' | 'ⱨ' => 'h',
            'ı' | 'ɩ' | 'ɨ' => 'i',
            'ɉ' | 'ȷ' => 'j',
            'ƙ' | 'ⱪ' | 'ĸ' => 'k',
            'ł' | 'ƚ' | 'ɫ' | 'ⱡ' | 'ɬ' => 'l',
            'ŋ' | 'ɲ' | 'ƞ' => 'n',
            'ø' | 'ɔ' | 'ɵ' => 'o',
            'ƥ' => 'p',
            'ɍ' => 'r',
            'ŧ' | 'ƭ' | 'ʈ' | 'ⱦ' => 't',
            'ʉ' => 'u',
            'ʋ' => 'v',
            'ɏ' | 'ƴ' => 'y',
            'ƶ' | 'ȥ' | 'ⱬ' | 'ʒ' => 'z',
            'ґ' => 'г',
            '\u{671}' => '\u{627}',
            '\u{649}' | '\u{6cc}' => '\u{64a}',
            '\u{6a9}' => '\u{643}',
            '\u{629}' | '\u{6be}' | '\u{6c1}' | '\u{6c3}' | '\u{6d5}' => '\u{647}',
            _ => c,
        })
    }

    fn chars(self) -> impl Iterator<Item = char> {
        let (one, several) = match self {
            Self::One(c) => (Some(c), ""),
            Self::Several(text) => (None, text),
        };
        one.into_iter().chain(several.chars())
    }
}

fn is_quotation_mark(c: char, category: Gc) -> bool {
    matches!(category, Gc::InitialPunctuation | Gc::FinalPunctuation)
        || matches!(
            c,
            '\u{201e}' | '\u{2e42}' | '\u{300c}'..='\u{300f}' | '\u{301d}'..='\u{301f}' | '\u{5f4}' | '\u{275d}' | '\u{275e}' | '\u{2760}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const ALIKE: &[&[&str]] = &[
        &["Inter\u{ad}national Oﬁce", "international ofice", "International Office", "INTERNATIONAL OF\u{200b}FICE", "international oﬃce"],
        &["Women’s", "Women's", "Womens", "WOMEN＇S", "women`s", "women´s", "women‘s", "womenʼs"],
        &["Côte d’Ivoire", "Cote d'Ivoire", "COTE D‘IVOIRE", "cote divoire", "Co\u{302}te d′Ivoire"],
        &["Straße", "STRASSE", "strasse", "STRAẞE"],
        &["Łódź", "Lodz", "ŁÓDŹ"],
        &["Øresund", "oresund"],
        &["Đồng Tháp", "Dong Thap", "ĐỒNG THÁP"],
        &["Għaqda", "Ghaqda"],
        &["Iğdır", "IĞDIR", "igdir", "İĞDİR"],
        &["Læknafélag", "laeknafelag"],
        &["Œuvre", "oeuvre", "ŒUVRE"],
        &["Þjóð", "thjod"],
        &["Sámi Siŋga", "sami singa"],
        &["Azərbaycan", "azerbaycan"],
        &["Wanjikũ", "wanjiku"],
        &["Ɛwe Ɔman", "ewe oman"],
        &["Hawaiʻi", "Hawai'i", "hawaii"],
        &["col·lecció", "colleccio"],
        &["São Tomé", "sao tome", "SÃO TOMÉ"],
        &["Ｆｕｌｌ　Ｗｉｄｔｈ", "full width"],
        &["１９９０–１９９５", "1990-1995", "1990—1995", "1990−1995", "1990‑1995", "1990--1995"],
        &["۱۲۳", "123", "१२३", "๑๒๓", "١٢٣", "𝟏𝟐𝟑", "১২৩", "᠑᠒᠓"],
        &["“Hope”", "\"Hope\"", "«Hope»", "„Hope“", "「Hope」", "＂Hope＂", "‹Hope›"],
        &["a\u{a0}b", "a b", "a \t\n b", " a\u{3000}b ", "a\u{2009}b", "a\u{1e}b"],
        &["ΑΘΗΝΑΣ", "Αθήνας", "αθηνας", "αθηνασ"],
        &["Ёлка", "елка", "ЁЛКА"],
        &["Київ", "киів", "КИЇВ"],
        &["Ґалаґан", "галаган"],
        &["مؤسسة", "موسسه", "مؤسسه"],
        &["إسلام", "اسلام", "أسلام", "ٱسلام"],
        &["على", "علي", "علی"],
        &["كتاب", "کتاب"],
        &["مُحَمَّد", "محمد", "محـــمد"],
        &["شفاء", "شفا"],
        &["ﻻ", "لا"],
        &["می\u{200c}خواهم", "میخواهم"],
        &["שָׁלוֹם", "שלום"],
        &["צה״ל", "צה\"ל"],
        &["ג׳ורג׳", "ג'ורג'", "גורג"],
        &["ｶﾞｲﾄﾞ", "ガイド", "カ\u{3099}イト\u{3099}", "カ゛イト゛"],
        &["한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"],
        &["㈱", "(株)"],
        &["ᲗᲑᲘᲚᲘᲡᲘ", "თბილისი"],
        &["քաղաքև", "ՔԱՂԱՔԵՒ"],
        &["क\u{93c}लम", "कलम"],
        &["नेपाल\u{200d}ी", "नेपाली"],
        &["ភាសា\u{200b}ខ្មែរ", "ភាសាខ្មែរ"],
        &["№ 5", "no 5"],
        &["m²", "m2"],
        &["❤\u{fe0f}", "❤"],
    ];

    #[test]
    fn texts_that_differ_only_in_typing_fold_alike() {
        for texts in ALIKE {
            for text in *texts {
                assert_eq!(folded(text), folded(texts[0]), "{text}");
            }
        }
    }

    #[test]
    fn texts_that_readers_distinguish_stay_distinct() {
        for (one, other) in [
            ("か", "が"),
            ("は", "ぱ"),
            ("कल", "कुल"),
            ("क्ष", "कष"),
            ("ข่าว", "ข้าว"),
            ("가", "각"),
            ("a b", "ab"),
            ("a-b", "ab"),
            ("и", "і"),
            ("ш", "щ"),
            ("東", "京"),
        ] {
            assert_ne!(folded(one), folded(other));
        }
        assert!(!folded("각").contains(&folded("가")));
    }

    #[test]
    fn folding_twice_changes_nothing_and_removes_invisible_text() {
        let is_of_many = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{e000}'..='\u{f8ff}' | '\u{10000}'..);
        let every = (0..=0x0010_ffff).filter_map(char::from_u32);
        // In blocks of uniform characters, a sample is enough.
        let some: String = every.filter(|c| !is_of_many(*c) || u32::from(*c) % 13 == 0).collect();
        for c in some.chars().filter(|c| c.general_category() != Gc::Unassigned) {
            let text = format!("a{c}b か{c}\u{3099} \u{1100}{c}\u{1161}");
            let once = folded(&text);
            assert_eq!(folded(&once), once, "{text:?}");
        }
        assert_eq!(folded(&folded(&some)), folded(&some));
        for nothing in [
            "",
            " ",
            "\u{200b}\u{ad}",
            "’",
            "\u{301}",
            "\u{3164}",
            "\u{e0041}",
            "\u{1e}",
        ] {
            assert_eq!(folded(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn ascii_folds_the_same_with_another_script_and_alone() {
        let ascii: String = (0..128_u8).map(char::from).collect();
        for text in [&ascii, "Ann's  \t--\"Best\" `x` A-B"] {
            assert_eq!(
                folded(&format!("я{text}я")),
                format!("я{}я", folded(&format!("x{text}x")).trim_matches('x'))
            );
        }
    }

    #[test]
    fn digits_of_every_script_become_ascii() {
        let digits = (0..=0x0010_ffff).filter_map(char::from_u32);
        for c in digits.filter(|c| c.general_category() == Gc::DecimalNumber) {
            let folded = folded(&c.to_string());
            assert!(folded.len() == 1 && folded.as_bytes()[0].is_ascii_digit(), "{c:?}");
        }
    }
}
