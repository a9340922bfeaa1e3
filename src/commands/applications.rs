//! Commands that show, release and erase applications.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use serde::Serialize;
use sqlx::PgConnection;

use super::cli::NotFound;
use super::output::write_json;
use super::terminal::{Terminal, Tone, bar, counted};
use crate::clock::{Clock, Trust};
use crate::database::{Pool, Session};
use crate::locale::Language;
use crate::membership::domain_proof;
use crate::membership::{
    self, AnswerInWords, Doubt, Erase, Filter, Group, StoredApplication, icann_region, in_utc, words,
};
use crate::outbox::{self, EmailStatus};

/// Opens a connection for reading applications, prepared for a search if the filter has one.
pub(super) async fn open_for_reading(pool: &Pool, filter: &Filter) -> sqlx::Result<Session> {
    if filter.search.is_none() {
        return pool.session().await;
    }
    let mut session = pool.transaction().await?;
    membership::prepare_search(&mut *session).await?;
    Ok(session)
}

/// An application as exports give it.
#[derive(Serialize)]
pub(super) struct Exported<'a> {
    #[serde(flatten)]
    record: &'a StoredApplication,
    icann_region: String,
}

impl<'a> Exported<'a> {
    pub(super) fn of(record: &'a StoredApplication) -> Self {
        Self {
            record,
            icann_region: icann_region(record),
        }
    }
}

/// Returns the application with a reference, or an error that says whether it was erased.
pub(super) async fn find_or_explain(
    connection: &mut PgConnection,
    reference: &str,
) -> anyhow::Result<StoredApplication> {
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
struct ApplicationWithHistory<'a> {
    #[serde(flatten)]
    application: Exported<'a>,
    #[serde(rename = "mails")]
    emails: &'a [EmailStatus],
    history: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(with = "time::serde::rfc3339")]
    happened_at: time::OffsetDateTime,
    event: &'a str,
}

/// Shows one application with its emails and its history.
pub(super) async fn show(pool: &Pool, reference: &str, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let record = find_or_explain(&mut session, reference).await?;
    let emails = outbox::list_about(&mut *session, reference).await?;
    let history = membership::history(&mut *session, reference).await?;
    let history = history.iter().map(|(happened_at, event)| Event {
        happened_at: *happened_at,
        event,
    });
    let whole = ApplicationWithHistory {
        application: Exported::of(&record),
        emails: &emails,
        history: history.collect(),
    };
    if json {
        return write_json(&whole, out);
    }
    write_whole(&record, &whole, Terminal::of_stdout(), out)
}

fn write_whole(
    record: &StoredApplication,
    whole: &ApplicationWithHistory,
    terminal: Terminal,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let title = format!("{}, received on {}", record.reference, in_utc(record.received_at));
    writeln!(out, "{}", terminal.toned(Tone::Heading, &title))?;
    write_answers(record, terminal, out)?;
    writeln!(out, "\n{}", terminal.toned(Tone::Heading, "What the site knows"))?;
    write_findings(record, terminal, out)?;
    write_lines(terminal, &format!("State: {}", record.states.join(", ")), "", out)?;
    write_lines(terminal, &format!("Review: {}", record.review_state), "", out)?;
    let language = Language::of_code(&record.language).map(Language::english_name);
    let language = language.unwrap_or(&record.language);
    write_lines(terminal, &format!("Language: {language}"), "", out)?;
    if !record.suspicions.is_empty() {
        let signs = format!("Signs of spam: {}", record.suspicions.join("; "));
        write_lines(terminal, &signs, "", out)?;
    }
    write_emails(whole.emails, terminal, out)?;
    for event in &whole.history {
        writeln!(out, "{}: {}", in_utc(event.happened_at), event.event)?;
    }
    Ok(())
}

fn write_findings(record: &StoredApplication, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    // Answers of an earlier release may break a newer rule.
    if let Ok(application) = membership::check(&record.answers()) {
        let findings = membership::findings(&application, &Doubt::all(&application));
        write_lines(terminal, &membership::verdict(&application, &findings), "", out)?;
        for finding in findings {
            write_lines(terminal, &format!("{}: {}", finding.label, finding.value), "", out)?;
        }
    }
    Ok(())
}

