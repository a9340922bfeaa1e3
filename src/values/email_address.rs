//! An address that can receive mail, in any script on either side of the `@` (RFC 6531), and that
//! our mailer takes: what is stored can always be sent.

use std::fmt;

use lettre::Address;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::characters::{
    SOFT_HYPHEN, has_what_it_shapes, is_anything_seen, is_ignorable, is_seen_in_an_address, is_shaping,
};
use super::{DomainFault, DomainName, EmailFault, Fault, doubt};

/// What every server must take before the `@` (RFC 5321, 4.5.3.1.1). In octets that is what none need
/// exceed, not what none may: a short name in an Indic script has more.
const MAILBOX: usize = 64;

/// A path of 256 octets with its angle brackets (RFC 5321, 4.5.3.1.3).
const ADDRESS: usize = 254;

/// An address as people read it, its domain in Unicode: `用户@例え.テスト`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    mailbox: String,
    domain: DomainName,
}

impl EmailAddress {
    /// Trims, normalizes (NFC; the mailbox is otherwise left as it is, its case too) and judges.
    ///
    /// # Errors
    /// [`Fault::Missing`], [`Fault::Damaged`] or an [`EmailFault`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        if !is_anything_seen(typed) {
            return Err(Fault::Missing);
        }
        let address: String = unquoted(typed.trim_matches(is_noise_at_an_end)).nfc().collect();
        if address.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Fault::Damaged);
        }
        Self::of_clean(&address).map_err(Fault::Email)
    }

    /// The part before the `@`.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }

    /// The form for envelopes and headers: an ASCII domain, so that only a mailbox outside ASCII
    /// needs a relay with SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn to_wire(&self) -> Address {
        // lettre's own parser refuses the combining marks that Indic and other scripts need, so
        // it judged the shape with a letter in their place; see `refuse_what_cannot_be_sent`.
        Address::new_dangerous(&self.mailbox, self.domain.ascii())
    }

    /// Whether only a relay with SMTPUTF8 can carry it.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.mailbox.is_ascii()
    }

    /// Whether the mailbox has more octets than every server takes, so that some may not take it.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.mailbox.len() > MAILBOX
    }

    /// Whether the mailbox holds what a keyboard hardly meant: scripts mixed in a word, a typographic
    /// apostrophe, digits of another script. It may exist all the same.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        doubt::is_doubtful(&self.mailbox, self.domain.unicode().is_ascii())
    }

    /// The address that was probably meant where this one is doubtful: `o'brien@` for `o’brien@`.
    /// Nothing where no address is likelier.
    #[must_use]
    pub fn likely(&self) -> Option<Self> {
        let mailbox = doubt::likely(&self.mailbox, self.domain.unicode().is_ascii())?;
        let likely = Self::parse(&format!("{mailbox}@{}", self.domain.unicode())).ok()?;
        (likely != *self).then_some(likely)
    }

    fn of_clean(address: &str) -> Result<Self, EmailFault> {
        if is_with_a_name(address) {
            return Err(EmailFault::NotAlone);
        }
        if is_a_list(address) {
            return Err(EmailFault::ManyAts);
        }
        if has_what_is_not_seen(address) {
            return Err(EmailFault::Space);
        }
        let (mailbox, domain) = split_at_sign(address)?;
        refuse_odd_dots(mailbox)?;
        let domain = public_domain(domain)?;
        let email = Self {
            mailbox: mailbox.to_owned(),
            domain,
        };
        email.refuse_what_cannot_be_sent()?;
        Ok(email)
    }

    fn refuse_what_cannot_be_sent(&self) -> Result<(), EmailFault> {
        let wire_octets = self.mailbox.len() + 1 + self.domain.ascii().len();
        if wire_octets > ADDRESS || self.mailbox.graphemes(true).count() > MAILBOX {
            return Err(EmailFault::TooLong);
        }
        // An encoded word (RFC 2047) would be read as what it encodes, wherever it stands.
        if self
            .mailbox
            .split_once("=?")
            .is_some_and(|(_, rest)| rest.contains("?="))
        {
            return Err(EmailFault::Mailbox);
        }
        Address::new(self.shape(), self.domain.ascii())
            .map(drop)
            .map_err(|_| self.why_not_sendable())
    }

    /// The mailbox with one letter for each run outside ASCII, which lettre would count in octets.
    fn shape(&self) -> String {
        let runs = self.mailbox.split_inclusive(|c: char| c.is_ascii());
        let run = |run: &str| match run.chars().next_back() {
            Some(last) if last.is_ascii() && run.len() > 1 => format!("x{last}"),
            Some(last) if last.is_ascii() => last.to_string(),
            _ => "x".to_owned(),
        };
        runs.map(run).collect()
    }

    /// The character to leave out, where it is one.
    fn why_not_sendable(&self) -> EmailFault {
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

/// Pasting brings spaces and direction marks along; a line break is how headers are attacked.
fn is_noise_at_an_end(c: char) -> bool {
    is_ignorable(c) || (c.is_whitespace() && !is_never_trimmed(c))
}

fn is_never_trimmed(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// As mail programs copy it: `Ann <ann@example.org>`, `mailto:ann@example.org`. Taking the address
/// out would be a guess where two are given.
fn is_with_a_name(address: &str) -> bool {
    let scheme = address.get(.."mailto:".len()).unwrap_or_default();
    address.ends_with('>') || scheme.eq_ignore_ascii_case("mailto:")
}

/// `ann@example.org, bob@example.org`, which helps more than a word on its space.
fn is_a_list(address: &str) -> bool {
    !address.starts_with('"') && address.split([' ', ',', ';']).filter(|part| part.contains('@')).count() > 1
}

/// Out of the quotation marks of a text. An address of its own never ends with one.
fn unquoted(address: &str) -> &str {
    let typographic = address.trim_matches(['“', '”', '„', '‘', '’', '«', '»', '「', '」']);
    let inside = typographic.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(typographic)
}

/// Spaces, controls, and what no font shows. Joiners and variation selectors may shape a letter of a
/// mailbox; a soft hyphen in one comes from a printed text, and is asked about.
fn has_what_is_not_seen(address: &str) -> bool {
    let (mailbox, domain) = address.rsplit_once(['@', '＠']).unwrap_or((address, ""));
    let is_blank = !mailbox.is_empty() && !is_anything_seen(mailbox);
    is_blank || is_partly_unseen(mailbox.chars().filter(|c| *c != SOFT_HYPHEN)) || is_partly_unseen(domain.chars())
}

fn is_partly_unseen(mut part: impl Iterator<Item = char>) -> bool {
    let mut before = None;
    part.any(|c| {
        let is_in_place = is_shaping(c) && has_what_it_shapes(c, before);
        before = Some(c);
        !is_in_place && !is_seen_in_an_address(c)
    })
}

/// Splits at the one `@` outside quotes. A full-width `＠` serves where it is the only one.
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

fn refuse_odd_dots(mailbox: &str) -> Result<(), EmailFault> {
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
    let name = DomainName::of_host(domain).map_err(|fault| match fault {
        DomainFault::NoDot | DomainFault::IpAddress => EmailFault::NotPublic,
        DomainFault::EmptyLabel => EmailFault::Dots,
        DomainFault::TooLong => EmailFault::TooLong,
        DomainFault::Character(stray) => EmailFault::Character(stray),
        _ => EmailFault::Domain,
    })?;
    // RFC 6761, 6.3: never reachable from another machine.
    if name.ascii().ends_with(".localhost") {
        return Err(EmailFault::NotPublic);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_any_script_are_taken_and_can_be_sent() {
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
    fn what_is_pasted_is_understood() {
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
    fn what_cannot_receive_mail_is_refused_with_its_reason() {
        let long_mailbox = format!("{}@example.com", "a".repeat(65));
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
        ] {
            assert_eq!(EmailAddress::parse(typed), Err(Fault::Email(fault)), "{typed:?}");
        }
        assert_eq!(EmailAddress::parse("  "), Err(Fault::Missing));
    }
}
