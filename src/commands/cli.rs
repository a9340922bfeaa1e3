//! Commands, options, help texts and exit statuses. deploy/manual.rs generates the manual pages and the shell completions
//! from them.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::arguments::{email_address, one_of};
use super::staff_command::StaffCommand;
use crate::database::{Unsuitable, embedded, is_unavailable};
use crate::membership::review::Recorded;
use crate::membership::{Filter, Search, State};
use crate::outbox::EmailFilter;
use crate::settings::InvalidSettings;
use crate::values::{Country, EmailAddress, Region};

/// The exit statuses for people; [`exit_status`] returns them.
pub const EXIT_STATUS: &str = "\
0 done
1 not done, or npoc doctor found a failure
2 invalid command line
3 no application or email has this reference
69 the database does not answer
75 npoc mail bounced cannot process the email now; deliver it again later
78 a restart cannot help: a setting is invalid, a newer npoc has changed the database, or the embedded database cannot \
   run on this machine";

/// The site of NPOC, ICANN's Not-for-Profit Organizations Constituency.
///
/// Without a command, npoc serves the site. Settings come from the environment and from a file, by default .env.
/// With the Debian package, systemd runs npoc, and the file is /etc/npoc/npoc.env.
#[derive(Debug, Parser)]
#[command(name = "npoc", version, about, disable_help_subcommand = true, after_long_help = after_help())]
pub struct CommandLine {
    /// Read settings from this file instead of .env; the environment takes precedence
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// The command; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

fn after_help() -> String {
    format!("Exit status:\n  {}", EXIT_STATUS.replace('\n', "\n  "))
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the site and deliver its emails until stopped by a signal
    Serve,
    /// Check everything that the site needs, and say how to fix what is wrong
    ///
    /// Checks settings, database, migrations, waiting emails, relay, public address, clock and disk. Sends no email and
    /// changes nothing.
    Doctor {
        /// Print one JSON object per finding
        #[arg(long)]
        json: bool,
    },
    /// A command that uses the database
    #[command(flatten)]
    Stored(StoredCommand),
}

/// A command that uses the database.
#[derive(Debug, Subcommand)]
pub enum StoredCommand {
    /// Create or update the tables of the database
    Migrate,
    /// Manage emails
    #[command(subcommand)]
    Mail(MailCommand),
    /// Manage applications
    #[command(subcommand)]
    Applications(ApplicationsCommand),
    /// Manage the people who sign in at the desk
    #[command(subcommand)]
    Staff(StaffCommand),
    /// Look up the domain names of applications
    #[command(subcommand)]
    Domain(DomainCommand),
}

/// A command that looks up a domain name.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Look for a proof and for facts now, and print them
    ///
    /// Asks DNS, the website and the registry, as the site does by itself. Takes at most two minutes.
    Check {
        /// A reference such as NPOC-ACDE-FGHJ
        reference: String,
    },
}

impl StoredCommand {
    /// Returns the error of this command for invalid settings. `mail bounced` asks the mail server to try again, so that no
    /// email is lost.
    #[must_use]
    pub fn without_settings(&self, faults: InvalidSettings) -> anyhow::Error {
        let error = anyhow::Error::new(faults);
        match self {
            Self::Mail(MailCommand::Bounced { .. }) => error.context(TryAgainLater),
            _ => error,
        }
    }
}

/// A command that manages emails.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// List unsent emails, oldest first, and show a failing relay
    List {
        /// Only emails in this state; bounced: sent and returned
        #[arg(long, value_name = "STATE", value_parser = one_of(EmailFilter::ALL, EmailFilter::name))]
        state: Option<EmailFilter>,
        /// Print one JSON object per email
        #[arg(long)]
        json: bool,
    },
    /// Make unsent emails due now: of one reference, or all except held ones and those for the digest
    Retry {
        /// A reference such as NPOC-ACDE-FGHJ
        reference: Option<String>,
    },
    /// Read bounces, and record which emails were returned
    ///
    /// Reads one email from standard input (a mail server's pipe), an mbox file, or the new emails of a Maildir. Exits
    /// with 0 for any email. Exits with 75 if the database is unavailable or a setting is invalid, so that the mail server
    /// keeps the email and tries again.
    Bounced {
        /// An mbox file or a Maildir folder, instead of standard input
        path: Option<PathBuf>,
    },
    /// Send a test email now
    Test {
        /// The recipient
        address: String,
    },
}

