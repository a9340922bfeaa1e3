//! The bounce address: the envelope sender, with a token for each email (VERP).

use std::collections::HashSet;
use std::fmt;

use lettre::Address;

/// 16 characters of 32 kinds make 80 random bits.
const TOKEN_LENGTH: usize = 16;
/// RFC 5321, section 4.5.3.1.1.
const MAX_LOCAL_PART: usize = 64;
/// RFC 5321, section 4.5.3.1.3: a path of 256 octets with its angle brackets.
const MAX_ADDRESS: usize = 254;

/// The envelope sender of our emails, such as `bounce+*@npoc.org`, where `*` stands for the token of an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceAddress {
    before: String,
    /// Begins within the local part and ends with the domain.
    after: String,
}

impl BounceAddress {
    /// Parses `bounce+*@npoc.org`: ASCII with one `*` before the `@`. With a token for `*` it must be a valid address. Rejects
    /// a quoted local part, because servers quote it in different ways.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.split_once('*')?;
        let (local_end, _) = after.split_once('@')?;
        let local_length = before.len() + TOKEN_LENGTH + local_end.len();
        let is_legal = text.is_ascii()
            && !text.contains('"')
            && !after.contains('*')
            && local_length <= MAX_LOCAL_PART
            && before.len() + TOKEN_LENGTH + after.len() <= MAX_ADDRESS;
        let address = Self {
            before: before.to_owned(),
            after: after.to_owned(),
        };
        (is_legal && address.with(&"a".repeat(TOKEN_LENGTH)).is_some()).then_some(address)
    }

    /// Returns the envelope sender of the email with this token, or `None` if the token is malformed.
    #[must_use]
    pub fn with(&self, token: &str) -> Option<Address> {
        let address = format!("{}{token}{}", self.before, self.after);
        is_token(token).then(|| address.parse().ok()).flatten()
    }

    /// Returns the domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.after.rsplit_once('@').map_or(&self.after, |(_, domain)| domain)
    }

    /// Finds the tokens of such addresses in a text, each once and in order. Ignores upper and lower case, because servers
    /// change it. Ignores an address that is part of a longer one.
    #[must_use]
    pub fn tokens_in(&self, text: &str) -> Vec<String> {
        let text = text.to_ascii_lowercase();
        let before = self.before.to_ascii_lowercase();
        let mut known = HashSet::new();
        text.match_indices(&self.after.to_ascii_lowercase())
            .filter_map(|(at, after)| {
                let (head, rest) = text.split_at_checked(at)?;
                let ends_here = !continues_domain(rest.get(after.len()..)?);
                ends_here.then(|| token_at_end(head, &before)).flatten()
            })
            .filter(|token| known.insert(*token))
            .map(str::to_owned)
            .collect()
    }
}

/// Calls [`BounceAddress::parse`].
impl std::str::FromStr for BounceAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::parse(text).ok_or(())
    }
}

impl fmt::Display for BounceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*{}", self.before, self.after)
    }
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Returns the token if the text ends with an address up to its token, and the local part starts there.
fn token_at_end<'t>(head: &'t str, before: &str) -> Option<&'t str> {
    let (rest, token) = head.split_at_checked(head.len().checked_sub(TOKEN_LENGTH)?)?;
    let outside = rest.strip_suffix(before)?;
    (is_token(token) && !outside.chars().next_back().is_some_and(continues_local_part)).then_some(token)
}

/// Returns whether a local part may continue to the left with this character. Leaves out apostrophe, backtick and `=`:
/// they mostly are quotation marks, or part of `smtp.mailfrom=bounce+…`.
fn continues_local_part(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&*+-./?^_{|}~@".contains(c)
}

