//! Status codes in the words of servers (RFC 3463, RFC 5321), and what they mean for an email.

use super::verdict::{BounceClass, BounceDetails};

/// The most characters of a server's words.
const MAX_DIAGNOSTIC: usize = 500;

/// Words that mean, without a code, that the mailbox does not exist.
const NO_SUCH_MAILBOX: [&str; 4] = ["user unknown", "no such user", "mailbox unavailable", "does not exist"];

/// Returns the details from the Status field and the server's words. A code in the words replaces an unspecific `5.0.0`,
/// which Exim sends.
pub fn details(status: Option<&str>, said: Option<&str>) -> BounceDetails {
    let reported = status.and_then(enhanced_code);
    let code = reported
        .filter(|code| is_specific(code))
        .or_else(|| said.and_then(enhanced_code))
        .or(reported);
    details_with_code(code, said)
}

/// Returns the details from an enhanced code and the server's words. Searches no code in the words.
pub fn details_with_code(code: Option<&str>, said: Option<&str>) -> BounceDetails {
    let class = match code.filter(|code| is_specific(code)) {
        Some(code) => class_of_code(code),
        None => class_of_words(said.unwrap_or_default()),
    };
    BounceDetails {
        class,
        status: code.map(str::to_owned),
        diagnostic: said.and_then(diagnostic),
    }
}

/// Finds the first enhanced status code of a failure or delay, such as `5.1.1`. Most version numbers and IP addresses have
/// another form.
pub fn enhanced_code(text: &str) -> Option<&str> {
    words(text).find(|word| {
        let mut numbers = word.split('.');
        let is_class = matches!(numbers.next(), Some("4" | "5"));
        let is_subject = numbers.next().is_some_and(|n| n.len() == 1 && n < "8" && is_number(n));
        let is_detail = numbers.next().is_some_and(|n| n.len() <= 3 && is_number(n));
        is_class && is_subject && is_detail && numbers.next().is_none()
    })
}

/// Finds the first enhanced code that cannot be a date: `#5.1.1`, or after a reply code of the same class (`550 5.1.1`,
/// `550-5.1.1`).
pub fn marked_code(text: &str) -> Option<&str> {
    text.match_indices(['#', ' ', '-']).find_map(|(at, mark)| {
        let (before, after) = text.split_at_checked(at)?;
        let code = words(after.strip_prefix(mark)?).next().and_then(enhanced_code)?;
        (mark == "#" || reply_code_at_end(before).is_some_and(|reply| reply.get(..1) == code.get(..1))).then_some(code)
    })
}

/// Returns the reply code at the end of the text, unless it is part of a longer number or name.
fn reply_code_at_end(text: &str) -> Option<&str> {
    let (before, end) = text.split_at_checked(text.len().checked_sub(3)?)?;
    let continues = |c: char| c.is_alphanumeric() || matches!(c, '.' | '+');
    reply_code(end).filter(|_| !before.ends_with(continues))
}

/// Finds the first SMTP reply code of a failure or delay, such as `550`.
pub fn reply_code(text: &str) -> Option<&str> {
    words(text).find(|word| word.len() == 3 && is_number(word) && word.starts_with(['4', '5']) && *word < "556")
}

/// Returns the server's words as one line, without their type (`smtp;`).
fn diagnostic(said: &str) -> Option<String> {
    let is_type = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let words = match said.split_once(';') {
        Some((before, after)) if is_type(before.trim()) => after,
        _ => said,
    };
    let start: String = words.trim().chars().take(MAX_DIAGNOSTIC).collect();
    (!start.is_empty()).then(|| crate::single_line(&start))
}

