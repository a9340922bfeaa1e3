//! A registered domain name, understood from what people paste and kept both as people read it
//! (U-labels) and as the DNS has it (A-labels): RFC 5890, UTS 46 strict, RFC 5892.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;
use unicode_security::MixedScript;

use super::characters::{halved, is_anything_seen, is_hyphen, is_ignorable, is_joiner, is_shaping};
use super::context::{misplaced, stray_punctuation};
use super::{DomainFault, Fault};

/// More octets of UTF-8 than any domain name can have.
const LONGEST: usize = 4 * 253;

/// A domain name under which an organization can be found, such as `例え.テスト`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName {
    unicode: String,
    ascii: String,
}

impl DomainName {
    /// Takes the host out of an address, folds every script's dot and letter forms, and judges.
    /// A leading `www.` goes: the name registered is the one behind it.
    ///
    /// # Errors
    /// [`Fault::Missing`], [`Fault::Damaged`] or a [`DomainFault`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        let host = host_of(typed)?;
        let name = Self::of_host(&host).map_err(Fault::Domain)?;
        if psl::domain_str(&name.unicode).is_none() {
            return Err(Fault::Domain(DomainFault::PublicSuffix));
        }
        Ok(name.without_www())
    }

    /// A bare host name with at least one dot, as it comes after the `@` of an address too.
    pub(super) fn of_host(host: &str) -> Result<Self, DomainFault> {
        // 253 octets of A-labels hold fewer than 253 characters; folding more than that costs time.
        if host.len() > LONGEST {
            return Err(DomainFault::TooLong);
        }
        refuse_what_no_name_holds(host)?;
        let (unicode, valid) = idna::domain_to_unicode(host);
        // What an A-label encodes is seen only now.
        refuse_what_no_name_holds(&unicode)?;
        refuse_common_slips(&unicode)?;
        valid.map_err(|_| DomainFault::NotAllowed)?;
        let ascii = idna::domain_to_ascii_strict(host).map_err(|_| refusal(&unicode))?;
        if !ascii.contains('.') {
            return Err(DomainFault::NoDot);
        }
        if let Some(misplaced) = unicode.split('.').find_map(misplaced) {
            return Err(DomainFault::Character(misplaced));
        }
        Ok(Self { unicode, ascii })
    }

    /// As people read it: U-labels.
    #[must_use]
    pub fn unicode(&self) -> &str {
        &self.unicode
    }

    /// As the DNS has it: A-labels.
    #[must_use]
    pub fn ascii(&self) -> &str {
        &self.ascii
    }

    /// Whether one label mixes scripts, which may be a look-alike of another name (UTS 39).
    /// Chinese, Japanese and Korean mix scripts as a matter of course and are not meant.
    #[must_use]
    pub fn mixes_scripts(&self) -> bool {
        !self.unicode.split('.').all(MixedScript::is_single_script)
    }

    /// The name that was registered, which this one may be below: `example.org` of
    /// `mail.example.org`.
    #[must_use]
    pub fn registered(&self) -> &str {
        psl::domain_str(&self.unicode).unwrap_or(&self.unicode)
    }

    /// Whether the Public Suffix List knows the ending. New ones appear, so an unknown one is only
    /// asked about.
    #[must_use]
    pub fn has_known_ending(&self) -> bool {
        psl::suffix(self.unicode.as_bytes()).is_some_and(|suffix| suffix.is_known())
    }

    /// Whether `self` is `parent` or a name below it.
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

/// What a person means by `https://www.example.org:443/about?x`, or why it cannot be meant.
fn host_of(typed: &str) -> Result<String, Fault> {
    let pasted = pasted(typed);
    if pasted.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Fault::Damaged);
    }
    let authority = pasted.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if !is_anything_seen(authority) {
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

/// What was pasted from the host on: without what is invisible, without quotation marks around it
/// and a scheme before it, in the characters of an ASCII keyboard where others stand for them.
pub fn pasted(typed: &str) -> String {
    let visible: String = typed
        .chars()
        .filter(|c| is_shaping(*c) || !is_ignorable(*c))
        .map(halved)
        .map(|c| if is_hyphen(c) { '-' } else { c })
        .nfc()
        .collect();
    let pasted = visible
        .trim_matches(|c: char| c.is_whitespace() || is_joiner(c))
        .trim_matches(['<', '>', '"', '“', '”', '\'', '「', '」', '«', '»'])
        .trim();
    without_scheme(pasted).to_owned()
}

/// Without `https://` or `//`, however often; a path may hold another address.
fn without_scheme(mut pasted: &str) -> &str {
    while let Some((before, rest)) = pasted.split_once(":/")
        && is_scheme(before)
    {
        pasted = rest.trim_start_matches('/');
    }
    pasted.trim_start_matches("//")
}

/// `https`, also behind a `www.` or a word. A name with a dot before `:/` may have an empty port.
fn is_scheme(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    !before.contains(['/', '?', '#']) && (!before.contains('.') || lower.ends_with("http") || lower.ends_with("https"))
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The dots of UTS 46: full stop, ideographic and half-width ideographic.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff61}')
}

/// Looked for before IDNA folds the name too, which tells that something is wrong and not what.
fn refuse_what_no_name_holds(host: &str) -> Result<(), DomainFault> {
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

fn refuse_common_slips(unicode: &str) -> Result<(), DomainFault> {
    if unicode.split('.').any(str::is_empty) {
        Err(DomainFault::EmptyLabel)
    } else if has_numeric_top_label(unicode) {
        Err(DomainFault::IpAddress)
    } else {
        Ok(())
    }
}

/// No top-level domain is a number (RFC 3696, 2), so such a name is an address in disguise.
fn has_numeric_top_label(unicode: &str) -> bool {
    let top = unicode.rsplit('.').next().unwrap_or_default();
    let is_hex = top
        .strip_prefix("0x")
        .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    is_hex || top.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why the strict rules refuse a name that the plain ones let pass.
fn refusal(unicode: &str) -> DomainFault {
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
    fn what_people_paste_is_understood() {
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
    fn what_cannot_be_registered_is_refused_with_its_reason() {
        let long_label = format!("{}.org", "a".repeat(64));
        let long_name = format!("{}.org", vec!["a".repeat(60); 5].join("."));
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
            ("exa!mple.org", DomainFault::Character('!')),
        ] {
            assert_eq!(DomainName::parse(typed), Err(Fault::Domain(fault)), "{typed}");
        }
        assert_eq!(DomainName::parse(" \u{200b} "), Err(Fault::Missing));
        assert_eq!(DomainName::parse("caf\u{fffd}.org"), Err(Fault::Damaged));
    }

    #[test]
    fn mixed_scripts_are_seen_and_writing_systems_that_mix_are_not() {
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
    fn a_name_is_within_itself_and_its_parents_only() {
        let parse = |name| DomainName::parse(name).unwrap();
        assert!(parse("mail.example.org").is_within(&parse("example.org")));
        assert!(parse("example.org").is_within(&parse("example.org")));
        assert!(!parse("notexample.org").is_within(&parse("example.org")));
    }
}