/// Returns whether a domain continues to the right. A full stop alone ends a sentence.
fn continues_domain(rest: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@');
    let next = rest.strip_prefix('.').unwrap_or(rest);
    next.chars().next().is_some_and(part_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "k7dq2m4xw3hs5e2n";

    fn ours() -> BounceAddress {
        BounceAddress::parse("bounce+*@npoc.org").unwrap()
    }

    fn finds(text: &str) -> bool {
        ours().tokens_in(text) == [TOKEN]
    }

    #[test]
    fn reads_an_address_and_writes_it_again() {
        for text in [
            "bounce+*@npoc.org",
            "Bounce-*-x@Mail.NPOC.org",
            "*@npoc.org",
            "b.*@[192.0.2.1]",
        ] {
            assert_eq!(BounceAddress::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn rejects_malformed_addresses() {
        let long = format!("{}*@npoc.org", "b".repeat(49));
        let longest = format!("*@{}npoc.org", "abcdefghi.".repeat(23));
        for text in [
            "",
            "*",
            "bounce+@npoc.org",
            "bounce@*.npoc.org",
            "b*+*@npoc.org",
            "bounce+*@*.org",
            "bounce+*",
            "bounce+*@",
            "bounce..*@npoc.org",
            "bounce +*@npoc.org",
            "bounce+*@npoc.org\r\n",
            "bounce+*@npoc .org",
            "bøunce+*@npoc.org",
            "\"b *\"@npoc.org",
            "a@b*@npoc.org",
            "b*@a@npoc.org",
            "<b+*@npoc.org>",
            "*@npoc..org",
            &long,
            &longest,
        ] {
            assert_eq!(BounceAddress::parse(text), None, "{text}");
        }
        assert!(BounceAddress::parse(&long[1..]).is_some(), "64 octets are legal");
        assert!(BounceAddress::parse(&longest.replacen("abcdefghi.", "", 1)).is_some());
    }

    #[test]
    fn puts_a_token_in_its_place() {
        let address = ours().with(TOKEN).map(|address| address.to_string());
        assert_eq!(address.as_deref(), Some("bounce+k7dq2m4xw3hs5e2n@npoc.org"));
        for token in [
            "",
            "k7dq2m4xw3hs5e2",
            "k7dq2m4xw3hs5e2nn",
            "K7DQ2M4XW3HS5E2N",
            "k7dq2m4xw3hs5e2@",
            "ééééééééé",
        ] {
            assert_eq!(ours().with(token), None, "{token}");
        }
    }

    #[test]
    fn finds_tokens_whatever_surrounds_the_address() {
        let address = "bounce+k7dq2m4xw3hs5e2n@npoc.org";
        for (before, after) in [
            ("", ""),
            ("<", ">"),
            ("rfc822;", "\r\n"),
            ("'", "'"),
            ("\"", "\""),
            ("&lt;", "&gt;"),
            ("to ", ". Sorry"),
            ("smtp.mailfrom=", ";"),
            ("mailto:", "?subject"),
            ("«", "»"),
            ("إلى ", "،"),
            ("(", ")."),
            ("", "."),
        ] {
            assert!(finds(&format!("{before}{address}{after}")), "{before}…{after}");
        }
        assert!(finds("BOUNCE+K7DQ2M4XW3HS5E2N@NPOC.ORG"));
    }

    #[test]
    fn finds_no_token_in_a_longer_address() {
        for text in [
            "xbounce+k7dq2m4xw3hs5e2n@npoc.org",
            "é-bounce+k7dq2m4xw3hs5e2n@npoc.org",
            "x.bounce+k7dq2m4xw3hs5e2n@npoc.org",
            "ébounce+k7dq2m4xw3hs5e2n@npoc.org",
            "bounce+k7dq2m4xw3hs5e2n@npoc.org.evil",
            "bounce+k7dq2m4xw3hs5e2n@npoc.organic",
            "bounce+k7dq2m4xw3hs5e2n@npoc.org-evil",
            "bounce+k7dq2m4xw3hs5e2n@npoc.org@evil",
            "bounce+k7dq2m4xw3hs5e2n@npoc.orgé",
            "bounce+k7dq2m4xw3hs5e2nn@npoc.org",
            "bounce+7dq2m4xw3hs5e2n@npoc.org",
            "bounce+k7dq2m4xw3hs5e_n@npoc.org",
            "bounce+k7dq2m4xw3hs5e\u{212a}n@npoc.org",
            "k7dq2m4xw3hs5e2n@npoc.org",
            "bounce+éééééééé@npoc.org",
            "bounce+\u{1f600}7dq2m4xw3hs5@npoc.org",
            "@npoc.org",
            "",
        ] {
            assert_eq!(ours().tokens_in(text), [""; 0], "{text}");
        }
        let bare = BounceAddress::parse("*@npoc.org").unwrap();
        assert_eq!(
            bare.tokens_in("xk7dq2m4xw3hs5e2n@npoc.org k7dq2m4xw3hs5e2n@npoc.org"),
            [TOKEN]
        );
    }

    #[test]
    fn lists_each_token_once_and_in_order() {
        let text = "bounce+bbbbbbbbbbbbbbbb@npoc.org,bounce+aaaaaaaaaaaaaaaa@npoc.org Bounce+BBBBBBBBBBBBBBBB@npoc.org";
        assert_eq!(ours().tokens_in(text), ["bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa"]);
    }
}
