//! The plural category of a whole number (CLDR 48). Written here because `intl_pluralrules`, which other Fluent crates
//! use, has Arabic wrong above 102 and no `many` in French and Spanish.

use super::Language;

/// A plural category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plural {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

/// Returns the category of a number.
pub fn plural(language: Language, number: u64) -> Plural {
    let is_millions = number != 0 && number.is_multiple_of(1_000_000);
    match (language, number, number % 10, number % 100) {
        (Language::Ar, 0, ..) => Plural::Zero,
        (Language::Ar, 2, ..) => Plural::Two,
        (Language::Ar, _, _, 3..=10) => Plural::Few,
        (Language::Ru, _, 1, last) if last != 11 => Plural::One,
        (Language::Ru, _, 2..=4, last) if !(12..=14).contains(&last) => Plural::Few,
        (Language::Ar, _, _, 11..) | (Language::Ru, ..) => Plural::Many,
        (Language::Zh, ..) => Plural::Other,
        (_, 1, ..) | (Language::Fr, 0, ..) => Plural::One,
        (Language::Fr | Language::Es, ..) if is_millions => Plural::Many,
        _ => Plural::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icu_locale_core::Locale;
    use icu_plurals::{PluralCategory, PluralRules};

    #[test]
    fn plural_categories_are_those_of_cldr() {
        for language in Language::ALL {
            let locale: Locale = language.tag().parse().unwrap();
            let rules = PluralRules::try_new_cardinal(locale.into()).unwrap();
            let numbers = (0..2_500).chain([1_000_000, 1_000_001, 2_000_000, 1_500_000, 10_000_003]);
            for number in numbers {
                let expected = match rules.category_for(number) {
                    PluralCategory::Zero => Plural::Zero,
                    PluralCategory::One => Plural::One,
                    PluralCategory::Two => Plural::Two,
                    PluralCategory::Few => Plural::Few,
                    PluralCategory::Many => Plural::Many,
                    PluralCategory::Other => Plural::Other,
                };
                assert_eq!(plural(language, number), expected, "{language:?} {number}");
            }
        }
    }
}
