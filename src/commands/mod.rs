//! What an operator can do from a terminal, beside a running site or without one.

mod applications;
mod command_line;
mod doctor;
mod exit;
mod export;
mod mail;
mod table;
mod terminal;

use std::io::{self, Write};

use serde::Serialize;

pub use command_line::{ApplicationsCommand, Command, CommandLine, Conditions, EXIT_STATUS, Format, MailCommand};
pub use doctor::doctor;
pub use exit::status;
use terminal::waited_for;

use crate::database::{Database, Pool};
use crate::settings::Settings;

/// Runs one command, with its output on standard output.
///
/// # Errors
/// A sentence for the operator; [`status`] is how the process ends with it.
pub async fn run(command: Command, settings: &Settings) -> anyhow::Result<()> {
    if let Command::Mail(MailCommand::Test { address }) = command {
        return mail::send_test(settings, &address).await;
    }
    let opening = async {
        match command {
            Command::Migrate => Database::open_or_create_beside(&settings.database).await,
            _ => Database::open_beside(&settings.database).await,
        }
    };
    let database = waited_for("The database is brought up to date", opening).await?;
    let done = with_database(command, &database.pool, &mut io::stdout().lock()).await;
    database.close().await;
    done.or_else(unless_the_reader_left)
}

async fn with_database(command: Command, pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Command::Serve | Command::Doctor { .. } | Command::Mail(MailCommand::Test { .. }) => Ok(()),
        Command::Migrate => Ok(writeln!(out, "The database is up to date.")?),
        Command::Mail(MailCommand::List { json }) => mail::list(pool, json, out).await,
        Command::Mail(MailCommand::Retry { reference }) => mail::retry(pool, reference.as_deref(), out).await,
        Command::Applications(command) => with_applications(command, pool, out).await,
    }
}

async fn with_applications(command: ApplicationsCommand, pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    use ApplicationsCommand::{Erase, Export, List, Release, Show};
    match command {
        List { conditions, json } => applications::list(pool, conditions.into(), json, out).await,
        Show { reference, json } => applications::show(pool, &reference, json, out).await,
        Release { reference } => applications::release(pool, &reference, out).await,
        Erase {
            older_than: Some(days),
            yes,
            ..
        } => applications::erase_older_than(pool, days, yes, out).await,
        Erase { reference, .. } => applications::erase(pool, &reference.unwrap_or_default(), out).await,
        Export { format, reference } => export::export(pool, format, reference.as_deref(), out).await,
    }
}

/// One line of JSON.
fn write_json(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(writeln!(out)?)
}

/// `npoc applications list | head` is no failure.
fn unless_the_reader_left(error: anyhow::Error) -> anyhow::Result<()> {
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        let json = |error: &serde_json::Error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe);
        cause.downcast_ref().is_some_and(broken) || cause.downcast_ref().is_some_and(json)
    };
    if error.chain().any(is_broken_pipe) {
        Ok(())
    } else {
        Err(error)
    }
}
