//! Whatever is typed, by programs that try everything: no panic, no half-taken value, and what is accepted is stored,
//! sent and read back the same. `cargo test` draws a little at random; `.ci/fuzz` runs for the time that it is given, and
//! its input follows what the code has not done yet.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::TryStreamExt as _;
use lettre::Message;
use mail_parser::{HeaderName, MessageParser};
use npoc::mailer::{Email, Mailer, Purpose, Stamp};
use npoc::membership::{self, Answers, Application, Filter, NewApplication, QUESTIONS, Question, Rule, SpamSigns};
use npoc::settings::Settings;
use npoc::values::{DomainName, EmailAddress, Website, text};
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{GOOD, TestSite, encode, good_with, settings};

/// What an octet above ASCII stands for, since few octets drawn at random are what people and attackers type.
const PIECES: [&str; 48] = [
    "@",
    ".",
    "..",
    "例え.テスト",
    "مثال.إختبار",
    "xn--",
    "xn--r8jz45g",
    "www.",
    "https://",
    "mailto:",
    "。",
    "＠",
    "\u{200d}",
    "\u{200c}",
    "\u{200b}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{fffd}",
    "\u{85}",
    "\u{2028}",
    "\u{301}",
    "\u{e0001}",
    "\u{fe0f}",
    "\u{34f}",
    "\r\n",
    "\r\nBcc: a@example.org\r\n",
    "=?utf-8?q?=41?=",
    "\n.\n",
    "=1+1",
    "<b>",
    "</textarea>",
    "&#34;",
    "ß",
    "ı",
    "İ",
    "ﬁ",
    "नि",
    "👨‍👩‍👧‍👦",
    "用户",
    "user",
    "example.org",
    "co.uk",
    "[127.0.0.1]",
    "\"",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{10fffe}",
];

/// Ends what is typed in one field.
const END: u8 = 0xff;

/// Octets as somebody types.
fn typed(octets: &[u8]) -> String {
    let piece = |octet: &u8| match octet {
        0..=0x7f => Cow::Owned(char::from(*octet).to_string()),
        _ => Cow::Borrowed(PIECES[usize::from(octet & 0x7f) % PIECES.len()]),
    };
    octets.iter().map(piece).collect()
}

/// The good application, but for what is typed in some of its fields: what is free, and near what the rule takes, so
/// that much of it is accepted.
fn form(octets: &[u8]) -> Vec<(&'static str, String)> {
    let free: Vec<&Question> = QUESTIONS
        .iter()
        .filter(|question| question.offers().is_empty())
        .collect();
    let mut form: Vec<_> = GOOD.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    for part in octets.split(|octet| *octet == END) {
        let [first, rest @ ..] = part else { continue };
        let question = free[usize::from(first & 0x7f) % free.len()];
        let text = typed(rest);
        let text = match question.rule {
            Rule::Email if first & 0x80 != 0 => format!("{text}@example.org"),
            Rule::DomainName if first & 0x80 != 0 => format!("{text}.org"),
            Rule::Prose(..) => format!("We would like to join. {text}"),
            _ => text,
        };
        form.retain(|(name, _)| *name != question.name);
        form.push((question.name, text));
    }
    form
}

fn accepted(form: &[(&str, String)]) -> Option<Application> {
    let pairs = form
        .iter()
        .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(value.as_str())));
    membership::check(&Answers::typed(pairs)).ok()
}

/// Tries `test` with this number of inputs of this number of octets at most, or as many as the fuzzer likes.
fn with_input(inputs: usize, octets: usize, test: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let check = bolero::check!().with_iterations(inputs).with_max_len(octets);
    check.for_each(|input: &[u8]| test(input));
}

fn is_clean(text: &str) -> bool {
    let misleads =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.is_empty() && text == text.trim() && !text.contains(|c: char| c.is_control() || misleads(c))
}

#[test]
fn whatever_is_typed_as_text_is_clean_when_it_is_taken_and_taken_again() {
    with_input(3000, 200, |octets| {
        let typed = typed(octets);
        if let Ok(line) = text::line(&typed, 1, 200) {
            assert!(is_clean(&line), "{line:?}");
            assert_eq!(text::line(&line, 1, 200), Ok(line.clone()));
        }
        if let Ok(prose) = text::prose(&typed, 1, 200) {
            assert!(
                prose.split('\n').all(|line| line.is_empty() || is_clean(line)),
                "{prose:?}"
            );
            assert!(is_clean(&prose.replace('\n', " ")), "{prose:?}");
            assert_eq!(text::prose(&prose, 1, 200), Ok(prose.clone()));
        }
    });
}

