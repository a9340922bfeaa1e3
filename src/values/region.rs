//! ICANN's regions, to which countries are counted.

use std::fmt;

/// The five geographic regions that ICANN's bylaws name. A dependent territory follows the country
/// of its citizens, so Guadeloupe is Europe and Guam is North America.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Africa.
    Africa,
    /// Asia/Australia/Pacific, with the Caucasus, Cyprus, Israel and Türkiye.
    AsiaPacific,
    /// Europe.
    Europe,
    /// Latin America/Caribbean islands, with Mexico.
    LatinAmerica,
    /// North America.
    NorthAmerica,
}

impl Region {
    /// Every one, in the order of its name.
    pub const ALL: [Self; 5] = [
        Self::Africa,
        Self::AsiaPacific,
        Self::Europe,
        Self::LatinAmerica,
        Self::NorthAmerica,
    ];

    /// One word for it, for commands.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Africa => "africa",
            Self::AsiaPacific => "asia-pacific",
            Self::Europe => "europe",
            Self::LatinAmerica => "latin-america",
            Self::NorthAmerica => "north-america",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Africa => "Africa",
            Self::AsiaPacific => "Asia/Australia/Pacific",
            Self::Europe => "Europe",
            Self::LatinAmerica => "Latin America/Caribbean islands",
            Self::NorthAmerica => "North America",
        })
    }
}
