//! What staff do with applications at a terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::PgConnection;

use super::exit::NotFound;
use super::export::Exported;
use super::table::{Table, minute};
use super::terminal::{Terminal, Tone, bar, counted};
use super::{mail, write_json};
use crate::clock::{Clock, Trust};
use crate::database::{Pool, Session};
use crate::membership::{self, Doubt, Erase, Filter, Group, QUESTIONS, StoredApplication, in_utc, wording};
use crate::outbox::{self, EmailStatus};

/// A connection for reading what a filter lets through.
pub(super) async fn reading(pool: &Pool, filter: &Filter) -> sqlx::Result<Session> {
    if filter.search.is_none() {
        return pool.session().await;
    }
    let mut session = pool.transaction().await?;
    membership::prepare_search(&mut *session).await?;
    Ok(session)
}

/// One line or one object for each.
pub(super) async fn list(pool: &Pool, filter: Filter, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let terminal = Terminal::of_stdout();
    let table = terminal.width.map(|width| Table::within(width, terminal));
    let mut session = reading(pool, &filter).await?;
    let mut records = membership::records(&mut *session, filter);
    let mut count = 0_u64;
    while let Some(record) = records.try_next().await? {
        match &table {
            _ if json => write_json(&Exported::of(&record), out)?,
            Some(table) => table.write(&record, count == 0, out)?,
            None => write_line(&record, out)?,
        }
        count += 1;
    }
    match table {
        Some(_) if !json => Ok(writeln!(out, "{}", counted(count, "application"))?),
        _ => Ok(()),
    }
}

/// For other programs: a tab is in no answer of one line.
fn write_line(record: &StoredApplication, out: &mut impl Write) -> anyhow::Result<()> {
    let cells = [
        &record.reference,
        &minute(record)?,
        &record.country,
        &record.states.join(","),
        &record.domain_name,
        &record.organization_name,
    ];
    Ok(writeln!(out, "{}", cells.map(String::as_str).join("\t"))?)
}

/// The application of a reference, or why there is none.
pub(super) async fn found(connection: &mut PgConnection, reference: &str) -> anyhow::Result<StoredApplication> {
    if let Some(record) = membership::find(&mut *connection, reference).await? {
        return Ok(record);
    }
    let history = membership::history(connection, reference).await?;
    let erased = history.last().filter(|(_, event)| event == "erased");
    let why = erased.map_or_else(
        || format!("No application has the reference {reference:?}"),
        |(at, _)| format!("The application was erased on {}", in_utc(*at)),
    );
    Err(NotFound(why).into())
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    application: Exported<'a>,
    mails: &'a [EmailStatus],
    history: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(with = "time::serde::rfc3339")]
    happened_at: time::OffsetDateTime,
    event: &'a str,
}

/// One application with its mails and its history.
pub(super) async fn show(pool: &Pool, reference: &str, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let record = found(&mut session, reference).await?;
    let mails = outbox::about(&mut *session, reference).await?;
    let history = membership::history(&mut *session, reference).await?;
    let history = history.iter().map(|(happened_at, event)| Event {
        happened_at: *happened_at,
        event,
    });
    let whole = Whole {
        application: Exported::of(&record),
        mails: &mails,
        history: history.collect(),
    };
    if json {
        return write_json(&whole, out);
    }
    write_whole(&record, &whole, Terminal::of_stdout(), out)
}

fn write_whole(
    record: &StoredApplication,
    whole: &Whole,
    terminal: Terminal,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let title = format!("{}, received on {}", record.reference, in_utc(record.received_at));
    writeln!(out, "{}", terminal.toned(Tone::Heading, &title))?;
    write_answers(record, terminal, out)?;
    writeln!(out, "\n{}", terminal.toned(Tone::Heading, "What the site knows"))?;
    write_findings(record, terminal, out)?;
    write_lines(terminal, &format!("State: {}", record.states.join(", ")), "", out)?;
    if !record.suspicions.is_empty() {
        write_lines(
            terminal,
            &format!("Signs of spam: {}", record.suspicions.join("; ")),
            "",
            out,
        )?;
    }
    write_mails(whole.mails, terminal, out)?;
    for event in &whole.history {
        writeln!(out, "{}: {}", in_utc(event.happened_at), event.event)?;
    }
    Ok(())
}

fn write_findings(record: &StoredApplication, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    // Answers of an earlier release may break a rule of this one.
    if let Ok(application) = membership::check(&record.answers()) {
        let findings = membership::findings(&application, &Doubt::all(&application));
        write_lines(terminal, &membership::verdict(&application, &findings), "", out)?;
        for finding in findings {
            write_lines(terminal, &format!("{}: {}", finding.label, finding.value), "", out)?;
        }
    }
    Ok(())
}

