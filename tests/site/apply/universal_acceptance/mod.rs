//! Universal acceptance (UASG026): answers in any script are accepted, validated, stored, sent and displayed unchanged.
//!
//! Each row of the tables holds an input, its expected result and the rule behind it. Python's `idna` computed the
//! DNS forms, so the tables are independent of this program.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use futures_util::future::join_all;
use npoc::locale::Language;
use npoc::membership::{self, Field, Rule, Search, words};
use npoc::outbox::DeliveryOutcome;
use npoc::values::{DomainName, EmailAddress, Fault};
use serde_json::Value;

use crate::support::process::stdout_of;
use crate::support::relay::{Part, Relay, Taken};
use crate::support::{Mail, TestSite, good_with};

const ADDRESSES: &str = include_str!("addresses.tsv");
const DOMAINS: &str = include_str!("domains.tsv");
const NAMES: &str = include_str!("names.tsv");
const SCRIPTS: &str = include_str!("scripts.tsv");
const TEXTS: &str = include_str!("texts.tsv");

/// A row of a table: an input with its expected result.
struct Verdict {
    typed: String,
    /// The form for people, or `refused: ` with the fault.
    read: String,
    /// The form for DNS or SMTP. Empty if the input is rejected.
    wire: String,
    rule: String,
}

/// Returns the cells of each row, without the header.
fn rows(table: &str) -> impl Iterator<Item = Vec<String>> {
    table
        .lines()
        .skip(1)
        .map(|line| line.split('\t').map(unescaped).collect())
}

fn verdicts(table: &str) -> Vec<Verdict> {
    let verdict = |row: Vec<String>| {
        let [typed, read, wire, rule] = row.try_into().unwrap();
        Verdict {
            typed,
            read,
            wire,
            rule,
        }
    };
    rows(table).map(verdict).collect()
}

/// Expands the escapes: `\u{200d}` is an invisible character, `\\` a backslash, `{a*64}` 64 times one character.
fn unescaped(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some(character) = rest.chars().next() {
        let (meant, length) = escape(rest).unwrap_or((character.to_string(), character.len_utf8()));
        text.push_str(&meant);
        rest = &rest[length..];
    }
    text
}

/// Expands the escape at the start of a text. Returns it with its length.
fn escape(text: &str) -> Option<(String, usize)> {
    if let Some(hex) = text.strip_prefix("\\u{") {
        let (hex, _) = hex.split_once('}')?;
        let character = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
        return Some((character.to_string(), "\\u{}".len() + hex.len()));
    }
    if text.starts_with("\\\\") {
        return Some(("\\".to_owned(), 2));
    }
    let (repeated, _) = text.strip_prefix('{')?.split_once('}')?;
    let (character, times) = repeated.split_once('*')?;
    Some((character.repeat(times.parse().ok()?), "{}".len() + repeated.len()))
}

fn refused(fault: &Fault) -> String {
    match fault {
        Fault::Domain(fault) => format!("refused: {fault:?}"),
        Fault::Email(fault) => format!("refused: {fault:?}"),
        fault => format!("refused: {fault:?}"),
    }
}

/// Returns every row with a different result, so that one failure does not hide the next.
fn mismatches(table: &[Verdict], judge: impl Fn(&str) -> Result<(String, String), Fault>) -> Vec<String> {
    let judged = |row: &Verdict| {
        let (verdict, wire) = judge(&row.typed).unwrap_or_else(|fault| (refused(&fault), String::new()));
        let is_as_expected = verdict == row.read && wire == row.wire;
        (!is_as_expected).then(|| {
            format!(
                "{:?}: {verdict:?} {wire:?}, not {:?} ({})",
                row.typed, row.read, row.rule
            )
        })
    };
    table.iter().filter_map(judged).collect()
}

