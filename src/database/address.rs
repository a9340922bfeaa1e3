//! Parses `DATABASE_URL`, which names one server, or several in the notation of libpq.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// The name of our connections in `pg_stat_activity`, unless the address gives one.
pub(super) const APPLICATION_NAME: &str = "npoc";

/// The address of the database.
#[derive(Clone, Debug)]
pub struct DatabaseAddress {
    /// All servers, at least one. The site uses the one that takes writes.
    pub(super) hosts: Vec<PgConnectOptions>,
    /// Whether the address leads to a connection pooler in transaction mode.
    pub(super) is_pooled: bool,
}

/// Why an address is invalid, phrased as what it must be. Never quotes the address, since it may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not the address of a PostgreSQL server.
    #[error("a PostgreSQL address, like postgres://npoc:password@localhost/npoc")]
    NotPostgres,
    /// It asks for a server that is not the primary.
    #[error(
        "an address with target_session_attrs=read-write or without target_session_attrs, since the site stores applications"
    )]
    OtherAttributes,
    /// It names several hosts, and one is not a network address.
    #[error("an address with a name or number for each of several hosts; a socket cannot be one of several")]
    NotInNetwork,
    /// The number of ports differs from the number of hosts.
    #[error("an address with one port for all hosts, or with one port for each")]
    Ports,
}

impl DatabaseAddress {
    /// Returns the address of one server without a pooler.
    #[must_use]
    pub fn of(options: PgConnectOptions) -> Self {
        let hosts = vec![options];
        let is_pooled = false;
        Self { hosts, is_pooled }
    }

    /// Returns all host names, separated by commas.
    #[must_use]
    pub fn host_names(&self) -> String {
        let names: Vec<&str> = self.hosts.iter().map(PgConnectOptions::get_host).collect();
        names.join(", ")
    }

    /// Returns the connection options of each server, in the order given.
    #[must_use]
    pub fn hosts(&self) -> &[PgConnectOptions] {
        &self.hosts
    }
}

impl FromStr for DatabaseAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let parts = Parts::of(url)?;
        parts.check_attributes()?;
        let hosts: Result<Vec<_>, _> = parts.urls()?.iter().map(|url| options(url)).collect();
        let is_pooled = parts.one("statement-cache-capacity").is_some_and(|value| value == "0");
        Ok(Self {
            hosts: hosts?,
            is_pooled,
        })
    }
}

fn options(url: &str) -> Result<PgConnectOptions, AddressError> {
    let options: PgConnectOptions = url.parse().map_err(|_| AddressError::NotPostgres)?;
    let is_named = options.get_application_name().is_some();
    Ok(if is_named {
        options
    } else {
        options.application_name(APPLICATION_NAME)
    })
}

/// The parts of an address. sqlx supports only one host, so each host gets its own address.
struct Parts<'a> {
    /// The part before the hosts: scheme, user and password.
    head: &'a str,
    hosts: &'a str,
    /// The path with its slash, or nothing.
    path: &'a str,
    /// The decoded name of each pair, with the pair as written.
    query: Vec<(String, &'a str)>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Result<Self, AddressError> {
        let is_known = |scheme: &&str| url.starts_with(*scheme);
        let scheme = ["postgres://", "postgresql://"].into_iter().find(is_known);
        let scheme = scheme.ok_or(AddressError::NotPostgres)?;
        let rest = &url[scheme.len()..];
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let user = authority.rfind('@').map_or(0, |at| at + 1);
        let named = |pair: &'a str| (decoded(pair.split('=').next().unwrap_or_default()), pair);
        Ok(Self {
            head: &url[..scheme.len() + user],
            hosts: &authority[user..],
            path,
            query: query.split('&').filter(|pair| !pair.is_empty()).map(named).collect(),
        })
    }

    /// Returns the last value of a name, decoded.
    fn one(&self, name: &str) -> Option<String> {
        let (_, pair) = self.query.iter().rev().find(|(found, _)| found == name)?;
        Some(decoded(pair.split_once('=').map_or("", |(_, value)| value)))
    }

    /// Rejects other values, since sqlx would ignore them and log them.
    fn check_attributes(&self) -> Result<(), AddressError> {
        match self.one("target_session_attrs").as_deref() {
            None | Some("read-write") => Ok(()),
            Some("any") if self.several().is_none() => Ok(()),
            Some(_) => Err(AddressError::OtherAttributes),
        }
    }

    /// Returns the hosts if there are several. Those of the query take precedence.
    fn several(&self) -> Option<Vec<String>> {
        let hosts = self.one("host").unwrap_or_else(|| self.hosts.to_owned());
        hosts
            .contains(',')
            .then(|| hosts.split(',').map(str::to_owned).collect())
    }

    /// Returns an address for each host.
    fn urls(&self) -> Result<Vec<String>, AddressError> {
        let Some(hosts) = self.several() else {
            return Ok(vec![self.url(self.hosts, &["target_session_attrs"])]);
        };
        if self.one("hostaddr").is_some() {
            return Err(AddressError::NotInNetwork);
        }
        let ports = self.ports(hosts.len())?;
        let url = |(host, port): (&String, Option<String>)| {
            let host = in_network(host)?;
            let host = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
            Ok(self.url(&host, &["target_session_attrs", "host", "port"]))
        };
        hosts.iter().zip(ports).map(url).collect()
    }

    /// Returns the port of each host, if the query gives one.
    fn ports(&self, hosts: usize) -> Result<Vec<Option<String>>, AddressError> {
        let Some(ports) = self.one("port") else {
            return Ok(vec![None; hosts]);
        };
        let ports: Vec<_> = ports.split(',').map(|port| Some(port.to_owned())).collect();
        match ports.len() {
            1 => Ok(vec![ports[0].clone(); hosts]),
            count if count == hosts => Ok(ports),
            _ => Err(AddressError::Ports),
        }
    }

    fn url(&self, host: &str, without: &[&str]) -> String {
        let kept = self.query.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        let query: Vec<&str> = kept.map(|(_, pair)| *pair).collect();
        format!("{}{host}{}?{}", self.head, self.path, query.join("&"))
    }
}

