//! All settings: one row each, parsed once at start.
//!
//! To add a setting, add a row with a field to [`Settings`] below, and run the tests with `UPDATE_DOCS=1`.

mod data_dir;
mod environment;
mod file;
mod parse;
mod row;

use std::net::SocketAddr;
use std::path::Path;

use ipnet::IpNet;
use lettre::message::Mailbox;
use url::Url;

use environment::Environment;
use parse::{Input, Row};

pub use file::settings_file;
pub use parse::FORMER_CHARTER;
pub use row::{DefaultValue, InvalidSettings, LogFormat, ReadFor, Setting};

use crate::database::{COMMAND_CONNECTIONS, DatabaseChoice};
use crate::locale::Language;
use crate::mailer::{BounceAddress, Sender, Transport};
use crate::membership::MailIdentity;
use crate::membership::review::{Days, Review};
use crate::outbound::{DnsChoice, Outbound};
use crate::staff::{DeskEmails, SecondFactorRule};
use crate::values::EmailAddress;

/// Makes [`Settings`] with a field for each row of the first table, and [`SETTINGS`] with the rows of both tables.
///
/// A row is `field: Type = NAME, default, meaning, must_be, parser;`. A parser may use the fields of earlier rows. Rows of
/// the second table have no field.
macro_rules! settings {
    (
        with field {
            $($field:ident: $type:ty = $name:literal, $default:expr, $meaning:literal, $must_be:literal, $parse:expr;)*
        }
        without field {
            $($other:literal, $other_default:expr, $other_meaning:literal;)*
        }
    ) => {
        /// All settings, valid.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = concat!("The value of `", $name, "`.")] pub $field: $type,)*
        }

        /// The rows of all settings.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { name: $name, default: $default, meaning: $meaning, must_be: $must_be },)*
            $(Setting { name: $other, default: $other_default, meaning: $other_meaning, must_be: "" },)*
        ];

        impl Settings {
            fn parse(input: &Input<'_>) -> Result<Self, InvalidSettings> {
                $(let $field = input.parse(
                    &Setting { name: $name, default: $default, meaning: $meaning, must_be: $must_be },
                    $parse,
                );)*
                match ($($field,)*) {
                    ($(Ok($field),)*) if input.is_valid() => Ok(Self { $($field,)* }),
                    _ => Err(input.invalid_settings()),
                }
            }
        }
    };
}

use DefaultValue::{Described, Literal};

