//! Types that cannot hold a wrong value. Each is made by one `parse`, which cleans what a person
//! typed or pasted before it judges it, and says what is wrong as a [`Fault`]. No I/O, no HTTP,
//! no sentences: those for people are in `membership::wording`.

pub mod characters;
mod context;
mod country;
mod country_names;
mod country_search;
pub mod domain_name;
mod doubt;
mod email_address;
mod fold;
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

/// Why a typed value was not taken. Kinds, not sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing that a reader sees, see [`characters::is_anything_seen`].
    Missing,
    /// Fewer characters than the least, counted as a reader counts them.
    TooShort {
        /// The least number of characters.
        min: u64,
        /// How many were given.
        given: u64,
    },
    /// More characters than the most, counted as a reader counts them.
    TooLong {
        /// The greatest number of characters.
        max: u64,
        /// How many were given.
        given: u64,
    },
    /// It arrived with bytes that are no UTF-8, so some of it is lost.
    Damaged,
    /// The same question was answered more than once, differently.
    Repeated,
    /// Not among the answers that the question offers: what was given, shortened to be shown.
    NotOffered(String),
    /// A domain name that cannot be one.
    Domain(DomainFault),
    /// An e-mail address that cannot receive mail, or that our mailer would refuse.
    Email(EmailFault),
    /// Not an http or https address.
    NotAWebsite,
}

impl Fault {
    /// Keeps the beginning of what was given, to be shown.
    #[must_use]
    pub fn not_offered(given: &str) -> Self {
        let is_kept = |c: &char| !characters::misleads(*c, None) && !characters::is_damage(*c);
        Self::NotOffered(given.trim().chars().filter(is_kept).take(40).collect())
    }
}

/// What keeps a text from being the domain name of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainFault {
    /// A single label such as `example`.
    NoDot,
    /// `192.0.2.1`, `[2001:db8::1]` and their like.
    IpAddress,
    /// Two dots in a row, or one at the start.
    EmptyLabel,
    /// A space inside.
    Space,
    /// An underscore: a host of that name may exist, but none can be registered (RFC 952).
    Underscore,
    /// A label over 63 octets or a name over 253 in ASCII (RFC 1035, 2.3.4).
    TooLong,
    /// A name under which the public registers, such as `co.uk` or `github.io` itself.
    PublicSuffix,
    /// An e-mail address.
    EmailAddress,
    /// A character that no domain name holds.
    Character(char),
    /// Anything else that IDNA does not allow (UTS 46, strict; RFC 5892).
    NotAllowed,
}

/// What keeps a text from being an address that can receive mail.
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
    /// `user@[192.0.2.1]`, `user@localhost`: not reachable from elsewhere.
    NotPublic,
    /// More than the address: `Ann <ann@example.org>`.
    NotAlone,
    /// The part after the `@` is no domain name.
    Domain,
    /// A character that mail does not allow there.
    Character(char),
    /// Anything else that mail does not allow before the `@` (RFC 5321, 4.1.2).
    Mailbox,
}
