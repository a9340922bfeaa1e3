//! Every way in which a mail server can fail: what the site does, and that nothing is lost by it.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use npoc::mailer::{Mailer, Transport};
use npoc::outbox::{self, Outbox, Step};
use npoc::settings::Settings;

use crate::support::relay::{At, Part, Relay};
use crate::support::{Mail, TestSite, settings};

/// One fault, and what becomes of each mail at the first try.
struct Fault {
    what: &'static str,
    part: Part,
    /// Instead of `smtp://HOST`.
    url: fn(&str) -> String,
    staff: Step,
    applicant: Step,
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

/// Nothing is said of the recipient, so both are tried again.
const fn ours(what: &'static str, part: Part, url: fn(&str) -> String) -> Fault {
    let (staff, applicant) = (Step::Later, Step::Later);
    Fault {
        what,
        part,
        url,
        staff,
        applicant,
    }
}

/// The recipient's server does not want it: final for an applicant, our own mistake for staff.
const fn theirs(what: &'static str, at: At, reply: &'static str) -> Fault {
    let (staff, applicant) = (Step::Later, Step::GivenUp);
    Fault {
        what,
        part: Part::Says(at, reply),
        url: plain,
        staff,
        applicant,
    }
}

/// It has the message by then.
const fn sent(what: &'static str, part: Part) -> Fault {
    let (staff, applicant) = (Step::Sent, Step::Sent);
    Fault {
        what,
        part,
        url: plain,
        staff,
        applicant,
    }
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    ours("hangs up at once", Part::Cuts(At::Greeting), plain),
    ours("says nothing at all", Part::Silent(At::Greeting), plain),
    ours("is busy", Part::Says(At::Greeting, "421 4.3.2 too busy"), plain),
    ours("greets with a refusal", Part::Says(At::Greeting, "554 5.3.2 no service here"), plain),
    ours("does not know EHLO", Part::Says(At::Ehlo, "502 5.5.1 what"), plain),
    ours("offers no TLS where it is asked for", Part::AcceptsAsciiOnly, with_tls),
    ours("refuses TLS", Part::Says(At::StartTls, "454 4.7.0 no TLS now"), with_tls),
    ours("speaks no TLS after all", Part::Says(At::StartTls, "220 go on"), with_tls),
    ours("refuses the login", Part::Says(At::Auth, "535 5.7.8 not you"), with_login),
    ours("cannot check the login now", Part::Says(At::Auth, "454 4.7.0 later"), with_login),
    ours("wants a login", Part::Says(At::Mail, "530 5.7.0 log in first"), plain),
    ours("refuses our sender", Part::Says(At::Mail, "553 5.1.8 we do not know this sender"), plain),
    ours("refuses our sender for now", Part::Says(At::Mail, "451 4.1.8 later"), plain),
    ours("is silent after MAIL", Part::Silent(At::Mail), plain),
    ours("hangs up after MAIL", Part::Cuts(At::Mail), plain),
    ours("is greylisting", Part::Says(At::Rcpt, "450 4.7.1 greylisted, come back"), plain),
    ours("has a full mailbox for now", Part::Says(At::Rcpt, "452 4.2.2 mailbox full"), plain),
    theirs("knows no such user", At::Rcpt, "550 5.1.1 no such user"),
    theirs("does not take mail for it", At::Rcpt, "551 5.1.6 moved away"),
    theirs("has a mailbox that is full for good", At::Rcpt, "552 5.2.2 mailbox full"),
    ours("is silent after RCPT", Part::Silent(At::Rcpt), plain),
    ours("hangs up after RCPT", Part::Cuts(At::Rcpt), plain),
    ours("cannot take DATA now", Part::Says(At::Data, "451 4.3.0 later"), plain),
    theirs("refuses DATA", At::Data, "554 5.5.1 no recipient wants it"),
    ours("is silent after DATA", Part::Silent(At::Data), plain),
    ours("hangs up at DATA", Part::Cuts(At::Data), plain),
    ours("hangs up within the message", Part::CutsWithin, plain),
    ours("cannot keep the message now", Part::Says(At::Message, "452 4.3.1 disk full"), plain),
    theirs("refuses the message", At::Message, "554 5.7.1 looks like spam"),
    ours("is silent after the message", Part::Silent(At::Message), plain),
    ours("hangs up before it says that it took the message", Part::Cuts(At::Message), plain),
    sent("hangs up after it said that it took the message", Part::Cuts(At::Quit)),
    sent("is silent after it said that it took the message", Part::Silent(At::Quit)),
    sent("does not know QUIT", Part::Says(At::Quit, "500 5.5.1 what")),
];

/// Long for a conversation on one machine, short for a test of one that never ends.
const SENDING_LIMIT: Duration = Duration::from_millis(400);

fn outbox_to(site: &TestSite, url: &str) -> Outbox {
    let Settings {
        transport, mail_from, ..
    } = settings(&[("HOME", "/"), ("SMTP_URL", url)]);
    let mailer = Mailer::new(mail_from, transport);
    Outbox::new(site.connections.clone(), mailer, site.head.staff.clone()).with_sending_limit(SENDING_LIMIT)
}

async fn assert_survives(fault: &Fault) {
    let relay = Relay::playing(fault.part).await;
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let outbox = outbox_to(&site, &(fault.url)(&relay.url));
    // Staff's is owed first, so tried first.
    let steps = [
        outbox.deliver_next().await.unwrap(),
        outbox.deliver_next().await.unwrap(),
    ];
    assert_eq!(steps, [fault.staff, fault.applicant], "{}", fault.what);
    assert_first_wait(&site, fault).await;

    relay.play(Part::Accepts);
    outbox::retry(&site.pool, None).await.unwrap();
    let outbox = outbox_to(&site, &relay.url);
    while outbox.deliver_next().await.unwrap() != Step::Nothing {}
    assert!(outbox::unsent(&site.pool).await.unwrap().is_empty(), "{}", fault.what);
    assert_arrived(&relay, &reference, fault);
}

/// What is tried again is so after about five seconds at first; what was given up is told to staff.
async fn assert_first_wait(site: &TestSite, fault: &Fault) {
    let waits: Vec<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM due_at - now())::double precision FROM outbox
         WHERE sent_at IS NULL AND given_up_at IS NULL AND attempts > 0",
    )
    .fetch_all(&site.pool)
    .await
    .unwrap();
    let later = [fault.staff, fault.applicant]
        .iter()
        .filter(|step| **step == Step::Later)
        .count();
    assert_eq!(waits.len(), later, "{}", fault.what);
    assert!(
        waits.iter().all(|wait| (1.0..=5.5).contains(wait)),
        "{}: {waits:?}",
        fault.what
    );
    let told = i64::from(fault.applicant == Step::GivenUp);
    assert_eq!(site.count("outbox").await, 2 + told, "{}: staff are told", fault.what);
}

