//! Bounces in plain words, without a report: qmail's, old Exim's and Sendmail's, and reports cut too early.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use super::bounce_report::{BounceDetails, BounceVerdict};
use super::delivery_status::{details, enhanced_code, reply_code};
use super::mail_parts::Part;

/// The notice comes first. What follows is the original, which may be long.
const MAX_NOTICE: usize = 16 * 1024;
/// RFC 5322 has lines of at most 998 octets.
const MAX_SUBJECT: usize = 998;

const MAIL_SYSTEMS: [&str; 2] = ["mailer-daemon", "postmaster"];
const EXIM: &str = "this message was created automatically by mail delivery software";

const SUBJECTS_OF_FAILURE: [&str; 8] = [
    "failure notice",
    "undelivered mail returned to sender",
    "mail delivery failed",
    "delivery status notification (failure)",
    "delivery status notification: error",
    "undeliverable:",
    "undeliverable mail",
    "returned mail",
];

const WORDS_OF_FAILURE: [&str; 6] = [
    "this is the qmail-send program",
    "this is a permanent error",
    "had permanent fatal errors",
    "could not be delivered",
    "delivery has failed",
    "failed permanently",
];

const SUBJECTS_OF_DELAY: [&str; 5] = [
    "warning: message ",
    "warning: could not send message",
    "delivery status notification (delay)",
    "delayed mail (still being retried)",
    "delivery delayed",
];

const WORDS_OF_DELAY: [&str; 6] = [
    "could not be sent for the past",
    "will be retried",
    "will keep trying",
    "still being retried",
    "not yet been delivered",
    "this is a warning message only",
];

/// How the notice announces the original that follows it.
const ORIGINAL_FOLLOWS: [&str; 4] = [
    "below this line is a copy",
    "below is a copy",
    "this is a copy of",
    "original message",
];

/// Returns what a mail without a report says. Anybody may write such words, so only a mail system's count.
pub fn verdict(parts: &[Part<'_>]) -> BounceVerdict {
    let Some(mail) = parts.first() else {
        return BounceVerdict::Other;
    };
    let notice = notice(parts);
    let words = normalized(&notice);
    if !is_from_mail_system(mail, &words) {
        return BounceVerdict::Other;
    }
    let subject = normalized(&subject(mail));
    // A warning often quotes the temporary failure, so delay is tested first.
    if has_any(&subject, &SUBJECTS_OF_DELAY) || has_any(&words, &WORDS_OF_DELAY) {
        return BounceVerdict::Delayed(details_in(&notice));
    }
    if says_failed(mail, &subject, &words) {
        return BounceVerdict::Failed(details_in(&notice));
    }
    BounceVerdict::Other
}

/// A vacation note has an empty sender too. Exim and Postfix mark their own bounces as `auto-replied`, so another sign
/// that only a mail system gives outweighs that mark.
fn is_from_mail_system(mail: &Part<'_>, words: &str) -> bool {
    let has_empty_sender = mail.value("return-path").is_some_and(|path| path == "<>");
    let has_other_sign =
        mail.value("x-failed-recipients").is_some() || mail.media_type == "multipart/report" || words.contains(EXIM);
    (has_empty_sender || is_named_as_mail_system(mail)) && (has_other_sign || !is_auto_reply(mail))
}

fn is_named_as_mail_system(mail: &Part<'_>) -> bool {
    let from = mail.value("from").unwrap_or_default().to_ascii_lowercase();
    let address = match from.rsplit_once('<') {
        Some((_, address)) => address,
        None => from.split_whitespace().next().unwrap_or_default(),
    };
    let local_part = address.split(['@', '>']).next().unwrap_or_default();
    MAIL_SYSTEMS.contains(&local_part.trim_matches('"'))
}

fn is_auto_reply(mail: &Part<'_>) -> bool {
    let starts_with = |name, start| {
        let value = mail.value(name).unwrap_or_default();
        value.to_ascii_lowercase().starts_with(start)
    };
    starts_with("auto-submitted", "auto-replied")
        || starts_with("precedence", "auto_reply")
        || ["x-autoreply", "x-autorespond"]
            .iter()
            .any(|name| mail.value(name).is_some())
}

fn says_failed(mail: &Part<'_>, subject: &str, words: &str) -> bool {
    mail.value("x-failed-recipients").is_some()
        || has_any(subject, &SUBJECTS_OF_FAILURE)
        || has_any(words, &WORDS_OF_FAILURE)
        || enhanced_code(words).is_some_and(|code| code.starts_with('5'))
}

/// The words before the original: those of the first plain text, or of any text.
fn notice(parts: &[Part<'_>]) -> String {
    let first = |kind: &str| {
        let is_kind = |part: &&Part<'_>| !part.is_in_original && part.media_type.starts_with(kind);
        parts.iter().find(is_kind)
    };
    let part = first("text/plain").or_else(|| first("text/")).or_else(|| parts.first());
    let text: String = part
        .map(Part::text)
        .unwrap_or_default()
        .chars()
        .take(MAX_NOTICE)
        .collect();
    text.lines()
        .take_while(|line| !announces_original(line))
        .fold(String::new(), |notice, line| notice + line + "\n")
}

fn announces_original(line: &str) -> bool {
    let words = line.trim_start_matches(['-', ' ']).to_ascii_lowercase();
    ORIGINAL_FOLLOWS.iter().any(|start| words.starts_with(start))
}

/// The line with the code is the one that the other server said.
fn details_in(notice: &str) -> BounceDetails {
    let line = |has_code: fn(&str) -> Option<&str>| notice.lines().find(|line| has_code(line).is_some());
    details(None, line(enhanced_code).or_else(|| line(reply_code)).map(str::trim))
}

fn subject(mail: &Part<'_>) -> String {
    let subject = mail.value("subject").unwrap_or_default();
    let line: String = subject.chars().take(MAX_SUBJECT).chain(['\n']).collect();
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// In lower case and without line breaks, which fall anywhere.
fn normalized(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_ascii_lowercase()
}

fn has_any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}
