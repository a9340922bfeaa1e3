//! The command line: what may be said, and the words of its help. The manual pages and the completions of shells are
//! made from the same definitions (deploy/manual.rs).

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::exit::NotNow;
use crate::membership::{Filter, Search, State};
use crate::outbox::EmailFilter;
use crate::settings::InvalidSettings;
use crate::values::{Country, Region};

/// How commands end, in words; [`status`](super::status) works it out.
pub const EXIT_STATUS: &str = "\
0 done
1 not done, or npoc doctor found something that must be repaired
2 the command line is wrong
3 nothing has that reference
69 the database does not answer
75 npoc mail bounced could not process the mail now; deliver it again later
78 starting again cannot help: a setting cannot be used, a newer npoc has changed the database, or the embedded \
   database cannot run on this machine as it is";

/// The site of NPOC, ICANN's Not-for-Profit Organizations Constituency.
///
/// Without a command it serves. Settings come from the environment and from a file, which is .env unless one is named.
/// Where the Debian package is installed, systemd has it serve, and its file is /etc/npoc/npoc.env.
#[derive(Debug, Parser)]
#[command(name = "npoc", version, about, disable_help_subcommand = true, after_long_help = after_help())]
pub struct CommandLine {
    /// The file of settings, instead of .env; the environment takes precedence
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// What to do; to serve where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

fn after_help() -> String {
    format!("Exit status:\n  {}", EXIT_STATUS.replace('\n', "\n  "))
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the site and deliver its mail until told to stop
    Serve,
    /// Look whether all that the site needs is as it should be, and say what to do where it is not
    ///
    /// Looks at settings, database, migrations, mail that waits, relay, public address, clock and disk. Sends no mail
    /// and changes nothing.
    Doctor {
        /// Write one JSON object for each finding
        #[arg(long)]
        json: bool,
    },
    /// One that works on the database
    #[command(flatten)]
    Stored(StoredCommand),
}

/// What works on the database.
#[derive(Debug, Subcommand)]
pub enum StoredCommand {
    /// Bring the database up to date and end
    Migrate,
    /// Look after mail
    #[command(subcommand)]
    Mail(MailCommand),
    /// Read applications
    #[command(subcommand)]
    Applications(ApplicationsCommand),
}

impl StoredCommand {
    /// The error of this command without settings. A mail that was handed over must not be lost for it.
    #[must_use]
    pub fn without_settings(&self, faults: InvalidSettings) -> anyhow::Error {
        let error = anyhow::Error::new(faults);
        match self {
            Self::Mail(MailCommand::Bounced { .. }) => error.context(NotNow),
            _ => error,
        }
    }
}

/// Looking after mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// List unsent mail, oldest first, and the state of the relay
    List {
        /// Only mail in this state; bounced: sent, and came back
        #[arg(long, value_name = "STATE", value_parser = one_of(EmailFilter::ALL, EmailFilter::name))]
        state: Option<EmailFilter>,
        /// Write one JSON object for each mail
        #[arg(long)]
        json: bool,
    },
    /// Make unsent mail due now: that of one reference, or all but what is held or for the digest
    Retry {
        /// Such as NPOC-ACDE-FGHJ
        reference: Option<String>,
    },
    /// Read bounces, and record which emails came back
    ///
    /// Reads one mail from standard input, as mail servers hand it over, or an mbox file, or the new mails of a Maildir.
    /// Ends with 0 for any mail, ours or not, and with 75 if the database or the settings cannot be used, so that the
    /// mail server keeps the mail and tries again.
    Bounced {
        /// An mbox file or a Maildir folder, instead of standard input
        path: Option<PathBuf>,
    },
    /// Send a test mail now, to see that the relay takes it
    Test {
        /// To whom
        address: String,
    },
}

