//! The address of a website.

use url::Url;

use super::characters::to_half_width;
use super::{Fault, text};

/// An absolute http or https URL with a host and without credentials, stored as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website(String);

impl Website {
    /// Parses an address of at most 500 characters. Adds a missing `https://`.
    ///
    /// # Errors
    /// Returns [`Fault::NotAWebsite`] or an error of [`text::line`].
    pub fn parse(typed: &str) -> Result<Self, Fault> {
        // Measured with the scheme, so that a stored address parses again.
        let address = text::line(&with_scheme(&text::line(&with_ascii_scheme(typed), 1, 500)?), 1, 500)?;
        let url = Url::parse(&address).map_err(|_| Fault::NotAWebsite)?;
        let is_public = url
            .host_str()
            .is_some_and(|host| host.contains('.') || host.starts_with('['));
        let is_plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let has_slashes = address
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://"));
        if is_public && is_plain && has_slashes && !address.contains(' ') {
            Ok(Self(address))
        } else {
            Err(Fault::NotAWebsite)
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Converts an address that is full-width throughout. The path of an ASCII address may contain full-width names.
fn with_ascii_scheme(typed: &str) -> String {
    if typed.contains('／') && !typed.contains('/') {
        typed.chars().map(to_half_width).collect()
    } else {
        typed.to_owned()
    }
}

fn with_scheme(typed: &str) -> String {
    let scheme = typed.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        _ if typed.starts_with("//") => format!("https:{typed}"),
        // `example.org:8080/a` has a colon but no scheme: a scheme holds no dot.
        Some(scheme) if !scheme.contains(['.', '/']) => typed.to_owned(),
        _ => format!("https://{typed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_website_is_an_http_address() {
        for (typed, stored) in [
            (
                "https://example.com:8443/a/b?q=1&r=%20#x",
                "https://example.com:8443/a/b?q=1&r=%20#x",
            ),
            ("example.org/about", "https://example.org/about"),
            ("example.org:8080", "https://example.org:8080"),
            ("//example.org/a", "https://example.org/a"),
            ("https://例え.テスト/パス", "https://例え.テスト/パス"),
            ("http://مثال.إختبار/", "http://مثال.إختبار/"),
            (" HTTPS://Example.org ", "HTTPS://Example.org"),
            ("ｈｔｔｐｓ：／／例え.テスト／ａ", "https://例え.テスト/a"),
            ("https://例え.テスト/ＡＢＣ", "https://例え.テスト/ＡＢＣ"),
            ("https://例え.テスト/Ａ／Ｂ", "https://例え.テスト/Ａ／Ｂ"),
        ] {
            assert_eq!(Website::parse(typed), Ok(Website(stored.to_owned())));
        }
        for typed in [
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.org/",
            "mailto:a@example.org",
            "https://user:pw@example.org/",
            "https://",
            "https:///",
            "http://localhost/",
            "not a website",
            "https:example.org",
            "https://exa mple.org/",
            "example",
        ] {
            assert_eq!(Website::parse(typed), Err(Fault::NotAWebsite), "{typed}");
        }
        let longest = Website::parse(&format!("example.org/{}", "a".repeat(480))).unwrap();
        assert_eq!(
            Website::parse(longest.as_str()),
            Ok(longest.clone()),
            "a parsed address parses again"
        );
        assert!(Website::parse(&format!("example.org/{}", "a".repeat(483))).is_err());
        assert!(matches!(
            Website::parse(&format!("https://example.org/{}", "a".repeat(500))),
            Err(Fault::TooLong { .. })
        ));
    }
}
