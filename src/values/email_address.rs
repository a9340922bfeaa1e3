//! An email address in any script on either side of the `@` (RFC 6531). The mailer can send to every parsed address.

use std::fmt;

use lettre::Address;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::characters::{SOFT_HYPHEN, has_base, has_visible_text, is_allowed_in_address, is_ignorable, is_shaping};
use super::{DomainFault, DomainName, EmailFault, Fault, doubtful_mailbox};

/// The length of a mailbox that every server must accept, in octets (RFC 5321, 4.5.3.1.1). Servers may accept more: a short
/// name in an Indic script has more octets.
const MAILBOX: usize = 64;

/// The greatest length of an address, in octets: a path of 256 without its angle brackets (RFC 5321, 4.5.3.1.3).
const ADDRESS: usize = 254;

/// An email address, with its domain in Unicode: `用户@例え.テスト`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    mailbox: String,
    domain: DomainName,
}

impl EmailAddress {
    /// Parses an address after trimming and normalization (NFC). Keeps the case of the mailbox.
    ///
    /// # Errors
    /// Returns [`Fault::Missing`], [`Fault::Damaged`] or an [`EmailFault`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        if !has_visible_text(typed) {
            return Err(Fault::Missing);
        }
        let address: String = unquoted(typed.trim_matches(is_trimmed)).nfc().collect();
        if address.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Fault::Damaged);
        }
        Self::parse_clean(&address).map_err(Fault::Email)
    }

    /// Returns the part before the `@`.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// Returns the part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }

    /// Returns the form for envelopes and headers. Its domain is ASCII, so only a mailbox outside ASCII needs SMTPUTF8
    /// (RFC 6531).
    #[must_use]
    pub fn to_wire(&self) -> Address {
        // lettre's parser rejects the combining marks of Indic and other scripts. `reject_unsendable` has checked the address
        // with letters in their place.
        Address::new_dangerous(&self.mailbox, self.domain.ascii())
    }

    /// Returns whether the address needs a relay with SMTPUTF8.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.mailbox.is_ascii()
    }

    /// Returns whether the mailbox has more octets than every server must accept.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.mailbox.len() > MAILBOX
    }

    /// Returns whether the mailbox is probably misspelled: it mixes scripts in a word, or has a typographic apostrophe or
    /// digits of another script. It may exist nevertheless.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        doubtful_mailbox::is_doubtful(&self.mailbox, self.domain.unicode().is_ascii())
    }

    /// Returns the likely spelling of a doubtful address, if there is one: `o'brien@` for `o’brien@`.
    #[must_use]
    pub fn likely_spelling(&self) -> Option<Self> {
        let mailbox = doubtful_mailbox::likely(&self.mailbox, self.domain.unicode().is_ascii())?;
        let likely = Self::parse(&format!("{mailbox}@{}", self.domain.unicode())).ok()?;
        (likely != *self).then_some(likely)
    }

    fn parse_clean(address: &str) -> Result<Self, EmailFault> {
        if has_display_name(address) {
            return Err(EmailFault::NotAlone);
        }
        if is_list(address) {
            return Err(EmailFault::ManyAts);
        }
        if has_invisible_character(address) {
            return Err(EmailFault::Space);
        }
        let (mailbox, domain) = split_at_sign(address)?;
        reject_misplaced_dots(mailbox)?;
        let domain = public_domain(domain)?;
        let email = Self {
            mailbox: mailbox.to_owned(),
            domain,
        };
        email.reject_unsendable()?;
        Ok(email)
    }

    fn reject_unsendable(&self) -> Result<(), EmailFault> {
        let wire_octets = self.mailbox.len() + 1 + self.domain.ascii().len();
        if wire_octets > ADDRESS || self.mailbox.graphemes(true).count() > MAILBOX {
            return Err(EmailFault::TooLong);
        }
        // Mail programs would decode an encoded word (RFC 2047) at any position.
        if self
            .mailbox
            .split_once("=?")
            .is_some_and(|(_, rest)| rest.contains("?="))
        {
            return Err(EmailFault::Mailbox);
        }
        Address::new(self.shape(), self.domain.ascii())
            .map(drop)
            .map_err(|_| self.sending_fault())
    }

    /// Returns the mailbox with one letter for each run outside ASCII, since lettre counts octets.
    fn shape(&self) -> String {
        let runs = self.mailbox.split_inclusive(|c: char| c.is_ascii());
        let run = |run: &str| match run.chars().next_back() {
            Some(last) if last.is_ascii() && run.len() > 1 => format!("x{last}"),
            Some(last) if last.is_ascii() => last.to_string(),
            _ => "x".to_owned(),
        };
        runs.map(run).collect()
    }

    /// Returns the fault that lettre found, with the invalid character if there is one.
    fn sending_fault(&self) -> EmailFault {
        let is_text = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        let stray = self.mailbox.chars().find(|c| !is_text(*c));
        stray.map_or(EmailFault::Mailbox, EmailFault::Character)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.mailbox, self.domain.unicode())
    }
}