/// Returns a host as written in a URL: an IPv6 address in brackets.
fn in_network(host: &str) -> Result<String, AddressError> {
    let is_name = |text: &str| !text.is_empty() && !text.contains(['/', '%', '@', ' ']);
    match host {
        _ if !is_name(host) => Err(AddressError::NotInNetwork),
        _ if host.parse::<std::net::Ipv6Addr>().is_ok() => Ok(format!("[{host}]")),
        _ => Ok(host.to_owned()),
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Result<Vec<(String, u16)>, AddressError> {
        let address: DatabaseAddress = url.parse()?;
        let of = |host: &PgConnectOptions| (host.get_host().to_owned(), host.get_port());
        Ok(address.hosts.iter().map(of).collect())
    }

    fn found(hosts: &[(&str, u16)]) -> Vec<(String, u16)> {
        hosts.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect()
    }

    #[test]
    fn several_hosts_are_parsed_like_in_libpq() {
        let two = [("a.example", 5432), ("b.example", 5433)];
        for (url, expected) in [
            (
                "postgres://npoc@a.example,b.example:5433/npoc?target_session_attrs=read-write",
                &two[..],
            ),
            ("postgresql://npoc:p,w@a.example:5432,b.example:5433/npoc", &two),
            (
                "postgres://npoc:p%40w@a.example:5432,b.example:5433/npoc?sslmode=require",
                &two,
            ),
            (
                "postgres:///npoc?host=a.example,b.example&port=5432,5433&user=npoc",
                &two,
            ),
            (
                "postgres://npoc@elsewhere/npoc?host=a.example%2Cb.example&port=5432,5433",
                &two,
            ),
            ("postgres://a,b/npoc?port=6000", &[("a", 6000), ("b", 6000)]),
            (
                "postgres://[2001:db8::1]:5433,192.0.2.7/npoc",
                &[("[2001:db8::1]", 5433), ("192.0.2.7", 5432)],
            ),
            (
                "postgres:///npoc?host=2001:db8::1,b",
                &[("[2001:db8::1]", 5432), ("b", 5432)],
            ),
            ("postgres://a,b,c", &[("a", 5432), ("b", 5432), ("c", 5432)]),
            ("postgres://a/npoc?target_session_attrs=read-write", &[("a", 5432)]),
            ("postgres://a/npoc?target_session_attrs=any", &[("a", 5432)]),
        ] {
            assert_eq!(hosts(url), Ok(found(expected)), "{url}");
        }
    }

    #[test]
    fn all_hosts_share_user_database_and_parameters() {
        let address: DatabaseAddress =
            "postgres://npoc:p%40w@a,b/np%2Foc?application_name=site%201&statement-cache-capacity=0"
                .parse()
                .unwrap();
        assert!(address.is_pooled);
        for host in &address.hosts {
            assert_eq!(
                (host.get_username(), host.get_database(), host.get_application_name()),
                ("npoc", Some("np/oc"), Some("site 1"))
            );
        }
    }

    #[test]
    fn an_invalid_address_is_rejected() {
        use AddressError::{NotInNetwork, NotPostgres, OtherAttributes, Ports};
        for (url, error) in [
            ("mysql://a,b/npoc", NotPostgres),
            ("a,b", NotPostgres),
            ("postgres://a:x,b/npoc", NotPostgres),
            ("postgres://a,b:70000/npoc", NotPostgres),
            ("postgres://a,b/npoc?target_session_attrs=standby", OtherAttributes),
            ("postgres://a,b/npoc?target_session_attrs=any", OtherAttributes),
            ("postgres://a/npoc?target_session_attrs=read-only", OtherAttributes),
            ("postgres:///npoc?host=/run/postgresql,b", NotInNetwork),
            ("postgres://%2Frun%2Fpostgresql,b/npoc", NotInNetwork),
            ("postgres://a,,b/npoc", NotInNetwork),
            ("postgres://a,/npoc", NotInNetwork),
            ("postgres://a,b/npoc?hostaddr=192.0.2.7,192.0.2.8", NotInNetwork),
            ("postgres://a,b,c/npoc?port=5432,5433", Ports),
        ] {
            assert_eq!(hosts(url), Err(error), "{url}");
        }
    }

    #[test]
    fn a_single_socket_is_accepted() {
        let address: DatabaseAddress = "postgres:///npoc?host=/run/postgresql&user=npoc".parse().unwrap();
        let [only] = address.hosts.as_slice() else {
            panic!("several")
        };
        assert_eq!(only.get_socket().unwrap().to_str(), Some("/run/postgresql"));
        assert_eq!(only.get_application_name(), Some(APPLICATION_NAME));
        assert_eq!(address.host_names(), only.get_host());
    }
}
