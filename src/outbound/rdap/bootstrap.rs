//! Finds the RDAP server of a domain name: IANA's bootstrap file (RFC 9224) and a few overrides.

use std::collections::BTreeMap;

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};
use url::{Host, Url};

/// IANA's <https://data.iana.org/rdap/dns.json> as published.
const BUILT_IN: &[u8] = include_bytes!("../rdap_bootstrap.json");

/// The greatest size of a bootstrap file. The file of 2026 has 71,096 octets.
const MAX_FILE_OCTETS: usize = 1024 * 1024;

/// A registry that offers RDAP but is not in IANA's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Override {
    /// The ending without a dot.
    pub ending: &'static str,
    /// The base URL of the server.
    pub server: &'static str,
    /// The source of the base URL.
    pub reason: &'static str,
}

const fn row(ending: &'static str, server: &'static str, reason: &'static str) -> Override {
    Override { ending, server, reason }
}

/// Registries that IANA's file lacked on 23 July 2026. An entry of the file takes precedence.
#[rustfmt::skip]
const OVERRIDES: &[Override] = &[
    row("ac", "https://rdap.identitydigital.services/rdap/", "Identity Digital: caarlos0/domain_exporter PR 409"),
    row("ch", "https://rdap.nic.ch/", "The registry's page nic.ch/whois/rdap"),
    row("co", "https://rdap.registry.co/co/", "The registry's server since 2025: meeb/whoisit 4.1.0"),
    row("de", "https://rdap.denic.de/", "The registry's page denic.de/en/rdap; a pilot without service level"),
    row("io", "https://rdap.identitydigital.services/rdap/", "Identity Digital: caarlos0/domain_exporter PR 409"),
    row("li", "https://rdap.nic.li/", "The registry's page nic.li/whois/rdap"),
    row("me", "https://rdap.identitydigital.services/rdap/", "Identity Digital: caarlos0/domain_exporter PR 409"),
    row("sh", "https://rdap.identitydigital.services/rdap/", "Identity Digital: caarlos0/domain_exporter PR 409"),
    row("us", "https://rdap.nic.us/", "The registry's server: meeb/whoisit 4.1.0"),
];

/// The reason to reject a bootstrap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBootstrap {
    /// The file is larger than any real one.
    #[error("the RDAP bootstrap file is larger than 1 MiB")]
    TooLarge,
    /// The file is not JSON.
    #[error("the RDAP bootstrap file is not JSON")]
    NotJson,
    /// The file has no readable date.
    #[error("the RDAP bootstrap file has no publication date")]
    NoPublication,
    /// The file names no usable server.
    #[error("the RDAP bootstrap file has no https server")]
    NoServers,
}

/// The RDAP servers by ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    publication: Date,
    servers: BTreeMap<String, Url>,
}

impl Bootstrap {
    /// Parses IANA's `dns.json`. Skips entries without a usable https server.
    ///
    /// # Errors
    /// Returns a [`NotBootstrap`] if the file is too large, is not JSON, or has no date or no usable server.
    pub fn parse(file: &[u8]) -> Result<Self, NotBootstrap> {
        if file.len() > MAX_FILE_OCTETS {
            return Err(NotBootstrap::TooLarge);
        }
        let file: Value = serde_json::from_slice(file).map_err(|_| NotBootstrap::NotJson)?;
        let publication = file.get("publication").and_then(Value::as_str);
        let publication = publication
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
            .ok_or(NotBootstrap::NoPublication)?
            .date();
        let mut servers = BTreeMap::new();
        for (ending, server) in file
            .get("services")
            .map(items)
            .unwrap_or_default()
            .iter()
            .flat_map(endings)
        {
            servers.entry(ending).or_insert(server);
        }
        if servers.is_empty() {
            return Err(NotBootstrap::NoServers);
        }
        Ok(Self { publication, servers })
    }

    /// Returns the copy that is compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        // A test parses the copy, so the empty one is never used.
        Self::parse(BUILT_IN).unwrap_or_else(|_| Self {
            publication: Date::MIN,
            servers: BTreeMap::new(),
        })
    }

    /// Returns the number of endings with a server.
    #[must_use]
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// Returns the date of the file.
    #[must_use]
    pub fn publication(&self) -> Date {
        self.publication
    }

    /// Returns the base URL of the server for a domain name in ASCII: that of the longest ending in the file, otherwise
    /// that of an override. It uses https and ends in a slash.
    #[must_use]
    pub fn server_of(&self, ascii_domain: &str) -> Option<Url> {
        let name = ascii_domain.trim_end_matches('.').to_ascii_lowercase();
        let listed = suffixes(&name).find_map(|suffix| self.servers.get(suffix).cloned());
        listed.or_else(|| {
            let found = suffixes(&name).find_map(|suffix| OVERRIDES.iter().find(|row| row.ending == suffix))?;
            base_url(found.server)
        })
    }
}

