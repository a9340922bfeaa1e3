//! Every way in which a mail server can fail: what the site does, and that nothing is lost by it.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use npoc::mailer::{Mailer, Relay as RelayClient, SmtpLimits, Transport};
use npoc::outbox::{self, DeliveryOutcome, EmailFilter, Outbox};
use npoc::settings::Settings;
use std::sync::Arc;

use crate::support::process::PATIENCE;
use crate::support::relay::{At, EMPTY_LINES, Part, Relay};
use crate::support::{Mail, TestSite, settings};

/// One fault, and what becomes of each mail at the first try.
struct Fault {
    what: String,
    part: Part,
    /// Instead of `smtp://HOST`.
    url: fn(&str) -> String,
    staff: DeliveryOutcome,
    applicant: DeliveryOutcome,
    /// Whom the failure of the applicant's mail speaks of, in the database's words.
    blame: Option<&'static str>,
}

fn plain(url: &str) -> String {
    url.to_owned()
}

fn with_login(url: &str) -> String {
    url.replace("smtp://", "smtp://user:password@")
}

fn with_tls(url: &str) -> String {
    format!("{url}?tls=required")
}

/// A login, and TLS only where the relay offers it.
fn with_login_and_some_tls(url: &str) -> String {
    format!("{}?tls=opportunistic", with_login(url))
}

impl Fault {
    fn at(mut self, url: fn(&str) -> String) -> Self {
        self.url = url;
        self
    }
}

fn fault(what: &str, part: Part, applicant: DeliveryOutcome, blame: Option<&'static str>) -> Fault {
    Fault {
        what: format!("{what} ({part:?})"),
        part,
        url: plain,
        staff: if applicant == DeliveryOutcome::GivenUp {
            DeliveryOutcome::Later
        } else {
            applicant
        },
        applicant,
        blame,
    }
}

/// The relay serves nobody: both are tried again, and no try is charged.
fn the_relays(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Later, Some("relay"))
}

/// The relay does not take it from us: both are tried again, and no try is charged.
fn ours(what: &str, at: At, reply: &'static str) -> Fault {
    fault(what, Part::Says(at, reply), DeliveryOutcome::Later, Some("us"))
}

/// The conversation breaks within the mail: both are tried again.
fn unclear(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Later, Some("unclear"))
}

/// The recipient's server does not take it now: a try is charged.
fn theirs_for_now(what: &str, at: At, reply: &'static str) -> Fault {
    fault(
        what,
        Part::Says(at, reply),
        DeliveryOutcome::Later,
        Some("recipient-for-now"),
    )
}

/// The recipient's server does not want it: final for an applicant, our own mistake for staff.
fn theirs(what: &str, at: At, reply: &'static str) -> Fault {
    fault(what, Part::Says(at, reply), DeliveryOutcome::GivenUp, Some("recipient"))
}

/// The relay takes it.
fn sent(what: &str, part: Part) -> Fault {
    fault(what, part, DeliveryOutcome::Sent, None)
}

