//! Whether a domain name is the organization's alone, as NPOC asks. A page that others host says
//! where an organization is to be found, so the page is kept where the name alone would lose it.

use super::slip::WELL_KNOWN;
use crate::values::{DomainName, Website};

/// Where organizations without a domain name of their own often have a page. The Public Suffix
/// List has those that give a name to each; these give an address below one name to all.
const HOSTS_OF_PAGES: &[&str] = &[
    "facebook.com",
    "fb.com",
    "fb.me",
    "instagram.com",
    "x.com",
    "twitter.com",
    "linkedin.com",
    "youtube.com",
    "youtu.be",
    "tiktok.com",
    "vk.com",
    "t.me",
    "wa.me",
    "whatsapp.com",
    "discord.gg",
    "medium.com",
    "linktr.ee",
    "bit.ly",
    "goo.gl",
    "google.com",
    "notion.site",
    "canva.site",
    "wikipedia.org",
    "wikimedia.org",
    "github.com",
    "blogspot.com.br",
    "blogspot.com.es",
    "blogspot.com.ar",
    "blogspot.co.uk",
    "blogspot.co.ke",
    "blogspot.co.id",
];

/// What an organization's name is a part of, where others use that too.
#[must_use]
pub fn shared(name: &DomainName) -> Option<&str> {
    let parent = |host: &&&str| name.unicode() == **host || name.unicode().ends_with(&format!(".{host}"));
    let of_pages = || HOSTS_OF_PAGES.iter().chain(WELL_KNOWN).find(parent).copied();
    name.host().or_else(of_pages)
}

/// The address of the page that was typed where a domain name was asked for, if a name that others
/// use too would lose it.
pub(super) fn page(typed: &str, name: &DomainName) -> Option<String> {
    shared(name)?;
    let address = Website::parse(typed).ok()?;
    let (_, rest) = address.as_str().split_once("://")?;
    let has_path = rest.split_once(['/', '?']).is_some_and(|(_, path)| !path.is_empty());
    has_path.then(|| address.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared_of(typed: &str) -> Option<String> {
        shared(&DomainName::parse(typed).unwrap()).map(str::to_owned)
    }

    #[test]
    fn a_name_that_others_use_too_is_told_from_ones_own() {
        for (typed, host) in [
            ("https://www.facebook.com/groups/123456", "facebook.com"),
            ("sites.google.com", "google.com"),
            ("grupo.github.io", "github.io"),
            ("grupo.blogspot.com.br", "blogspot.com.br"),
            ("gmail.com", "gmail.com"),
        ] {
            assert_eq!(shared_of(typed).as_deref(), Some(host), "{typed}");
        }
        for own in ["example.org", "afyabora.or.ke", "myfacebook.com", "例え.テスト"] {
            assert_eq!(shared_of(own), None, "{own}");
        }
    }

    #[test]
    fn a_page_below_a_shared_name_is_not_lost() {
        let page = |typed: &str| page(typed, &DomainName::parse(typed).unwrap());
        let group = "https://www.facebook.com/groups/123456";
        assert_eq!(page(group).as_deref(), Some(group));
        assert_eq!(page("linktr.ee/grupo").as_deref(), Some("https://linktr.ee/grupo"));
        assert_eq!(page("https://grupo.github.io/"), None, "nothing is lost");
        assert_eq!(page("https://example.org/about"), None, "the name says it all");
    }
}