/// Reading applications.
#[derive(Debug, Subcommand)]
pub enum ApplicationsCommand {
    /// List applications, oldest first: all, or those that meet every condition that is given
    ///
    /// On a terminal, as a table that fits. Elsewhere one line for each, with tabs between reference, time, country,
    /// state, domain name and name.
    List {
        /// Which ones
        #[command(flatten)]
        conditions: Conditions,
        /// Write one JSON object for each application, with every answer
        #[arg(long)]
        json: bool,
    },
    /// Show one application whole, with its mails and its history
    Show {
        /// Such as NPOC-ACDE-FGHJ
        reference: String,
        /// Write it as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove the mark of possible spam from an application
    Release {
        /// Such as NPOC-ACDE-FGHJ
        reference: String,
    },
    /// Erase applications for good, with the words of their mails; the history keeps that it happened
    #[command(group = ArgGroup::new("which").required(true))]
    Erase {
        /// Such as NPOC-ACDE-FGHJ
        #[arg(group = "which")]
        reference: Option<String>,
        /// All that arrived more than this number of days ago
        #[arg(long, group = "which", value_name = "DAYS", value_parser = clap::value_parser!(u16).range(30..))]
        older_than: Option<u16>,
        /// Ask nothing first; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
        /// Erase by age although the clocks are apart, or jumped: the time of the database is right
        #[arg(long, requires_all = ["older_than", "yes"])]
        despite_clock: bool,
    },
    /// Write applications to standard output: all, those that meet every condition that is given, or one, for its applicant
    /// to have
    Export {
        /// In which format
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// Only that of this reference, such as NPOC-ACDE-FGHJ
        #[arg(long, conflicts_with = "Conditions")]
        reference: Option<String>,
        /// Which ones
        #[command(flatten)]
        conditions: Conditions,
    },
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For spreadsheets: a cell that one would take for a formula, a number, a date or a truth value begins with an
    /// apostrophe, since CSV has no other way to say that it is text
    Csv,
    /// JSON Lines, one exact object for each application
    Jsonl,
}

/// Which applications are meant.
#[derive(Args, Clone, Debug)]
pub struct Conditions {
    /// Received on this day (UTC) or later
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    since: Option<Date>,
    /// Received on this day (UTC) or earlier
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Date>,
    /// Of this country: a name that people know it by, or its code of two or three letters; may be given again
    #[arg(long, value_name = "COUNTRY", value_parser = country)]
    country: Vec<Country>,
    /// Of this region of ICANN's; may be given again
    #[arg(long, value_name = "REGION", value_parser = one_of(Region::ALL, Region::word))]
    region: Vec<Region>,
    /// In this state: marked as what may be spam; its applicant's mail held; a mail given up or waiting; all mailed
    #[arg(long, value_name = "STATE", value_parser = one_of(State::ALL, State::name))]
    state: Option<State>,
    /// With this text in an answer, in any case; or of this reference, domain name or mail address, in any spelling
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

/// Those of a country and of a region, where both are given; none said is any.
fn countries(countries: &[Country], regions: &[Region]) -> Option<Vec<Country>> {
    if countries.is_empty() && regions.is_empty() {
        return None;
    }
    let is_meant = |country: &Country| {
        (countries.is_empty() || countries.contains(country))
            && (regions.is_empty() || regions.contains(&country.region()))
    };
    Some(Country::all().filter(is_meant).collect())
}

fn day(typed: &str) -> Result<Date, String> {
    let today = OffsetDateTime::now_utc().date();
    Date::parse(typed, format_description!("[year]-[month]-[day]"))
        .map_err(|_| format!("a day is written like {today}"))
}

fn country(typed: &str) -> Result<Country, String> {
    let or_near = || match &Country::near(typed)[..] {
        [] => "no country has that name, or that code in ISO 3166-1".to_owned(),
        near => {
            let near: Vec<_> = near
                .iter()
                .map(|country| format!("{} ({})", country.name(), country.code()))
                .collect();
            format!("no single country has that name; the nearest are: {}", near.join(", "))
        }
    };
    Country::find(typed).ok_or_else(or_near)
}

/// One of these, by its word.
fn one_of<T, const N: usize>(all: [T; N], word: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(word)).try_map(move |typed| {
        let named = all.into_iter().find(|one| word(*one) == typed);
        named.ok_or("unknown")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
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