/// Returns the URL to request for a domain name in ASCII.
#[must_use]
pub(super) fn query_url(base: &Url, ascii_domain: &str) -> Url {
    let mut url = base.clone();
    // Fails only for URLs such as `mailto:`, which are never bases here.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("domain").push(ascii_domain);
    }
    url
}

/// Returns an absolute https URL with a host name of two labels or more, and without user info and port.
pub(super) fn https_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let has_name = matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') && !name.ends_with('.'));
    (is_plain && has_name && url.port().is_none()).then_some(url)
}

fn base_url(text: &str) -> Option<Url> {
    let mut url = https_url(text).filter(|url| url.query().is_none() && url.fragment().is_none())?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Some(url)
}

/// Returns the name itself, then the name without its first label, and so on.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// Returns the endings of one service, each with its server. The root (an empty ending) would match every name, so it is
/// skipped.
fn endings(service: &Value) -> Vec<(String, Url)> {
    let texts = |index: usize| {
        service
            .get(index)
            .map(items)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
    };
    let Some(server) = texts(1).find_map(base_url) else {
        return Vec::new();
    };
    let ending = |text: &str| text.trim_matches('.').to_ascii_lowercase();
    let named = texts(0).map(ending).filter(|ending| !ending.is_empty());
    named.map(|ending| (ending, server.clone())).collect()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn bootstrap(services: &str) -> Result<Bootstrap, NotBootstrap> {
        let file = format!(r#"{{"version":"1.0","publication":"2026-07-23T02:00:03Z","services":{services}}}"#);
        Bootstrap::parse(file.as_bytes())
    }

    fn server(bootstrap: &Bootstrap, domain: &str) -> Option<String> {
        bootstrap.server_of(domain).map(String::from)
    }

    #[test]
    fn the_built_in_file_knows_most_endings() {
        let built_in = Bootstrap::parse(BUILT_IN).unwrap();
        assert_eq!(built_in, Bootstrap::built_in());
        assert_eq!(built_in.publication(), date!(2026 - 07 - 23));
        assert_eq!(
            built_in.servers.len(),
            1198,
            "1,200 endings, two of them with http only"
        );
        for (domain, base) in [
            ("example.org", "https://rdap.publicinterestregistry.org/rdap/"),
            ("EXAMPLE.ORG.", "https://rdap.publicinterestregistry.org/rdap/"),
            ("example.ngo", "https://rdap.publicinterestregistry.org/rdap/"),
            ("example.com", "https://rdap.verisign.com/com/v1/"),
            ("afyabora.or.ke", "https://rdap.kenic.or.ke/"),
            ("example.xn--kpry57d", "https://ccrdap.twnic.tw/taiwan/"),
            ("example.io", "https://rdap.identitydigital.services/rdap/"),
            ("example.de", "https://rdap.denic.de/"),
        ] {
            assert_eq!(server(&built_in, domain).as_deref(), Some(base), "{domain}");
        }
        for domain in [
            "example.kg",
            "example.mg",
            "example.eu",
            "example.invalid",
            "",
            ".",
            "de.",
        ] {
            let expected = (domain == "de.").then(|| "https://rdap.denic.de/".to_owned());
            assert_eq!(server(&built_in, domain), expected, "{domain}");
        }
    }

    #[test]
    fn every_server_of_the_file_and_the_overrides_is_usable() {
        let built_in = Bootstrap::built_in();
        for url in built_in.servers.values() {
            assert!(https_url(url.as_str()).is_some() && url.path().ends_with('/'), "{url}");
        }
        for row in OVERRIDES {
            assert_eq!(base_url(row.server).map(String::from).as_deref(), Some(row.server));
            assert!(!row.reason.is_empty(), "{}", row.ending);
            assert!(
                !built_in.servers.contains_key(row.ending),
                "IANA's file has .{} now; remove its override",
                row.ending
            );
        }
    }

    #[test]
    fn the_longest_ending_decides_label_by_label() {
        let services = r#"[[["org","ORG.UK"],["http://a.example/","https://a.example/rdap"]],
            [["uk"],["https://b.example/"]],[["de"],["https://c.example/"]],[["uk"],["https://d.example/"]]]"#;
        let bootstrap = bootstrap(services).unwrap();
        for (domain, base) in [
            ("x.org.uk", Some("https://a.example/rdap/")),
            ("x.y.org.uk", Some("https://a.example/rdap/")),
            ("xorg.uk", Some("https://b.example/")),
            ("x.co.uk", Some("https://b.example/")),
            ("x.de", Some("https://c.example/")),
            ("x.ch", Some("https://rdap.nic.ch/")),
            ("xorg", None),
            ("x.ck", None),
        ] {
            assert_eq!(server(&bootstrap, domain).as_deref(), base, "{domain}");
        }
    }

    #[test]
    fn a_nonsense_entry_gives_no_server() {
        for url in [
            "http://rdap.example.org/",
            "https://user@rdap.example.org/",
            "https://user:pw@rdap.example.org/",
            "https://rdap.example.org:8443/",
            "https://192.0.2.1/",
            "https://3221225985/",
            "https://0xC0.0.2.1/",
            "https://[2001:db8::1]/",
            "https://localhost/",
            "https://localhost./",
            "https://rdap.example.org/?name=",
            "https://rdap.example.org/#x",
            "ftp://rdap.example.org/",
            "file:///etc/passwd",
            "//rdap.example.org/",
            "rdap.example.org",
            "",
        ] {
            let services = format!(r#"[[["test"],["{url}"]],[["org"],["https://a.example/"]]]"#);
            let bootstrap = bootstrap(&services).unwrap();
            assert_eq!(server(&bootstrap, "x.test"), None, "{url}");
            assert_eq!(
                server(&bootstrap, "x.org").as_deref(),
                Some("https://a.example/"),
                "{url}"
            );
        }
    }

    #[test]
    fn an_entry_of_another_shape_is_skipped() {
        for entry in [
            "1",
            "null",
            "[]",
            "[[]]",
            r#"[["test"]]"#,
            r#"[["test"],[]]"#,
            r#"["test",["https://b.example/"]]"#,
            r#"[["test"],"https://b.example/"]"#,
            r#"[[1],["https://b.example/"]]"#,
            r#"[["","."],["https://b.example/"]]"#,
        ] {
            let bootstrap = bootstrap(&format!(r#"[{entry},[["org"],[1,"https://a.example/"]]]"#)).unwrap();
            assert_eq!(bootstrap.servers.len(), 1, "{entry}");
            assert_eq!(server(&bootstrap, "x.test"), None, "{entry}");
        }
    }

    #[test]
    fn another_file_is_not_a_bootstrap_file() {
        for (file, error) in [
            ("", NotBootstrap::NotJson),
            ("<!doctype html><title>Error</title>", NotBootstrap::NotJson),
            ("[]", NotBootstrap::NoPublication),
            (r#"{"publication":"yesterday"}"#, NotBootstrap::NoPublication),
            (r#"{"publication":1}"#, NotBootstrap::NoPublication),
            (
                r#"{"publication":"2026-07-23T02:00:03Z","services":{}}"#,
                NotBootstrap::NoServers,
            ),
            (r#"{"publication":"2026-07-23T02:00:03Z"}"#, NotBootstrap::NoServers),
        ] {
            assert_eq!(Bootstrap::parse(file.as_bytes()), Err(error), "{file}");
        }
        assert_eq!(
            Bootstrap::parse("[".repeat(500_000).as_bytes()),
            Err(NotBootstrap::NotJson)
        );
        assert_eq!(
            Bootstrap::parse(&vec![b' '; MAX_FILE_OCTETS + 1]),
            Err(NotBootstrap::TooLarge)
        );
    }

    #[test]
    fn a_query_stays_below_the_base_url() {
        for (base, name, url) in [
            (
                "https://a.example/",
                "example.org",
                "https://a.example/domain/example.org",
            ),
            (
                "https://a.example/com/v1/",
                "x.com",
                "https://a.example/com/v1/domain/x.com",
            ),
            (
                "https://a.example/",
                "../x?y#z",
                "https://a.example/domain/..%2Fx%3Fy%23z",
            ),
            (
                "https://a.example/",
                "xn--r8jz45g.xn--zckzah",
                "https://a.example/domain/xn--r8jz45g.xn--zckzah",
            ),
        ] {
            assert_eq!(query_url(&Url::parse(base).unwrap(), name).as_str(), url);
        }
    }
}
