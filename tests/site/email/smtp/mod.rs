//! No fault of a relay loses an email.

mod faults;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use npoc::mailer::{Mailer, Relay as RelayClient, SmtpLimits, Transport};
use npoc::outbox::{self, DeliveryOutcome, EmailFilter, Outbox};
use npoc::settings::Settings;

use self::faults::{Fault, faults, with_login};
use crate::support::delivery::{unsent, unsent_emails};
use crate::support::process::TIMEOUT;
use crate::support::relay::{At, Part, Relay};
use crate::support::{Mail, TestSite, settings};

/// The time limit for relays that answer.
const LONG: Duration = Duration::from_mins(1);

/// The time limit for silent relays.
const SHORT: Duration = Duration::from_secs(2);

fn outbox_to(site: &TestSite, url: &str, limit: Duration) -> Outbox {
    let settings: Settings = settings(&[("HOME", "/"), ("SMTP_URL", url)]);
    let relay = RelayClient::parse(url).unwrap().with_limits(SmtpLimits {
        opening: limit,
        mail: limit,
        recipient: limit,
    });
    let mailer = Mailer::new(settings.sender(), Transport::Smtp(Box::new(relay)));
    Outbox::new(site.connections.clone(), mailer, Arc::new(site.identity.clone()))
}

/// Sends an application and tries each of its emails once. Returns both outcomes and the reference.
async fn first_tries(site: &TestSite, fault: &Fault, relay: &Relay, limit: Duration) -> ([DeliveryOutcome; 2], String) {
    site.sql("DELETE FROM outbox").await;
    site.sql("UPDATE relay_state SET failures = 0, failing_since = NULL, failed_at = NULL, retry_at = NULL")
        .await;
    let reference = site.apply(&[]).await;
    let outbox = outbox_to(site, &(fault.url)(&relay.url), limit);
    // The email to staff comes first. Otherwise both are due at the same time, and the order is undefined.
    site.sql("UPDATE outbox SET due_at = due_at - interval '1 second' WHERE NOT refusal_is_final")
        .await;
    let steps = [
        outbox.deliver_next().await.unwrap(),
        outbox.deliver_next().await.unwrap(),
    ];
    (steps, reference)
}

/// Runs [`first_tries`], with a growing limit: on a busy machine, a short one may pass before the relay falls silent.
async fn first_tries_of(site: &TestSite, fault: &Fault) -> (Relay, [DeliveryOutcome; 2], String) {
    let mut limit = if fault.is_silent() { SHORT } else { LONG };
    loop {
        let relay = Relay::playing(fault.part).await;
        let (steps, reference) = first_tries(site, fault, &relay, limit).await;
        if !fault.is_silent() || relay.silences() == 2 || limit > LONG {
            return (relay, steps, reference);
        }
        limit *= 4;
    }
}

async fn assert_survives(site: &TestSite, fault: &Fault) {
    let (relay, steps, reference) = first_tries_of(site, fault).await;
    assert_eq!(steps, [fault.staff, fault.applicant], "{}", fault.what);
    assert_blame(site, fault).await;

    relay.play(Part::Accepts);
    outbox::retry(&site.pool, None).await.unwrap();
    let outbox = outbox_to(site, &relay.url, LONG);
    while outbox.deliver_next().await.unwrap() != DeliveryOutcome::Nothing {}
    assert_eq!(unsent(&site.pool).await, 0, "{}", fault.what);
    assert_arrived(&relay, &reference, fault);
}

/// Checks the first failures: the retry comes after about five seconds, only faults of the recipient are charged, and
/// staff get an email about a final failure.
async fn assert_blame(site: &TestSite, fault: &Fault) {
    let failed = "SELECT message_id, attempts, blame, extract(epoch FROM due_at - failed_at)::double precision
        FROM outbox WHERE blame IS NOT NULL ORDER BY id";
    let failed = sqlx::query_as(failed).fetch_all(&site.pool).await;
    let failed: Vec<(String, i32, String, f64)> = failed.unwrap();
    let expected = usize::from(fault.blame.is_some()) * 2;
    assert_eq!(failed.len(), expected, "{}: {failed:?}", fault.what);
    // Emails that wait for the relay wait together since its first failure, and longer after the second.
    let relay_failures = outbox::relay_state(&site.pool).await.unwrap().failures;
    let longest_for_relay = if relay_failures > 1 { f64::MAX } else { 6.0 };
    for (id, attempts, blame, wait) in &failed {
        assert_eq!(Some(blame.as_str()), fault.blame, "{}", fault.what);
        let is_final = fault.applicant == DeliveryOutcome::GivenUp;
        let is_to_staff = id.contains(".staff");
        let is_charged = blame.starts_with("recipient") && !(is_to_staff && is_final);
        assert_eq!(*attempts, i32::from(is_charged), "{}: {id}", fault.what);
        let is_due_later = seconds_to_retry(blame, longest_for_relay).contains(wait);
        assert!(is_due_later || (is_final && !is_to_staff), "{}: {wait}", fault.what);
    }
    let notices = i64::from(fault.applicant == DeliveryOutcome::GivenUp);
    let emails = site.count("outbox").await;
    assert_eq!(emails, 2 + notices, "{}: emails about failures", fault.what);
}

/// Returns the wait before the first retry. An email to a slow recipient waits a minute.
fn seconds_to_retry(blame: &str, longest_for_relay: f64) -> RangeInclusive<f64> {
    match blame {
        "relay" => f64::MIN..=longest_for_relay,
        "slow" => 50.0..=70.0,
        _ => 4.0..=6.0,
    }
}