#[test]
fn whatever_is_taken_as_a_domain_name_is_the_same_in_both_its_forms() {
    with_input(3000, 80, |octets| {
        let typed = typed(octets);
        for typed in [format!("{typed}.org"), typed] {
            let Ok(name) = DomainName::parse(&typed) else { continue };
            let octet = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-');
            assert!(name.ascii().chars().all(octet) && name.ascii().len() <= 253, "{name:?}");
            assert_eq!(DomainName::parse(name.unicode()).as_ref(), Ok(&name));
            assert_eq!(DomainName::parse(name.ascii()).as_ref(), Ok(&name));
        }
    });
}

#[test]
fn whatever_is_taken_as_a_website_is_an_address_and_taken_again() {
    with_input(3000, 80, |octets| {
        let typed = typed(octets);
        for typed in [format!("https://example.org/{typed}"), typed] {
            let Ok(website) = Website::parse(&typed) else { continue };
            let lower = website.as_str().to_lowercase();
            assert!(
                lower.starts_with("http://") || lower.starts_with("https://"),
                "{website:?}"
            );
            assert!(
                is_clean(website.as_str()) && !website.as_str().contains(' '),
                "{website:?}"
            );
            assert_eq!(Website::parse(website.as_str()), Ok(website.clone()));
        }
    });
}

#[test]
fn whatever_is_taken_as_a_mail_address_is_read_back_from_the_outbox_and_from_a_message() {
    with_input(3000, 80, |octets| {
        let typed = typed(octets);
        for typed in [format!("{typed}@example.org"), format!("user@{typed}"), typed] {
            let Ok(address) = EmailAddress::parse(&typed) else {
                continue;
            };
            assert_eq!(EmailAddress::parse(&address.to_string()).as_ref(), Ok(&address));
            let wire = address.to_wire().to_string();
            assert_eq!(EmailAddress::parse(&wire).as_ref(), Ok(&address));
            if let Some(likely) = address.likely() {
                assert!(address.is_doubtful() && !likely.is_doubtful(), "{address:?} {likely:?}");
                assert_eq!((likely.likely(), likely.domain()), (None, address.domain()));
            }
            let letter = Email {
                reply_to: Some(address.clone()),
                recipient: address,
                ..letter()
            };
            assert_is_the_letter(&composed(&letter), &letter);
        }
    });
}

/// Some letter.
fn letter() -> Email {
    let staff = EmailAddress::parse("info@npoc.org").unwrap();
    Email {
        message_id: "<NPOC-3333-4444.staff@npoc.org>".into(),
        in_reply_to: None,
        reference: Some("NPOC-3333-4444".into()),
        recipient: staff.clone(),
        reply_to: Some(staff),
        subject: "A subject".into(),
        text: "Text".into(),
        html: "<p>Text</p>".into(),
        purpose: Purpose::Application,
        is_held: false,
    }
}

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| settings(&[("HOME", "/nowhere")]));

fn composed(letter: &Email) -> Message {
    let mailer = Mailer::new(SETTINGS.sender(), SETTINGS.transport.clone());
    mailer.message(letter, &Stamp::now()).unwrap()
}

/// As a parser that did not write it reads it: exactly the headers that it should have, and every word.
fn assert_is_the_letter(message: &Message, letter: &Email) {
    let raw = message.formatted();
    assert_is_fit_for_the_wire(&raw);
    let mail = MessageParser::default().parse(&raw).unwrap();
    let names: Vec<String> = mail
        .headers()
        .iter()
        .map(|header| header.name().to_lowercase())
        .collect();
    let mut expected = vec!["from", "to", "subject", "date", "message-id", "auto-submitted"];
    expected.extend([
        "x-auto-response-suppress",
        "x-npoc-reference",
        "mime-version",
        "content-type",
    ]);
    // Only SMTPUTF8 could carry an address outside ASCII.
    let reply_to = letter.reply_to.as_ref().filter(|address| !address.needs_smtputf8());
    expected.extend(reply_to.map(|_| "reply-to"));
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names), sorted(expected.into_iter().map(str::to_owned).collect()));
    let is_addressed = |header: HeaderName, address: &EmailAddress| {
        let wire = address.to_wire().to_string();
        if wire.starts_with('"') {
            // This parser takes a quoted mailbox for the name before an address.
            return mail.header_raw(header).unwrap().trim() == wire;
        }
        let addresses = mail.header(header).and_then(|value| value.as_address()).unwrap();
        addresses.iter().map(|one| one.address()).eq([Some(wire.as_str())])
    };
    assert!(
        is_addressed(HeaderName::To, &letter.recipient),
        "{:?}",
        letter.recipient
    );
    if let Some(address) = reply_to {
        assert!(is_addressed(HeaderName::ReplyTo, address));
    }
    assert_eq!(raw.is_ascii(), letter.recipient.to_wire().to_string().is_ascii());
    assert_eq!(mail.subject().unwrap(), letter.subject);
    let unfolded = |text: Cow<str>| text.replace("\r\n", "\n");
    assert_eq!(mail.parts.len(), 3);
    assert_eq!(unfolded(mail.body_text(0).unwrap()).trim_end(), letter.text.trim_end());
    assert_eq!(unfolded(mail.body_html(0).unwrap()).trim_end(), letter.html.trim_end());
}

