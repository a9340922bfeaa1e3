//! ICANN's geographic regions.

use std::fmt;

/// One of the five geographic regions of ICANN's bylaws. A dependent territory belongs to the region of its citizens'
/// country, so Guadeloupe is in Europe and Guam in North America.
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
    /// Every region, sorted by name.
    pub const ALL: [Self; 5] = [
        Self::Africa,
        Self::AsiaPacific,
        Self::Europe,
        Self::LatinAmerica,
        Self::NorthAmerica,
    ];

    /// Parses the name for commands.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.name() == name)
    }

    /// Returns the name for commands.
    #[must_use]
    pub fn name(self) -> &'static str {
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
