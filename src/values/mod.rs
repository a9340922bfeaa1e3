//! Types that hold only valid values. Each has one `parse`, which cleans typed or pasted text and returns a [`Fault`] for an
//! invalid one. There is no I/O, no HTTP and no sentence for people here: `membership::words` has the sentences.

pub mod characters;
mod country;
mod country_names;
mod country_search;
pub mod domain_name;
mod doubtful_mailbox;
mod email_address;
mod fold;
mod label_rules;
mod region;
pub mod shared_domains;
pub mod text;
mod website;

pub use country::Country;
pub use country_search::Offer;
pub use domain_name::DomainName;
pub use email_address::EmailAddress;
pub use fold::folded;
pub use region::Region;
pub use website::Website;

/// The reason to reject a typed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No visible text, see [`characters::has_visible_text`].
    Missing,
    /// Too few characters, counted as grapheme clusters.
    TooShort {
        /// The least number of characters.
        min: u64,
        /// The given number of characters.
        given: u64,
    },
    /// Too many characters, counted as grapheme clusters.
    TooLong {
        /// The greatest number of characters.
        max: u64,
        /// The given number of characters.
        given: u64,
    },
    /// The text had bytes that are not UTF-8, so a part of it is lost.
    Damaged,
    /// The same question has several different answers.
    Repeated,
    /// Not an answer that the question offers; contains the shortened text.
    NotOffered(String),
    /// Not a domain name of an organization.
    Domain(DomainFault),
    /// An email address that cannot receive email, or that the mailer would reject.
    Email(EmailFault),
    /// Not an http or https address.
    NotAWebsite,
}

impl Fault {
    /// Returns the fault with the beginning of the text.
    #[must_use]
    pub fn not_offered(given: &str) -> Self {
        let is_kept = |c: &char| !characters::misleads(*c, None) && !characters::is_control_or_noncharacter(*c);
        Self::NotOffered(given.trim().chars().filter(is_kept).take(40).collect())
    }
}

/// The reason why a text is not the domain name of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainFault {
    /// A single label such as `example`.
    NoDot,
    /// An IP address such as `192.0.2.1` or `[2001:db8::1]`.
    IpAddress,
    /// Two dots in a row, or one at the start.
    EmptyLabel,
    /// A space inside.
    Space,
    /// An underscore. A host of that name may exist, but registries do not allow it (RFC 952).
    Underscore,
    /// A label over 63 octets or a name over 253 in ASCII (RFC 1035, 2.3.4).
    TooLong,
    /// A name under which the public registers, such as `co.uk` or `github.io` itself.
    PublicSuffix,
    /// An email address.
    EmailAddress,
    /// A character that no domain name holds.
    Character(char),
    /// Another violation of IDNA (UTS 46, strict; RFC 5892).
    NotAllowed,
}

/// The reason why a text is not an email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailFault {
    /// No `@`.
    NoAt,
    /// More than one `@` outside quotes, or more than one address.
    ManyAts,
    /// Nothing before the `@`.
    NoMailbox,
    /// Nothing after the `@`.
    NoDomain,
    /// A dot at an end of the mailbox, or two in a row.
    Dots,
    /// White space, a line break or an invisible character inside.
    Space,
    /// More than 64 characters before the `@`, or more than 254 octets in all (RFC 5321, 4.5.3.1).
    TooLong,
    /// Not reachable from other machines: `user@[192.0.2.1]` or `user@localhost`.
    NotPublic,
    /// More text than the address: `Ann <ann@example.org>`.
    NotAlone,
    /// The part after the `@` is not a domain name.
    Domain,
    /// A character that is invalid in an address.
    Character(char),
    /// Another violation before the `@` (RFC 5321, 4.1.2).
    Mailbox,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_choice_is_shown_short_and_without_hidden_text() {
        for (given, shown) in [
            (" Kenya ", "Kenya".to_owned()),
            ("Ke\u{202e}n\u{7}ya\u{ffff}", "Kenya".to_owned()),
            (&"é".repeat(41), "é".repeat(40)),
        ] {
            assert_eq!(Fault::not_offered(given), Fault::NotOffered(shown), "{given:?}");
        }
    }
}
