//! Checks the relay: the connection, the login, and whether it would accept emails to staff.

use lettre::address::Envelope;

use super::{CheckResult, TIME_LIMIT};
use crate::mailer::{Blame, Cause, Conversation, Relay, SendFailure, SmtpError, SmtpLimits, Stage, Transport};
use crate::settings::Settings;

const RELAY: &str = "Relay";

/// A token for the envelope sender, since the doctor sends no email.
const TOKEN: &str = "doctordoctor2345";

/// Checks the relay without sending an email.
pub(super) async fn check(settings: &Settings) -> Vec<CheckResult> {
    let relay = match &settings.transport {
        Transport::Smtp(relay) => relay.with_limits(SmtpLimits {
            opening: TIME_LIMIT,
            mail: TIME_LIMIT,
            recipient: TIME_LIMIT,
        }),
        Transport::Folder(folder) => return vec![folder_finding(settings, &folder.display().to_string())],
    };
    let mut findings = match relay.connect().await {
        Ok(conversation) => check_conversation(&relay, conversation, settings).await,
        Err(error) => vec![unusable(&relay, &error)],
    };
    findings.push(bounces(settings));
    findings
}

fn bounces(settings: &Settings) -> CheckResult {
    match &settings.bounce_address {
        Some(address) => CheckResult::ok(RELAY, format!("bounces go to {address}.")),
        None => CheckResult::warn(
            RELAY,
            format!(
                "bounces go to {}, and the site does not read them.",
                settings.mail_from.email
            ),
            "Set NPOC_BOUNCE_ADDRESS and pipe its mail to npoc mail bounced (docs/deploying.md), or let a person read that mailbox.",
        ),
    }
}

fn folder_finding(settings: &Settings, folder: &str) -> CheckResult {
    let says = format!("emails become files in {folder} and are not sent.");
    if settings.public_url.starts_with("https:") {
        CheckResult::warn(RELAY, says, "Set SMTP_URL, unless this is intended.")
    } else {
        CheckResult::ok(RELAY, says)
    }
}

fn unusable(relay: &Relay, error: &SmtpError) -> CheckResult {
    let advice = format!("{} Emails wait, and none is lost.", advice(error));
    CheckResult::fail(RELAY, format!("{relay} cannot be used: {error}."), advice)
}

/// Returns the advice for a conversation that fails before the envelope.
fn advice(error: &SmtpError) -> &'static str {
    match (error.stage, &error.cause) {
        _ if wants_tls(error) => WANTS_TLS,
        (_, Cause::NoTls) => NO_TLS,
        (_, Cause::NoLogin(_)) => NO_LOGIN,
        (_, Cause::PlainTextLogin) => "Add ?tls=required to SMTP_URL, and enable TLS at the relay.",
        (Stage::Login, _) => LOGIN_FAILS,
        (Stage::Encrypt | Stage::StartTls, cause) => tls_advice(cause),
        (Stage::Connect, _) => {
            "Check host and port in SMTP_URL, that the relay runs, and that a firewall allows this port. Many providers block 25."
        }
        (Stage::Greeting | Stage::Hello, Cause::Refused(_)) => {
            "The relay does not serve this machine. Send its reply to the people who run it."
        }
        _ => {
            "Check port and tls= in SMTP_URL: port 465 needs smtps://, port 587 ?tls=required. A program between this machine \
             and the relay may also end the connection."
        }
    }
}

const WANTS_TLS: &str = "The relay requires TLS: add ?tls=required to SMTP_URL.";
const NO_TLS: &str = "If the relay uses TLS from the first octet (port 465), use smtps://. Otherwise use another relay. Remove \
    ?tls=required only if nobody can read the traffic to the relay.";
const NO_LOGIN: &str = "Some relays offer a login only after TLS: then add ?tls=required to SMTP_URL. If the relay needs no login, \
    remove user and password.";
const LOGIN_FAILS: &str = "Check user and password in SMTP_URL. Write @ : / # in them as %40 %3A %2F %23. Some providers require \
    an app password.";

