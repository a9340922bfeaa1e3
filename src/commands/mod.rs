//! What an operator can do from a terminal, beside a running site or without one.

mod export;

use std::io::{self, Write};

use clap::{Parser, Subcommand};
use futures_util::TryStreamExt as _;
use sqlx::PgConnection;
use time::OffsetDateTime;

pub use export::Format;
use export::{export, region};

use crate::database::{Database, Pool};
use crate::mailer::{Letter, Mailer};
use crate::membership::{self, Erase, Record, Search, Which, in_utc, wording};
use crate::outbox;
use crate::settings::{Purpose, Settings};
use crate::values::EmailAddress;

/// The site of NPOC, ICANN's Not-for-Profit Organizations Constituency.
///
/// Settings come from the environment and from .env; the README lists them. Alone, it serves.
#[derive(Debug, Parser)]
#[command(name = "npoc", version, about, disable_help_subcommand = true)]
pub struct CommandLine {
    /// What to do; to serve where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the site and deliver its mail until told to stop
    Serve,
    /// Bring the database up to date and end
    Migrate,
    /// Look after mail
    #[command(subcommand)]
    Mail(MailCommand),
    /// Read applications
    #[command(subcommand)]
    Applications(ApplicationsCommand),
}

/// Looking after mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// List mail that waits or was given up
    List,
    /// Make unsent mail due now: that of one reference, or all but what is held
    Retry {
        /// Such as NPOC-ACDE-FGHJ
        reference: Option<String>,
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
    /// List every application, oldest first
    List,
    /// List the applications that look like spam, oldest first
    Suspected,
    /// Take that mark from an application that is none
    Release {
        /// Such as NPOC-ACDE-FGHJ
        reference: String,
    },
    /// Show one application whole
    Show {
        /// Such as NPOC-ACDE-FGHJ
        reference: String,
    },
    /// Erase one application for good, with the words of its mails; the history keeps that it happened
    Erase {
        /// Such as NPOC-ACDE-FGHJ
        reference: String,
    },
    /// List the applications of a reference, a domain name, a mail address or a part of a name
    Find {
        /// In any form: a domain name in Unicode or ASCII, a pasted address, any case
        text: String,
    },
    /// Write every application to standard output, or one, for its applicant to have
    Export {
        /// In which format
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// Only that of this reference, such as NPOC-ACDE-FGHJ
        #[arg(long)]
        reference: Option<String>,
    },
}

/// Runs one command, with its output on standard output.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let settings = Settings::from_environment(Purpose::Command)?;
    if let Command::Mail(MailCommand::Test { address }) = command {
        return send_test(&settings, &address).await;
    }
    let database = match command {
        Command::Migrate => Database::open_or_create_beside(&settings.database).await?,
        _ => Database::open_beside(&settings.database).await?,
    };
    let done = with_database(command, &database.pool, &mut io::stdout().lock()).await;
    database.close().await;
    done.or_else(unless_the_reader_left)
}

async fn with_database(command: Command, pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    match command {
        Command::Serve | Command::Mail(MailCommand::Test { .. }) => Ok(()),
        Command::Migrate => Ok(writeln!(out, "The database is up to date.")?),
        Command::Mail(MailCommand::List) => list_mail(pool, out).await,
        Command::Mail(MailCommand::Retry { reference }) => {
            let mut session = pool.session().await?;
            let mails = outbox::retry(&mut *session, reference.as_deref()).await?;
            session.end().await?;
            anyhow::ensure!(
                mails > 0 || reference.is_none(),
                "No unsent mail has the reference {reference:?}"
            );
            Ok(writeln!(out, "{mails} unsent mails are due now.")?)
        }
        Command::Applications(ApplicationsCommand::List) => list(pool, Which::All, out).await,
        Command::Applications(ApplicationsCommand::Suspected) => list(pool, Which::Suspected, out).await,
        Command::Applications(ApplicationsCommand::Release { reference }) => release(pool, &reference, out).await,
        Command::Applications(ApplicationsCommand::Erase { reference }) => erase(pool, &reference, out).await,
        Command::Applications(ApplicationsCommand::Find { text }) => find(pool, &text, out).await,
        Command::Applications(ApplicationsCommand::Show { reference }) => show(pool, &reference, out).await,
        Command::Applications(ApplicationsCommand::Export { format, reference }) => {
            export(pool, format, reference.as_deref(), out).await
        }
    }
}

/// `npoc applications list | head` is no failure.
fn unless_the_reader_left(error: anyhow::Error) -> anyhow::Result<()> {
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_broken_pipe) {
        Ok(())
    } else {
        Err(error)
    }
}