#[rustfmt::skip]
settings! {
with field {
    listen: SocketAddr = "NPOC_LISTEN", Literal("127.0.0.1:8080"),
        "The address and port that the site listens on.",
        "an address and a port, like 127.0.0.1:8080",
        |row| row.parsed(|text| text.parse().ok());

    public_url: String = "NPOC_PUBLIC_URL", Described("http:// and NPOC_LISTEN"),
        "The public address of the site, without a path, like https://npoc.org. With https, the site also sends HSTS for two years, with subdomains.",
        "an http or https address without a path, like https://npoc.org",
        |row| row.public_url(listen);

    profiles: Vec<Url> = "NPOC_PROFILES", Literal("https://x.com/NPOC_ICANN"),
        "NPOC's own pages in social networks, separated by commas; none for none. The footer links to them, and search engines read them.",
        "web addresses separated by commas, like https://x.com/NPOC_ICANN, or none",
        |row| row.parsed(parse::profiles);

    charter_url: Option<Url> = "NPOC_CHARTER_URL", Described("no link"),
        "The address where NPOC's charter can be read. Pages link to it, and the old address /charter/ leads there.",
        "a web address other than /charter on this site, like https://example.org/charter",
        |row| row.charter(public_url.as_ref().ok());

    leaders: Vec<String> = "NPOC_LEADERS", Described("no list"),
        "Who leads NPOC, separated by semicolons, like Chair: Ann Lee; Vice chair: Bob Ray. The page \"who we are\" lists them.",
        "texts on one line, separated by semicolons, like Chair: Ann Lee; Vice chair: Bob Ray",
        |row| row.optional(parse::by_semicolon).map(Option::unwrap_or_default);

    languages: Vec<Language> = "NPOC_LANGUAGES", Literal("en,fr,es,ar,zh,ru"),
        "The languages in which the site can be read, by code, separated by commas. English must be one of them. The pages of every other language have its code in front, like /fr/join.",
        "codes separated by commas, with en, like en,fr,ar",
        |row| row.parsed(parse::languages);

    database: DatabaseChoice = "DATABASE_URL", Described("the embedded database"),
        "PostgreSQL 14 or later with a database in UTF-8, like postgres://user:password@host/database. By a socket: postgres:///database?host=/run/postgresql&user=user. Behind a connection pooler, add ?statement-cache-capacity=0. Several servers are written as in libpq: postgres://user@a.example,b.example:5433/database?target_session_attrs=read-write, or with host=a,b and port=. The site uses the one that takes writes.",
        "",
        Row::database;

    database_connections: u32 = "NPOC_DATABASE_CONNECTIONS", Literal("18"),
        "The maximum number of connections to the database, from 3 to 1000. Two of them store applications.",
        "a whole number of connections, from 3 to 1000",
        |row| row.parsed(parse::in_range(COMMAND_CONNECTIONS..=1000));

    transport: Transport = "SMTP_URL", Described("emails become .eml files in the folder mail of NPOC_DATA_DIR"),
        "The relay for outgoing mail. smtps://user:password@host uses TLS from the first byte. smtp://user:password@host:587?tls=required uses STARTTLS, or sends no email. ?tls=opportunistic uses STARTTLS if the relay offers it; an attacker on the network can remove the offer and read the emails, but the password is never sent without TLS. smtp://host uses no TLS; a password would be sent in plain text. An invalid certificate ends each of the first three. A path is our name in the greeting; without one, that is the machine's name.",
        "an SMTP address, like smtp://user:password@mail.example.org:587?tls=required",
        Row::transport;

    mail_from: Mailbox = "NPOC_MAIL_FROM", Literal("NPOC website <no-reply@npoc.org>"),
        "The sender of every email. Its domain ends every Message-ID.",
        "a sender with an ASCII mailbox, like NPOC website <no-reply@npoc.org>",
        |row| row.parsed(parse::sender);

    bounce_address: Option<BounceAddress> = "NPOC_BOUNCE_ADDRESS", Described("the address of NPOC_MAIL_FROM"),
        "The envelope sender, to which other servers return mail, like bounce+*@npoc.org. The * is replaced by a token for each email. See \"Mail that comes back\" in docs/deploying.md.",
        "an ASCII address with one * before the @, like bounce+*@npoc.org",
        |row| row.optional(|text| text.parse().ok());

    staff_email: EmailAddress = "NPOC_STAFF_EMAIL", Literal("info@npoc.org"),
        "The address that receives the emails about applications. Pages and emails name info@npoc.org in any case.",
        "an email address with an ASCII mailbox, like info@npoc.org",
        |row| row.parsed(parse::ascii_address);

    trusted_proxies: Vec<IpNet> = "NPOC_TRUSTED_PROXIES", Described("none"),
        "Networks of trusted proxies, separated by commas. The site believes their X-Forwarded-For.",
        "networks separated by commas, like 127.0.0.1, 10.0.0.0/8, ::1",
        |row| row.optional(parse::networks).map(Option::unwrap_or_default);

    rate_limit: u32 = "NPOC_RATE_LIMIT", Literal("30"),
        "The maximum number of applications that one client network may send in a minute (IPv4 /32, IPv6 /64; an IPv6 /48 twice as many). 0 turns off this limit and the daily ceilings.",
        "a whole number, 0 for no limit",
        |row| row.parsed(|text| text.parse().ok());

    retention_days: Option<u16> = "NPOC_RETENTION_DAYS", Described("applications are kept until an operator erases them"),
        "The age in days at which applications are erased, from 30 to 36500. Staff receive an email one day before, and the privacy page names the number.",
        "a whole number of days, from 30 to 36500",
        |row| row.optional(parse::in_range(30..=36_500));

    review_days: u16 = "NPOC_REVIEW_DAYS", Literal("14"),
        "The days that staff have to review an application, from 1 to 365. Accepting it earlier needs a reason.",
        "a whole number of days, from 1 to 365",
        |row| row.parsed(parse::in_range(1..=365));

    answer_days: u16 = "NPOC_ANSWER_DAYS", Literal("30"),
        "The days that an applicant has to answer a question, from 1 to 180, if the person who asks names no day.",
        "a whole number of days, from 1 to 180",
        |row| row.parsed(parse::in_range(1..=180));

    appeal_days: u16 = "NPOC_APPEAL_DAYS", Literal("30"),
        "The days that an applicant has to appeal, from 1 to 365. A later appeal is taken and marked as late.",
        "a whole number of days, from 1 to 365",
        |row| row.parsed(parse::in_range(1..=365));

    second_factor: SecondFactorRule = "NPOC_SECOND_FACTOR", Literal("deciders"),
        "Who needs the code of an authenticator app to sign in at the desk: deciders (and administrators), all, or none. Members who set one up need it too, except with none.",
        "deciders, all or none",
        |row| row.parsed(SecondFactorRule::parse);

    dns: DnsChoice = "NPOC_DNS", Literal("system"),
        "The resolver that looks up the domain names of applications: system for those of /etc/resolv.conf, an address with its port, or off. With off, the site looks nothing up, and applicants cannot prove a domain name.",
        "system, an address and a port like 127.0.0.1:53, or off",
        |row| row.parsed(DnsChoice::parse);

    rdap: bool = "NPOC_RDAP", Literal("on"),
        "Whether the site asks the registries about the domain names of applications: on or off. With NPOC_DNS=off it asks nobody.",
        "on or off",
        |row| row.parsed(parse::on_or_off);

    metrics_listen: Option<SocketAddr> = "NPOC_METRICS_LISTEN", Described("off"),
        "The address and port of /metrics, for a monitor.",
        "an address and a port, like 127.0.0.1:9100",
        |row| row.optional(|text| text.parse().ok());

    log_filter: String = "NPOC_LOG", Literal("info,sqlx=warn,sqlx::postgres::notice=off"),
        "The filter of the log, in the syntax of tracing, like npoc=debug,sqlx=warn.",
        "a filter, like info or npoc=debug,sqlx=warn",
        |row| row.parsed(parse::log_filter);

    log_format: LogFormat = "NPOC_LOG_FORMAT", Literal("text"),
        "The format of the log: text or json.",
        "text or json",
        |row| row.parsed(parse::log_format);
}

without field {
    "NPOC_DATA_DIR", Described("$XDG_STATE_HOME/npoc, or /var/lib/npoc for root, or ~/.local/state/npoc"),
        "The directory of the embedded database and of the mail folder.";

    "NPOC_MAIL", Described("emails go to SMTP_URL"),
        "folder, to write emails into the mail folder although DATABASE_URL is set. Without it, a site with DATABASE_URL and without SMTP_URL refuses to start. It must not be set together with SMTP_URL.";

    "NPOC_SETTINGS", Literal(".env"),
        "The file of settings, like --settings. Not read from a file.";

    "SSL_CERT_FILE", Described("the machine's certificates"),
        "A PEM file of the certificate authorities to trust for SMTP, PostgreSQL and the public address, for a private CA.";

    "PG_BINDIR", Described("the newest version, or that of existing data, in PATH, pg_config --bindir, /usr/lib/postgresql/*/bin and /usr/pgsql-*/bin"),
        "The only directory to search for postgres, initdb and pg_ctl, for the embedded database.";
}
}

