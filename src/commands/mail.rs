//! Commands that list, retry and test emails.

use std::io::Write;

use super::cli::NotFound;
use super::output::write_json;
use super::terminal::{Output, counted};
use crate::database::Pool;
use crate::locale::Language;
use crate::mailer::{Email, Mailer, MessageSeed, Purpose};
use crate::membership::in_utc;
use crate::outbox::{self, EmailFilter, EmailStatus, RelayState};
use crate::settings::Settings;
use crate::values::EmailAddress;
use crate::without_controls;

/// Lists the emails in a state, by default the unsent ones.
pub(super) async fn list(
    pool: &Pool,
    state: Option<EmailFilter>,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let state = state.unwrap_or(EmailFilter::Unsent);
    let mut session = pool.session().await?;
    let listed = outbox::list(&mut *session, state).await?;
    let relay = outbox::relay_state(&mut *session).await?;
    session.end().await?;
    if json {
        return listed.iter().try_for_each(|email| write_json(email, out));
    }
    let what = format!("{} email", state.name());
    writeln!(out, "{}", counted(u64::try_from(listed.len())?, &what))?;
    write_relay(&relay, out)?;
    listed.iter().try_for_each(|email| write_email(email, out))
}

fn write_relay(relay: &RelayState, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(since) = relay.failing_since {
        let next = relay.retry_at.map_or_else(|| "now".to_owned(), in_utc);
        let why = relay.last_error.as_deref().unwrap_or("reason unknown");
        writeln!(
            out,
            "The relay has failed since {}. Next attempt: {next}. Emails wait, and none loses a try.",
            in_utc(since)
        )?;
        writeln!(out, "    {}", without_controls(why))?;
    }
    Ok(())
}

fn write_email(email: &EmailStatus, out: &mut impl Write) -> anyhow::Result<()> {
    let tries = match email.attempts {
        1 => "1 try".to_owned(),
        tries => format!("{tries} tries"),
    };
    let queued_at = in_utc(email.owed_at);
    let status = status_in_words(email);
    writeln!(out, "{}  queued on {queued_at}, {tries}, {status}", email.message_id)?;
    let cause = match email.blame.as_deref() {
        Some("us") => "our side must be repaired: ",
        Some("slow") => "slow: ",
        _ => "",
    };
    let reason = email.bounce_reason.as_ref().or(email.last_error.as_ref());
    if let Some(reason) = reason {
        writeln!(out, "    {cause}{}", without_controls(reason))?;
    }
    Ok(())
}

/// Returns what happened to an email, or when it is tried next.
pub(super) fn status_in_words(email: &EmailStatus) -> String {
    if let Some(at) = email.bounced_at {
        let class = email.bounce_class.as_deref().unwrap_or("other");
        return format!("returned on {} ({class})", in_utc(at));
    }
    if email.is_for_digest {
        return "waits for the next digest to staff".to_owned();
    }
    if let (None, Some(digest)) = (email.sent_at, &email.digest) {
        return format!("in the digest {digest}");
    }
    match (email.sent_at, email.given_up_at) {
        (Some(at), _) => format!("sent on {}", in_utc(at)),
        (None, Some(at)) if email.is_held => format!("held since {}", in_utc(at)),
        (None, Some(at)) => format!("given up on {}", in_utc(at)),
        (None, None) => format!("next try on {}", in_utc(email.due_at)),
    }
}

/// Makes unsent emails due now.
pub(super) async fn retry(pool: &Pool, reference: Option<String>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let emails = outbox::retry(&mut *session, reference.as_deref()).await?;
    session.end().await?;
    if let (0, Some(reference)) = (emails, reference) {
        return Err(NotFound(format!("No unsent email has the reference {reference:?}")).into());
    }
    Ok(writeln!(out, "Due now: {}.", counted(emails, "unsent email"))?)
}

/// Sends a test email without the outbox, so that the operator sees the result at once.
pub(super) async fn send_test(settings: &Settings, address: &str) -> anyhow::Result<()> {
    let Ok(recipient) = EmailAddress::parse(address) else {
        anyhow::bail!("{address:?} is not an email address");
    };
    let email = test_email(recipient, &settings.public_url, settings.mail_from.email.domain());
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    match mailer.send(&email, &MessageSeed::now()).await {
        Ok(()) => Ok(writeln!(
            Output::lock(),
            "The relay accepted the test email: {}",
            email.message_id
        )?),
        Err(failure) => anyhow::bail!("The test email was not accepted: {}", failure.reason),
    }
}

fn test_email(recipient: EmailAddress, public_url: &str, domain: &str) -> Email {
    let text = format!("This is a test email from {public_url}. Emails from the site arrive here.\n");
    Email {
        message_id: format!("<test.{}@{domain}>", uuid::Uuid::new_v4()),
        in_reply_to: None,
        reference: None,
        recipient,
        reply_to: None,
        subject: "[NPOC membership] Test email".into(),
        html: format!("<!doctype html><html lang=\"en\"><title>Test email</title><p>{text}</p></html>"),
        text,
        purpose: Purpose::Test,
        language: Some(Language::En),
    }
}
