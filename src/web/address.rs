//! The addresses of pages: English has no prefix, every other language has its code, as in `/fr/join`.

use std::fmt;

use crate::locale::Language;

/// The address of a page in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The language.
    pub language: Language,
    /// The path in English.
    pub path: &'static str,
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Language::En => out.write_str(self.path),
            other => write!(out, "/{}{}", other.code(), self.path),
        }
    }
}

/// Splits a path into its language and the path in English, which is empty for `/fr`. A path without a language is English.
pub fn split(path: &str) -> (Language, &str) {
    let rest = path.strip_prefix('/').unwrap_or_default();
    let code = rest.split('/').next().unwrap_or_default();
    match Language::of_code(code).filter(|language| *language != Language::En) {
        Some(language) => (language, &rest[code.len()..]),
        None => (Language::En, path),
    }
}

/// Returns the path below `/en`, which is another spelling of the path without a prefix.
pub fn below_en(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/en")?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_its_language() {
        for (path, language, rest) in [
            ("/", Language::En, "/"),
            ("/join", Language::En, "/join"),
            ("/fr", Language::Fr, ""),
            ("/fr/", Language::Fr, "/"),
            ("/zh/join", Language::Zh, "/join"),
            ("/ar/join/", Language::Ar, "/join/"),
            ("/en/join", Language::En, "/en/join"),
            ("/french", Language::En, "/french"),
            ("/FR/join", Language::En, "/FR/join"),
            ("", Language::En, ""),
        ] {
            assert_eq!(split(path), (language, rest), "{path}");
        }
        assert_eq!(below_en("/en/join"), Some("/join"));
        assert_eq!(below_en("/en"), Some(""));
        assert_eq!(below_en("/english"), None);
    }
}