/// RFC 5321, 4.5.3.1.6: lines of a thousand octets at most, ended by CRLF, and neither of the two elsewhere.
fn assert_is_fit_for_the_wire(raw: &[u8]) {
    let text = String::from_utf8(raw.to_vec()).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}

#[test]
fn whatever_is_accepted_makes_two_letters_with_every_word_and_no_header_more() {
    with_input(1000, 120, |octets| {
        let Some(application) = accepted(&form(octets)) else {
            return;
        };
        let occasion = NewApplication {
            reference: "NPOC-3333-4444",
            receipt_url: "https://npoc.org/membership/received/018f0000".into(),
            received_at: OffsetDateTime::UNIX_EPOCH,
            earlier: &[],
            suspicions: &SpamSigns::of(application.answers(), None),
            hold: None,
        };
        for letter in membership::emails(&SETTINGS.mail_identity(), &application, &occasion).unwrap() {
            assert_is_the_letter(&composed(&letter), &letter);
        }
    });
}

#[test]
fn whatever_is_accepted_is_accepted_again_as_it_was_taken() {
    with_input(2000, 120, |octets| {
        let Some(application) = accepted(&form(octets)) else {
            return;
        };
        let again = membership::check(application.answers()).unwrap();
        assert_eq!(again.answers(), application.answers());
        assert_eq!(again.domain_name(), application.domain_name());
        assert_eq!(again.representative_email(), application.representative_email());
    });
}

/// A site with a runtime, for tests that are no task.
fn site() -> (Runtime, TestSite) {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(TestSite::new());
    (runtime, site)
}

#[test]
fn whatever_is_posted_is_answered_with_a_page_and_never_with_a_fault() {
    let (runtime, site) = site();
    let site = std::panic::AssertUnwindSafe((runtime, site));
    with_input(200, 300, |octets| {
        let (runtime, site) = &*site;
        let encoded = encode(
            &form(octets)
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect::<Vec<_>>(),
        );
        for body in [octets.to_vec(), [encoded.as_bytes(), b"&step=check"].concat()] {
            let request =
                Request::post("/membership").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let reply = runtime.block_on(site.ask(request.body(Body::from(body)).unwrap()));
            assert!(
                [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY].contains(&reply.status),
                "{}",
                reply.status
            );
            assert_eq!(reply.all("h1").len(), 1);
        }
    });
}

#[test]
fn whatever_is_accepted_is_stored_and_read_back_the_same() {
    let (runtime, site) = site();
    let site = std::panic::AssertUnwindSafe((runtime, site));
    with_input(100, 120, |octets| {
        let (runtime, site) = &*site;
        let form = form(octets);
        let Some(application) = accepted(&form) else { return };
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let stored = runtime.block_on(async {
            let sent = site.send_until_stored(&form, Uuid::now_v7()).await;
            let reference = site.get(sent.location()).await.text_of(".reference");
            let found = membership::records(&site.pool, Filter::of(&reference)).try_next().await;
            found.unwrap().unwrap()
        });
        assert_eq!(&stored.answers(), application.answers());
        assert_eq!(stored.domain_name_ascii, application.domain_name().ascii());
    });
}

#[test]
fn the_input_reaches_what_it_is_meant_for() {
    let of = |name: &str, typed: &[u8]| {
        let free = QUESTIONS.iter().filter(|question| question.offers().is_empty());
        let index = free.into_iter().position(|question| question.name == name).unwrap();
        accepted(&form(&[&[u8::try_from(index).unwrap() | 0x80][..], typed].concat()))
    };
    assert!(of("representative_email", b"\xa7").is_some_and(|taken| taken.representative_email().needs_smtputf8()));
    assert!(of("organization_name", b"Ann\x99Lee").is_some());
    assert!(accepted(&form(b"")).is_some() && good_with(&[]).len() == form(b"").len());
}
