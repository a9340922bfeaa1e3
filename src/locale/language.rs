//! The languages of the site. CONTRIBUTING.md says how to add one.

/// A language in which the site can be read. English is the language of the approved texts, of staff and of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Arabic.
    Ar,
    /// Simplified Chinese.
    Zh,
    /// Russian.
    Ru,
    /// English with accents, for tests.
    #[cfg(debug_assertions)]
    EnXa,
    /// English in Arabic letters, for tests.
    #[cfg(debug_assertions)]
    ArXb,
}

/// The direction of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    Ltr,
    /// From right to left.
    Rtl,
}

/// A row of the table.
struct Row {
    code: &'static str,
    tag: &'static str,
    own_name: &'static str,
    english_name: &'static str,
    direction: Direction,
    open_graph: &'static str,
}

impl Language {
    /// The languages of ICANN, English first.
    pub const ALL: [Self; 6] = [Self::En, Self::Fr, Self::Es, Self::Ar, Self::Zh, Self::Ru];

    /// The languages for tests.
    #[cfg(debug_assertions)]
    const PSEUDO: &[Self] = &[Self::EnXa, Self::ArXb];
    #[cfg(not(debug_assertions))]
    const PSEUDO: &[Self] = &[];

    fn row(self) -> Row {
        use Direction::{Ltr, Rtl};
        let row = |code, tag, own_name, english_name, direction, open_graph| Row {
            code,
            tag,
            own_name,
            english_name,
            direction,
            open_graph,
        };
        match self {
            Self::En => row("en", "en", "English", "English", Ltr, "en_US"),
            Self::Fr => row("fr", "fr", "Français", "French", Ltr, "fr_FR"),
            Self::Es => row("es", "es", "Español", "Spanish", Ltr, "es_ES"),
            Self::Ar => row("ar", "ar", "العربية", "Arabic", Rtl, "ar_AR"),
            Self::Zh => row("zh", "zh-Hans", "中文", "Chinese", Ltr, "zh_CN"),
            Self::Ru => row("ru", "ru", "Русский", "Russian", Ltr, "ru_RU"),
            #[cfg(debug_assertions)]
            Self::EnXa => row("en-XA", "en-XA", "[Ḗƞɠŀīşħ]", "pseudo-English", Ltr, "en_US"),
            #[cfg(debug_assertions)]
            Self::ArXb => row("ar-XB", "ar-XB", "[ثنگلهس]", "pseudo-Arabic", Rtl, "ar_AR"),
        }
    }

    /// Returns the code, for addresses, the database and settings.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// Returns the language tag (BCP 47), for HTML and HTTP.
    #[must_use]
    pub fn tag(self) -> &'static str {
        self.row().tag
    }

    /// Returns the name in the language itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        self.row().own_name
    }

    /// Returns the English name, for staff and operators.
    #[must_use]
    pub fn english_name(self) -> &'static str {
        self.row().english_name
    }

    /// Returns the direction, as the attribute `dir` has it.
    #[must_use]
    pub fn direction(self) -> &'static str {
        match self.row().direction {
            Direction::Ltr => "ltr",
            Direction::Rtl => "rtl",
        }
    }

    /// Returns the locale for the Open Graph protocol.
    #[must_use]
    pub fn open_graph(self) -> &'static str {
        self.row().open_graph
    }

    /// Returns every language that this program has, also those for tests.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().chain(Self::PSEUDO).copied()
    }

    /// Finds a language by its code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::all().find(|language| language.code() == code)
    }
}
