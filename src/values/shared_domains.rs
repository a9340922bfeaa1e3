//! Domains that many people share: mail providers, and hosts of pages. The Public Suffix List does not distinguish hosts from
//! registries.

use super::DomainName;

/// Large mail providers of every region.
#[rustfmt::skip]
pub const MAIL_PROVIDERS: &[&str] = &[
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "live.com",
    "live.co.uk", "live.fr", "msn.com", "yahoo.com", "yahoo.co.uk", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.id",
    "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx", "yahoo.com.ph", "yahoo.ca", "yahoo.de", "yahoo.es", "yahoo.fr",
    "yahoo.in", "yahoo.it", "ymail.com", "rocketmail.com", "icloud.com", "me.com", "mac.com", "aol.com",
    "proton.me", "protonmail.com", "pm.me", "tutanota.com", "fastmail.com", "zoho.com", "zohomail.com",
    "mail.com", "email.com", "gmx.com", "gmx.net", "gmx.de", "gmx.at", "gmx.ch", "web.de", "t-online.de",
    "freenet.de", "bluewin.ch", "orange.fr", "wanadoo.fr", "laposte.net", "free.fr", "sfr.fr", "libero.it",
    "virgilio.it", "alice.it", "telefonica.net", "sapo.pt", "wp.pl", "onet.pl", "interia.pl", "seznam.cz",
    "abv.bg", "mail.ru", "inbox.ru", "list.ru", "bk.ru", "yandex.ru", "yandex.com", "rambler.ru", "ukr.net",
    "i.ua", "mynet.com", "walla.co.il", "maktoob.com", "rediffmail.com", "qq.com", "foxmail.com", "163.com",
    "126.com", "yeah.net", "sina.com", "sohu.com", "aliyun.com", "139.com", "naver.com", "daum.net",
    "hanmail.net", "kakao.com", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "hinet.net", "bigpond.com",
    "xtra.co.nz", "webmail.co.za", "mweb.co.za", "uol.com.br", "bol.com.br", "terra.com.br", "comcast.net",
    "verizon.net", "att.net", "sbcglobal.net", "cox.net", "charter.net", "bellsouth.net", "rogers.com",
    "shaw.ca", "btinternet.com", "sky.com", "virginmedia.com", "skynet.be", "telenet.be", "ziggo.nl",
];

/// Hosts at which organizations without a domain name have a page, or a name below the host's.
#[rustfmt::skip]
const PAGE_HOSTS: &[&str] = &[
    "facebook.com", "fb.com", "fb.me", "instagram.com", "x.com", "twitter.com", "linkedin.com", "youtube.com",
    "youtu.be", "tiktok.com", "vk.com", "t.me", "wa.me", "whatsapp.com", "discord.gg", "medium.com", "substack.com",
    "linktr.ee", "bit.ly", "goo.gl", "sites.google.com", "docs.google.com", "forms.gle", "g.page", "notion.site",
    "notion.so", "canva.site", "wikipedia.org", "github.com", "github.io", "gitlab.io", "wordpress.com", "weebly.com",
    "wixsite.com", "wix.com", "jimdofree.com", "jimdosite.com", "webnode.com", "webnode.page", "over-blog.com",
    "tumblr.com", "squarespace.com", "godaddysites.com", "mystrikingly.com", "carrd.co", "blogger.com", "netlify.app",
    "vercel.app", "pages.dev", "web.app", "firebaseapp.com", "herokuapp.com", "neocities.org", "gitbook.io",
    "webflow.io", "framer.website", "business.site", "site123.me", "ucoz.com", "yolasite.com", "mozello.com",
];

/// Returns the shared domain that this name is, or is below.
#[must_use]
pub fn shared_host(name: &DomainName) -> Option<&str> {
    let unicode = name.unicode();
    let is_within = |host: &&&str| {
        unicode
            .strip_suffix(**host)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let listed = PAGE_HOSTS.iter().chain(MAIL_PROVIDERS).find(is_within).copied();
    listed.or_else(|| blogspot(unicode))
}

/// Returns the Blogspot domain of a name. Blogspot uses the endings of many countries: `blogspot.com`, `blogspot.ke`,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_domain_is_recognized_and_an_own_domain_is_not() {
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
            "blogspot.example.ke",
            "blogspot.org",
            "例え.テスト",
        ] {
            assert_eq!(shared(own), None, "{own}");
        }
    }
}
