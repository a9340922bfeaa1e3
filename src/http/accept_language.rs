//! Chooses a language from `Accept-Language` (RFC 9110, 12.5.4). Written here because `fluent-langneg` ignores weights and
//! takes refused languages.

use axum::http::{HeaderMap, header};

use super::encoding::weight;

/// The most entries that are read. A browser sends fewer than ten.
const MAX_ENTRIES: usize = 20;

/// Returns the position of the language among `codes` that the client prefers: the first of the greatest weight. Regions do
/// not matter, but traditional Chinese is not `zh`. Other languages and `*` choose nothing.
pub fn preferred(headers: &HeaderMap, codes: &[&str]) -> Option<usize> {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).into_iter();
    let entries = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    let mut best: Option<(u16, usize)> = None;
    let mut reads_traditional = false;
    for entry in entries.take(MAX_ENTRIES) {
        let mut parts = entry.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
        let tag = parts.next().unwrap_or_default();
        let weight = weight(parts);
        reads_traditional |= is_traditional(tag);
        if reads_traditional && tag.eq_ignore_ascii_case(b"zh") {
            continue; // Browsers add it to zh-TW.
        }
        let found = codes.iter().position(|code| is_of(tag, code));
        if let Some(found) = found.filter(|_| weight > best.map_or(0, |(best, _)| best)) {
            best = Some((weight, found));
        }
    }
    best.map(|(_, found)| found)
}

/// Returns whether a language tag is of the language with this code.
fn is_of(tag: &[u8], code: &str) -> bool {
    let language = tag.split(|octet| *octet == b'-').next().unwrap_or_default();
    language.eq_ignore_ascii_case(code.as_bytes()) && !is_traditional(tag)
}

/// Returns whether a language tag is of Chinese in traditional characters.
fn is_traditional(tag: &[u8]) -> bool {
    let mut subtags = tag.split(|octet| *octet == b'-').map(<[u8]>::to_ascii_lowercase);
    if subtags.next().is_none_or(|language| language != b"zh") {
        return false;
    }
    let scripts: Vec<Vec<u8>> = subtags.collect();
    let has = |name: &[u8]| scripts.iter().any(|script| script == name);
    !has(b"hans") && [&b"hant"[..], b"tw", b"hk", b"mo"].into_iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_first_known_language_of_the_greatest_weight_is_chosen() {
        let codes = ["en", "fr", "es", "ar", "zh", "ru"];
        for (header, expected) in [
            ("fr", Some("fr")),
            ("FR", Some("fr")),
            ("fr-CA,fr;q=0.9", Some("fr")),
            ("fr;q=0.1,ar;q=0.9", Some("ar")),
            ("ar;q=0", None),
            ("ar;q=0,ru;q=0.001", Some("ru")),
            ("es-419", Some("es")),
            ("de,fr;q=0.5", Some("fr")),
            ("en-US,en;q=0.9,fr;q=0.8", Some("en")),
            ("fr, en", Some("fr")),
            ("*", None),
            ("de", None),
            ("zh-CN", Some("zh")),
            ("zh-Hans-HK", Some("zh")),
            ("zh-TW", None),
            ("zh-Hant", None),
            ("zh-HK,en;q=0.5", Some("en")),
            ("zh-TW,zh;q=0.9,en-US;q=0.8", Some("en")),
            ("zh-CN,zh;q=0.9", Some("zh")),
            ("fr;q=2", None),
            ("fr;q=-1", None),
            ("fr;q=NaN", None),
            ("fr;q=", None),
            (" fr ; Q=0.3 , es ;q=0.2", Some("fr")),
            ("french", None),
            ("fr_FR", None),
            (",,;q=1,-", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_str(header).unwrap())]);
            let chosen = preferred(&headers, &codes).map(|index| codes[index]);
            assert_eq!(chosen, expected, "{header}");
        }
        let late = format!("{}fr", "xx,".repeat(20));
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_str(&late).unwrap())]);
        assert_eq!(preferred(&headers, &codes), None, "an entry behind the twentieth");
        let headers = HeaderMap::from_iter([(
            header::ACCEPT_LANGUAGE,
            HeaderValue::from_bytes(b"\xFF\xFE,fr").unwrap(),
        )]);
        assert_eq!(preferred(&headers, &codes), Some(1), "octets that are no text");
    }
}
