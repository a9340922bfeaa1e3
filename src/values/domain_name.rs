//! A registered domain name, parsed from pasted text. It has a Unicode form (U-labels) and an ASCII form for the DNS
//! (A-labels): RFC 5890, UTS 46 strict, RFC 5892.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;
use unicode_security::MixedScript;

use super::characters::{has_visible_text, is_hyphen, is_ignorable, is_joiner, is_shaping, to_half_width};
use super::label_rules::{misplaced, stray_punctuation};
use super::{DomainFault, Fault};

/// The greatest number of UTF-8 octets of a domain name.
const MAX_OCTETS: usize = 4 * 253;

/// The domain name of an organization, such as `例え.テスト`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName {
    unicode: String,
    ascii: String,
}

impl DomainName {
    /// Parses the host of a pasted address. Folds the dots and letter forms of every script, and drops a leading `www.`.
    ///
    /// # Errors
    /// Returns [`Fault::Missing`], [`Fault::Damaged`] or a [`DomainFault`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        let host = host_of(typed)?;
        let name = Self::parse_host(&host).map_err(Fault::Domain)?;
        if psl::domain_str(&name.unicode).is_none() {
            return Err(Fault::Domain(DomainFault::PublicSuffix));
        }
        Ok(name.without_www())
    }

    /// Parses a bare host name with at least one dot, such as the part after the `@` of an email address.
    pub(super) fn parse_host(host: &str) -> Result<Self, DomainFault> {
        // 253 octets of A-labels encode fewer than 253 characters. Folding a longer text would take long.
        if host.len() > MAX_OCTETS {
            return Err(DomainFault::TooLong);
        }
        reject_invalid_characters(host)?;
        let (unicode, valid) = idna::domain_to_unicode(host);
        // A-labels are decoded now.
        reject_invalid_characters(&unicode)?;
        reject_common_mistakes(&unicode)?;
        valid.map_err(|_| DomainFault::NotAllowed)?;
        let ascii = idna::domain_to_ascii_strict(host).map_err(|_| strict_fault(&unicode))?;
        if !ascii.contains('.') {
            return Err(DomainFault::NoDot);
        }
        if let Some(misplaced) = unicode.split('.').find_map(misplaced) {
            return Err(DomainFault::Character(misplaced));
        }
        Ok(Self { unicode, ascii })
    }

    /// Returns the Unicode form (U-labels).
    #[must_use]
    pub fn unicode(&self) -> &str {
        &self.unicode
    }

    /// Returns the ASCII form for the DNS (A-labels).
    #[must_use]
    pub fn ascii(&self) -> &str {
        &self.ascii
    }

    /// Returns whether a label mixes scripts and may look like another name (UTS 39). The usual mixtures of Chinese, Japanese
    /// and Korean do not count.
    #[must_use]
    pub fn mixes_scripts(&self) -> bool {
        !self.unicode.split('.').all(MixedScript::is_single_script)
    }

    /// Returns the registered name that contains this one: `example.org` for `mail.example.org`.
    #[must_use]
    pub fn registered(&self) -> &str {
        psl::domain_str(&self.unicode).unwrap_or(&self.unicode)
    }

    /// Returns the same in ASCII.
    #[must_use]
    pub fn registered_ascii(&self) -> &str {
        let labels = self.registered().split('.').count();
        let dots = self.ascii.rmatch_indices('.');
        let start = dots.map(|(dot, _)| dot + 1).nth(labels - 1);
        &self.ascii[start.unwrap_or(0)..]
    }

    /// Returns whether the name is below that of a host of pages or another private suffix, such as `github.io`.
    #[must_use]
    pub fn is_hosted(&self) -> bool {
        psl::suffix(self.unicode.as_bytes()).is_some_and(|suffix| suffix.typ() == Some(psl::Type::Private))
    }

    /// Returns whether the Public Suffix List knows the ending. An unknown ending may be new, so it only raises a doubt.
    #[must_use]
    pub fn has_known_ending(&self) -> bool {
        psl::suffix(self.unicode.as_bytes()).is_some_and(|suffix| suffix.is_known())
    }

    /// Returns whether `self` is `parent` or a name below it.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        self.ascii
            .strip_suffix(parent.ascii())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    fn without_www(self) -> Self {
        match (self.unicode.strip_prefix("www."), self.ascii.strip_prefix("www.")) {
            (Some(unicode), Some(ascii)) if psl::domain_str(unicode).is_some() => Self {
                unicode: unicode.to_owned(),
                ascii: ascii.to_owned(),
            }
            .without_www(),
            _ => self,
        }
    }
}

