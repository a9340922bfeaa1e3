//! Finds a country by its common names, in any spelling.

use std::sync::LazyLock;

use super::Country;
use super::country_names::NAMES;
use super::fold::folded;

/// Optional words of names.
const SMALL: [&str; 3] = ["the", "of", "and"];

/// Words that official names have and common names lack.
#[rustfmt::skip]
const OFFICIAL: [&str; 27] = [
    "arab", "bolivarian", "commonwealth", "democratic", "duchy", "federal", "federation", "federative", "former",
    "grand", "hashemite", "independent", "islamic", "kingdom", "nation", "peoples", "plurinational", "principality",
    "republic", "socialist", "sovereign", "state", "sultanate", "territory", "union", "united", "eastern",
];

/// The greatest number of suggestions.
const MAX_SUGGESTIONS: usize = 5;

/// The other names under which the form also lists a country, for people who type its first letters.
#[rustfmt::skip]
const OFFERED: [&str; 42] = [
    "America", "Bosnia", "Britain", "British Virgin Islands", "Brunei", "Burma", "Cape Verde",
    "Caribbean Netherlands", "Congo-Brazzaville", "Congo-Kinshasa", "Czech Republic", "DR Congo", "East Timor",
    "England", "Great Britain", "Holland", "Ivory Coast", "Macau", "Macedonia", "Malvinas", "North Korea",
    "Northern Ireland", "Republic of Korea", "Russian Federation", "Scotland", "Sint Eustatius", "South Korea",
    "St Barthélemy", "St Helena", "St Kitts and Nevis", "St Lucia", "St Martin (French part)",
    "St Pierre and Miquelon", "St Vincent and the Grenadines", "Swaziland", "Turkey", "UAE", "UK",
    "US Virgin Islands", "USA", "Vatican City", "Vietnam",
];

/// A country under one of its names.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The country.
    pub country: Country,
    /// The name; another name has the main one in brackets, as in "Ivory Coast (Côte d’Ivoire)".
    pub label: String,
    /// Whether this is the main name.
    pub is_own: bool,
}

/// The names of a country, prepared for comparison.
struct NameIndex {
    country: Country,
    /// The sorted words of each name.
    names: Vec<Vec<String>>,
}

static INDEX: LazyLock<Vec<NameIndex>> = LazyLock::new(|| Country::all().map(index_names).collect());

static OFFERS: LazyLock<Vec<Offer>> = LazyLock::new(|| {
    let others = OFFERED
        .iter()
        .filter_map(|name| Country::find(name).map(|country| other_offer(name, country)));
    let own = |country: Country| Offer {
        country,
        label: country.name().to_owned(),
        is_own: true,
    };
    let mut offers: Vec<Offer> = Country::all().map(own).chain(others).collect();
    offers.sort_by_cached_key(|offer| folded(&offer.label));
    offers
});

impl Country {
    /// Finds a country by its code of two or three letters, or by a common or former name, in any spelling and order of words.
    /// A name that several countries share finds none.
    #[must_use]
    pub fn find(typed: &str) -> Option<Self> {
        Self::parse(typed)
            .ok()
            .or_else(|| find_alpha_3(typed))
            .or_else(|| match named(typed)[..] {
                [country] => Some(country),
                _ => None,
            })
    }

    /// Returns at most five suggestions for a text that finds no country, the likeliest first: countries that share the name
    /// or its words, or whose names differ by a typo.
    #[must_use]
    pub fn near(typed: &str) -> Vec<Self> {
        let same = named(typed);
        if !same.is_empty() {
            return same;
        }
        let typed = words(typed);
        let mut near: Vec<_> = INDEX
            .iter()
            .filter_map(|one| Some((one.distance(&typed)?, one.country)))
            .collect();
        near.sort_by_key(|(distance, _)| *distance);
        near.into_iter()
            .map(|(_, country)| country)
            .take(MAX_SUGGESTIONS)
            .collect()
    }

    /// Returns every country under its main name, and some also under other names, sorted by name.
    #[must_use]
    pub fn offers() -> &'static [Offer] {
        &OFFERS
    }
}

/// The longest entry, in characters, that fits on a phone in a browser without style sheets.
const LONGEST: usize = 45;

