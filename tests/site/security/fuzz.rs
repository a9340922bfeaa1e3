//! Fuzz tests: no input causes a panic, and accepted answers are stored, sent and read back unchanged.
//!
//! `cargo test` tries some random input. `bin/fuzz` runs each `any_…` test for a given time, guided by coverage.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::TryStreamExt as _;
use lettre::Message;
use mail_parser::{HeaderName, MessageParser};
use npoc::locale::Language;
use npoc::mailer::{Email, Mailer, MessageSeed, Purpose};
use npoc::membership::{self, Answers, Application, Filter, NewApplication, QUESTIONS, Question, Rule, SpamSigns};
use npoc::settings::Settings;
use npoc::values::{DomainName, EmailAddress, Website, text};
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{GOOD, TestSite, encode, good_with, settings};

/// The meaning of octets above ASCII: texts that people and attackers type, which random octets rarely form.
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

/// Ends the input of one field.
const END: u8 = 0xff;

/// Turns octets into typed text.
fn typed(octets: &[u8]) -> String {
    let piece = |octet: &u8| match octet {
        0..=0x7f => Cow::Owned(char::from(*octet).to_string()),
        _ => Cow::Borrowed(PIECES[usize::from(octet & 0x7f) % PIECES.len()]),
    };
    octets.iter().map(piece).collect()
}

/// Returns the good application with random text in some free fields. The text is close to the rule of the field, so
/// that many forms are accepted.
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

/// Runs `test` with this number of inputs of at most this many octets. The fuzzer chooses its own numbers.
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
fn any_accepted_text_is_clean_and_accepted_again() {
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
fn any_accepted_domain_name_is_equal_in_both_forms() {
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
fn any_accepted_website_is_accepted_again() {
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
fn any_accepted_email_address_survives_a_round_trip() {
    with_input(3000, 80, |octets| {
        let typed = typed(octets);
        for typed in [format!("{typed}@example.org"), format!("user@{typed}"), typed] {
            let Ok(address) = EmailAddress::parse(&typed) else {
                continue;
            };
            assert_eq!(EmailAddress::parse(&address.to_string()).as_ref(), Ok(&address));
            let wire = address.to_wire().to_string();
            assert_eq!(EmailAddress::parse(&wire).as_ref(), Ok(&address));
            if let Some(likely) = address.likely_spelling() {
                assert!(address.is_doubtful() && !likely.is_doubtful(), "{address:?} {likely:?}");
                assert_eq!((likely.likely_spelling(), likely.domain()), (None, address.domain()));
            }
            let email = Email {
                reply_to: Some(address.clone()),
                recipient: address,
                ..example()
            };
            assert_is_the_email(&composed(&email), &email);
        }
    });
}

/// Returns an example email.
fn example() -> Email {
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
        language: Some(Language::En),
    }
}

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| settings(&[("HOME", "/nowhere")]));

fn composed(email: &Email) -> Message {
    let mailer = Mailer::new(SETTINGS.sender(), SETTINGS.transport.clone());
    mailer.message(email, &MessageSeed::now()).unwrap()
}

/// Parses a message with another library: it has exactly the expected headers and every word.
fn assert_is_the_email(message: &Message, email: &Email) {
    let raw = message.formatted();
    assert_has_valid_lines(&raw);
    let mail = MessageParser::default().parse(&raw).unwrap();
    // Reply-To names no address that needs SMTPUTF8.
    let reply_to = email.reply_to.as_ref().filter(|address| !address.needs_smtputf8());
    let names: BTreeSet<String> = mail.headers().iter().map(|one| one.name().to_lowercase()).collect();
    let expected = HEADERS.iter().copied().chain(reply_to.map(|_| "reply-to"));
    assert_eq!(names, expected.map(str::to_owned).collect());
    assert_eq!(mail.headers().len(), names.len(), "each header once");
    assert!(
        is_addressed(&mail, HeaderName::To, &email.recipient),
        "{:?}",
        email.recipient
    );
    if let Some(address) = reply_to {
        assert!(is_addressed(&mail, HeaderName::ReplyTo, address));
    }
    assert_eq!(raw.is_ascii(), email.recipient.to_wire().to_string().is_ascii());
    assert_eq!(mail.subject().unwrap(), email.subject);
    let unfolded = |text: Cow<str>| text.replace("\r\n", "\n");
    assert_eq!(mail.parts.len(), 3);
    assert_eq!(unfolded(mail.body_text(0).unwrap()).trim_end(), email.text.trim_end());
    assert_eq!(unfolded(mail.body_html(0).unwrap()).trim_end(), email.html.trim_end());
}

/// The headers of every message.
const HEADERS: [&str; 11] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "content-language",
    "x-auto-response-suppress",
    "x-npoc-reference",
    "mime-version",
    "content-type",
];

/// Whether a header holds exactly this address.
fn is_addressed(mail: &mail_parser::Message, header: HeaderName, address: &EmailAddress) -> bool {
    let wire = address.to_wire().to_string();
    if wire.starts_with('"') {
        // This parser mistakes a quoted mailbox for a display name.
        return mail.header_raw(header).unwrap().trim() == wire;
    }
    let addresses = mail.header(header).and_then(|value| value.as_address()).unwrap();
    addresses.iter().map(|one| one.address()).eq([Some(wire.as_str())])
}

/// RFC 5321, 4.5.3.1.6: lines have at most 1000 octets with their CRLF, and no other CR or LF.
fn assert_has_valid_lines(raw: &[u8]) {
    let text = String::from_utf8(raw.to_vec()).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}

#[test]
fn any_accepted_form_makes_two_well_formed_emails() {
    with_input(1000, 120, |octets| {
        let Some(application) = accepted(&form(octets)) else {
            return;
        };
        let occasion = NewApplication {
            reference: "NPOC-3333-4444",
            language: Language::Ar,
            receipt_url: "https://npoc.org/membership/received/018f0000".into(),
            desk_url: None,
            received_at: OffsetDateTime::UNIX_EPOCH,
            earlier: &[],
            spam_signs: &SpamSigns::of(application.answers(), None),
            hold: None,
        };
        for email in membership::emails(&SETTINGS.mail_identity(), &application, &occasion).unwrap() {
            assert_is_the_email(&composed(&email), &email);
        }
    });
}

#[test]
fn any_accepted_form_is_accepted_again_unchanged() {
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

/// Returns a site with its runtime, for tests without one.
fn site() -> (Runtime, TestSite) {
    let runtime = Runtime::new().unwrap();
    let site = runtime.block_on(TestSite::new());
    (runtime, site)
}

#[test]
fn any_posted_body_gets_a_page() {
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
fn any_accepted_form_is_stored_and_read_back_unchanged() {
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
            let found = membership::list(&site.pool, Filter::of(&reference)).try_next().await;
            found.unwrap().unwrap()
        });
        assert_eq!(&stored.answers(), application.answers());
        assert_eq!(stored.domain_name_ascii, application.domain_name().ascii());
    });
}

#[test]
fn fuzz_input_reaches_its_targets() {
    let of = |name: &str, typed: &[u8]| {
        let free = QUESTIONS.iter().filter(|question| question.offers().is_empty());
        let index = free.into_iter().position(|question| question.name == name).unwrap();
        accepted(&form(&[&[u8::try_from(index).unwrap() | 0x80][..], typed].concat()))
    };
    assert!(of("representative_email", b"\xa7").is_some_and(|taken| taken.representative_email().needs_smtputf8()));
    assert!(of("organization_name", b"Ann\x99Lee").is_some());
    assert!(accepted(&form(b"")).is_some() && good_with(&[]).len() == form(b"").len());
}
