//! Finds stored applications, whatever form of a name, a number or an address is typed: query and answers are folded alike.
//! An index of short runs of characters (n-grams) selects candidates, and [`Search::matches`] checks each.

use super::form::Group;
use super::stored_application::StoredApplication;
use super::words::answers_in_words;
use crate::locale::Language;
use crate::values::{DomainName, EmailAddress, folded};

/// The fewest digits of a phone number.
const FEWEST_DIGITS: usize = 5;

/// The most n-grams in an index query. More would hardly narrow the result.
const MOST_GRAMS: usize = 64;

/// A search query.
#[derive(Clone, Debug)]
pub struct Search {
    reference: String,
    domain_name: Option<DomainName>,
    words: Option<String>,
    /// Another reading of the query: an address, a part of a reference, or a phone number.
    also: Option<String>,
}

/// The conditions of the database query. A match meets one of these conditions, or is not indexed yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Preselection {
    pub(super) words: Option<Vec<i32>>,
    pub(super) also: Option<Vec<i32>>,
    pub(super) domain_name: Option<String>,
    pub(super) reference: Option<String>,
}

impl Search {
    /// Reads a reference, a domain name, an email address, a phone number or a part of any answer.
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

    /// Returns whether this application matches.
    #[must_use]
    pub fn matches(&self, record: &StoredApplication) -> bool {
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
            words: self.words.as_deref().map(query_grams),
            also: self.also.as_deref().map(query_grams),
            domain_name: self.domain_name.as_ref().map(|name| name.ascii().to_owned()),
            reference: whole.map(|whole| format!("NPOC-{}-{}", &whole[..4], &whole[4..])),
        }
    }
}

/// Normalizes a reference: people leave out or add the prefix, spaces and hyphens.
fn reference(typed: &str) -> String {
    let typed = typed.to_uppercase().replace(|c: char| !c.is_alphanumeric(), "");
    typed.strip_prefix("NPOC").unwrap_or(&typed).to_owned()
}

fn is_whole(reference: &str) -> bool {
    reference.len() == 8 && reference.is_ascii()
}

/// Returns the part after the prefix that all references have.
fn part_of_reference(words: &str) -> Option<String> {
    let part = words.strip_prefix("npoc-")?;
    (!part.is_empty()).then(|| part.to_owned())
}

/// Returns the digits of a phone number in any spelling.
fn phone(words: &str) -> Option<String> {
    let digits = digits(words);
    (digits.len() >= FEWEST_DIGITS && !words.contains(char::is_alphabetic)).then_some(digits)
}

fn digits(words: &str) -> String {
    words.chars().filter(char::is_ascii_digit).collect()
}

/// Returns the searchable lines of an application, folded: the answers as people read them, the reference without its
/// prefix, the domain name in ASCII, and the digits of the phone number.
///
/// A release that changes these lines, such as the words of a choice or the name of a country, sets
/// `applications.search_grams` to NULL in a migration.
fn lines(record: &StoredApplication) -> impl Iterator<Item = String> {
    let answers = record.answers();
    let said = Group::ALL
        .into_iter()
        .flat_map(|group| answers_in_words(Language::En, &answers, group));
    let said: Vec<_> = said.map(|answer| folded(&answer.lines.join(" "))).collect();
    let phone = record.representative_phone.iter().map(|phone| digits(&folded(phone)));
    let names = [record.reference.trim_start_matches("NPOC-"), &record.domain_name_ascii];
    said.into_iter().chain(phone).chain(names.into_iter().map(folded))
}

/// Returns the n-grams of an application: every run of one, two and three characters of each line.
pub(super) fn grams(record: &StoredApplication) -> Vec<i32> {
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

/// Returns the n-grams of a phrase for the index query: its runs of three characters, which contain the shorter ones.
fn query_grams(phrase: &str) -> Vec<i32> {
    let letters: Vec<char> = phrase.chars().collect();
    let mut grams: Vec<i32> = letters.windows(letters.len().clamp(1, 3)).map(gram).collect();
    grams.sort_unstable();
    grams.dedup();
    grams.truncate(MOST_GRAMS);
    grams
}

/// Returns the number of an n-gram, which must never change, because the database stores it. Packs 21 bits for each
/// character, multiplies by 2^64 divided by the golden ratio, and takes the upper 32 bits. Two n-grams may share a
/// number; [`Search::matches`] removes what such a collision adds.
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
    fn the_number_of_an_n_gram_never_changes() {
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
    fn a_query_has_another_reading() {
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
