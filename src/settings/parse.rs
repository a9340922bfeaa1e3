//! Parsers of the settings' values.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::data_dir;
use super::row::{InvalidSettings, LogFormat, ReadFor, Setting};
use crate::database::{DatabaseAddress, DatabaseChoice};
use crate::locale::Language;
use crate::mailer::{Relay, Transport};
use crate::values::EmailAddress;

/// The path of NPOC's charter on the former site. It redirects to the address of the setting.
pub const FORMER_CHARTER: &str = "/charter";

/// The values of all settings, and the problems found so far.
pub(super) struct Input<'a> {
    purpose: ReadFor,
    is_root: bool,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<String>>,
}

/// A setting that is being parsed.
pub(super) struct Row<'a> {
    input: &'a Input<'a>,
    setting: &'a Setting,
}

/// A value is invalid. The sentence about it is already in [`Input`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Invalid;

impl<'a> Input<'a> {
    pub(super) fn new(purpose: ReadFor, is_root: bool, lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            purpose,
            is_root,
            lookup,
            problems: RefCell::default(),
        }
    }

    pub(super) fn parse<'r, T>(
        &'r self,
        setting: &'r Setting,
        parser: impl FnOnce(&Row<'r>) -> Result<T, Invalid>,
    ) -> Result<T, Invalid> {
        parser(&Row { input: self, setting })
    }

    pub(super) fn is_valid(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    pub(super) fn invalid_settings(&self) -> InvalidSettings {
        InvalidSettings(self.problems.take())
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Reports what a value must be. Never quotes the value, since it may contain a password.
    fn must_be(&self, name: &str, what: &str) -> Invalid {
        self.report(format!("{name} must be {what}."))
    }

    fn report(&self, problem: String) -> Invalid {
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
        Invalid
    }

    fn data_dir(&self) -> Result<PathBuf, Invalid> {
        data_dir::find(self.is_root, self.lookup).map_err(|problem| self.report(problem))
    }
}

impl Row<'_> {
    fn value(&self) -> Option<String> {
        self.input.value(self.setting.name)
    }

    fn invalid(&self) -> Invalid {
        self.input.must_be(self.setting.name, self.setting.must_be)
    }

    /// Parses the value, or the default, which must be a literal.
    pub(super) fn parsed<T>(&self, parser: impl FnOnce(&str) -> Option<T>) -> Result<T, Invalid> {
        let value = self.value().unwrap_or_else(|| self.setting.default.text().to_owned());
        parser(&value).ok_or_else(|| self.invalid())
    }

    /// Parses the value if it is set.
    pub(super) fn optional<T>(&self, parser: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Invalid> {
        let Some(value) = self.value() else {
            return Ok(None);
        };
        parser(&value).map(Some).ok_or_else(|| self.invalid())
    }

    /// Parses the address of the charter. [`FORMER_CHARTER`] on this site redirects there, so it must be another address.
    pub(super) fn charter(&self, public_url: Option<&String>) -> Result<Option<Url>, Invalid> {
        let own = public_url.and_then(|own| Url::parse(own).ok());
        let host = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
        let is_own = |url: &Url| {
            let is_former = url.path().trim_end_matches('/') == FORMER_CHARTER;
            is_former && own.as_ref().is_some_and(|own| host(own) == host(url))
        };
        self.optional(|text| web_address(text).filter(|url| !is_own(url)))
    }

    pub(super) fn public_url(&self, listen: Result<SocketAddr, Invalid>) -> Result<String, Invalid> {
        let Some(value) = self.value() else {
            return listen.map(|listen| format!("http://{listen}"));
        };
        let url = Url::parse(&value)
            .ok()
            .filter(is_origin)
            .ok_or_else(|| self.invalid())?;
        Ok(url.as_str().trim_end_matches('/').to_owned())
    }

    pub(super) fn database(&self) -> Result<DatabaseChoice, Invalid> {
        let Some(url) = self.value() else {
            return self.input.data_dir().map(DatabaseChoice::Embedded);
        };
        let address: Result<DatabaseAddress, _> = url.parse();
        match address {
            Ok(address) => Ok(DatabaseChoice::Url(Box::new(address))),
            Err(error) => Err(self.input.must_be(self.setting.name, &error.to_string())),
        }
    }

    /// Chooses the relay or the mail folder. A site with `DATABASE_URL` must say which one, since an email in a folder is lost
    /// unless the operator means it.
    pub(super) fn transport(&self) -> Result<Transport, Invalid> {
        let mail = self.input.value("NPOC_MAIL");
        let wants_folder = mail.as_deref() == Some("folder");
        if mail.is_some() && !wants_folder {
            self.input.must_be("NPOC_MAIL", "folder, or not set");
        }
        if let Some(url) = self.value() {
            return if wants_folder {
                Err(self
                    .input
                    .must_be("NPOC_MAIL", "unset if SMTP_URL is set: emails go one way"))
            } else {
                let relay = Relay::parse(&url).ok_or_else(|| self.invalid())?;
                Ok(Transport::Smtp(Box::new(relay)))
            };
        }
        let needs_relay = self.input.purpose == ReadFor::Serve && self.input.value("DATABASE_URL").is_some();
        if needs_relay && mail.is_none() {
            let set = "set if DATABASE_URL is set, since this site would otherwise lose its emails; to write emails into a folder, set NPOC_MAIL=folder";
            return Err(self.input.must_be(self.setting.name, set));
        }
        Ok(Transport::Folder(self.input.data_dir()?.join("mail")))
    }
}

/// Returns whether an address consists of scheme, host and port alone.
fn is_origin(url: &Url) -> bool {
    is_web_page(url)
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !url.authority().contains('@')
}

fn is_web_page(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|part| !part.is_empty())
}