fn write_mails(mails: &[EmailStatus], terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    for mail in mails {
        let standing = format!("{}: {}", mail.message_id, mail::standing(mail));
        write_lines(terminal, &standing, "", out)?;
        if let (true, Some(reason)) = (mail.is_held, &mail.last_error) {
            write_lines(terminal, reason, "    ", out)?;
        }
    }
    Ok(())
}

fn write_answers(record: &StoredApplication, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let mut above: Option<Group> = None;
    for (question, answer) in QUESTIONS.iter().zip(record.answers().in_words()) {
        if above.replace(question.group) != Some(question.group) {
            let heading = wording::heading(question.group);
            writeln!(out, "\n{}", terminal.toned(Tone::Heading, heading))?;
        }
        write_lines(terminal, answer.label, "", out)?;
        let nothing = [wording::NOT_PROVIDED.to_owned()];
        let lines = if answer.lines.is_empty() {
            &nothing[..]
        } else {
            &answer.lines
        };
        for line in lines {
            write_lines(terminal, line, "    ", out)?;
        }
    }
    Ok(())
}

fn write_lines(terminal: Terminal, text: &str, margin: &str, out: &mut impl Write) -> io::Result<()> {
    let lines = terminal.lines(text, margin);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Takes the mark of spam.
pub(super) async fn release(pool: &Pool, reference: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let is_released = membership::release(&mut *session, reference).await?;
    session.end().await?;
    if !is_released {
        let why = format!("No application that looks like spam has the reference {reference:?}");
        return Err(NotFound(why).into());
    }
    Ok(writeln!(out, "It is marked no more.")?)
}

/// Erases one, once that is confirmed.
pub(super) async fn erase(pool: &Pool, reference: &str, yes: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let record = found(&mut session, reference).await?;
    // Behind a pooler it is a transaction, which must not wait for a person.
    session.end().await?;
    let what = format!("{} of {}", record.reference, record.organization_name);
    if !yes && !is_confirmed(&what)? {
        anyhow::bail!("nothing was erased");
    }
    let mut session = pool.transaction().await?;
    // One that is being indexed for search is not erased before that is done.
    membership::lock(&mut *session, reference).await?;
    let erased = membership::erase(&mut *session, Erase::Reference(reference)).await?;
    session.end().await?;
    anyhow::ensure!(
        erased > 0,
        "Mail about it is still to be sent, so it was not erased; see npoc mail list"
    );
    Ok(writeln!(out, "It is erased.")?)
}

/// Fails where nobody knows what is old.
pub(super) async fn trust_clock(pool: &Pool) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let look = Clock::default().check(&mut session).await?;
    session.end().await?;
    let why = match look.trust {
        Trust::Steady => return Ok(()),
        Trust::Apart(by) => {
            let minutes = by.whole_minutes();
            format!("The clocks of this machine and of the database are {minutes} minutes apart")
        }
        Trust::Jumped { until } => format!("The clock jumped and is not believed before {}", in_utc(until)),
    };
    let now = in_utc(look.now);
    anyhow::bail!(
        "{why}, so nothing is erased by its age. If it is {now} now, as the database has it, say --despite-clock --yes"
    )
}

/// Erases what is old, once that is confirmed.
pub(super) async fn erase_older_than(pool: &Pool, days: u16, yes: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let count = u64::try_from(membership::count_older_than(&mut *pool.session().await?, days).await?)?;
    let what = format!(
        "{} that arrived more than {days} days ago",
        counted(count, "application")
    );
    if count > 0 && !yes && !is_confirmed(&what)? {
        anyhow::bail!("nothing was erased");
    }
    let bar = bar(count, "applications erased");
    let erased = membership::erase_older_than(pool, days, |more| bar.inc(more)).await?;
    bar.finish_and_clear();
    writeln!(out, "Erased: {}.", counted(erased, "application"))?;
    let left = count.saturating_sub(erased);
    anyhow::ensure!(
        left == 0,
        "{} not erased, since mail about it is still to be sent; see npoc mail list",
        counted(left, "application")
    );
    Ok(())
}

/// By a person: a script says `--yes`.
fn is_confirmed(what: &str) -> anyhow::Result<bool> {
    anyhow::ensure!(io::stdin().is_terminal(), "This would erase {what} for good; say --yes");
    write!(io::stderr(), "Erase {what} for good? Type yes: ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