fn write_emails(emails: &[EmailStatus], terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    for email in emails {
        let line = format!("{}: {}", email.message_id, super::mail::status_in_words(email));
        write_lines(terminal, &line, "", out)?;
        if let (true, Some(reason)) = (email.is_held, &email.last_error) {
            write_lines(terminal, reason, "    ", out)?;
        }
    }
    Ok(())
}

fn write_answers(record: &StoredApplication, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let answers = record.answers();
    for group in Group::ALL {
        let heading = words::staff_heading(group);
        writeln!(out, "\n{}", terminal.toned(Tone::Heading, heading))?;
        for answer in words::answers_in_words(Language::En, &answers, group) {
            write_answer(&answer, terminal, out)?;
        }
    }
    Ok(())
}

fn write_answer(answer: &AnswerInWords, terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
    write_lines(terminal, answer.label, "", out)?;
    if answer.lines.is_empty() {
        write_lines(terminal, words::not_provided(Language::En), "    ", out)?;
    }
    let mut lines = answer.lines.iter();
    lines.try_for_each(|line| write_lines(terminal, line, "    ", out))
}

fn write_lines(terminal: Terminal, text: &str, margin: &str, out: &mut impl Write) -> io::Result<()> {
    let lines = terminal.lines(text, margin);
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Removes the spam flag.
pub(super) async fn release(pool: &Pool, reference: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let is_released = membership::release(&mut *session, reference).await?;
    domain_proof::queue_facts(&mut session, &reference.trim().to_uppercase()).await?;
    session.end().await?;
    if !is_released {
        let why = format!("No application with the spam flag has the reference {reference:?}");
        return Err(NotFound(why).into());
    }
    Ok(writeln!(out, "The spam flag is removed.")?)
}

/// Erases one application after confirmation.
pub(super) async fn erase(pool: &Pool, reference: &str, yes: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let record = find_or_explain(&mut session, reference).await?;
    // Behind a pooler, a session is a transaction. It must not wait for a person.
    session.end().await?;
    let what = format!("{} of {}", record.reference, record.organization_name);
    if !yes && !is_confirmed(&what)? {
        anyhow::bail!("Nothing was erased");
    }
    let mut session = pool.transaction().await?;
    // Waits until the search index has read the application.
    membership::lock(&mut *session, reference).await?;
    let erased = membership::erase(&mut *session, Erase::Reference(reference)).await?;
    session.end().await?;
    anyhow::ensure!(
        erased > 0,
        "The application was not erased, because of unsent emails; see npoc mail list"
    );
    Ok(writeln!(out, "The application is erased.")?)
}

/// Returns an error if the age of applications is uncertain.
pub(super) async fn require_trusted_clock(pool: &Pool) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let check = Clock::default().check(&mut session).await?;
    session.end().await?;
    let why = match check.trust {
        Trust::Steady => return Ok(()),
        Trust::Apart(by) => {
            let minutes = by.whole_minutes();
            format!("The clocks of this machine and of the database are {minutes} minutes apart")
        }
        Trust::Jumped { until } => format!("The clock jumped and is not trusted before {}", in_utc(until)),
    };
    let now = in_utc(check.now);
    anyhow::bail!(
        "{why}, so nothing is erased by age. If the database's time, {now}, is right, add --despite-clock --yes"
    )
}

/// Erases old applications after confirmation.
pub(super) async fn erase_older_than(pool: &Pool, days: u16, yes: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let count = u64::try_from(membership::count_older_than(&mut *pool.session().await?, days).await?)?;
    let what = format!("{} older than {days} days", counted(count, "application"));
    if count > 0 && !yes && !is_confirmed(&what)? {
        anyhow::bail!("Nothing was erased");
    }
    let bar = bar(count, "applications erased");
    let erased = membership::erase_older_than(pool, days, |more| bar.inc(more)).await?;
    bar.finish_and_clear();
    writeln!(out, "Erased: {}.", counted(erased, "application"))?;
    let left = count.saturating_sub(erased);
    anyhow::ensure!(
        left == 0,
        "{} not erased, because of unsent emails; see npoc mail list",
        counted(left, "application")
    );
    Ok(())
}

/// Asks a person on the terminal. Scripts use `--yes` instead.
fn is_confirmed(what: &str) -> anyhow::Result<bool> {
    anyhow::ensure!(io::stdin().is_terminal(), "This would erase {what} for good; add --yes");
    write!(io::stderr(), "Erase {what} for good? Type yes: ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