pub(super) fn profiles(text: &str) -> Option<Vec<Url>> {
    let addresses = list(text).filter(|part| *part != "none");
    addresses.map(web_address).collect()
}

fn web_address(text: &str) -> Option<Url> {
    let is_public = |url: &Url| is_web_page(url) && !url.authority().contains('@');
    Url::parse(text).ok().filter(is_public)
}

/// Parses texts of one line each, separated by semicolons.
pub(super) fn by_semicolon(text: &str) -> Option<Vec<String>> {
    let parts = text.split(';').map(|part| part.trim().to_owned());
    let is_one_line = !text.contains(char::is_control);
    is_one_line.then(|| parts.filter(|part| !part.is_empty()).collect())
}

/// Parses codes of languages, with English among them, into the order of the list.
pub(super) fn languages(text: &str) -> Option<Vec<Language>> {
    let language = |code: &str| Language::of_code(code).or_else(|| Language::of_code(&code.to_ascii_lowercase()));
    let given: Vec<Language> = list(text).map(language).collect::<Option<_>>()?;
    let languages = Language::all().filter(|language| given.contains(language)).collect();
    given.contains(&Language::En).then_some(languages)
}

pub(super) fn networks(text: &str) -> Option<Vec<IpNet>> {
    let network = |part: &str| part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
    list(text).map(|part| network(part).ok()).collect()
}

/// Parses a sender with an ASCII mailbox. Converts its domain to ASCII, since every relay must accept it.
pub(super) fn sender(text: &str) -> Option<Mailbox> {
    let sender: Mailbox = text.parse().ok()?;
    let address = ascii_address(sender.email.as_ref())?;
    Some(Mailbox::new(sender.name, address.to_wire()))
}

/// Parses an address with an ASCII mailbox, which works through every relay.
pub(super) fn ascii_address(text: &str) -> Option<EmailAddress> {
    let address = EmailAddress::parse(text).ok()?;
    (!address.needs_smtputf8()).then_some(address)
}

pub(super) fn in_range<T: FromStr + PartialOrd>(range: RangeInclusive<T>) -> impl FnOnce(&str) -> Option<T> {
    move |text| text.parse().ok().filter(|number| range.contains(number))
}

pub(super) fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

pub(super) fn log_filter(text: &str) -> Option<String> {
    EnvFilter::try_new(text).ok().map(|_| text.to_owned())
}

pub(super) fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}
