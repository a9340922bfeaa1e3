//! Counts the mails to one person together, whatever the spelling of the address. Two people who share a key only share the
//! number of their mails.

use unicode_normalization::UnicodeNormalization;

use crate::values::shared_domains::MAIL_PROVIDERS;
use crate::values::{DomainName, EmailAddress};

/// Domains at which a large provider has the same mailboxes.
const SAME_MAILBOXES: [(&str, &str); 8] = [
    ("googlemail.com", "gmail.com"),
    ("protonmail.com", "proton.me"),
    ("pm.me", "proton.me"),
    ("me.com", "icloud.com"),
    ("mac.com", "icloud.com"),
    ("yandex.ru", "yandex.com"),
    ("orange.fr", "wanadoo.fr"),
    ("daum.net", "hanmail.net"),
];

/// Providers with a domain in many countries.
const IN_MANY_COUNTRIES: [&str; 8] = ["yahoo", "hotmail", "outlook", "live", "gmx", "yandex", "msn", "aol"];

/// Providers to which marks within a mailbox's name mean nothing, so a tag cannot be separated from the name.
const BLIND_TO_MARKS: [&str; 2] = ["proton.me", "yandex.com"];

/// What separates a name from a tag, at one server or another (RFC 5233 leaves it to the server).
const BEFORE_A_TAG: [char; 4] = ['+', '-', '=', '_'];

/// The keys of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedAs {
    /// One for all spellings that lead to the same mailbox nearly everywhere.
    pub mailbox: String,
    /// The registered domain as the DNS has it.
    pub domain: String,
    /// Whether that is a provider with very many users.
    pub is_large_provider: bool,
}

impl CountedAs {
    /// Works out the keys of an address.
    #[must_use]
    pub fn of(address: &EmailAddress) -> Self {
        let (below, domain) = split(address.domain());
        let is_large_provider = is_large_provider(domain);
        let shared = SAME_MAILBOXES.iter().find(|(name, _)| *name == domain);
        let host = shared.map_or(domain, |(_, first)| first);
        // Below a provider's domain a name is one user's, and what is before the @ is free.
        let user = below
            .filter(|_| is_large_provider)
            .and_then(|below| below.rsplit('.').next());
        let name = user.map_or_else(|| name_of(address.mailbox(), host), str::to_owned);
        Self {
            mailbox: format!("{name}@{host}"),
            domain: domain.to_owned(),
            is_large_provider,
        }
    }
}

/// Whether very many people have their mail there. A provider of many countries has a name under each.
fn is_large_provider(domain: &str) -> bool {
    let name = domain.split('.').next().unwrap_or_default();
    MAIL_PROVIDERS.contains(&domain) || IN_MANY_COUNTRIES.contains(&name)
}

/// The labels below the registered domain, if there are any, and that domain, as the DNS has them.
fn split(domain: &DomainName) -> (Option<&str>, &str) {
    let labels = domain.registered().split('.').count();
    let dots = domain.ascii().rmatch_indices('.');
    match dots.map(|(at, _)| at).nth(labels.saturating_sub(1)) {
        Some(at) => (Some(&domain.ascii()[..at]), &domain.ascii()[at + 1..]),
        None => (None, domain.ascii()),
    }
}