/// Returns the host of an address such as `https://www.example.org:443/about?x`.
fn host_of(typed: &str) -> Result<String, Fault> {
    let pasted = pasted(typed);
    if pasted.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Fault::Damaged);
    }
    let authority = pasted.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if !has_visible_text(authority) {
        return Err(Fault::Missing);
    }
    if authority.contains('@') {
        return Err(Fault::Domain(DomainFault::EmailAddress));
    }
    if authority.starts_with('[') || authority.parse::<IpAddr>().is_ok() {
        return Err(Fault::Domain(DomainFault::IpAddress));
    }
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| is_port(port))
        .map_or(authority, |(host, _)| host);
    Ok(host.strip_suffix(is_dot).unwrap_or(host).to_owned())
}

/// Cleans a pasted address: removes invisible characters, quotation marks around it and the scheme, and replaces look-alikes
/// of ASCII characters.
pub fn pasted(typed: &str) -> String {
    let visible: String = typed
        .chars()
        .filter(|c| is_shaping(*c) || !is_ignorable(*c))
        .map(to_half_width)
        .map(|c| if is_hyphen(c) { '-' } else { c })
        .nfc()
        .collect();
    let pasted = visible
        .trim_matches(|c: char| c.is_whitespace() || is_joiner(c))
        .trim_matches(['<', '>', '"', '“', '”', '\'', '「', '」', '«', '»'])
        .trim();
    without_scheme(pasted).to_owned()
}

/// Removes `https://` and `//`, repeated ones too. A path may hold another address.
fn without_scheme(mut pasted: &str) -> &str {
    while let Some((before, rest)) = pasted.split_once(":/")
        && is_scheme(before)
    {
        pasted = rest.trim_start_matches('/');
    }
    pasted.trim_start_matches("//")
}

/// Returns whether the text before `:/` is a scheme, also after `www.` or a word. A name with a dot may have an empty port.
fn is_scheme(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    !before.contains(['/', '?', '#']) && (!before.contains('.') || lower.ends_with("http") || lower.ends_with("https"))
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether the character is a dot of UTS 46: full stop, ideographic or half-width ideographic.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff61}')
}

/// Rejects characters that no name holds. Also runs before IDNA folds the name, since IDNA does not name the character.
fn reject_invalid_characters(host: &str) -> Result<(), DomainFault> {
    let host: String = host.nfkc().collect();
    if host.contains(char::is_whitespace) {
        Err(DomainFault::Space)
    } else if host.contains('_') {
        Err(DomainFault::Underscore)
    } else if let Some(stray) = stray_punctuation(&host) {
        Err(DomainFault::Character(stray))
    } else {
        Ok(())
    }
}

fn reject_common_mistakes(unicode: &str) -> Result<(), DomainFault> {
    if unicode.split('.').any(str::is_empty) {
        Err(DomainFault::EmptyLabel)
    } else if has_numeric_top_label(unicode) {
        Err(DomainFault::IpAddress)
    } else {
        Ok(())
    }
}

