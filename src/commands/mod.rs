//! What an operator can do from a terminal, beside a running site or without one.

mod application_list;
mod applications;
mod bounced;
mod cli;
mod doctor;
mod export;
mod mail;
mod spreadsheet;
mod terminal;

use std::io::{self, Write};

use serde::Serialize;

pub use cli::{
    ApplicationsCommand, Command, CommandLine, Conditions, EXIT_STATUS, Format, MailCommand, StoredCommand, status,
};
pub use doctor::doctor;
use terminal::{Output, waited_for};

use crate::database::{Database, Pool};
use crate::settings::Settings;

/// Runs one command, with its output on standard output.
///
/// # Errors
/// A sentence for the operator; [`status`] is how the process ends with it.
pub async fn run(command: StoredCommand, settings: &Settings) -> anyhow::Result<()> {
    match &command {
        StoredCommand::Mail(MailCommand::Test { address }) => return mail::send_test(settings, address).await,
        StoredCommand::Mail(MailCommand::Bounced { path }) => return bounced::run(settings, path.as_deref()).await,
        _ => {}
    }
    let opening = async {
        match command {
            StoredCommand::Migrate => Database::open_and_migrate(&settings.database).await,
            _ => Database::open(&settings.database).await,
        }
    };
    let database = waited_for("The database is brought up to date", opening).await?;
    let mut out = Output::lock();
    let done = with_database(command, &database.pool, &mut out).await;
    database.close().await;
    // What does not end with a line would be lost unseen.
    done.and_then(|()| Ok(out.flush()?))
}

async fn with_database(command: StoredCommand, pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        StoredCommand::Migrate => Ok(writeln!(out, "The database is up to date.")?),
        StoredCommand::Mail(MailCommand::Test { .. } | MailCommand::Bounced { .. }) => Ok(()),
        StoredCommand::Mail(MailCommand::List { json, state }) => mail::list(pool, state, json, out).await,
        StoredCommand::Mail(MailCommand::Retry { reference }) => mail::retry(pool, reference.as_deref(), out).await,
        StoredCommand::Applications(command) => with_applications(command, pool, out).await,
    }
}

async fn with_applications(command: ApplicationsCommand, pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    use ApplicationsCommand::{Erase, Export, List, Release, Show};
    match command {
        List { conditions, json } => application_list::list(pool, conditions.into(), json, out).await,
        Show { reference, json } => applications::show(pool, &reference, json, out).await,
        Release { reference } => applications::release(pool, &reference, out).await,
        Erase {
            older_than: Some(days),
            yes,
            despite_clock,
            ..
        } => {
            if !despite_clock {
                applications::trust_clock(pool).await?;
            }
            applications::erase_older_than(pool, days, yes, out).await
        }
        Erase { reference, yes, .. } => applications::erase(pool, &reference.unwrap_or_default(), yes, out).await,
        Export {
            format,
            reference,
            conditions,
        } => export::export(pool, format, reference.as_deref(), conditions.into(), out).await,
    }
}

/// One line of JSON.
fn write_json(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(writeln!(out)?)
}

/// Whether it is that nobody reads on: `npoc applications list | head` is no failure.
#[must_use]
pub fn is_unread(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let of_csv = |error: &csv::Error| match error.kind() {
            csv::ErrorKind::Io(error) => Some(error.kind()),
            _ => None,
        };
        let json = cause.downcast_ref().and_then(serde_json::Error::io_error_kind);
        let csv = cause.downcast_ref().and_then(of_csv);
        cause.downcast_ref().map(io::Error::kind).or(json).or(csv)
    };
    let is_of_database = error.chain().any(<dyn std::error::Error>::is::<sqlx::Error>);
    let mut causes = error.chain();
    !is_of_database && causes.any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}