/// The name of a mailbox: without case, quotes, dots and tag.
fn name_of(mailbox: &str, host: &str) -> String {
    let folded: String = mailbox.nfkc().flat_map(char::to_lowercase).collect();
    let bare = folded.replace(['.', '"', '\\'], "");
    if BLIND_TO_MARKS.contains(&host) {
        let name = bare.split('+').next().unwrap_or_default();
        return name.replace(['-', '_'], "");
    }
    let is_before_a_tag = |(at, c): &(usize, char)| *at > 0 && BEFORE_A_TAG.contains(c);
    let tag = bare.char_indices().find(is_before_a_tag);
    tag.map_or(&bare[..], |(at, _)| &bare[..at]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted_as(address: &str) -> CountedAs {
        CountedAs::of(&EmailAddress::parse(address).unwrap())
    }

    #[test]
    fn all_spellings_of_a_mailbox_are_one() {
        for (spelled, key) in [
            ("bob@example.org", "bob@example.org"),
            ("BOB@example.org", "bob@example.org"),
            ("b.o.b@example.org", "bob@example.org"),
            ("bob+1@example.org", "bob@example.org"),
            ("bob-1@example.org", "bob@example.org"),
            ("bob=1@example.org", "bob@example.org"),
            ("bob_1@example.org", "bob@example.org"),
            ("bob-1+2=3_4@example.org", "bob@example.org"),
            ("b.ob+-@example.org", "bob@example.org"),
            ("bob@EXAMPLE.org", "bob@example.org"),
            ("bob@mail.example.org", "bob@example.org"),
            ("bob@7.bob.example.org", "bob@example.org"),
            ("\"bob\"@example.org", "bob@example.org"),
            ("\"b\\ob\"@example.org", "bob@example.org"),
            ("ｂｏｂ@example.org", "bob@example.org"),
            ("-bob-1@example.org", "-bob@example.org"),
            ("_@example.org", "_@example.org"),
            ("bob@例え.テスト", "bob@xn--r8jz45g.xn--zckzah"),
            ("bob-1@mail.例え.テスト", "bob@xn--r8jz45g.xn--zckzah"),
            ("Пётр+1@example.org", "пётр@example.org"),
            ("bob@a.afyabora.or.ke", "bob@afyabora.or.ke"),
        ] {
            assert_eq!(counted_as(spelled).mailbox, key, "{spelled}");
        }
    }

    #[test]
    fn a_large_provider_has_ways_of_its_own() {
        for (spelled, key) in [
            ("b.ob+x@googlemail.com", "bob@gmail.com"),
            ("anything@bob.fastmail.com", "bob@fastmail.com"),
            ("x@7.bob.fastmail.com", "bob@fastmail.com"),
            ("bob-list@yahoo.com", "bob@yahoo.com"),
            ("b-o_b@protonmail.com", "bob@proton.me"),
            ("b.o.b+1@pm.me", "bob@proton.me"),
            ("bob-smith@yandex.ru", "bobsmith@yandex.com"),
            ("bob.smith@yandex.com", "bobsmith@yandex.com"),
            ("bob@me.com", "bob@icloud.com"),
            ("bob@mac.com", "bob@icloud.com"),
        ] {
            let of = counted_as(spelled);
            assert!(of.is_large_provider && of.mailbox == key, "{spelled}: {of:?}");
        }
    }

    #[test]
    fn every_provider_that_everybody_knows_is_large() {
        for domain in MAIL_PROVIDERS {
            assert!(counted_as(&format!("ann@{domain}")).is_large_provider, "{domain}");
        }
    }

    #[test]
    fn the_registered_domain_counts_whatever_is_below_it() {
        for (address, domain, is_large) in [
            ("a@b.example.org", "example.org", false),
            ("a@b.c.afyabora.or.ke", "afyabora.or.ke", false),
            ("a@x.co.uk", "x.co.uk", false),
            ("a@gmail.com", "gmail.com", true),
            ("a@mail.gmail.com", "gmail.com", true),
            ("a@yahoo.co.uk", "yahoo.co.uk", true),
            ("a@gmail.com.example.org", "example.org", false),
            ("a@outlook.fr", "outlook.fr", true),
            ("a@hotmail.it", "hotmail.it", true),
            ("a@yahoo.com.au", "yahoo.com.au", true),
            ("a@live.nl", "live.nl", true),
            ("a@liverpool.example", "liverpool.example", false),
            ("a@yahoo.example.org", "example.org", false),
            ("a@notgmail.com", "notgmail.com", false),
            ("a@x.github.io", "x.github.io", false),
            ("a@b.例え.テスト", "xn--r8jz45g.xn--zckzah", false),
        ] {
            let of = counted_as(address);
            assert_eq!((&*of.domain, of.is_large_provider), (domain, is_large), "{address}");
        }
    }
}
