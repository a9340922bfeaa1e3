//! Whether a domain name is the organization's alone, as NPOC asks. A page that others host says
//! where an organization is to be found, so the page is kept where the name alone would lose it.

use super::slip::WELL_KNOWN;
use crate::values::domain_name::pasted;
use crate::values::{DomainName, Fault, Website};

/// Where organizations without a domain name of their own often have a page, or a name below one.
/// A list of our own: the Public Suffix List does not tell hosts from those who sell names.
#[rustfmt::skip]
const HOSTS: &[&str] = &[
    "facebook.com", "fb.com", "fb.me", "instagram.com", "x.com", "twitter.com", "linkedin.com", "youtube.com",
    "youtu.be", "tiktok.com", "vk.com", "t.me", "wa.me", "whatsapp.com", "discord.gg", "medium.com", "substack.com",
    "linktr.ee", "bit.ly", "goo.gl", "sites.google.com", "docs.google.com", "forms.gle", "g.page", "notion.site",
    "notion.so", "canva.site", "wikipedia.org", "github.com", "github.io", "gitlab.io", "wordpress.com", "weebly.com",
    "wixsite.com", "wix.com", "jimdofree.com", "jimdosite.com", "webnode.com", "webnode.page", "over-blog.com",
    "tumblr.com", "squarespace.com", "godaddysites.com", "mystrikingly.com", "carrd.co", "blogger.com", "netlify.app",
    "vercel.app", "pages.dev", "web.app", "firebaseapp.com", "herokuapp.com", "neocities.org", "gitbook.io",
    "webflow.io", "framer.website", "business.site", "site123.me", "ucoz.com", "yolasite.com", "mozello.com",
];

/// What an organization's name is a part of, where others use that too.
#[must_use]
pub fn shared_host(name: &DomainName) -> Option<&str> {
    let unicode = name.unicode();
    let parent = |host: &&&str| {
        unicode
            .strip_suffix(**host)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let listed = HOSTS.iter().chain(WELL_KNOWN).find(parent).copied();
    listed.or_else(|| blogspot(unicode))
}

/// Blogspot has names under very many countries' endings: `blogspot.com`, `blogspot.ke`,
/// `blogspot.com.br`.
fn blogspot(name: &str) -> Option<&str> {
    let parts = name.match_indices("blogspot.").map(|(start, _)| name.split_at(start));
    let is_country = |label: &str| label.len() == 2;
    let is_ending =
        |ending: &str| ending == "com" || (ending.len() <= 6 && ending.rsplit('.').next().is_some_and(is_country));
    parts
        .filter(|(before, _)| before.is_empty() || before.ends_with('.'))
        .map(|(_, host)| host)
        .find(|host| is_ending(&host["blogspot.".len()..]))
}

/// The address of the page that was typed where a domain name was asked for, if a name that others
/// use too would lose it.
///
/// # Errors
/// The [`Fault`] of [`Website::parse`]: with the page unsaid, nobody would find the organization.
pub(super) fn page(typed: &str, name: &DomainName) -> Result<Option<String>, Fault> {
    let pasted = pasted(typed);
    let has_path = pasted.split_once(['/', '?']).is_some_and(|(_, path)| !path.is_empty());
    if shared_host(name).is_none() || !has_path {
        return Ok(None);
    }
    let address = format!("https://{}", pasted.replace(' ', "%20"));
    Website::parse(&address).map(|website| Some(website.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_others_use_too_is_told_from_ones_own() {
        let shared = |typed: &str| shared_host(&DomainName::parse(typed).unwrap()).map(str::to_owned);
        for (typed, host) in [
            ("https://www.facebook.com/groups/123456", "facebook.com"),
            ("sites.google.com", "sites.google.com"),
            ("grupo.github.io", "github.io"),
            ("grupo.wordpress.com", "wordpress.com"),
            ("grupo.blogspot.com.br", "blogspot.com.br"),
            ("myblogspot.blogspot.com", "blogspot.com"),
            ("grupo.blogspot.co.ke", "blogspot.co.ke"),
            ("gmail.com", "gmail.com"),
        ] {
            assert_eq!(shared(typed).as_deref(), Some(host), "{typed}");
        }
        for own in [
            "example.org",
            "afyabora.or.ke",
            "myfacebook.com",
            "grupo.org.ru",
            "afya.eu.org",
            "x.uk.com",
            "myblogspot.com",
            "blogspot.example.org",
            "例え.テスト",
        ] {
            assert_eq!(shared(own), None, "{own}");
        }
    }

    #[test]
    fn a_page_below_a_shared_name_is_not_lost() {
        let page = |typed: &str| page(typed, &DomainName::parse(typed).unwrap());
        let group = "https://www.facebook.com/groups/1";
        for (typed, kept) in [
            (group, group),
            ("<https://www.facebook.com/groups/1>", group),
            ("“www.facebook.com/groups/1”", group),
            ("Facebook: https://www.facebook.com/groups/1", group),
            ("facebook.com/Afya Bora", "https://facebook.com/Afya%20Bora"),
            ("linktr.ee/grupo", "https://linktr.ee/grupo"),
        ] {
            assert_eq!(page(typed), Ok(Some(kept.to_owned())), "{typed}");
        }
        assert_eq!(page("https://grupo.github.io/"), Ok(None), "nothing is lost");
        assert_eq!(page("https://example.org/about"), Ok(None), "the name says it all");
        assert!(
            page(&format!("facebook.com/{}", "a".repeat(600))).is_err(),
            "asked about"
        );
    }
}