#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults() -> Vec<Fault> {
    vec![
        the_relays("hangs up at once", Part::Cuts(At::Greeting)),
        the_relays("says nothing at all", Part::Silent(At::Greeting)),
        the_relays("is busy", Part::Says(At::Greeting, "421 4.3.2 too busy")),
        the_relays("greets with a refusal", Part::Says(At::Greeting, "554 5.3.2 no service here")),
        the_relays("greets with a code of another command", Part::Says(At::Greeting, "250 relay.test")),
        the_relays("greets with no SMTP", Part::Sends(At::Greeting, b"SSH-2.0-OpenSSH_9.2\r\n")),
        the_relays("greets without end", Part::NeverEnds(At::Greeting)),
        the_relays("greets with empty lines without end", Part::Sends(At::Greeting, EMPTY_LINES.as_flattened())),
        sent("does not know EHLO", Part::Says(At::Ehlo, "502 5.5.1 what")),
        sent("does not know EHLO, in older words", Part::Says(At::Ehlo, "500 Command unrecognized")),
        the_relays("refuses EHLO twice", Part::Says(At::Ehlo, "502 what\r\n502 again")),
        the_relays("refuses us at EHLO", Part::Says(At::Ehlo, "554 5.7.1 go away")),
        the_relays("hangs up at EHLO", Part::Cuts(At::Ehlo)),
        the_relays("answers EHLO with the code of another command", Part::Says(At::Ehlo, "220 hello")),
        the_relays("answers EHLO twice", Part::Adds(At::Ehlo, "250 again")),
        the_relays("offers no TLS where it is asked for", Part::AcceptsAsciiOnly).at(with_tls),
        the_relays("refuses TLS", Part::Says(At::StartTls, "454 4.7.0 no TLS now")).at(with_tls),
        the_relays("speaks no TLS after all", Part::Says(At::StartTls, "220 go on")).at(with_tls),
        the_relays("answers STARTTLS with the code of another command", Part::Says(At::StartTls, "250 go on")).at(with_tls),
        the_relays("speaks before TLS begins", Part::Adds(At::StartTls, "250-relay.test\r\n250 SMTPUTF8")).at(with_tls),
        the_relays("refuses the login", Part::Says(At::Auth, "535 5.7.8 not you")).at(with_login),
        the_relays("cannot check the login now", Part::Says(At::Auth, "454 4.7.0 later")).at(with_login),
        the_relays("answers the login with the code of another command", Part::Says(At::Auth, "250 ok")).at(with_login),
        the_relays("answers the login twice", Part::Adds(At::Auth, "250 ok")).at(with_login),
        the_relays("offers no login", Part::AcceptsAsciiOnly).at(with_login),
        the_relays("offers no TLS, so the password stays here", Part::Offers("250-x\r\n250 AUTH PLAIN")).at(with_login_and_some_tls),
        the_relays("wants a login", Part::Says(At::Mail, "530 5.7.0 log in first")),
        the_relays("refuses our sender", Part::Says(At::Mail, "553 5.1.8 we do not know this sender")),
        the_relays("refuses our sender for now", Part::Says(At::Mail, "451 4.1.8 later")),
        the_relays("has enough of us", Part::Says(At::Mail, "452 4.5.3 too many mails today")),
        the_relays("answers MAIL with the code of another command", Part::Says(At::Mail, "354 go on")),
        the_relays("answers MAIL with 251", Part::Says(At::Mail, "251 ok")),
        the_relays("is silent after MAIL", Part::Silent(At::Mail)),
        the_relays("hangs up after MAIL", Part::Cuts(At::Mail)),
        the_relays("ends MAIL without end", Part::NeverEnds(At::Mail)),
        unclear("answers MAIL twice", Part::Adds(At::Mail, "250 ok")),
        the_relays("ends at RCPT", Part::Says(At::Rcpt, "421 4.4.2 bye")),
        the_relays("ends at DATA", Part::Says(At::Data, "421 4.4.2 bye")),
        the_relays("ends after the message", Part::Says(At::Message, "421 4.3.2 shutting down")),
        the_relays("ends at MAIL", Part::Says(At::Mail, "421 4.7.0 too many")),
        the_relays("ends at EHLO", Part::Says(At::Ehlo, "421 4.7.0 too many")),
        the_relays("ends at STARTTLS", Part::Says(At::StartTls, "421 4.7.0 too many")).at(with_tls),
        the_relays("ends at AUTH", Part::Says(At::Auth, "421 4.7.0 too many")).at(with_login),
        ours("is greylisting", At::Rcpt, "450 4.7.1 greylisted, come back"),
        ours("has no room for now", At::Rcpt, "452 4.3.1 disk full"),
        ours("refuses our sender at RCPT", At::Rcpt, "553 5.7.1 Sender address rejected: not owned by user"),
        ours("does not relay for us", At::Rcpt, "554 5.7.1 Relay access denied"),
        ours("does not relay for us, in Exim's words", At::Rcpt, "550 relay not permitted"),
        ours("blocks us", At::Rcpt, "554 5.7.1 Client host blocked"),
        ours("does not find our domain", At::Rcpt, "550 5.1.8 Domain not found"),
        ours("wants a login at RCPT", At::Rcpt, "530 Authentication required"),
        ours("knows something that we do not", At::Rcpt, "554 no"),
        theirs_for_now("has a full mailbox for now", At::Rcpt, "452 4.2.2 mailbox full"),
        theirs_for_now("has a busy mailbox", At::Rcpt, "450 mailbox busy"),
        theirs("knows no such user", At::Rcpt, "550 5.1.1 no such user"),
        theirs("knows no such user, in Exim's words", At::Rcpt, "550 Unrouteable address"),
        theirs("knows no such user, in words that speak of a relay too", At::Rcpt, "550 User unknown in relay recipient table"),
        theirs("knows no such user, with its code at the end", At::Rcpt, "550 sorry, no mailbox here by that name. (#5.1.1)"),
        theirs("has a mailbox full", At::Rcpt, "552 mailbox full, limit reached"),
        ours("says a code and no word", At::Rcpt, "550"),
        ours("does not relay for us, in qmail's words", At::Rcpt, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
        ours("prohibits it", At::Rcpt, "550 Administrative prohibition"),
        ours("denies access", At::Rcpt, "550 Access denied"),
        ours("has a quota for us", At::Rcpt, "550 quota exceeded for user no-reply"),
        ours("does not know our sender", At::Rcpt, "550 Sender address does not exist"),
        theirs("does not take mail for it", At::Rcpt, "551 5.1.6 moved away"),
        theirs("has a mailbox that is full for good", At::Rcpt, "552 5.2.2 mailbox full"),
        unclear("answers RCPT with the code of another command", Part::Says(At::Rcpt, "354 go on")),
        unclear("answers RCPT twice", Part::Adds(At::Rcpt, "250 ok")),
        unclear("says no code at RCPT", Part::Says(At::Rcpt, "999 what")),
        unclear("ends RCPT without end", Part::NeverEnds(At::Rcpt)),
        unclear("has two codes in one reply", Part::Sends(At::Rcpt, b"250-ok\r\n550 5.1.1 no\r\n")),
        fault("is silent after RCPT", Part::Silent(At::Rcpt), DeliveryOutcome::Later, Some("slow")),
        unclear("hangs up after RCPT", Part::Cuts(At::Rcpt)),
        sent("will see about RCPT", Part::Says(At::Rcpt, "252 cannot verify, but take it")),
        ours("cannot take DATA now", At::Data, "451 4.3.0 later"),
        ours("refuses DATA", At::Data, "554 5.5.1 no valid recipients"),
        unclear("takes DATA as if it were a message", Part::Says(At::Data, "250 taken")),
        unclear("answers DATA twice", Part::Adds(At::Data, "250 taken")),
        unclear("is silent after DATA", Part::Silent(At::Data)),
        unclear("hangs up at DATA", Part::Cuts(At::Data)),
        unclear("hangs up within the message", Part::CutsWithin),
        ours("cannot keep the message now", At::Message, "452 4.3.1 disk full"),
        ours("refuses the message", At::Message, "554 5.7.1 looks like spam"),
        theirs("finds out late that there is no such user", At::Message, "550 5.1.1 no such user"),
        unclear("answers the message with the code of another command", Part::Says(At::Message, "354 go on")),
        unclear("answers the message with a goodbye", Part::Says(At::Message, "221 bye")),
        unclear("is silent after the message", Part::Silent(At::Message)),
        unclear("hangs up before it says that it took the message", Part::Cuts(At::Message)),
        sent("answers the message with a code alone", Part::Says(At::Message, "250")),
        sent("answers the message in Latin-1", Part::Sends(At::Message, b"250 re\xe7u\r\n")),
        sent("answers the message twice", Part::Adds(At::Message, "451 4.3.0 or not")),
        sent("ends its lines with LF alone", Part::Sends(At::Mail, b"250 ok\n")),
        sent("answers RCPT with a code alone", Part::Says(At::Rcpt, "250")),
        sent("writes its keywords small", Part::Offers("250-x\r\n250-pipelining\r\n250-8bitmime\r\n250 smtputf8")),
        sent("takes commands together", Part::Offers(PIPELINING)),
        sent("hangs up after it said that it took the message", Part::Cuts(At::Quit)),
        sent("is silent after it said that it took the message", Part::Silent(At::Quit)),
        sent("does not know QUIT", Part::Says(At::Quit, "500 5.5.1 what")),
    ]
}