async fn send_test(settings: &Settings, address: &str) -> anyhow::Result<()> {
    let Ok(recipient) = EmailAddress::parse(address) else {
        anyhow::bail!("{address:?} is no e-mail address");
    };
    let letter = test_letter(recipient, &settings.public_url, settings.mail_from.email.domain());
    let mailer = Mailer::new(settings.mail_from.clone(), settings.transport.clone());
    match mailer.send(&letter, OffsetDateTime::now_utc()).await {
        Ok(()) => Ok(writeln!(
            io::stdout(),
            "The test mail was taken: {}",
            letter.message_id
        )?),
        Err(failure) => anyhow::bail!("The test mail was not taken: {}", failure.reason),
    }
}

fn test_letter(recipient: EmailAddress, public_url: &str, domain: &str) -> Letter {
    let text = format!("This is a test mail from {public_url}. Mail from the site arrives here.\n");
    Letter {
        message_id: format!("<test.{}@{domain}>", uuid::Uuid::new_v4()),
        reference: None,
        recipient,
        reply_to: None,
        subject: "[NPOC membership] Test mail".into(),
        html: format!("<!doctype html><html lang=\"en\"><title>Test mail</title><p>{text}</p></html>"),
        text,
        refusal_is_final: true,
        is_held: false,
    }
}

async fn list_mail(pool: &Pool, out: &mut impl Write) -> anyhow::Result<()> {
    let unsent = outbox::unsent(&mut *pool.session().await?).await?;
    writeln!(out, "{} unsent mails", unsent.len())?;
    for mail in unsent {
        let state = match mail.given_up_at {
            Some(at) if mail.is_held => format!("held since {}", in_utc(at)),
            Some(at) => format!("given up on {}", in_utc(at)),
            None => format!("next try on {}", in_utc(mail.due_at)),
        };
        writeln!(
            out,
            "{}  owed since {}, {} tries, {state}",
            mail.message_id,
            in_utc(mail.owed_at),
            mail.attempts
        )?;
        if let Some(error) = mail.last_error {
            writeln!(out, "    {}", error.escape_debug())?;
        }
    }
    Ok(())
}

async fn release(pool: &Pool, reference: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let is_released = membership::release(&mut *session, reference).await?;
    session.end().await?;
    anyhow::ensure!(
        is_released,
        "No application that looks like spam has the reference {reference:?}"
    );
    Ok(writeln!(out, "It is marked no more.")?)
}

async fn erase(pool: &Pool, reference: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    found(&mut session, reference).await?;
    let erased = membership::erase(&mut *session, Erase::Of(reference)).await?;
    session.end().await?;
    anyhow::ensure!(
        erased > 0,
        "Mail about it is still to be sent, so it was not erased; see npoc mail list"
    );
    Ok(writeln!(out, "It is erased.")?)
}

async fn list(pool: &Pool, which: Which<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let mut records = membership::records(&mut *session, which);
    while let Some(record) = records.try_next().await? {
        write_line(&record, out)?;
    }
    Ok(())
}

/// Looks at every application, since staff search rarely and no index folds case in every script.
async fn find(pool: &Pool, text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let search = Search::of(text);
    let mut session = pool.session().await?;
    let mut records = membership::records(&mut *session, Which::All);
    let mut found = 0;
    while let Some(record) = records.try_next().await? {
        if search.matches(&record) {
            write_line(&record, out)?;
            found += 1;
        }
    }
    anyhow::ensure!(found > 0, "No application was found for {text:?}");
    Ok(())
}

fn write_line(record: &Record, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{}  {}  {}  {}  {}",
        record.reference,
        in_utc(record.received_at),
        record.country,
        record.domain_name,
        record.organization_name
    )
}

/// The application of a reference, or why there is none.
async fn found(connection: &mut PgConnection, reference: &str) -> anyhow::Result<Record> {
    if let Some(record) = membership::find(&mut *connection, reference).await? {
        return Ok(record);
    }
    match membership::history(connection, reference).await?.last() {
        Some((at, event)) if event == "erased" => anyhow::bail!("The application was erased on {}", in_utc(*at)),
        _ => anyhow::bail!("No application has the reference {reference:?}"),
    }
}

async fn show(pool: &Pool, reference: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let record = found(&mut session, reference).await?;
    writeln!(
        out,
        "{}, received on {}\n",
        record.reference,
        in_utc(record.received_at)
    )?;
    for answer in record.answers().for_people() {
        writeln!(out, "{}", answer.label)?;
        let nothing = [wording::NOT_PROVIDED.to_owned()];
        for line in if answer.lines.is_empty() {
            &nothing[..]
        } else {
            &answer.lines
        } {
            writeln!(out, "    {line}")?;
        }
    }
    writeln!(out, "\nICANN region: {}", region(&record))?;
    writeln!(out, "Domain name as the DNS has it: {}", record.domain_name_ascii)?;
    if !record.suspicions.is_empty() {
        writeln!(out, "Signs of spam: {}", record.suspicions.join("; "))?;
    }
    for (at, event) in membership::history(&mut *session, reference).await? {
        writeln!(out, "{}: {event}", in_utc(at))?;
    }
    Ok(())
}