/// Returns an entry for another name. The main name follows in brackets, unless it has brackets itself or is too long.
fn other_offer(name: &str, country: Country) -> Offer {
    let own = country.name();
    let both = format!("{name} ({own})");
    let is_clear = own.contains('(') || name.starts_with("St ") || both.chars().count() > LONGEST;
    Offer {
        country,
        label: if is_clear { name.to_owned() } else { both },
        is_own: false,
    }
}

fn find_alpha_3(typed: &str) -> Option<Country> {
    let is_it = |(_, alpha_3, _): &&(&str, &str, &[&str])| alpha_3.eq_ignore_ascii_case(typed.trim());
    NAMES
        .iter()
        .find(is_it)
        .and_then(|(code, ..)| Country::parse(code).ok())
}

/// Returns the countries with this name. If there is none, ignores the words of official names.
fn named(typed: &str) -> Vec<Country> {
    let typed = words(typed);
    let short: Vec<String> = typed
        .iter()
        .filter(|word| !OFFICIAL.contains(&word.as_str()))
        .cloned()
        .collect();
    let found = find_by_name(&typed);
    if found.is_empty() && short != typed {
        find_by_name(&short)
    } else {
        found
    }
}

fn find_by_name(words: &[String]) -> Vec<Country> {
    let is_called = |one: &&NameIndex| !words.is_empty() && one.names.iter().any(|name| name == words);
    INDEX.iter().filter(is_called).map(|one| one.country).collect()
}

fn index_names(country: Country) -> NameIndex {
    let others = NAMES.iter().filter(|(code, ..)| *code == country.code());
    let others = others.flat_map(|(_, _, names)| *names);
    let names = std::iter::once(&country.name())
        .chain(others)
        .map(|name| words(name))
        .collect();
    NameIndex { country, names }
}

/// Returns the words of a name, folded and sorted, without optional ones, so that "Korea, South" equals "South Korea".
fn words(name: &str) -> Vec<String> {
    let name: String = folded(name).replace('&', " and ").replace('.', "");
    let split = name.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<String> = split
        .filter(|word| !word.is_empty() && !SMALL.contains(word))
        .map(spell_out)
        .collect();
    words.sort_unstable();
    words
}

fn spell_out(word: &str) -> String {
    let whole = match word {
        "st" | "ste" => "saint",
        "is" | "isl" => "islands",
        "rep" => "republic",
        "dem" => "democratic",
        _ => word,
    };
    whole.to_owned()
}

