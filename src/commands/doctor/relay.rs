//! The relay: whether it lets us in, and would take mail from us to staff.

use lettre::address::Envelope;

use super::{Finding, PATIENCE};
use crate::mailer::{Blame, Cause, Conversation, Failure, Relay, SmtpError, SmtpLimits, Stage, Transport};
use crate::settings::Settings;

const RELAY: &str = "Relay";

/// In place of a mail's token, for a question without a mail.
const TOKEN: &str = "doctordoctor2345";

/// Everything about it, without sending.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    let relay = match &settings.transport {
        Transport::Smtp(relay) => relay.within(SmtpLimits {
            opening: PATIENCE,
            mail: PATIENCE,
            recipient: PATIENCE,
        }),
        Transport::Folder(folder) => return vec![into_files(settings, &folder.display().to_string())],
    };
    let mut findings = match relay.converse().await {
        Ok(conversation) => of_conversation(&relay, conversation, settings).await,
        Err(error) => vec![no_way_in(&relay, &error)],
    };
    findings.push(bounces(settings));
    findings
}

fn bounces(settings: &Settings) -> Finding {
    match &settings.bounce_address {
        Some(address) => Finding::good(RELAY, format!("mail that comes back goes to {address}.")),
        None => Finding::doubtful(
            RELAY,
            format!(
                "mail that comes back goes to {}, and the site does not know of it.",
                settings.mail_from.email
            ),
            "Set NPOC_BOUNCE_ADDRESS, and have its mail handed to npoc mail bounced (docs/deploying.md); or see to it that somebody \
             reads that mailbox.",
        ),
    }
}

fn into_files(settings: &Settings, folder: &str) -> Finding {
    let says = format!("mails become files in {folder} and reach nobody.");
    if settings.public_url.starts_with("https:") {
        Finding::doubtful(RELAY, says, "Set SMTP_URL, unless that is meant.")
    } else {
        Finding::good(RELAY, says)
    }
}

fn no_way_in(relay: &Relay, error: &SmtpError) -> Finding {
    let advice = format!("{} Meanwhile nothing is lost: mail waits.", advice(error));
    Finding::bad(RELAY, format!("{relay} does not let us in: {error}."), advice)
}

/// What to do about a conversation that does not begin, by the step at which it ended.
fn advice(error: &SmtpError) -> &'static str {
    match (error.stage, &error.cause) {
        _ if wants_tls(error) => WANTS_TLS,
        (_, Cause::NoTls) => {
            "Use smtps:// if the relay has TLS from the first octet (port 465), or another relay. Leave ?tls=required out \
             only if nobody can read on the way."
        }
        (_, Cause::NoLogin(_)) => {
            "Look whether the relay offers a login only after TLS: then add ?tls=required to SMTP_URL. Leave user and \
             password out if it needs none."
        }
        (_, Cause::PlainTextLogin) => "Write ?tls=required in SMTP_URL, and repair TLS at the relay.",
        (Stage::Login, _) => {
            "Look at user and password in SMTP_URL, with @ : / # in them as %40 %3A %2F %23. Some providers want a password \
             made for programs."
        }
        (Stage::Encrypt | Stage::StartTls, cause) => of_tls(cause),
        (Stage::Connect, _) => {
            "Look at host and port in SMTP_URL, whether the relay runs, and whether this machine may reach that port: many \
             providers block 25."
        }
        (Stage::Greeting | Stage::Hello, Cause::Refused(_)) => {
            "The relay does not serve this machine: ask the people who run it, with its words."
        }
        _ => {
            "Look at port and tls= in SMTP_URL: port 465 wants smtps://, port 587 ?tls=required. A program between this \
             machine and the relay may also cut the conversation."
        }
    }
}

