//! Every setting, typed, from the environment, read once; all faults in one message. The only
//! module that knows how settings are spelled.

mod data_dir;
mod environment;
mod file;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use lettre::message::Mailbox;
use url::Url;

use environment::Environment;

pub use file::file_named;
pub use table::{SETTINGS, Setting};

use crate::database::{AddressError, CONNECTIONS, DatabaseChoice, STORING};
use crate::mailer::{BounceAddress, Relay, Sender, Transport};
use crate::membership::MailIdentity;
use crate::values::EmailAddress;

/// What the settings are read for: a site must be able to send mail, a command need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve the site.
    Serve,
    /// To run a command beside it.
    Command,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `NPOC_LISTEN`.
    pub listen: SocketAddr,
    /// `NPOC_PUBLIC_URL`, without a slash at the end.
    pub public_url: String,
    /// `NPOC_PROFILES`: NPOC's own pages in social networks.
    pub profiles: Vec<Url>,
    /// `DATABASE_URL`, or the embedded one in `NPOC_DATA_DIR`.
    pub database: DatabaseChoice,
    /// `NPOC_DATABASE_CONNECTIONS`: connections to it, at most.
    pub database_connections: u32,
    /// `SMTP_URL`, or the folder of mails in `NPOC_DATA_DIR`.
    pub transport: Transport,
    /// `NPOC_MAIL_FROM`.
    pub mail_from: Mailbox,
    /// `NPOC_BOUNCE_ADDRESS`: the envelope sender, `*` standing for each mail's token; none unless set.
    pub bounce_address: Option<BounceAddress>,
    /// `NPOC_STAFF_EMAIL`.
    pub staff_email: EmailAddress,
    /// `NPOC_TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<IpNet>,
    /// `NPOC_RATE_LIMIT`: accepted applications a minute for one client network; 0 is no limit, and no daily ceiling.
    pub rate_limit: u32,
    /// `NPOC_RETENTION_DAYS`: how long applications are kept, in days; none unless set: until somebody erases them.
    pub retention_days: Option<u16>,
    /// `NPOC_METRICS_LISTEN`: where a monitor finds the metrics; none unless set.
    pub metrics_listen: Option<SocketAddr>,
    /// `NPOC_LOG`: what is logged, as tracing-subscriber's filter directives.
    pub log_filter: String,
    /// `NPOC_LOG_FORMAT`: whether the log is JSON (`json`) or for people (`text`).
    pub log_json: bool,
}

impl Settings {
    /// Who sends mail.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender {
            from: self.mail_from.clone(),
            bounces: self.bounce_address.clone(),
        }
    }

    /// What emails need to know of the site.
    #[must_use]
    pub fn mail_identity(&self) -> MailIdentity {
        MailIdentity {
            public_url: self.public_url.clone(),
            staff: self.staff_email.clone(),
            message_id_domain: self.mail_from.email.domain().to_owned(),
            has_ceilings: self.rate_limit > 0,
        }
    }
}

/// Every setting that cannot be used, a sentence each.
#[derive(Debug, thiserror::Error)]
#[error("These settings cannot be used:\n  {}", .0.join("\n  "))]
pub struct Faults(pub Vec<String>);

/// The environment, with the faults found so far.
struct Reader<F> {
    lookup: F,
    is_root: bool,
    faults: Vec<String>,
}

impl Settings {
    /// Reads the environment, and this file or else `.env`, if there is one.
    ///
    /// # Errors
    /// All [`Faults`] at once.
    pub fn from_environment(purpose: Purpose, file: Option<&Path>) -> Result<Self, Faults> {
        file::take_in(file)?;
        let environment = Environment::default();
        let settings = Self::read(purpose, is_root(), |name| environment.value(name));
        let settings = environment.checked(settings)?;
        if matches!(settings.database, DatabaseChoice::Embedded(_)) {
            environment::forget_options_of_other_servers();
        }
        Ok(settings)
    }

