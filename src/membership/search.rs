//! Finding applications again, whatever form of a name, a number or an address was typed: what is looked for is folded as
//! what was stored. An index of short runs of characters finds the few that may be meant, and [`Search::matches`] says which
//! are.

use super::record::Record;
use super::words::answers_in_words;
use crate::values::{DomainName, EmailAddress, folded};

/// A phone number has at least this number of digits.
const FEWEST_DIGITS: usize = 5;

/// Runs of characters by which the index is asked, at most. More would hardly narrow what is found.
const MOST_ASKED: usize = 64;

/// What someone looks for.
#[derive(Clone, Debug)]
pub struct Search {
    reference: String,
    domain_name: Option<DomainName>,
    words: Option<String>,
    /// What it reads as besides.
    also: Option<String>,
}

/// What the database is asked for: all that match are among what meets one of these conditions, and what is not indexed.
#[derive(Clone, Debug, Default)]
pub(super) struct Preselection {
    pub(super) words: Option<Vec<i32>>,
    pub(super) also: Option<Vec<i32>>,
    pub(super) domain_name: Option<String>,
    pub(super) reference: Option<String>,
}

impl Search {
    /// Reads a reference, a domain name, a mail address, a phone number or a part of any answer.
    #[must_use]
    pub fn of(typed: &str) -> Self {
        let words = folded(typed);
        let email = EmailAddress::parse(typed).ok().map(|email| folded(&email.to_string()));
        let reference = reference(typed);
        let part = || part_of_reference(&words).filter(|_| !is_whole(&reference));
        let also = email.or_else(part).or_else(|| phone(&words));
        Self {
            reference,
            domain_name: DomainName::parse(typed).ok(),
            also: also.filter(|also| *also != words),
            words: Some(words).filter(|words| !words.is_empty()),
        }
    }

    /// Returns whether this application is one of those.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let is_domain = |name: &DomainName| name.ascii() == record.domain_name_ascii;
        let is_said = |line: String| self.phrases().any(|phrase| line.contains(phrase));
        self.reference == reference(&record.reference)
            || self.domain_name.as_ref().is_some_and(is_domain)
            || lines(record).any(is_said)
    }

    fn phrases(&self) -> impl Iterator<Item = &str> {
        self.words.iter().chain(&self.also).map(String::as_str)
    }

    pub(super) fn preselection(&self) -> Preselection {
        let whole = Some(&self.reference).filter(|reference| is_whole(reference));
        Preselection {
            words: self.words.as_deref().map(asked),
            also: self.also.as_deref().map(asked),
            domain_name: self.domain_name.as_ref().map(|name| name.ascii().to_owned()),
            reference: whole.map(|whole| format!("NPOC-{}-{}", &whole[..4], &whole[4..])),
        }
    }
}

/// Without what people leave out or add when they read a reference aloud.
fn reference(typed: &str) -> String {
    let typed = typed.to_uppercase().replace(|c: char| !c.is_alphanumeric(), "");
    typed.strip_prefix("NPOC").unwrap_or(&typed).to_owned()
}

fn is_whole(reference: &str) -> bool {
    reference.len() == 8 && reference.is_ascii()
}

/// The letters of references, without what all of them begin with.
fn part_of_reference(words: &str) -> Option<String> {
    let part = words.strip_prefix("npoc-")?;
    (!part.is_empty()).then(|| part.to_owned())
}

/// The digits of what is a phone number in any spelling.
fn phone(words: &str) -> Option<String> {
    let digits = digits(words);
    (digits.len() >= FEWEST_DIGITS && !words.contains(char::is_alphabetic)).then_some(digits)
}

fn digits(words: &str) -> String {
    words.chars().filter(char::is_ascii_digit).collect()
}

/// What can be found of an application, folded, each answer a line: the answers as people read them, the reference without
/// what all begin with, the domain name as the DNS has it, and the digits of the phone number.
///
/// A release that changes any of it, such as the words of a choice or the name of a country, sets
/// `applications.search_grams` to NULL in a migration.
fn lines(record: &Record) -> impl Iterator<Item = String> {
    let said: Vec<_> = answers_in_words(&record.answers()).collect();
    let said = said.into_iter().map(|answer| folded(&answer.lines.join(" ")));
    let phone = record.representative_phone.iter().map(|phone| digits(&folded(phone)));
    let names = [record.reference.trim_start_matches("NPOC-"), &record.domain_name_ascii];
    said.chain(phone).chain(names.into_iter().map(folded))
}

/// What the index holds of an application: every run of one, two and three characters of each line.
pub(super) fn grams(record: &Record) -> Vec<i32> {
    let mut grams = Vec::new();
    for line in lines(record) {
        let letters: Vec<char> = line.chars().collect();
        for length in 1..=3 {
            grams.extend(letters.windows(length).map(gram));
        }
    }
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// By what the index is asked for a phrase: its runs of three characters, which hold the shorter ones.
fn asked(phrase: &str) -> Vec<i32> {
    let letters: Vec<char> = phrase.chars().collect();
    let mut asked: Vec<i32> = letters.windows(letters.len().clamp(1, 3)).map(gram).collect();
    asked.sort_unstable();
    asked.dedup();
    asked.truncate(MOST_ASKED);
    asked
}

/// The number of a run of characters, the same for ever: 21 bits for each, multiplied by 2^64 divided by the golden ratio, of
/// which the upper 32 bits count. Two runs may share one, which costs a look and no answer.
fn gram(letters: &[char]) -> i32 {
    let packed = letters
        .iter()
        .fold(0_u64, |packed, c| packed << 21 | u64::from(u32::from(*c)));
    let [.., a, b, c, d] = packed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_characters_keeps_its_number_for_ever() {
        for (letters, number) in [
            ("a", -217_768_119),
            ("ab", 2_053_373_987),
            ("abc", 870_004_524),
            ("東京都", 1_936_962_341),
            ("😀😀😀", 15_444_417),
        ] {
            assert_eq!(gram(&letters.chars().collect::<Vec<_>>()), number, "{letters}");
        }
    }

    #[test]
    fn a_search_asks_for_what_the_needle_reads_as() {
        let also = |typed: &str| Search::of(typed).also;
        assert_eq!(also("NPOC-3333"), Some("3333".into()));
        assert_eq!(also("+254 (20) 123-4567"), Some("254201234567".into()));
        assert_eq!(also("٠٢٠ ١٢٣ ٤٥٦٧"), Some("0201234567".into()));
        assert_eq!(
            also("mailto:Ann@EXAMPLE.org").or(also("Ann@bücher.example")),
            also("Ann@bücher.example")
        );
        for words in ["1990", "5 posts", "npoc", "Women", "5550100"] {
            assert_eq!(also(words), None, "{words}");
        }
        let asked = Search::of("npoc acde fghj").preselection();
        assert_eq!(asked.reference.as_deref(), Some("NPOC-ACDE-FGHJ"));
        let asked = Search::of("https://www.Example.org/about").preselection();
        assert_eq!(asked.domain_name.as_deref(), Some("example.org"));
        assert!(Search::of("’").preselection().words.is_none());
        assert_eq!(
            Search::of(&"東京".repeat(9000))
                .preselection()
                .words
                .map(|words| words.len()),
            Some(2)
        );
    }
}