/// Checks that each email arrived at least once, always with the same Message-ID and octets.
fn assert_arrived(relay: &Relay, reference: &str, fault: &Fault) {
    let taken = relay.taken();
    for to in ["staff", "applicant"] {
        let id = format!("<{reference}.{to}@npoc.org>");
        let header = |message: &str| Mail::read(message.as_bytes()).header("Message-ID").unwrap();
        let copies: Vec<_> = taken.iter().filter(|taken| header(&taken.message) == id).collect();
        let most = if matches!(fault.part, Part::Cuts(At::Message) | Part::Silent(At::Message)) {
            2
        } else {
            1
        };
        assert!(
            (1..=most).contains(&copies.len()),
            "{}: {id} {} times",
            fault.what,
            copies.len()
        );
        let is_same = copies.iter().all(|copy| copy.message == copies[0].message);
        assert!(is_same, "{}: retries send the same octets", fault.what);
    }
}

#[tokio::test]
async fn no_relay_fault_loses_or_duplicates_an_email() {
    // Four groups run concurrently, each with its own site. More would overload a busy machine.
    let faults = faults();
    let survive = stream::iter(faults.chunks(faults.len().div_ceil(4))).map(async |faults| {
        let site = TestSite::new().await;
        for fault in faults {
            assert_survives(&site, fault).await;
        }
    });
    survive.buffer_unordered(4).collect::<()>().await;
}

/// Covers every code of RFC 3463 and two of later RFCs, at RCPT and after the message.
#[tokio::test]
async fn every_enhanced_status_code_is_classified() {
    const KNOWN: [(u16, u16); 8] = [(0, 0), (1, 10), (2, 4), (3, 5), (4, 7), (5, 5), (6, 5), (7, 7)];
    const FINAL: [(u16, u16); 10] = [
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 10),
        (2, 1),
        (2, 2),
        (4, 1),
    ];
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let codes = KNOWN
        .iter()
        .flat_map(|(subject, last)| (0..=*last).map(|detail| (*subject, detail)));
    for (subject, detail) in codes {
        for at in [At::Rcpt, At::Message] {
            let reply: &'static str = format!("550 5.{subject}.{detail} no").leak();
            let relay = Relay::playing(Part::Says(at, reply)).await;
            site.sql("UPDATE outbox SET due_at = now() - interval '1 second', attempts = 0, given_up_at = NULL WHERE message_id LIKE '%.applicant@%'").await;
            site.sql("DELETE FROM outbox WHERE message_id NOT LIKE '%.applicant@%'")
                .await;
            let step = outbox_to(&site, &relay.url, LONG).deliver_next().await.unwrap();
            let expected = if FINAL.contains(&(subject, detail)) {
                DeliveryOutcome::GivenUp
            } else {
                DeliveryOutcome::Later
            };
            assert_eq!(step, expected, "{reply} at {at:?}");
            let listed = unsent_emails(&site.pool).await;
            let is_charged = expected == DeliveryOutcome::GivenUp;
            assert_eq!(listed[0].attempts, i32::from(is_charged), "{reply}: charged attempts");
        }
    }
}

#[tokio::test]
async fn missing_relay_is_retried() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let outbox = outbox_to(&site, "smtp://127.0.0.1:9", LONG);
    assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
}

#[tokio::test]
async fn unanswered_email_delays_no_other() {
    let (silent, accepting) = (
        Relay::playing(Part::Silent(At::Rcpt)).await,
        Relay::playing(Part::Accepts).await,
    );
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let outbox = outbox_to(&site, &silent.url, LONG);
    let waiting = tokio::spawn(async move { outbox.deliver_next().await });
    let begun = async {
        while silent.silences() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, begun).await.unwrap();
    assert_eq!(
        outbox_to(&site, &accepting.url, LONG).deliver_next().await.unwrap(),
        DeliveryOutcome::Sent
    );
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn password_is_sent_by_login_or_plain_and_never_shown() {
    for (offers, said) in [
        ("250-x\r\n250 AUTH PLAIN", vec!["AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="]),
        (
            "250-x\r\n250 AUTH=LOGIN",
            vec!["AUTH LOGIN", "dXNlcg==", "cGFzc3dvcmQ="],
        ),
    ] {
        let relay = Relay::playing(Part::Offers(offers)).await;
        let client = RelayClient::parse(&with_login(&relay.url)).unwrap();
        let began = client.connect().await;
        let commands = relay.commands();
        assert_eq!(commands[1], said[0]);
        // This relay does not support the next step of AUTH LOGIN, so the session ends there.
        assert_eq!(began.is_ok(), said.len() == 1);
    }
    let echo = "535 5.7.8 not AHVzZXIAcGFzc3dvcmQ= nor password";
    let relay = Relay::playing(Part::Says(At::Auth, echo)).await;
    let error = RelayClient::parse(&with_login(&relay.url))
        .unwrap()
        .connect()
        .await
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "the relay refused AUTH: 535 5.7.8 not *** nor ***");
}

#[tokio::test]
async fn slow_recipient_is_retried_later_without_charge() {
    let relay = Relay::playing(Part::Silent(At::Rcpt)).await;
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let settings = settings(&[("HOME", "/"), ("SMTP_URL", &relay.url)]);
    let mailer = Mailer::new(settings.sender(), settings.transport.clone()).with_recipient_limit(SHORT);
    let outbox = Outbox::new(site.connections.clone(), mailer, Arc::new(site.identity.clone()));
    assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
    let listed = outbox::list(&site.pool, EmailFilter::Waiting).await.unwrap();
    assert_eq!((listed[0].blame.as_deref(), listed[0].attempts), (Some("slow"), 0));
}
