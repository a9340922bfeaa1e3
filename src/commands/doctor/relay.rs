//! The relay: whether it lets us in, and would take mail from us to staff.

use super::{Finding, PATIENCE};
use crate::mailer::{Conversation, Failure, Relay, Transport};
use crate::settings::Settings;

const RELAY: &str = "Relay";

/// Everything about it, without sending.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    let relay = match &settings.transport {
        Transport::Smtp(relay) => relay,
        Transport::Folder(folder) => return vec![into_files(settings, &folder.display().to_string())],
    };
    match in_time(relay.converse()).await {
        Ok(conversation) => of_conversation(relay, conversation, settings).await,
        Err(failure) => vec![no_way_in(relay, &failure)],
    }
}

async fn in_time<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.unwrap_or_else(|_| Err(Failure::temporary("it does not answer in time")))
}

fn into_files(settings: &Settings, folder: &str) -> Finding {
    let says = format!("mails become files in {folder} and reach nobody.");
    if settings.public_url.starts_with("https:") {
        Finding::doubtful(RELAY, says, "Set SMTP_URL, unless that is meant.")
    } else {
        Finding::good(RELAY, says)
    }
}

fn no_way_in(relay: &Relay, failure: &Failure) -> Finding {
    let advice = match failure.code {
        Some(530..=539) => {
            "Look at user and password in SMTP_URL, with @ : / # in them as %40 %3A %2F %23. Meanwhile nothing is lost: \
             mail waits."
        }
        _ => {
            "Look at host, port and tls= in SMTP_URL (with @ : / # in user and password as %40 %3A %2F %23), and whether \
             this machine may reach that port: many providers block 25. Meanwhile nothing is lost: mail waits."
        }
    };
    Finding::bad(
        RELAY,
        format!("{relay} does not let us in: {}.", failure.reason),
        advice,
    )
}

async fn of_conversation(relay: &Relay, conversation: Conversation, settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![way(relay, &conversation), scripts(&conversation)];
    let (from, to) = (&settings.mail_from.email, settings.staff_email.to_wire());
    findings.push(match in_time(conversation.would_deliver(from, &to)).await {
        Ok(()) => Finding::good(RELAY, format!("it would take mail from {from} to {to}.")),
        Err(failure) => refused(&failure, from.as_ref(), to.as_ref()),
    });
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
        "it has no SMTPUTF8: applicants whose mailbox is outside ASCII get no mail, and staff are told.",
        "Ask whoever runs it (Postfix: smtputf8_enable = yes), or use another.",
    )
}

fn refused(failure: &Failure, from: &str, to: &str) -> Finding {
    let says = format!("it would not take mail from {from} to {to}: {}.", failure.reason);
    let advice = if failure.is_refusal {
        "Look at NPOC_STAFF_EMAIL, and whether that mailbox is there."
    } else {
        "Look at NPOC_MAIL_FROM: many relays take only senders that belong to the login."
    };
    Finding::bad(RELAY, says, advice)
}