#[test]
fn email_addresses_are_accepted_or_rejected_by_rule() {
    let table = verdicts(ADDRESSES);
    assert!(table.len() >= 150, "{} rows", table.len());
    let judge = |typed: &str| {
        let address = EmailAddress::parse(typed)?;
        Ok((address.to_string(), address.to_wire().to_string()))
    };
    let mismatches = mismatches(&table, judge);
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

#[test]
fn domain_names_are_accepted_or_rejected_by_rule() {
    let table = verdicts(DOMAINS);
    assert!(table.len() >= 100, "{} rows", table.len());
    let judge = |typed: &str| {
        let name = DomainName::parse(typed)?;
        Ok((name.unicode().to_owned(), name.ascii().to_owned()))
    };
    let mismatches = mismatches(&table, judge);
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}

/// A row of a table: an input, its stored form and the rule behind it.
struct Cleaned {
    typed: String,
    stored: String,
    rule: String,
}

fn cleaned(table: &str) -> Vec<Cleaned> {
    let cleaned = |row: Vec<String>| {
        let [typed, stored, rule] = row.try_into().unwrap();
        Cleaned { typed, stored, rule }
    };
    rows(table).map(cleaned).collect()
}

/// Checks each row alone, checks that an accepted text is accepted again unchanged, and sends the accepted rows.
async fn assert_cleaned(table: &[Cleaned], rule: Rule, fields: &[&str]) {
    let question = Field::named(fields[0]).unwrap().question();
    assert_eq!(question.rule, rule);
    let clean = |typed: &str| question.parse(&[typed.to_owned()]).map(|value| value.texts().concat());
    for row in table {
        let verdict = clean(&row.typed).unwrap_or_else(|fault| refused(&fault));
        assert_eq!(verdict, row.stored, "{:?} ({})", row.typed, row.rule);
    }
    let taken: Vec<&Cleaned> = table
        .iter()
        .filter(|row| !row.stored.starts_with("refused: "))
        .collect();
    for row in &taken {
        let again = clean(&row.stored);
        assert_eq!(again.as_ref(), Ok(&row.stored), "accepted again: {}", row.rule);
    }
    assert_stored_and_exported(&taken, fields).await;
}

/// Sends the rows, each in all these fields, and compares the stored, shown and exported texts.
async fn assert_stored_and_exported(rows: &[&Cleaned], fields: &[&str]) {
    let site = TestSite::new().await;
    for row in rows {
        let typed: Vec<(&str, &str)> = fields.iter().map(|field| (*field, row.typed.as_str())).collect();
        let checked = site.check(&typed).await;
        assert_eq!(checked.kept(fields[0]), [row.stored.as_str()], "{}", row.rule);
        site.send_until_stored(&typed, checked.submission_key()).await;
    }
    let exported = stdout_of(site.command(&["applications", "export", "--format", "jsonl"]));
    for field in fields {
        let exported = exported
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()[*field].clone());
        assert!(exported.eq(rows.iter().map(|row| row.stored.as_str())), "{field}");
    }
}

#[tokio::test]
async fn names_are_accepted_or_rejected_by_rule() {
    let table = cleaned(NAMES);
    assert!(table.len() >= 40, "{} rows", table.len());
    let fields = [
        "organization_name",
        "representative_name",
        "representative_role",
        "authoriser",
    ];
    assert_cleaned(&table, Rule::Line(1, 200), &fields).await;
}

#[tokio::test]
async fn texts_are_accepted_or_rejected_by_rule() {
    let table = cleaned(TEXTS);
    assert!(table.len() >= 40, "{} rows", table.len());
    assert_cleaned(&table, Rule::Prose(2, 500), &["registration_note"]).await;
}

/// Every stored address can be used: the relay receives each address that the form accepts.
#[tokio::test]
async fn accepted_address_is_stored_emailed_and_exported_unchanged() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = TestSite::with(&[("SMTP_URL", &relay.url)]).await;
    let taken: Vec<Verdict> = verdicts(ADDRESSES)
        .into_iter()
        .filter(|row| !row.wire.is_empty())
        .collect();
    for row in &taken {
        site.apply(&[("representative_email", &row.typed)]).await;
    }
    let steps = join_all((0..8).map(|_| site.deliver_all())).await.concat();
    assert_eq!(steps, vec![DeliveryOutcome::Sent; taken.len() * 2]);

    let stored: Vec<String> = sqlx::query_scalar("SELECT representative_email FROM applications ORDER BY id")
        .fetch_all(&site.pool)
        .await
        .unwrap();
    let exported = stdout_of(site.command(&["applications", "export", "--format", "jsonl"]));
    let exported = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected: Vec<&str> = taken.iter().map(|row| row.read.as_str()).collect();
    assert_eq!(stored, expected);
    assert!(exported.map(|row| row["representative_email"].clone()).eq(expected));

    // The recipient of each email, with the address in its header.
    let for_applicants = |taken: &Taken| taken.rcpt != "RCPT TO:<info@npoc.org>";
    let header = |taken: &Taken, name: &str| (taken.rcpt.clone(), Mail::read(taken.message.as_bytes()).header(name));
    let (mut to, mut reply_to) = (BTreeSet::new(), BTreeSet::new());
    for taken in relay.taken() {
        if for_applicants(&taken) {
            to.insert(header(&taken, "To"));
        } else {
            reply_to.insert(header(&taken, "Reply-To"));
        }
    }
    let expected = |recipient: fn(&str) -> String| {
        let pair = |row: &Verdict| (format!("RCPT TO:<{}>", recipient(&row.wire)), Some(row.wire.clone()));
        taken.iter().map(pair).collect::<BTreeSet<_>>()
    };
    assert_eq!(to, expected(str::to_owned));
    // Only the body names an address outside ASCII, so that every server accepts the email to staff.
    let in_a_header = expected(|_| "info@npoc.org".to_owned()).into_iter();
    let in_a_header = in_a_header.map(|(rcpt, wire)| (rcpt, wire.filter(|address| address.is_ascii())));
    assert_eq!(reply_to, in_a_header.collect());
}

/// An organization from the table of scripts: answers by field name.
type Organization = BTreeMap<String, String>;