/// Returns whether the top-level label is a number. No such domain exists (RFC 3696, 2), so the name is an IP address.
fn has_numeric_top_label(unicode: &str) -> bool {
    let top = unicode.rsplit('.').next().unwrap_or_default();
    let is_hex = top
        .strip_prefix("0x")
        .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    is_hex || top.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the fault of a name that only the strict rules reject.
fn strict_fault(unicode: &str) -> DomainFault {
    let lax = idna::domain_to_ascii(unicode).unwrap_or_default();
    if lax.len() > 253 || lax.split('.').any(|label| label.len() > 63) {
        DomainFault::TooLong
    } else {
        DomainFault::NotAllowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_addresses_are_parsed() {
        for (typed, unicode, ascii) in [
            ("https://www.example.org/about", "example.org", "example.org"),
            ("EXAMPLE.ORG.", "example.org", "example.org"),
            ("例え.テスト", "例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("xn--r8jz45g.xn--zckzah", "例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("例え。テスト。", "例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("ｅｘａｍｐｌｅ．ｏｒｇ", "example.org", "example.org"),
            ("http://example.org:8080?x=1", "example.org", "example.org"),
            (" \u{200e}example.org\u{200f} ", "example.org", "example.org"),
            ("straße.example", "straße.example", "xn--strae-oqa.example"),
            ("مثال.إختبار", "مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"),
            ("www.org", "www.org", "www.org"),
            ("ᏣᎳᎩ.com", "ᏣᎳᎩ.com", "xn--f9dt7l.com"),
            ("ꮳꮃꭹ.com", "ᏣᎳᎩ.com", "xn--f9dt7l.com"),
            (
                "xn--mgba3gch31f060k.com",
                "نامه\u{200c}ای.com",
                "xn--mgba3gch31f060k.com",
            ),
            ("نامه\u{200c}ای.com", "نامه\u{200c}ای.com", "xn--mgba3gch31f060k.com"),
            ("a.co.uk", "a.co.uk", "a.co.uk"),
            ("www.www.example.org", "example.org", "example.org"),
            (" “example.org” ", "example.org", "example.org"),
            ("ftp://example.org/file", "example.org", "example.org"),
            ("www.http://example.org", "example.org", "example.org"),
            (
                "npoc.newtopleveldomain",
                "npoc.newtopleveldomain",
                "npoc.newtopleveldomain",
            ),
        ] {
            let name = DomainName::parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault:?}"));
            assert_eq!((name.unicode(), name.ascii()), (unicode, ascii), "{typed}");
        }
    }

    #[test]
    fn only_a_name_too_long_in_ascii_is_too_long() {
        let name = format!("{}.org", ["例".repeat(40).as_str(); 3].join("."));
        assert!(name.len() > 253 && DomainName::parse(&name).is_ok());
        let parse_host = |octets| DomainName::parse_host(&"_".repeat(octets));
        assert_eq!(parse_host(MAX_OCTETS), Err(DomainFault::Underscore));
        assert_eq!(parse_host(MAX_OCTETS + 1), Err(DomainFault::TooLong));
    }

    #[test]
    fn an_invalid_name_is_rejected_with_its_fault() {
        let long_label = format!("{}.org", "a".repeat(64));
        let long_name = format!("{}.org", vec!["a".repeat(60); 5].join("."));
        let hyphen_and_63 = format!("-{}.org", "a".repeat(62));
        let hyphen_and_253 = format!("-{}.{}", "a".repeat(48), vec!["a".repeat(50); 4].join("."));
        for (typed, fault) in [
            ("example", DomainFault::NoDot),
            ("192.0.2.1", DomainFault::IpAddress),
            ("http://[2001:db8::1]/", DomainFault::IpAddress),
            ("2001:db8::1", DomainFault::IpAddress),
            ("example..org", DomainFault::EmptyLabel),
            (".example.org", DomainFault::EmptyLabel),
            ("exam ple.org", DomainFault::Space),
            ("my_org.example.org", DomainFault::Underscore),
            (&long_label, DomainFault::TooLong),
            (&long_name, DomainFault::TooLong),
            (&"\u{fdfa}".repeat(400_000), DomainFault::TooLong),
            ("co.uk", DomainFault::PublicSuffix),
            ("github.io", DomainFault::PublicSuffix),
            ("info@example.org", DomainFault::EmailAddress),
            ("-example.org", DomainFault::NotAllowed),
            (&hyphen_and_63, DomainFault::NotAllowed),
            (&hyphen_and_253, DomainFault::NotAllowed),
            ("example.org:http", DomainFault::Character(':')),
            ("example.org:123456", DomainFault::Character(':')),
            ("exa!mple.org", DomainFault::Character('!')),
        ] {
            assert_eq!(DomainName::parse(typed), Err(Fault::Domain(fault)), "{typed}");
        }
        assert_eq!(DomainName::parse(" \u{200b} "), Err(Fault::Missing));
        assert_eq!(DomainName::parse("caf\u{fffd}.org"), Err(Fault::Damaged));
    }

    #[test]
    fn mixed_scripts_are_detected_and_usual_mixtures_are_not() {
        for (typed, mixed) in [
            ("exаmple.org", true), // a Cyrillic а
            ("пример.org", false),
            ("例えばエラー.jp", false),
            ("한글漢字.kr", false),
            ("example.org", false),
        ] {
            assert_eq!(
                DomainName::parse(typed).map(|name| name.mixes_scripts()),
                Ok(mixed),
                "{typed}"
            );
        }
    }

    #[test]
    fn registered_name_is_in_unicode_and_ascii() {
        for (name, registered, ascii) in [
            ("afyabora.or.ke", "afyabora.or.ke", "afyabora.or.ke"),
            ("mail.example.org", "example.org", "example.org"),
            ("a.例え.テスト", "例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ] {
            let name = DomainName::parse(name).unwrap();
            assert_eq!((name.registered(), name.registered_ascii()), (registered, ascii));
        }
    }

    #[test]
    fn a_name_is_only_within_itself_and_its_parents() {
        let parse = |name| DomainName::parse(name).unwrap();
        assert!(parse("mail.example.org").is_within(&parse("example.org")));
        assert!(parse("example.org").is_within(&parse("example.org")));
        assert!(!parse("notexample.org").is_within(&parse("example.org")));
    }
}
