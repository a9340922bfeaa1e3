//! The names of countries in the languages of the site, in the order of their readers (Unicode CLDR; `bin/cldr`).

use std::sync::LazyLock;

use super::Language;
use super::words::countries;
use crate::values::{Country, Offer};

/// The lists of the form besides English, made once.
static OFFERS: LazyLock<Vec<(Language, Vec<Offer>)>> = LazyLock::new(|| {
    let offers = |language| Some((language, countries(language)?.iter().filter_map(offer).collect()));
    Language::ALL.into_iter().filter_map(offers).collect()
});

fn offer((code, name): &(&str, &str)) -> Option<Offer> {
    let country = Country::parse(code).ok()?;
    Some(Offer {
        country,
        label: (*name).to_owned(),
        is_own: true,
    })
}

/// Returns the countries in the order of a language. English also lists other names.
#[must_use]
pub fn country_offers(language: Language) -> &'static [Offer] {
    let own = OFFERS.iter().find(|(one, _)| *one == language);
    own.map_or(Country::offers(), |(_, offers)| offers)
}

/// Returns the name of a country in a language.
#[must_use]
pub fn country_name(language: Language, country: Country) -> &'static str {
    let names = countries(language).unwrap_or_default();
    let own = names.iter().find(|(code, _)| *code == country.code());
    own.map_or(country.name(), |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_lists_every_country_once() {
        for language in Language::ALL {
            let own = country_offers(language).iter().filter(|offer| offer.is_own);
            let mut codes: Vec<_> = own.map(|offer| offer.country.code()).collect();
            codes.sort_unstable();
            let mut all: Vec<_> = Country::all().map(Country::code).collect();
            all.sort_unstable();
            assert_eq!(codes, all, "{language:?}");
        }
    }
}