/// A command that manages applications.
#[derive(Debug, Subcommand)]
pub enum ApplicationsCommand {
    /// List applications, oldest first: all, or those that match every condition
    ///
    /// Prints a table on a terminal. Otherwise prints one line per application, with tabs between reference, time,
    /// country, state, domain name and name.
    List {
        /// The conditions.
        #[command(flatten)]
        conditions: Conditions,
        /// Print one JSON object per application, with every answer
        #[arg(long)]
        json: bool,
    },
    /// Show one application with its emails and its history
    Show {
        /// A reference such as NPOC-ACDE-FGHJ
        reference: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove the spam flag of an application
    Release {
        /// A reference such as NPOC-ACDE-FGHJ
        reference: String,
    },
    /// Record decisions from before the desk, without any email
    Record {
        /// The decision
        #[arg(value_parser = one_of(Recorded::ALL, Recorded::name))]
        decision: Recorded,
        /// References such as NPOC-ACDE-FGHJ, of applications that nobody reviews
        #[arg(required = true)]
        references: Vec<String>,
        /// The email address of the staff member who decided
        #[arg(long, value_name = "ADDRESS", value_parser = email_address)]
        by: EmailAddress,
    },
    /// Erase applications and the contents of their emails for good; the history records the erasure
    #[command(group = ArgGroup::new("which").required(true))]
    Erase {
        /// A reference such as NPOC-ACDE-FGHJ
        #[arg(group = "which")]
        reference: Option<String>,
        /// All applications that arrived more than this number of days ago; once there are staff, that were closed so long ago
        #[arg(long, group = "which", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(30..))]
        older_than: Option<u16>,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
        /// Erase by age although the clocks disagree or jumped; use this if the database's time is right
        #[arg(long, requires_all = ["older_than", "yes"])]
        despite_clock: bool,
    },
    /// Export applications to standard output: all, those that match every condition, or one for its applicant
    Export {
        /// The format
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// Only the application with this reference, such as NPOC-ACDE-FGHJ
        #[arg(long, conflicts_with = "Conditions")]
        reference: Option<String>,
        /// The conditions.
        #[command(flatten)]
        conditions: Conditions,
    },
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For spreadsheets. An apostrophe protects each cell that a spreadsheet would convert to a formula, a number, a date
    /// or a truth value
    Csv,
    /// JSON Lines: one object per application, with exact answers
    Jsonl,
}

/// The conditions that select applications.
#[derive(Args, Clone, Debug)]
pub struct Conditions {
    /// Received on this day (UTC) or later
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    since: Option<Date>,
    /// Received on this day (UTC) or earlier
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Date>,
    /// From this country: a common name, or a code of two or three letters; repeatable
    #[arg(long, value_name = "COUNTRY", value_parser = country)]
    country: Vec<Country>,
    /// From this ICANN region; repeatable
    #[arg(long, value_name = "REGION", value_parser = one_of(Region::ALL, Region::name))]
    region: Vec<Region>,
    /// In this state: suspected of spam; the applicant's email held; an email given up or waiting; all mailed
    #[arg(long, value_name = "STATE", value_parser = one_of(State::ALL, State::name))]
    state: Option<State>,
    /// With this text in an answer, in any case, or with this reference, domain name or email address, in any spelling
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl From<Conditions> for Filter {
    fn from(conditions: Conditions) -> Self {
        let begins = |day: Date| day.midnight().assume_utc();
        Self {
            references: None,
            since: conditions.since.map(begins),
            before: conditions.until.map(|day| begins(day).saturating_add(Duration::DAY)),
            countries: countries(&conditions.country, &conditions.region),
            state: conditions.state,
            search: conditions.text.as_deref().map(Search::of),
        }
    }
}

/// Returns the countries that match both lists. An empty list matches every country; `None` means no restriction.
fn countries(countries: &[Country], regions: &[Region]) -> Option<Vec<Country>> {
    if countries.is_empty() && regions.is_empty() {
        return None;
    }
    let is_selected = |country: &Country| {
        (countries.is_empty() || countries.contains(country))
            && (regions.is_empty() || regions.contains(&country.region()))
    };
    Some(Country::all().filter(is_selected).collect())
}

fn day(typed: &str) -> Result<Date, String> {
    let today = OffsetDateTime::now_utc().date();
    Date::parse(typed, format_description!("[year]-[month]-[day]"))
        .map_err(|_| format!("expected a day such as {today}"))
}

fn country(typed: &str) -> Result<Country, String> {
    Country::find(typed).ok_or_else(|| {
        let in_words = |country: Country| format!("{} ({})", country.name(), country.code());
        let near: Vec<_> = Country::near(typed).into_iter().map(in_words).collect();
        if near.is_empty() {
            "no country has this name or this ISO 3166-1 code".to_owned()
        } else {
            format!("no single country has this name; the nearest are: {}", near.join(", "))
        }
    })
}

const FAILED: u8 = 1;
const NOT_FOUND: u8 = 3;
/// `EX_TEMPFAIL` of sysexits.h: the mail server keeps the email and tries again.
const TRY_AGAIN: u8 = 75;
/// `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;
/// `EX_CONFIG` of sysexits.h: a restart cannot help.
const CONFIG: u8 = 78;

/// An error that no record has the given reference, as a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

/// An error that asks a mail server to deliver an email again later.
#[derive(Debug, thiserror::Error)]
#[error("The email cannot be processed now. Deliver it again later")]
pub struct TryAgainLater;

/// Returns whether only an operator can make the database suitable.
fn needs_operator(why: &Unsuitable) -> bool {
    !matches!(why, Unsuitable::Empty | Unsuitable::Behind)
}

/// Returns the exit status for an error.
#[must_use]
pub fn exit_status(error: &anyhow::Error) -> u8 {
    let status_of = |cause: &(dyn std::error::Error + 'static)| {
        let embedded = cause.downcast_ref::<embedded::Error>();
        let is_final = embedded.is_some_and(embedded::Error::is_final);
        if is_final || cause.is::<InvalidSettings>() || cause.downcast_ref().is_some_and(needs_operator) {
            Some(CONFIG)
        } else if cause.is::<NotFound>() {
            Some(NOT_FOUND)
        } else {
            cause.downcast_ref().is_some_and(is_unavailable).then_some(UNAVAILABLE)
        }
    };
    // First, since its cause may have another exit status.
    if error.downcast_ref::<TryAgainLater>().is_some() {
        return TRY_AGAIN;
    }
    error.chain().find_map(status_of).unwrap_or(FAILED)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_region_and_a_country_narrow_each_other() {
        let kenya = Country::find("kenya").unwrap();
        let peru = Country::find("PE").unwrap();
        assert_eq!(countries(&[], &[]), None);
        assert_eq!(countries(&[kenya, peru], &[Region::Africa]), Some(vec![kenya]));
        assert_eq!(countries(&[peru], &[Region::Africa]), Some(Vec::new()));
        assert!(countries(&[], &[Region::NorthAmerica]).is_some_and(|all| all.len() < 10));
    }
}