    /// Reads from any lookup; an empty value counts as not set. Root's data are elsewhere.
    ///
    /// # Errors
    /// All [`Faults`] at once.
    pub fn read(purpose: Purpose, is_root: bool, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut reader = Reader {
            lookup,
            is_root,
            faults: Vec::new(),
        };
        let settings = reader.settings(purpose);
        match settings {
            Some(settings) if reader.faults.is_empty() => Ok(settings),
            _ => Err(Faults(reader.faults)),
        }
    }
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn settings(&mut self, purpose: Purpose) -> Option<Settings> {
        let listen = self.parsed(
            "NPOC_LISTEN",
            "127.0.0.1:8080",
            "an address and a port, like 127.0.0.1:8080",
        );
        let public_url = self.public_url(listen);
        let data_dir = data_dir::find(self.is_root, &self.lookup);
        let profiles = self.profiles();
        let database = self.database(&data_dir);
        let database_connections = self.database_connections();
        let transport = self.transport(purpose, &data_dir);
        let mail_from = self.mail_from();
        let must_be = "an ASCII address with one * before the @, like bounce+*@npoc.org";
        let bounce_address = self.optional("NPOC_BOUNCE_ADDRESS", must_be, |_| true);
        let staff_email = self.staff_email();
        let trusted_proxies = self.trusted_proxies();
        let rate_limit = self.parsed("NPOC_RATE_LIMIT", "30", "a whole number, 0 for no limit");
        let must_be = "a whole number of days, from 30 to 36500";
        let retention_days = self.optional("NPOC_RETENTION_DAYS", must_be, |days| (30..=36_500).contains(days));
        let must_be = "an address and a port, like 127.0.0.1:9100";
        let metrics_listen = self.optional("NPOC_METRICS_LISTEN", must_be, |_| true);
        let log_filter = self.log_filter();
        let log_json = self.log_json();
        Some(Settings {
            listen: listen?,
            public_url: public_url?,
            profiles: profiles?,
            database: database?,
            database_connections: database_connections?,
            transport: transport?,
            mail_from: mail_from?,
            bounce_address: bounce_address?,
            staff_email: staff_email?,
            trusted_proxies: trusted_proxies?,
            rate_limit: rate_limit?,
            retention_days: retention_days?,
            metrics_listen: metrics_listen?,
            log_filter: log_filter?,
            log_json: log_json?,
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// Values may hold passwords, so a fault names the setting and never quotes it.
    fn fault<T>(&mut self, name: &str, must_be: &str) -> Option<T> {
        self.faults.push(format!("{name} must be {must_be}."));
        None
    }

    fn parsed<T: FromStr>(&mut self, name: &str, default: &str, must_be: &str) -> Option<T> {
        let value = self.value(name).unwrap_or_else(|| default.to_owned());
        value.parse().ok().or_else(|| self.fault(name, must_be))
    }

    fn public_url(&mut self, listen: Option<SocketAddr>) -> Option<String> {
        let Some(value) = self.value("NPOC_PUBLIC_URL") else {
            return listen.map(|listen| format!("http://{listen}"));
        };
        let is_plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && !url.authority().contains('@')
        };
        match Url::parse(&value).ok().filter(is_plain) {
            Some(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
            None => self.fault(
                "NPOC_PUBLIC_URL",
                "an http or https address without a path, like https://npoc.org",
            ),
        }
    }

    fn profiles(&mut self) -> Option<Vec<Url>> {
        let value = self
            .value("NPOC_PROFILES")
            .unwrap_or_else(|| "https://x.com/NPOC_ICANN".to_owned());
        let addresses = value
            .split([',', ' '])
            .filter(|part| !part.is_empty() && *part != "none");
        let is_page = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let parsed: Option<Vec<Url>> = addresses
            .map(|address| Url::parse(address).ok().filter(is_page))
            .collect();
        parsed.or_else(|| {
            self.fault(
                "NPOC_PROFILES",
                "web addresses separated by commas, like https://x.com/NPOC_ICANN, or none",
            )
        })
    }

    fn needed(&mut self, data_dir: &Result<PathBuf, String>) -> Option<PathBuf> {
        if let Err(fault) = data_dir
            && !self.faults.contains(fault)
        {
            self.faults.push(fault.clone());
        }
        data_dir.as_ref().ok().cloned()
    }

    fn database(&mut self, data_dir: &Result<PathBuf, String>) -> Option<DatabaseChoice> {
        let Some(url) = self.value("DATABASE_URL") else {
            return self.needed(data_dir).map(DatabaseChoice::Embedded);
        };
        match url.parse() {
            Ok(address) => Some(DatabaseChoice::Url(Box::new(address))),
            Err(error) => self.fault::<DatabaseChoice>("DATABASE_URL", &AddressError::to_string(&error)),
        }
    }

    /// One for the pool beside those that store.
    fn database_connections(&mut self) -> Option<u32> {
        let must_be = "a whole number of connections, from 3 to 1000";
        let enough = |connections: &u32| (STORING + 1..=1000).contains(connections);
        let connections = self.optional("NPOC_DATABASE_CONNECTIONS", must_be, enough)?;
        Some(connections.unwrap_or(CONNECTIONS))
    }

    fn transport(&mut self, purpose: Purpose, data_dir: &Result<PathBuf, String>) -> Option<Transport> {
        let mail = self.value("NPOC_MAIL");
        let wants_folder = mail.as_deref() == Some("folder");
        if mail.is_some() && !wants_folder {
            self.fault::<()>("NPOC_MAIL", "folder, or not set");
        }
        match self.value("SMTP_URL") {
            Some(_) if wants_folder => self.fault("NPOC_MAIL", "left out where SMTP_URL is set: mail goes one way"),
            Some(url) => match Relay::parse(&url) {
                Some(relay) => Some(Transport::Smtp(Box::new(relay))),
                None => self.fault("SMTP_URL", "an SMTP address, like smtp://user:password@mail.example.org:587?tls=required"),
            },
            None if mail.is_some() || purpose == Purpose::Command || self.value("DATABASE_URL").is_none() => {
                self.needed(data_dir).map(|dir| Transport::Folder(dir.join("mail")))
            }
            None => self.fault(
                "SMTP_URL",
                "set where DATABASE_URL is, since this site would otherwise lose its mail; if mail into a folder is meant, set NPOC_MAIL=folder",
            ),
        }
    }

    /// With an ASCII domain, since every relay must take it.
    fn mail_from(&mut self) -> Option<Mailbox> {
        let value = self
            .value("NPOC_MAIL_FROM")
            .unwrap_or_else(|| "NPOC website <no-reply@npoc.org>".to_owned());
        let sender = value.parse::<Mailbox>().ok();
        let address = sender.as_ref().and_then(|sender| ascii_mailbox(sender.email.as_ref()));
        match (sender, address) {
            (Some(sender), Some(address)) => Some(Mailbox::new(sender.name, address.to_wire())),
            _ => self.fault(
                "NPOC_MAIL_FROM",
                "a sender with an ASCII mailbox, like NPOC website <no-reply@npoc.org>",
            ),
        }
    }

    /// With an ASCII mailbox, since applicants' replies must find it through every relay.
    fn staff_email(&mut self) -> Option<EmailAddress> {
        let value = self
            .value("NPOC_STAFF_EMAIL")
            .unwrap_or_else(|| "info@npoc.org".to_owned());
        ascii_mailbox(&value).or_else(|| {
            self.fault(
                "NPOC_STAFF_EMAIL",
                "an e-mail address with an ASCII mailbox, like info@npoc.org",
            )
        })
    }

    fn trusted_proxies(&mut self) -> Option<Vec<IpNet>> {
        let value = self.value("NPOC_TRUSTED_PROXIES").unwrap_or_default();
        let networks = value.split([',', ' ']).filter(|part| !part.is_empty());
        let parsed: Option<Vec<IpNet>> = networks.map(network).collect();
        parsed.or_else(|| {
            self.fault(
                "NPOC_TRUSTED_PROXIES",
                "networks separated by commas, like 127.0.0.1, 10.0.0.0/8, ::1",
            )
        })
    }

    #[expect(clippy::option_option, reason = "not set is a value, and a fault is none")]
    fn optional<T: FromStr>(&mut self, name: &str, must_be: &str, is: impl Fn(&T) -> bool) -> Option<Option<T>> {
        let Some(value) = self.value(name) else {
            return Some(None);
        };
        let parsed = value.parse().ok().filter(is);
        parsed.map(Some).or_else(|| self.fault(name, must_be))
    }

    fn log_filter(&mut self) -> Option<String> {
        let value = self
            .value("NPOC_LOG")
            .unwrap_or_else(|| "info,sqlx=warn,sqlx::postgres::notice=off".to_owned());
        match tracing_subscriber::EnvFilter::try_new(&value) {
            Ok(_) => Some(value),
            Err(_) => self.fault("NPOC_LOG", "a filter, like info or npoc=debug,sqlx=warn"),
        }
    }

    fn log_json(&mut self) -> Option<bool> {
        match self.value("NPOC_LOG_FORMAT").as_deref() {
            None | Some("text") => Some(false),
            Some("json") => Some(true),
            Some(_) => self.fault("NPOC_LOG_FORMAT", "text or json"),
        }
    }
}

fn ascii_mailbox(text: &str) -> Option<EmailAddress> {
    EmailAddress::parse(text)
        .ok()
        .filter(|address| !address.needs_smtputf8())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