/// Each mail at least once, and with one Message-ID however often.
fn assert_arrived(relay: &Relay, reference: &str, fault: &Fault) {
    let ids: Vec<String> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()).header("Message-ID").unwrap())
        .collect();
    for to in ["staff", "applicant"] {
        let id = format!("<{reference}.{to}@npoc.org>");
        let times = ids.iter().filter(|taken| **taken == id).count();
        let most = if matches!(fault.part, Part::Cuts(At::Message) | Part::Silent(At::Message)) {
            2
        } else {
            1
        };
        assert!((1..=most).contains(&times), "{}: {id} {times} times", fault.what);
    }
}

#[tokio::test]
async fn no_fault_of_a_mail_server_loses_a_mail_or_sends_it_twice_unseen() {
    // Not all at once: a machine that is busy would take too long to store the application of each.
    let survive = stream::iter(FAULTS).map(assert_survives).buffer_unordered(6);
    survive.collect::<()>().await;
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_tried_again() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let outbox = outbox_to(&site, "smtp://127.0.0.1:9");
    assert_eq!(outbox.deliver_next().await.unwrap(), Step::Later);
    assert!(matches!(settings(&[("HOME", "/")]).transport, Transport::Folder(_)));
}

#[tokio::test]
async fn a_mail_that_nobody_answers_delays_no_other() {
    let (silent, accepting) = (
        Relay::playing(Part::Silent(At::Rcpt)).await,
        Relay::playing(Part::Accepts).await,
    );
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let outbox = outbox_to(&site, &silent.url).with_sending_limit(Duration::from_mins(1));
    let waiting = tokio::spawn(async move { outbox.deliver_next().await });
    while sqlx::query("SELECT FROM outbox WHERE leased_until > now()")
        .fetch_all(&site.pool)
        .await
        .unwrap()
        .is_empty()
    {}
    assert_eq!(
        outbox_to(&site, &accepting.url).deliver_next().await.unwrap(),
        Step::Sent
    );
    assert!(!waiting.is_finished());
    waiting.abort();
}
