//! The operator's commands. They work with a running site and without one.

mod application_list;
mod applications;
mod arguments;
mod bounced;
mod cli;
mod doctor;
mod domain;
mod export;
mod mail;
mod output;
mod record;
mod staff;
mod staff_command;
mod terminal;

use std::io::Write;

pub use cli::{
    ApplicationsCommand, Command, CommandLine, Conditions, DomainCommand, EXIT_STATUS, Format, MailCommand,
    StoredCommand, exit_status,
};
pub use doctor::doctor;
pub use output::is_broken_pipe;
pub use staff_command::StaffCommand;
use terminal::{Output, with_spinner};

use crate::database::{Database, DatabaseChoice, Pool};
use crate::settings::Settings;

/// Runs a command, and prints its result on standard output.
///
/// # Errors
/// Returns a sentence for the operator if the command fails. [`exit_status`] returns the exit status for it.
pub async fn run(command: StoredCommand, settings: &Settings) -> anyhow::Result<()> {
    let choice = &settings.database;
    match command {
        StoredCommand::Migrate => {
            let migrating = Database::open_and_migrate(choice);
            with_spinner(OPENING, migrating).await?.close().await;
            Ok(writeln!(Output::lock(), "The database is up to date.")?)
        }
        StoredCommand::Mail(MailCommand::Test { address }) => mail::send_test(settings, &address).await,
        StoredCommand::Mail(MailCommand::Bounced { path }) => bounced::run(settings, path.as_deref()).await,
        StoredCommand::Mail(MailCommand::List { json, state }) => {
            with_database(choice, async |pool, out| mail::list(pool, state, json, out).await).await
        }
        StoredCommand::Mail(MailCommand::Retry { reference }) => {
            with_database(choice, async |pool, out| mail::retry(pool, reference, out).await).await
        }
        StoredCommand::Staff(command) => {
            // The first account may be added before the first start.
            if matches!(command, StaffCommand::Add { .. }) {
                let migrating = Database::open_and_migrate(choice);
                with_spinner(OPENING, migrating).await?.close().await;
            }
            with_database(choice, async |pool, out| staff::run(command, pool, settings, out).await).await
        }
        StoredCommand::Domain(DomainCommand::Check { reference }) => {
            with_database(choice, async |pool, out| {
                domain::check(pool, settings, &reference, out).await
            })
            .await
        }
        StoredCommand::Applications(command) => {
            with_database(choice, async |pool, out| {
                run_applications(command, pool, settings, out).await
            })
            .await
        }
    }
}

const OPENING: &str = "Opening the database";

/// Opens the database, runs an action in it, and closes it.
async fn with_database(
    choice: &DatabaseChoice,
    action: impl AsyncFnOnce(&Pool, &mut Output) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let database = with_spinner(OPENING, Database::open(choice)).await?;
    let mut out = Output::lock();
    let result = action(&database.pool, &mut out).await;
    database.close().await;
    // Standard output buffers the last line if no line break ends it.
    result.and_then(|()| Ok(out.flush()?))
}

async fn run_applications(
    command: ApplicationsCommand,
    pool: &Pool,
    settings: &Settings,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    use ApplicationsCommand::{Erase, Export, List, Record, Release, Show};
    match command {
        List { conditions, json } => application_list::list(pool, conditions.into(), json, out).await,
        Show { reference, json } => applications::show(pool, &reference, json, out).await,
        Release { reference } => applications::release(pool, &reference, out).await,
        Record {
            decision,
            references,
            by,
        } => record::record(pool, &settings.review(), decision, &references, &by, out).await,
        Erase {
            older_than: Some(days),
            yes,
            despite_clock,
            ..
        } => {
            if !despite_clock {
                applications::require_trusted_clock(pool).await?;
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