fn organizations() -> Vec<Organization> {
    let names: Vec<&str> = SCRIPTS.lines().next().unwrap().split('\t').collect();
    let organization = |row: Vec<String>| names.iter().map(|name| (*name).to_owned()).zip(row).collect();
    rows(SCRIPTS).map(organization).collect()
}

fn typed(organization: &Organization) -> Vec<(&str, &str)> {
    let fields = organization.iter().filter(|(name, _)| Field::named(name).is_some());
    fields.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn organization_in_any_script_is_kept_octet_for_octet() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = TestSite::with(&[("SMTP_URL", &relay.url)]).await;
    let organizations = organizations();
    assert!(organizations.len() >= 20, "{} scripts", organizations.len());
    let mut references = Vec::new();
    for organization in &organizations {
        let reference = assert_shown(&site, &typed(organization)).await;
        assert_stored(&site, &typed(organization), &reference).await;
        references.push(reference);
    }
    join_all((0..8).map(|_| site.deliver_all())).await;
    let emails: Vec<Mail> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()))
        .collect();
    for (organization, reference) in organizations.iter().zip(&references) {
        assert_mailed(&emails, &typed(organization), reference);
    }
    assert_exported(&site, &organizations);
}

/// Checks that the check page shows the answers, then sends them. Returns the reference.
async fn assert_shown(site: &TestSite, typed: &[(&str, &str)]) -> String {
    let checked = site.check(typed).await;
    assert_eq!(checked.status, StatusCode::OK, "{typed:?}");
    checked.assert_keeps(&good_with(typed));
    let shown = checked.all("dl.answers dd p");
    for line in typed.iter().flat_map(|(_, value)| value.lines()) {
        assert!(shown.iter().any(|shown| shown == line), "shown: {line}");
    }
    let sent = site.send_until_stored(typed, checked.submission_key()).await;
    site.get(sent.location()).await.text_of(".reference")
}

async fn assert_stored(site: &TestSite, typed: &[(&str, &str)], reference: &str) {
    let record = membership::find(&site.pool, reference).await.unwrap().unwrap();
    let answers = record.answers();
    for (name, value) in typed {
        assert_eq!(answers.one(Field::named(name).unwrap()), Some(*value), "stored: {name}");
    }
    let typed_domain = typed.iter().find(|(name, _)| *name == "domain_name").unwrap().1;
    let ascii = DomainName::parse(typed_domain).unwrap().ascii().to_owned();
    assert_eq!(record.domain_name_ascii, ascii);
    assert!(Search::of(&ascii).matches(&record), "search finds the A-labels");
}

fn assert_mailed(emails: &[Mail], typed: &[(&str, &str)], reference: &str) {
    let mail = |to: &str| {
        let id = format!("<{reference}.{to}@npoc.org>");
        emails
            .iter()
            .find(|mail| mail.header("Message-ID").as_ref() == Some(&id))
            .unwrap()
    };
    let (staff, applicant) = (mail("staff"), mail("applicant"));
    assert_answers_go_to_staff_alone(typed, staff, applicant);
    let value = |wanted: &str| typed.iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert!(staff.subject.contains(value("organization_name")), "{}", staff.subject);
    let wire = EmailAddress::parse(value("representative_email"))
        .unwrap()
        .to_wire()
        .to_string();
    assert_eq!(applicant.header("To").as_ref(), Some(&wire));
    assert_eq!(staff.header("Reply-To"), Some(wire).filter(|wire| wire.is_ascii()));
}

fn assert_answers_go_to_staff_alone(typed: &[(&str, &str)], staff: &Mail, applicant: &Mail) {
    for (name, value) in typed {
        let label = words::short_label(Language::En, Field::named(name).unwrap());
        let lines: Vec<String> = value.lines().map(|line| format!("    {line}\n")).collect();
        let block = format!("\n{label}\n{}", lines.concat());
        assert!(staff.text.contains(&block), "{block} is missing in {}", staff.text);
        assert!(
            value.lines().all(|line| staff.html.contains(line)),
            "the HTML part lacks {value}"
        );
        let said = applicant.text.contains(value) || applicant.html.contains(value);
        assert!(!said, "the email to the applicant contains {value}");
    }
}

fn assert_exported(site: &TestSite, organizations: &[Organization]) {
    let jsonl = stdout_of(site.command(&["applications", "export", "--format", "jsonl"]));
    let csv = stdout_of(site.command(&["applications", "export"]));
    let mut csv = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let cells = csv.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
    for ((organization, line), cells) in organizations.iter().zip(jsonl.lines()).zip(cells) {
        let exact: Value = serde_json::from_str(line).unwrap();
        for (name, value) in typed(organization) {
            assert_eq!(exact[name], Value::from(value), "exported as JSON: {name}");
            assert_eq!(cells[name], value, "exported as CSV: {name}");
        }
    }
    assert_eq!(jsonl.lines().count(), organizations.len());
}