fn tls_advice(cause: &Cause) -> &'static str {
    let Cause::Io(error) = cause else {
        return "TLS does not begin. Send the relay's reply to the people who run it.";
    };
    let why = error.to_string();
    if why.contains("CaUsedAsEndEntity") {
        "The relay's certificate is a self-signed authority, which a server may not use. Use a certificate from Let's Encrypt, \
         or create one that is not an authority (openssl req -x509 -addext basicConstraints=critical,CA:FALSE) and name its \
         file in SSL_CERT_FILE."
    } else if why.contains("UnknownIssuer") {
        "This machine does not trust the authority of the relay's certificate. Name the PEM file of the authority in \
         SSL_CERT_FILE, or let the relay send its whole certificate chain."
    } else if why.contains("NotValidForName") || why.contains("not valid for name") {
        "The relay's certificate is for another name: use that name in SMTP_URL."
    } else if why.contains("Expired") || why.contains("expired") {
        "The relay's certificate has expired: renew it, and check this machine's clock."
    } else {
        "Check port and tls= in SMTP_URL: port 465 needs smtps://, port 587 ?tls=required."
    }
}

async fn check_conversation(relay: &Relay, mut conversation: Conversation, settings: &Settings) -> Vec<CheckResult> {
    let mut findings = vec![encryption(relay, &conversation), smtputf8(&conversation)];
    let (from, to) = (settings.sender().envelope(TOKEN), settings.staff_email.to_wire());
    let action = format!("accept emails from {from} to {to}");
    let envelope = match Envelope::new(Some(from), vec![to]) {
        Ok(envelope) => envelope,
        Err(error) => return vec![CheckResult::fail(RELAY, format!("{error}."), "Check NPOC_STAFF_EMAIL.")],
    };
    findings.push(match conversation.probe_recipient(&envelope).await {
        Ok(()) => CheckResult::ok(RELAY, format!("it would {action}.")),
        Err(error) => refused(&error, &action, settings),
    });
    conversation.quit().await;
    findings
}

fn encryption(relay: &Relay, conversation: &Conversation) -> CheckResult {
    if conversation.is_encrypted() {
        CheckResult::ok(RELAY, "it answers, over TLS with a valid certificate.")
    } else if relay.is_remote() {
        CheckResult::warn(
            RELAY,
            "it answers, without encryption.",
            "If the relay has TLS, use smtps:// or ?tls=required in SMTP_URL.",
        )
    } else {
        CheckResult::ok(RELAY, "it answers. It is on this machine, so it needs no TLS.")
    }
}

fn smtputf8(conversation: &Conversation) -> CheckResult {
    if conversation.carries_utf8() {
        return CheckResult::ok(RELAY, "it has SMTPUTF8, so it reaches every applicant.");
    }
    CheckResult::warn(
        RELAY,
        "it has no SMTPUTF8, so applicants with a mailbox outside ASCII get no email. The site informs staff of each.",
        "Enable SMTPUTF8 (Postfix: smtputf8_enable = yes), or use another relay.",
    )
}

fn refused(error: &SmtpError, action: &str, settings: &Settings) -> CheckResult {
    let says = format!("it would not {action}: {error}.");
    let is_temporary = error.cause.reply().is_some_and(|reply| !reply.code.is_permanent());
    if is_temporary {
        let advice = "The relay asks to retry later. Run npoc doctor again in ten minutes.";
        return CheckResult::warn(RELAY, says, advice);
    }
    CheckResult::fail(RELAY, says, refusal_advice(error, settings))
}

fn refusal_advice(error: &SmtpError, settings: &Settings) -> &'static str {
    let blame = SendFailure::of_smtp(error, false).blame;
    let wants_login = error
        .cause
        .reply()
        .is_some_and(|reply| matches!(reply.code.value(), 530 | 535));
    if wants_tls(error) {
        WANTS_TLS
    } else if wants_login {
        "The relay requires a login: add user:password@ to SMTP_URL."
    } else if matches!(blame, Blame::Recipient | Blame::RecipientForNow) {
        "Check NPOC_STAFF_EMAIL, and that this mailbox exists and is not full."
    } else if error.stage == Stage::Sender && settings.bounce_address.is_some() {
        "Check NPOC_MAIL_FROM and NPOC_BOUNCE_ADDRESS: many relays accept only senders that belong to the login."
    } else if error.stage == Stage::Sender {
        "Check NPOC_MAIL_FROM: many relays accept only senders that belong to the login."
    } else {
        "The relay accepts no email from the site to this address. Send its reply to the people who run it."
    }
}

fn wants_tls(error: &SmtpError) -> bool {
    let reply = error.cause.reply();
    reply.is_some_and(|reply| reply.text.to_uppercase().contains("STARTTLS"))
}