const PIPELINING: &str = "250-relay.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";

impl Fault {
    fn is_silent(&self) -> bool {
        matches!(self.part, Part::Silent(at) if at != At::Quit)
    }
}

/// Nobody waits so long but for a relay that says nothing.
const LONG: Duration = Duration::from_mins(1);

/// A relay that says nothing has little time.
const SHORT: Duration = Duration::from_secs(2);

fn outbox_to(site: &TestSite, url: &str, limit: Duration) -> Outbox {
    let settings: Settings = settings(&[("HOME", "/"), ("SMTP_URL", url)]);
    let relay = RelayClient::parse(url).unwrap().with_limits(SmtpLimits {
        opening: limit,
        mail: limit,
        recipient: limit,
    });
    let mailer = Mailer::new(settings.sender(), Transport::Smtp(Box::new(relay)));
    Outbox::new(site.connections.clone(), mailer, Arc::new(site.head.clone()))
}

/// Sends another application and tries both of its mails once, within this limit. Returns both outcomes and the reference.
async fn first_tries(site: &TestSite, fault: &Fault, relay: &Relay, limit: Duration) -> ([DeliveryOutcome; 2], String) {
    site.sql("DELETE FROM outbox").await;
    site.sql("UPDATE relay_state SET failures = 0, failing_since = NULL, failed_at = NULL, retry_at = NULL")
        .await;
    let reference = site.apply(&[]).await;
    let outbox = outbox_to(site, &(fault.url)(&relay.url), limit);
    // Staff's is tried first. Both are due at the same time, which leaves the order to the server.
    site.sql("UPDATE outbox SET due_at = due_at - interval '1 second' WHERE NOT refusal_is_final")
        .await;
    let steps = [
        outbox.deliver_next().await.unwrap(),
        outbox.deliver_next().await.unwrap(),
    ];
    (steps, reference)
}