/// Returns whether the character is trimmed: pasted spaces and direction marks. Line breaks stay and are rejected, since they
/// attack headers.
fn is_trimmed(c: char) -> bool {
    is_ignorable(c) || (c.is_whitespace() && !is_never_trimmed(c))
}

fn is_never_trimmed(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Returns whether the text has the form of mail programs: `Ann <ann@example.org>` or `mailto:ann@example.org`. Extracting
/// the address would be a guess if there are two.
fn has_display_name(address: &str) -> bool {
    let scheme = address.get(.."mailto:".len()).unwrap_or_default();
    address.ends_with('>') || scheme.eq_ignore_ascii_case("mailto:")
}

/// Returns whether the text is a list: `ann@example.org, bob@example.org`. This fault helps more than one about the space.
fn is_list(address: &str) -> bool {
    !address.starts_with('"') && address.split([' ', ',', ';']).filter(|part| part.contains('@')).count() > 1
}

/// Removes quotation marks around the address. No address ends with one.
fn unquoted(address: &str) -> &str {
    let typographic = address.trim_matches(['“', '”', '„', '‘', '’', '«', '»', '「', '」']);
    let inside = typographic.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(typographic)
}

/// Returns whether the address holds spaces, controls or other invisible characters. Joiners and variation selectors may
/// shape a letter of the mailbox. A soft hyphen comes from a printed text, and makes the mailbox doubtful.
fn has_invisible_character(address: &str) -> bool {
    let (mailbox, domain) = address.rsplit_once(['@', '＠']).unwrap_or((address, ""));
    let is_blank = !mailbox.is_empty() && !has_visible_text(mailbox);
    is_blank || has_invisible(mailbox.chars().filter(|c| *c != SOFT_HYPHEN)) || has_invisible(domain.chars())
}

fn has_invisible(mut part: impl Iterator<Item = char>) -> bool {
    let mut before = None;
    part.any(|c| {
        let is_in_place = is_shaping(c) && has_base(c, before);
        before = Some(c);
        !is_in_place && !is_allowed_in_address(c)
    })
}

/// Splits at the only `@` outside quotes. Accepts a full-width `＠` if there is no other.
fn split_at_sign(address: &str) -> Result<(&str, &str), EmailFault> {
    let (mailbox, domain) = address
        .rsplit_once('@')
        .or_else(|| address.rsplit_once('＠'))
        .ok_or(EmailFault::NoAt)?;
    let is_quoted = mailbox.len() > 2 && mailbox.starts_with('"') && mailbox.ends_with('"');
    if mailbox.is_empty() {
        Err(EmailFault::NoMailbox)
    } else if domain.is_empty() {
        Err(EmailFault::NoDomain)
    } else if !is_quoted && mailbox.contains(['@', '＠']) {
        Err(EmailFault::ManyAts)
    } else {
        Ok((mailbox, domain))
    }
}

fn reject_misplaced_dots(mailbox: &str) -> Result<(), EmailFault> {
    let is_quoted = mailbox.starts_with('"');
    let is_odd = mailbox.starts_with('.') || mailbox.ends_with('.') || mailbox.contains("..");
    if is_odd && !is_quoted {
        Err(EmailFault::Dots)
    } else {
        Ok(())
    }
}

fn public_domain(domain: &str) -> Result<DomainName, EmailFault> {
    if domain.starts_with('[') {
        return Err(EmailFault::NotPublic);
    }
    let name = DomainName::parse_host(domain).map_err(|fault| match fault {
        DomainFault::NoDot | DomainFault::IpAddress => EmailFault::NotPublic,
        DomainFault::EmptyLabel => EmailFault::Dots,
        DomainFault::TooLong => EmailFault::TooLong,
        DomainFault::Character(stray) => EmailFault::Character(stray),
        _ => EmailFault::Domain,
    })?;
    // Another machine never reaches it (RFC 6761, 6.3).
    if name.ascii().ends_with(".localhost") {
        return Err(EmailFault::NotPublic);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_any_script_are_accepted_and_sendable() {
        for typed in [
            "ann@example.com",
            "very.common+tag@example.com",
            "o'reilly@example.com",
            "x@g.example",
            "!#$%&'*+/=?^_`{|}~-@example.com",
            "josé@example.org",
            "用户@例え.テスト",
            "उपयोगकर्ता@उदाहरण.परीक्षा",
            "مستخدم@مثال.إختبار",
            "사용자@실례.테스트",
            "பயனர்@உதாரணம்.பரிட்சை",
            "\"much.more..unusual\"@example.com",
            "\"a@b\"@example.com",
        ] {
            let address = EmailAddress::parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault:?}"));
            assert_eq!(address.to_string(), typed);
            assert_eq!(address.to_wire().user(), address.mailbox());
            assert!(address.to_wire().domain().is_ascii());
        }
    }

    #[test]
    fn pasted_addresses_are_parsed() {
        for (typed, shown, wire) in [
            (" ann@EXAMPLE.com\u{a0}", "ann@example.com", "ann@example.com"),
            ("\u{202a}ann@example.com\u{202c}", "ann@example.com", "ann@example.com"),
            ("Ann@example.com", "Ann@example.com", "Ann@example.com"),
            (
                "info@xn--r8jz45g.xn--zckzah",
                "info@例え.テスト",
                "info@xn--r8jz45g.xn--zckzah",
            ),
            ("info@例え。テスト", "info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
            ("user＠example.com", "user@example.com", "user@example.com"),
            ("jose\u{301}@example.org", "josé@example.org", "josé@example.org"),
        ] {
            let address = EmailAddress::parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault:?}"));
            assert_eq!(
                (address.to_string().as_str(), address.to_wire().as_ref()),
                (shown, wire),
                "{typed}"
            );
        }
    }

    #[test]
    fn an_invalid_address_is_rejected_with_its_fault() {
        let long_mailbox = format!("{}@example.com", "a".repeat(65));
        let octets_255 = format!("{}@{}.ex.org", "f".repeat(62), vec!["e".repeat(61); 3].join("."));
        let long_address = format!("a@{}.com", vec!["b".repeat(60); 4].join(".") + ".cccccccc");
        for (typed, fault) in [
            ("plainaddress", EmailFault::NoAt),
            ("@example.com", EmailFault::NoMailbox),
            ("user@", EmailFault::NoDomain),
            ("user@@example.com", EmailFault::ManyAts),
            ("a＠b＠example.com", EmailFault::ManyAts),
            ("=?utf-8?q?x?=@example.com", EmailFault::Mailbox),
            ("x=?utf-8?q?x?=y@example.com", EmailFault::Mailbox),
            (".user@example.com", EmailFault::Dots),
            ("user.@example.com", EmailFault::Dots),
            ("us..er@example.com", EmailFault::Dots),
            ("user@.com", EmailFault::Dots),
            ("user@example..com", EmailFault::Dots),
            ("user@example.com.", EmailFault::Dots),
            ("user name@example.com", EmailFault::Space),
            ("user@exam ple.com", EmailFault::Space),
            ("ann@example.com\r\nBcc: x@example.test", EmailFault::ManyAts),
            ("ann@example.com\n", EmailFault::Space),
            ("ann\0@example.com", EmailFault::Space),
            ("ann@exam\u{200b}ple.com", EmailFault::Space),
            ("ann@\u{202e}elpmaxe.com", EmailFault::Space),
            ("user@localhost", EmailFault::NotPublic),
            ("user@a.localhost", EmailFault::NotPublic),
            ("user@[127.0.0.1]", EmailFault::NotPublic),
            ("user@127.0.0.1", EmailFault::NotPublic),
            ("user@-example.com", EmailFault::Domain),
            ("user@exam_ple.com", EmailFault::Domain),
            ("<script>alert(1)</script>@example.com", EmailFault::Character('<')),
            ("Ann <ann@example.com>", EmailFault::NotAlone),
            ("mailto:ann@example.com", EmailFault::NotAlone),
            ("a@example.com,b@example.com", EmailFault::ManyAts),
            (&long_mailbox, EmailFault::TooLong),
            (&long_address, EmailFault::TooLong),
            (&octets_255, EmailFault::TooLong),
        ] {
            assert_eq!(EmailAddress::parse(typed), Err(Fault::Email(fault)), "{typed:?}");
        }
        assert_eq!(EmailAddress::parse("  "), Err(Fault::Missing));
    }

    #[test]
    fn a_long_or_doubtful_mailbox_is_recognized() {
        let parse = |mailbox: &str| EmailAddress::parse(&format!("{mailbox}@example.com")).unwrap();
        assert!(!parse(&"a".repeat(64)).is_long());
        assert!(parse(&format!("{}ក", "a".repeat(62))).is_long());
        assert!(parse("мmax").is_doubtful() && !parse("max").is_doubtful());
    }
}