impl Settings {
    /// Reads the environment and the given file. Without a file, reads `.env` if it exists.
    ///
    /// # Errors
    /// Returns all [`InvalidSettings`] at once.
    pub fn from_environment(purpose: ReadFor, file: Option<&Path>) -> Result<Self, InvalidSettings> {
        let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        file::load(file, &names)?;
        let environment = Environment::default();
        let is_root = rustix::process::geteuid().is_root();
        let settings = Self::read(purpose, is_root, |name| environment.value(name));
        let settings = environment.reject_non_utf8(&names, settings)?;
        if matches!(settings.database, DatabaseChoice::Embedded(_)) {
            environment::clear_pgoptions();
        }
        Ok(settings)
    }

    /// Reads the settings through `lookup`. An empty value counts as not set. Root has another default data directory.
    ///
    /// # Errors
    /// Returns all [`InvalidSettings`] at once.
    pub fn read(
        purpose: ReadFor,
        is_root: bool,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidSettings> {
        Self::parse(&Input::new(purpose, is_root, &lookup))
    }

    /// Returns the sender of all emails.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender {
            from: self.mail_from.clone(),
            bounces: self.bounce_address.clone(),
        }
    }

    /// Returns the domain of the envelope sender.
    #[must_use]
    pub fn sender_domain(&self) -> String {
        match &self.bounce_address {
            Some(address) => address.domain().to_owned(),
            None => self.mail_from.email.domain().to_owned(),
        }
    }

    /// Returns what emails say about the site.
    #[must_use]
    pub fn mail_identity(&self) -> MailIdentity {
        MailIdentity {
            public_url: self.public_url.clone(),
            staff: self.staff_email.clone(),
            message_id_domain: self.mail_from.email.domain().to_owned(),
            has_ceilings: self.rate_limit > 0,
        }
    }

    /// Returns what the emails to members of the staff need.
    #[must_use]
    pub fn desk_emails(&self) -> DeskEmails {
        self.mail_identity().desk_emails()
    }

    /// Returns the way out to hosts that applicants name; `None` if it is off.
    #[must_use]
    pub fn outbound(&self) -> Option<Outbound> {
        match self.dns {
            DnsChoice::Off => None,
            DnsChoice::On(server) => Some(Outbound::new(server, &self.public_url)),
        }
    }

    /// Returns what the review of applications needs.
    #[must_use]
    pub fn review(&self) -> Review {
        Review {
            identity: self.mail_identity(),
            days: Days {
                review: self.review_days,
                answer: self.answer_days,
                appeal: self.appeal_days,
            },
        }
    }
}
