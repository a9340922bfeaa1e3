//! Whether a domain name is the organization's alone, as NPOC asks. A page that others host says
//! where an organization is to be found, so the page is kept where the name alone would lose it.

use crate::values::domain_name::pasted;
use crate::values::shared_domains::shared_host;
use crate::values::{DomainName, Fault, Website};

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