/// As [`first_tries`]. Where the relay is silent they have little time, which on a busy machine may be over before the
/// relay is silent: then they have more.
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
    assert!(
        outbox::list_unsent(&site.pool).await.unwrap().is_empty(),
        "{}",
        fault.what
    );
    assert_arrived(&relay, &reference, fault);
}

/// What is tried again is so after about five seconds at first; a try is charged only against the recipient; what was
/// given up is reported to staff.
async fn assert_blame(site: &TestSite, fault: &Fault) {
    let failed: Vec<(String, i32, String, f64)> = sqlx::query_as(
        "SELECT message_id, attempts, blame, extract(epoch FROM due_at - failed_at)::double precision FROM outbox
         WHERE blame IS NOT NULL ORDER BY id",
    )
    .fetch_all(&site.pool)
    .await
    .unwrap();
    let expected = usize::from(fault.blame.is_some()) * 2;
    assert_eq!(failed.len(), expected, "{}: {failed:?}", fault.what);
    let is_charged = fault.blame.is_some_and(|blame| blame.starts_with("recipient"));
    // Those that wait for the relay wait together, from its first failure, and longer if the second came after that.
    let relay_failures = outbox::relay_state(&site.pool).await.unwrap().failures;
    let longest_for_relay = if relay_failures > 1 { f64::MAX } else { 6.0 };
    for (id, attempts, blame, wait) in &failed {
        assert_eq!(Some(blame.as_str()), fault.blame, "{}", fault.what);
        let is_to_staff = id.contains(".staff");
        let charged = i32::from(is_charged && (!is_to_staff || fault.applicant == DeliveryOutcome::Later));
        assert_eq!(*attempts, charged, "{}: {id}", fault.what);
        // One to a slow recipient waits a minute.
        let (shortest, longest) = match blame.as_str() {
            "relay" => (f64::MIN, longest_for_relay),
            "slow" => (50.0, 70.0),
            _ => (4.0, 6.0),
        };
        let is_tried_again = is_to_staff || fault.applicant == DeliveryOutcome::Later;
        assert!(
            !is_tried_again || (shortest..=longest).contains(wait),
            "{}: {wait}",
            fault.what
        );
    }
    let told = i64::from(fault.applicant == DeliveryOutcome::GivenUp);
    assert_eq!(site.count("outbox").await, 2 + told, "{}: staff get a mail", fault.what);
}

/// Each mail at least once, and with one Message-ID and the same octets however often.
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
        assert!(is_same, "{}: every try is the same octets", fault.what);
    }
}

#[tokio::test]
async fn no_fault_of_a_mail_server_loses_a_mail_or_sends_it_twice_unseen() {
    // Four at a time, each with a site of its own: a busy machine takes its time over more.
    let faults = faults();
    let survive = stream::iter(faults.chunks(faults.len().div_ceil(4))).map(async |faults| {
        let site = TestSite::new().await;
        for fault in faults {
            assert_survives(&site, fault).await;
        }
    });
    survive.buffer_unordered(4).collect::<()>().await;
}

/// Every code of RFC 3463, and two of later RFCs, at RCPT and after the message.
#[tokio::test]
async fn every_enhanced_code_is_sorted_by_whom_it_speaks_of() {
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
            let listed = outbox::list(&site.pool, EmailFilter::Unsent).await.unwrap();
            let is_charged = expected == DeliveryOutcome::GivenUp;
            assert_eq!(listed[0].attempts, i32::from(is_charged), "{reply}: no try is charged");
        }
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_tried_again() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let outbox = outbox_to(&site, "smtp://127.0.0.1:9", LONG);
    assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
}

#[tokio::test]
async fn a_mail_that_nobody_answers_delays_no_other() {
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
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    assert_eq!(
        outbox_to(&site, &accepting.url, LONG).deliver_next().await.unwrap(),
        DeliveryOutcome::Sent
    );
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_password_is_sent_by_login_or_plain_and_never_comes_back() {
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
        let commands = relay.said();
        assert_eq!(commands[1], said[0]);
        // This relay does not know what follows AUTH LOGIN, so the conversation ends there.
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
async fn a_mail_to_a_recipient_who_is_slow_gives_way() {
    let relay = Relay::playing(Part::Silent(At::Rcpt)).await;
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let settings = settings(&[("HOME", "/"), ("SMTP_URL", &relay.url)]);
    let mailer = Mailer::new(settings.sender(), settings.transport.clone()).with_recipient_limit(SHORT);
    let outbox = Outbox::new(site.connections.clone(), mailer, Arc::new(site.head.clone()));
    assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
    let listed = outbox::list(&site.pool, EmailFilter::Waiting).await.unwrap();
    assert_eq!((listed[0].blame.as_deref(), listed[0].attempts), (Some("slow"), 0));
}