impl NameIndex {
    /// Returns the distance of this country from the typed words, if it is a plausible match.
    fn distance(&self, typed: &[String]) -> Option<usize> {
        let shares_words = |name: &&Vec<String>| {
            let is_in =
                |some: &[String], all: &[String]| !some.is_empty() && some.iter().all(|word| all.contains(word));
            is_in(typed, name) || is_in(name, typed)
        };
        let typed_whole = typed.concat();
        let typo_distance = |name: &Vec<String>| {
            let name = name.concat();
            let distance = strsim::osa_distance(&name, &typed_whole);
            // In a short name, each letter counts more.
            (name.len() > 3 && distance <= 1 + typed_whole.len() / 5).then_some(distance)
        };
        let nearest = self.names.iter().filter_map(typo_distance).min();
        nearest.or_else(|| self.names.iter().find(shares_words).map(|_| typed_whole.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn code(typed: &str) -> Option<&'static str> {
        Country::find(typed).map(Country::code)
    }

    #[rustfmt::skip]
    const KNOWN: &[(&str, &[&str])] = &[
        ("AX", &["Åland", "Aland"]),
        ("PM", &["Saint Pierre", "St. Pierre", "Miquelon"]),
        ("ST", &["Sao Tome", "Principe"]),
        ("TC", &["Turks and Caicos", "Turks & Caicos"]),
        ("WF", &["Futuna"]),
        ("TR", &["Turkey", "TÜRKIYE", "turkiye", "Republic of Türkiye", "tur", " tr "]),
        ("CI", &["Ivory Coast", "Côte d'Ivoire", "Cote d’Ivoire", "COTE DIVOIRE", "côte d‘ivoire", "the Ivory Coast"]),
        ("MM", &["Burma", "Myanmar", "Republic of the Union of Myanmar"]),
        ("SZ", &["Swaziland", "Kingdom of Eswatini", "eswatini"]),
        ("CV", &["Cape Verde", "Cabo Verde", "Republic of Cabo Verde"]),
        ("CZ", &["Czech Republic", "Czech Rep.", "Czechia", "The Czech Republic"]),
        ("MK", &["Macedonia", "North Macedonia", "FYROM", "Republic of North Macedonia"]),
        ("NL", &["Holland", "The Netherlands", "Netherlands", "Kingdom of the Netherlands"]),
        ("GB", &["Great Britain", "England", "Scotland", "Wales", "Northern Ireland", "UK", "U.K.", "Britain", "GBR",
            "United Kingdom of Great Britain & Northern Ireland", "the united kingdom"]),
        ("IE", &["Ireland", "Republic of Ireland", "Éire"]),
        ("US", &["USA", "U.S.A.", "America", "United States of America", "the United States", "us"]),
        ("AE", &["UAE", "U.A.E.", "United Arab Emirates", "ARE"]),
        ("KR", &["South Korea", "Korea, South", "Korea (South)", "Republic of Korea", "Korea, Republic of", "KOR"]),
        ("KP", &["North Korea", "Korea, North", "DPRK", "Democratic People's Republic of Korea",
            "Korea, Democratic People’s Republic of"]),
        ("RU", &["Russia", "Russian Federation", "the Russian Federation"]),
        ("VN", &["Vietnam", "Viet Nam", "Viet-Nam", "Socialist Republic of Viet Nam"]),
        ("LA", &["Laos", "Lao PDR", "Lao People's Democratic Republic"]),
        ("SY", &["Syria", "Syrian Arab Republic"]),
        ("TZ", &["Tanzania", "United Republic of Tanzania", "Tanzania, United Republic of"]),
        ("BO", &["Bolivia", "Bolivia, Plurinational State of"]),
        ("VE", &["Venezuela", "Bolivarian Republic of Venezuela", "Venezuela (Bolivarian Republic of)"]),
        ("MD", &["Moldova", "Republic of Moldova", "Moldova, Republic of"]),
        ("PS", &["Palestine", "State of Palestine", "Palestinian Territories", "Palestine, State of"]),
        ("TW", &["Taiwan", "Taiwan, Province of China", "Republic of China", "Chinese Taipei"]),
        ("CN", &["China", "People's Republic of China", "PRC"]),
        ("VA", &["Vatican", "Vatican City", "Holy See", "The Holy See"]),
        ("TL", &["East Timor", "Timor Leste", "Timor-Leste", "Democratic Republic of Timor-Leste"]),
        ("CD", &["DRC", "DR Congo", "D.R. Congo", "Congo-Kinshasa", "Congo (Kinshasa)", "Zaire", "Zaïre", "Congo, Democratic Republic of",
            "Congo, The Democratic Republic of the", "Democratic Republic of the Congo", "Dem. Rep. Congo", "Congo (DRC)"]),
        ("CG", &["Congo", "Congo-Brazzaville", "Congo - Brazzaville", "Republic of the Congo", "Congo, Republic of"]),
        ("IR", &["Iran", "Persia", "Islamic Republic of Iran", "Iran (Islamic Republic of)"]),
        ("LK", &["Ceylon", "Sri Lanka", "Democratic Socialist Republic of Sri Lanka"]),
        ("TH", &["Siam", "Thailand"]),
        ("ZW", &["Rhodesia", "Zimbabwe"]),
        ("BA", &["Bosnia", "Bosnia & Herzegovina", "Bosnia-Herzegovina", "Bosnia and Herzegovina"]),
        ("MO", &["Macau", "Macao"]),
        ("XK", &["Kosovo", "Kosova", "xk", "Republic of Kosovo"]),
        ("KN", &["St. Kitts and Nevis", "Saint Kitts & Nevis", "St Kitts"]),
        ("LC", &["St. Lucia", "Saint Lucia", "st lucia"]),
        ("VC", &["St. Vincent & the Grenadines", "Saint Vincent and Grenadines"]),
        ("ST", &["Sao Tome and Principe", "São Tomé & Príncipe", "Sao Tome & Principe"]),
        ("RE", &["Reunion", "Réunion"]),
        ("CW", &["Curacao", "CURAÇAO"]),
        ("AX", &["Aland Islands", "Åland Is."]),
        ("GM", &["Gambia", "The Gambia", "Gambia, The"]),
        ("BS", &["Bahamas", "The Bahamas", "Commonwealth of the Bahamas"]),
        ("DO", &["Dominican Republic", "The Dominican Republic"]),
        ("DM", &["Dominica", "Commonwealth of Dominica"]),
        ("FM", &["Micronesia", "Federated States of Micronesia", "Micronesia (Federated States of)"]),
        ("BN", &["Brunei", "Brunei Darussalam"]),
        ("GW", &["Guinea Bissau", "Guinea-Bissau"]),
        ("GQ", &["Equatorial Guinea", "Guinea, Equatorial"]),
        ("VG", &["British Virgin Islands", "Virgin Islands, British"]),
        ("VI", &["US Virgin Islands", "U.S. Virgin Islands", "Virgin Islands (U.S.)"]),
        ("UY", &["Oriental Republic of Uruguay"]),
        ("ER", &["the State of Eritrea"]),
        ("KE", &["Kenya", "KE", "ken", "Republic of Kenya", "ＫＥＮＹＡ"]),
    ];

    #[test]
    fn a_country_is_found_by_any_name_in_any_spelling() {
        for (expected, names) in KNOWN {
            for name in *names {
                assert_eq!(code(name), Some(*expected), "{name}");
            }
        }
    }

    #[test]
    fn no_name_finds_another_country() {
        let mut of_words: HashMap<&[String], Vec<&str>> = HashMap::new();
        for one in INDEX.iter() {
            for name in &one.names {
                assert!(!name.is_empty());
                of_words.entry(name).or_default().push(one.country.code());
            }
        }
        for (name, mut codes) in of_words {
            codes.dedup();
            let is_known = ["korea", "islands virgin", "martin saint"].contains(&name.join(" ").as_str());
            assert!(codes.len() == 1 || is_known, "{name:?}: {codes:?}");
        }
        assert_eq!(NAMES.len(), Country::all().count());
        for (code, alpha_3, _) in NAMES {
            assert_eq!(Country::find(alpha_3), Country::parse(code).ok(), "{alpha_3}");
        }
    }

    #[test]
    fn near_countries_are_suggested_if_none_is_found() {
        for (typed, expected) in [
            ("Korea", &["KP", "KR"][..]),
            ("Virgin Islands", &["VG", "VI"]),
            ("Saint Martin", &["MF", "SX"]),
            ("Turky", &["TR"]),
            ("Germny", &["DE"]),
            ("Kenia", &["KE"]),
            ("Keny", &["KE"]),
            ("Madagazkar", &["MG"]),
            ("Guinea-Bisau", &["GW"]),
            ("Switzerland (Geneva)", &["CH"]),
        ] {
            assert_eq!(code(typed), None, "{typed}");
            let near: Vec<_> = Country::near(typed).into_iter().map(Country::code).collect();
            let is_first = near.starts_with(expected) || near.first() == expected.first();
            assert!(is_first && near.len() <= MAX_SUGGESTIONS, "{typed}: {near:?}");
        }
        for nothing in ["", "Atlantis", "United", "Republic of", "???", "the"] {
            assert_eq!(code(nothing), None, "{nothing}");
        }
        assert!(Country::near("Xyzzyplugh").is_empty() && Country::near("").is_empty());
        assert!(
            Country::near("Usb").is_empty(),
            "no typo of USA: in a short name, each letter counts more"
        );
    }

    #[test]
    fn every_country_is_offered_once_by_its_main_name() {
        let own: Vec<_> = Country::offers()
            .iter()
            .filter(|offer| offer.is_own)
            .map(|offer| offer.country)
            .collect();
        assert_eq!(own, Country::all().collect::<Vec<_>>(), "sorted by name");
        assert_eq!(Country::offers().len(), own.len() + OFFERED.len());
        let labels: Vec<_> = Country::offers().iter().map(|offer| offer.label.as_str()).collect();
        for label in [
            "Ivory Coast (Côte d’Ivoire)",
            "Turkey (Türkiye)",
            "North Korea",
            "St Lucia",
            "Kosovo",
        ] {
            assert!(labels.contains(&label), "{label}");
        }
    }
}
