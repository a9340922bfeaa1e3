//! What an operator does about mail.

use std::io::{self, Write};

use time::OffsetDateTime;

use super::exit::NotFound;
use super::terminal::counted;
use crate::database::Pool;
use crate::harmless;
use crate::mailer::{Email, Mailer};
use crate::membership::in_utc;
use crate::outbox::{self, EmailStatus};
use crate::settings::Settings;
use crate::values::EmailAddress;

/// Lists what was not sent.
pub(super) async fn list(pool: &Pool, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let unsent = outbox::unsent(&mut *pool.session().await?).await?;
    if json {
        return unsent.iter().try_for_each(|mail| super::write_json(mail, out));
    }
    writeln!(out, "{}", counted(u64::try_from(unsent.len())?, "unsent mail"))?;
    for mail in unsent {
        let owed = in_utc(mail.owed_at);
        let tries = match mail.attempts {
            1 => "1 try".to_owned(),
            tries => format!("{tries} tries"),
        };
        writeln!(
            out,
            "{}  owed since {owed}, {tries}, {}",
            mail.message_id,
            standing(&mail)
        )?;
        if let Some(error) = mail.last_error {
            writeln!(out, "    {}", harmless(&error))?;
        }
    }
    Ok(())
}

/// What became of a mail, or will.
pub(super) fn standing(mail: &EmailStatus) -> String {
    match (mail.sent_at, mail.given_up_at) {
        (Some(at), _) => format!("sent on {}", in_utc(at)),
        (None, Some(at)) if mail.is_held => format!("held since {}", in_utc(at)),
        (None, Some(at)) => format!("given up on {}", in_utc(at)),
        (None, None) => format!("next try on {}", in_utc(mail.due_at)),
    }
}

/// Makes mail due.
pub(super) async fn retry(pool: &Pool, reference: Option<&str>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut session = pool.session().await?;
    let mails = outbox::retry(&mut *session, reference).await?;
    session.end().await?;
    if let (0, Some(reference)) = (mails, reference) {
        return Err(NotFound(format!("No unsent mail has the reference {reference:?}")).into());
    }
    Ok(writeln!(out, "Due now: {}.", counted(mails, "unsent mail"))?)
}

/// Sends a mail past the outbox, since somebody waits for what comes of it.
pub(super) async fn send_test(settings: &Settings, address: &str) -> anyhow::Result<()> {
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

fn test_letter(recipient: EmailAddress, public_url: &str, domain: &str) -> Email {
    let text = format!("This is a test mail from {public_url}. Mail from the site arrives here.\n");
    Email {
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