fn of_tls(cause: &Cause) -> &'static str {
    let Cause::Io(error) = cause else {
        return "Ask the people who run the relay why TLS does not begin, with its words.";
    };
    let why = error.to_string();
    if why.contains("CaUsedAsEndEntity") {
        "The relay's certificate is one of an authority that signed itself, which no server may use. Have the relay use a \
         certificate of Let's Encrypt; or make one that is no authority (openssl req -x509 -addext \
         basicConstraints=critical,CA:FALSE) and name its file in SSL_CERT_FILE."
    } else if why.contains("UnknownIssuer") {
        "Nobody whom this machine trusts has signed the relay's certificate. Name the PEM file of its authority in \
         SSL_CERT_FILE, or have the relay send its whole chain."
    } else if why.contains("NotValidForName") || why.contains("not valid for name") {
        "The relay's certificate is for another name: use that name in SMTP_URL."
    } else if why.contains("Expired") || why.contains("expired") {
        "The relay's certificate is out of date: have it renewed, and look at this machine's clock."
    } else {
        "Look at port and tls= in SMTP_URL: port 465 wants smtps://, port 587 ?tls=required."
    }
}

async fn of_conversation(relay: &Relay, mut conversation: Conversation, settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![way(relay, &conversation), scripts(&conversation)];
    let (from, to) = (settings.sender().envelope(TOKEN), settings.staff_email.to_wire());
    let words = format!("take mail from {from} to {to}");
    let envelope = match Envelope::new(Some(from), vec![to]) {
        Ok(envelope) => envelope,
        Err(error) => return vec![Finding::bad(RELAY, format!("{error}."), "Look at NPOC_STAFF_EMAIL.")],
    };
    findings.push(match conversation.would_deliver(&envelope).await {
        Ok(()) => Finding::good(RELAY, format!("it would {words}.")),
        Err(error) => refused(&error, &words, settings),
    });
    conversation.leave().await;
    findings
}

fn way(relay: &Relay, conversation: &Conversation) -> Finding {
    if conversation.is_encrypted() {
        Finding::good(RELAY, "it answers, by TLS with a certificate that is in order.")
    } else if relay.is_elsewhere() {
        Finding::doubtful(
            RELAY,
            "it answers, and everything goes to it unencrypted.",
            "Write smtps:// or ?tls=required in SMTP_URL, if the relay has TLS.",
        )
    } else {
        Finding::good(RELAY, "it answers, on this machine, where no TLS is needed.")
    }
}

fn scripts(conversation: &Conversation) -> Finding {
    if conversation.carries_utf8() {
        return Finding::good(RELAY, "it has SMTPUTF8, so that every applicant can be reached.");
    }
    Finding::doubtful(
        RELAY,
        "it has no SMTPUTF8: applicants whose mailbox is outside ASCII get no mail, and staff get a mail that says so.",
        "Ask the people who run it (Postfix: smtputf8_enable = yes), or use another.",
    )
}

fn refused(error: &SmtpError, words: &str, settings: &Settings) -> Finding {
    let says = format!("it would not {words}: {error}.");
    let later = error.cause.reply().is_some_and(|reply| !reply.code.is_permanent());
    if later {
        let advice = "The relay asks to try later. Run npoc doctor again in ten minutes.";
        return Finding::doubtful(RELAY, says, advice);
    }
    Finding::bad(RELAY, says, advice_on_refusal(error, settings))
}

fn advice_on_refusal(error: &SmtpError, settings: &Settings) -> &'static str {
    let blame = Failure::of_smtp(error, false).blame;
    let wants_login = error
        .cause
        .reply()
        .is_some_and(|reply| matches!(reply.code.value(), 530 | 535));
    if wants_tls(error) {
        WANTS_TLS
    } else if wants_login {
        "The relay wants a login first: add user:password@ to SMTP_URL."
    } else if matches!(blame, Blame::Recipient | Blame::RecipientForNow) {
        "Look at NPOC_STAFF_EMAIL, and whether that mailbox exists and has room."
    } else if error.stage == Stage::Sender && settings.bounce_address.is_some() {
        "Look at NPOC_MAIL_FROM and NPOC_BOUNCE_ADDRESS: many relays take only senders that belong to the login."
    } else if error.stage == Stage::Sender {
        "Look at NPOC_MAIL_FROM: many relays take only senders that belong to the login."
    } else {
        "The relay takes no mail from us for this address: ask the people who run it, with its words."
    }
}

fn wants_tls(error: &SmtpError) -> bool {
    let reply = error.cause.reply();
    reply.is_some_and(|reply| reply.text.to_uppercase().contains("STARTTLS"))
}

const WANTS_TLS: &str = "The relay wants TLS first: add ?tls=required to SMTP_URL.";
