//! The settings in words, for the manual page. A test compares them with what is read, with the README and with the
//! package's file of settings.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The name of its variable.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What holds where it is not set.
    pub default: &'static str,
}

const fn is(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, meaning, default }
}

/// Every setting.
#[rustfmt::skip]
pub const SETTINGS: [Setting; 20] = [
    is("NPOC_LISTEN", "127.0.0.1:8080", "Address and port that the site listens on."),
    is("NPOC_PUBLIC_URL", "http:// and NPOC_LISTEN", "How the world reaches the site, without a path, like https://npoc.org."),
    is("NPOC_PROFILES", "https://x.com/NPOC_ICANN", "NPOC's own pages in social networks, with commas between; none for none."),
    is("DATABASE_URL", "an embedded database", "PostgreSQL 14 or later, like postgres://user:password@host/database; by a socket, postgres:///database?host=/run/postgresql&user=user. With several hosts, postgres://user@a,b/database, the site uses the one that takes writes."),
    is("NPOC_DATABASE_CONNECTIONS", "18", "Connections to the database, at most, 3 to 1000; two of them store applications."),
    is("NPOC_DATA_DIR", "$XDG_STATE_HOME/npoc, or /var/lib/npoc for root, or ~/.local/state/npoc", "Where the embedded database and the mail folder live."),
    is("SMTP_URL", "mail becomes files in the mail folder", "The relay that mail goes to, like smtps://user:password@host or smtp://user:password@host:587?tls=required."),
    is("NPOC_MAIL", "mail goes to SMTP_URL", "folder, where mail into the folder is meant though DATABASE_URL is set."),
    is("NPOC_MAIL_FROM", "NPOC website <no-reply@npoc.org>", "The sender of every mail."),
    is("NPOC_BOUNCE_ADDRESS", "the address of NPOC_MAIL_FROM", "The envelope sender, to which other servers return mail, like bounce+*@npoc.org; * stands for each mail's token."),
    is("NPOC_STAFF_EMAIL", "info@npoc.org", "Who gets the mail about applications."),
    is("NPOC_TRUSTED_PROXIES", "none", "Networks whose X-Forwarded-For is believed, with commas between."),
    is("NPOC_RATE_LIMIT", "30", "Applications a minute that one client network may send; 0 for no limit, and no daily ceilings."),
    is("NPOC_RETENTION_DAYS", "kept until somebody erases them", "After how many days applications are erased, 30 to 36500."),
    is("NPOC_METRICS_LISTEN", "off", "Address and port of /metrics, for a monitor."),
    is("NPOC_LOG", "info,sqlx=warn,sqlx::postgres::notice=off", "What is logged, as a filter of tracing."),
    is("NPOC_LOG_FORMAT", "text", "The format of the log: text or json."),
    is("NPOC_SETTINGS", ".env", "The file of settings, as --settings has it. Not read from a file."),
    is("SSL_CERT_FILE", "those of the machine", "PEM file of the authorities to trust for SMTP, PostgreSQL and the public address."),
    is("PG_BINDIR", "the newest that is found", "The directory of the programs of PostgreSQL, for the embedded database."),
];