/// Splits a text into words of letters, digits and full stops, without a final full stop.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '.')
        .map(|word| word.trim_end_matches('.'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_specific(code: &str) -> bool {
    !code.ends_with(".0.0")
}

fn class_of_code(code: &str) -> BounceClass {
    match code.get(2..).unwrap_or_default() {
        "2.1" if code.starts_with('5') => BounceClass::NoSuchMailbox,
        "2.2" => BounceClass::MailboxFull,
        reason if reason.starts_with("1.") => BounceClass::NoSuchMailbox,
        reason if reason.starts_with("7.") => BounceClass::RefusedAsSpam,
        _ => BounceClass::Other,
    }
}

/// Returns the class from the words alone, because a bare 550 may mean anything. After a 4xx the mailbox may exist later.
fn class_of_words(said: &str) -> BounceClass {
    let said = said.to_ascii_lowercase();
    let may_be_unknown = reply_code(&said).is_none_or(|code| ["550", "551", "553"].contains(&code));
    if may_be_unknown && NO_SUCH_MAILBOX.iter().any(|words| said.contains(words)) {
        BounceClass::NoSuchMailbox
    } else {
        BounceClass::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_codes_but_not_versions_or_addresses() {
        for text in [
            "5.1.1",
            "550-5.1.1 no",
            "(#5.1.1)",
            "smtp;550 5.1.1: x",
            "dsn=5.1.1.",
            "192.0.2.5 said: 5.1.1",
        ] {
            assert_eq!(enhanced_code(text), Some("5.1.1"), "{text}");
        }
        for text in [
            "5.1.1.2", "v5.1.1", "4.94.2", "5.1", "5.1.", "2.1.1", "5.1.1234", "5..1", "3.5.1.1", "5.8.1", "",
        ] {
            assert_eq!(enhanced_code(text), None, "{text}");
        }
        assert_eq!(reply_code("host mx [192.0.2.1]: 550-5.1.1 no"), Some("550"));
        assert_eq!(reply_code("port 587, 4.5.0, 1550"), None);
    }

    #[test]
    fn finds_marked_codes() {
        for (text, code) in [
            ("550 5.1.1 no", "5.1.1"),
            ("550-5.1.1 no", "5.1.1"),
            ("(#5.1.1)", "5.1.1"),
            ("550 #5.1.1.", "5.1.1"),
            ("[192.0.2.1]:550 5.1.1", "5.1.1"),
            ("since 5.1.27 it says 450 4.2.1, 550 5.1.1", "4.2.1"),
        ] {
            assert_eq!(marked_code(text), Some(code), "{text}");
        }
    }

    #[test]
    fn dates_are_not_marked_codes() {
        for text in [
            "5.1.27",
            "bis 5.1.27.",
            "(5.1.27)",
            "- 5.1.27",
            "550, 5.1.27",
            "550  5.1.27",
            "#",
            "",
        ] {
            assert_eq!(marked_code(text), None, "{text}");
        }
        for before in ["450", "556", "1550", "x550", "ü50", "3.550", "+550"] {
            assert_eq!(marked_code(&format!("{before} 5.1.27")), None, "{before}");
        }
        assert_eq!(marked_code("550 5.1.27日"), None);
    }

    #[test]
    fn each_code_has_its_class() {
        for (code, class) in [
            ("5.1.1", BounceClass::NoSuchMailbox),
            ("5.1.10", BounceClass::NoSuchMailbox),
            ("5.2.1", BounceClass::NoSuchMailbox),
            ("4.2.1", BounceClass::Other),
            ("5.2.2", BounceClass::MailboxFull),
            ("4.2.2", BounceClass::MailboxFull),
            ("5.2.21", BounceClass::Other),
            ("5.7.1", BounceClass::RefusedAsSpam),
            ("4.7.26", BounceClass::RefusedAsSpam),
            ("4.4.1", BounceClass::Other),
        ] {
            assert_eq!(details(Some(code), None).class, class, "{code}");
        }
    }

    #[test]
    fn without_a_code_the_words_decide() {
        for (said, class) in [
            ("smtp; 550 User unknown", BounceClass::NoSuchMailbox),
            ("550 Rejected", BounceClass::Other),
            ("553 sorry, does not exist", BounceClass::NoSuchMailbox),
            ("no such user", BounceClass::NoSuchMailbox),
            ("450 mailbox unavailable", BounceClass::Other),
            ("554 user unknown", BounceClass::Other),
        ] {
            assert_eq!(details(Some("5.0.0"), Some(said)).class, class, "{said}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let said = details(None, Some(&"ä\u{202e}".repeat(1000))).diagnostic.unwrap();
        assert_eq!(said.chars().count(), 500);
        assert!(!said.contains('\u{202e}'));
    }
}
