//! Nothing blocks a mail: no slow domain, no backlog, no relay that wants fewer connections or was away.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use npoc::mailer::{Email, Mailer, MessageSeed, Purpose, Relay as RelayClient};
use npoc::outbox::{self, DeliveryOutcome};
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::process::{PATIENCE, Process, mails_in};
use crate::support::relay::{At, EMPTY_LINES, Part, Relay};
use crate::support::{Mail, TestSite, database, encode, good_with};

async fn site_with(relay: &Relay) -> TestSite {
    TestSite::with(&[("SMTP_URL", &relay.url)]).await
}

/// Delivers for as long as the sender is there.
fn delivering(site: &TestSite) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    stop
}

async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}");
}

async fn unsent(site: &TestSite) -> usize {
    outbox::list_unsent(&site.pool).await.unwrap().len()
}

/// Mails that an outage left behind, each to an address of its own at one domain.
async fn owe(site: &TestSite, mails: i32) {
    sqlx::query(
        "INSERT INTO outbox (message_id, recipient, subject, body_text, body_html, refusal_is_final, owed_at, due_at)
         SELECT '<old-' || n || '@npoc.org>', 'user' || n || '@old.example', 's', 't', 'h', true,
             now() - interval '1 hour', now() - interval '1 minute' FROM generate_series(1, $1) n",
    )
    .bind(mails)
    .execute(&site.pool)
    .await
    .unwrap();
}

fn took(relay: &Relay, reference: &str) -> usize {
    let taken = relay.taken();
    taken
        .iter()
        .filter(|taken| taken.message.contains(&format!("Message-ID: <{reference}.")))
        .count()
}

#[tokio::test]
async fn a_slow_domain_holds_no_other_mail() {
    let relay = Relay::playing(Part::SilentFor("@slow.example")).await;
    let site = site_with(&relay).await;
    for n in 0..12 {
        site.apply(&[("representative_email", &format!("user{n}@slow.example"))])
            .await;
    }
    let _delivering = delivering(&site);
    let tries = "SELECT count(*) FROM outbox WHERE recipient LIKE '%@slow.example' AND leased_until > now()";
    wait_until("the slow domain is tried", async || {
        sqlx::query_scalar::<_, i64>(tries).fetch_one(&site.pool).await.unwrap() > 4
    })
    .await;
    let reference = site.apply(&[]).await;
    wait_until("both mails of an honest applicant go", async || {
        took(&relay, &reference) == 2
    })
    .await;
    let held: i64 = sqlx::query_scalar(tries).fetch_one(&site.pool).await.unwrap();
    assert!(held > 0, "while the slow domain is still being tried");
}

#[tokio::test]
async fn a_new_application_is_mailed_before_a_backlog() {
    let relay = Relay::playing(Part::Takes(Duration::from_millis(5))).await;
    let site = site_with(&relay).await;
    owe(&site, 2_000).await;
    let _delivering = delivering(&site);
    wait_until("the backlog is begun", async || !relay.taken().is_empty()).await;
    let reference = site.apply(&[]).await;
    let before = relay.taken().len();
    wait_until("both mails go", async || took(&relay, &reference) == 2).await;
    let taken = relay.taken();
    let last = taken
        .iter()
        .rposition(|taken| taken.message.contains(&reference))
        .unwrap();
    assert!(
        last < before + 100,
        "as soon as places are free: {before}, {last} of {}",
        taken.len()
    );
    let (_, most) = relay.connections();
    assert!(most <= 10, "{most} connections at a time");
}

#[tokio::test]
async fn a_relay_that_bears_two_connections_gets_two_and_no_mail_loses_a_try() {
    let relay = Relay::playing(Part::Serves(2)).await;
    let site = site_with(&relay).await;
    owe(&site, 200).await;
    let _delivering = delivering(&site);
    wait_until("every mail goes", async || unsent(&site).await == 0).await;
    assert_eq!(relay.taken().len(), 200, "each once");
    let tried_more: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE attempts > 1")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(tried_more, 0);
    let (connections, _) = relay.connections();
    assert!(connections < 60, "{connections} connections, those refused too");
}

#[tokio::test]
async fn many_mails_share_a_connection_and_a_relay_may_end_it() {
    for (part, at_least) in [(Part::Accepts, 1), (Part::ServesMails(7), 100 / 8)] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        owe(&site, 100).await;
        let _delivering = delivering(&site);
        wait_until("every mail goes", async || unsent(&site).await == 0).await;
        assert_eq!(relay.taken().len(), 100, "each once: {part:?}");
        let (connections, _) = relay.connections();
        assert!(
            (at_least..=40).contains(&connections),
            "{part:?}: {connections} connections"
        );
    }
}

#[tokio::test]
async fn after_an_outage_of_any_length_every_mail_has_all_its_tries() {
    for fault in [
        Part::Cuts(At::Greeting),
        Part::Says(At::Greeting, "421 4.3.2 later"),
        Part::Says(At::Ehlo, "554 5.7.1 not you"),
        Part::Says(At::Mail, "451 4.3.0 later"),
        Part::Says(At::Rcpt, "421 4.3.2 later"),
        Part::Cuts(At::Data),
        Part::Cuts(At::Rcpt),
    ] {
        let relay = Relay::playing(fault).await;
        let site = site_with(&relay).await;
        owe(&site, 3).await;
        for _ in 0..6 {
            site.sql("UPDATE outbox SET due_at = now()").await;
            for _ in 0..3 {
                assert_eq!(
                    site.outbox.deliver_next().await.unwrap(),
                    DeliveryOutcome::Later,
                    "{fault:?}"
                );
            }
        }
        let charged: i64 = sqlx::query_scalar("SELECT sum(attempts) FROM outbox")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert_eq!(charged, 0, "{fault:?}");
        let state = outbox::relay_state(&site.pool).await.unwrap();
        assert!(
            state.failures > 0 && state.failing_since.is_some(),
            "{fault:?}: {state:?}"
        );
        relay.play(Part::Accepts);
        outbox::retry(&site.pool, None).await.unwrap();
        let _delivering = delivering(&site);
        wait_until("every mail goes", async || unsent(&site).await == 0).await;
        wait_until("the relay serves again", async || {
            let state = outbox::relay_state(&site.pool).await.unwrap();
            (state.failures, state.failing_since) == (0, None)
        })
        .await;
    }
}

#[tokio::test]
async fn all_wait_together_for_a_relay_that_fails() {
    let relay = Relay::playing(Part::Cuts(At::Greeting)).await;
    let site = site_with(&relay).await;
    owe(&site, 300).await;
    let stop = delivering(&site);
    let failures = async || outbox::relay_state(&site.pool).await.unwrap().failures;
    wait_until("the relay was asked twice", async || failures().await >= 2).await;
    let (connections, _) = relay.connections();
    assert!(connections <= 16, "{connections} connections for 300 mails");
    stop.send_replace(true);
}

#[tokio::test]
async fn a_mail_that_breaks_each_conversation_is_charged_once_others_go() {
    let relay = Relay::playing(Part::Cuts(At::Message)).await;
    let site = site_with(&relay).await;
    owe(&site, 1).await;
    let charged = async || -> i32 {
        let query = sqlx::query_scalar("SELECT attempts FROM outbox WHERE message_id LIKE '<old-%'");
        query.fetch_one(&site.pool).await.unwrap()
    };
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Later]);
    assert_eq!(charged().await, 0, "nobody knows yet");
    relay.play(Part::Accepts);
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
    relay.play(Part::Cuts(At::Message));
    site.sql("UPDATE outbox SET due_at = now() WHERE sent_at IS NULL").await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Later]);
    assert_eq!(charged().await, 1, "the relay took others meanwhile");
}

#[tokio::test]
async fn what_a_relay_says_is_bounded_and_matched_to_its_command() {
    for (part, query, words) in [
        (
            Part::Adds(At::StartTls, "250 SMTPUTF8"),
            "?tls=required",
            "before its turn",
        ),
        (Part::NeverEnds(At::Greeting), "", "longer than 2048 octets"),
        (Part::NeverEnds(At::Ehlo), "", "longer than 2048 octets"),
        (
            Part::Sends(At::Greeting, EMPTY_LINES.as_flattened()),
            "",
            "longer than 65536 octets",
        ),
        (Part::Says(At::Greeting, "250 relay.test"), "", "does not belong there"),
        (Part::Adds(At::Greeting, "250 relay.test"), "", "before its turn"),
        (
            Part::Says(At::StartTls, "250 go on"),
            "?tls=required",
            "does not belong there",
        ),
        (Part::Sends(At::Greeting, b"220-a\r\n221 b\r\n"), "", "different codes"),
    ] {
        let relay = Relay::playing(part).await;
        let client = RelayClient::parse(&format!("{}{query}", relay.url)).unwrap();
        let error = client.connect().await.err().unwrap().to_string();
        assert!(error.contains(words), "{part:?}: {error}");
    }
}

#[tokio::test]
async fn a_relay_that_takes_one_mail_a_connection_gets_a_connection_for_each() {
    let relay = Relay::playing(Part::RefusesSecondMail("452 4.5.3 one mail a connection")).await;
    let site = site_with(&relay).await;
    owe(&site, 30).await;
    let _delivering = delivering(&site);
    wait_until("every mail goes", async || unsent(&site).await == 0).await;
    assert_eq!(relay.taken().len(), 30, "each once");
    wait_until("the relay serves", async || {
        outbox::relay_state(&site.pool).await.unwrap().failures == 0
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_takes_no_mail_from_us_is_not_asked_by_each_mail() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "450 4.7.1 quota used up")).await;
    let site = site_with(&relay).await;
    owe(&site, 200).await;
    let stop = delivering(&site);
    let failures = async || outbox::relay_state(&site.pool).await.unwrap().failures;
    wait_until("all wait together", async || failures().await >= 2).await;
    let asked = relay.said().iter().filter(|line| line.starts_with("RCPT")).count();
    assert!(asked <= 30, "{asked} mails asked");
    stop.send_replace(true);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_no_other_mail() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    owe(&site, 10).await;
    site.sql("UPDATE outbox SET recipient = 'no address' WHERE id % 2 = 0")
        .await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent; 5]);
    let listed = outbox::list_unsent(&site.pool).await.unwrap();
    assert!(
        listed
            .iter()
            .all(|mail| mail.last_error.as_ref().unwrap().contains("cannot be read"))
    );
}

#[tokio::test]
async fn a_slow_greeting_is_not_a_slow_recipient() {
    let site = TestSite::new().await;
    let email = Email {
        message_id: "<a@npoc.org>".into(),
        in_reply_to: None,
        reference: None,
        recipient: site.head.staff.clone(),
        reply_to: None,
        subject: "s".into(),
        text: "t".into(),
        html: "h".into(),
        purpose: Purpose::Application,
    };
    // Greeting, EHLO and MAIL take longer than the limit, and RCPT alone does not. A busy machine may keep RCPT that
    // long: so the relay takes more and more time, and the limit is more and more.
    let mut outcome = Ok(());
    for milliseconds in [100, 400, 1_600, 6_400] {
        let relay = Relay::playing(Part::Takes(Duration::from_millis(milliseconds))).await;
        let settings = crate::support::settings(&[("HOME", "/"), ("SMTP_URL", &relay.url)]);
        let mailer = Mailer::new(settings.sender(), settings.transport.clone());
        let mailer = mailer.with_recipient_limit(Duration::from_millis(milliseconds * 5 / 2));
        outcome = mailer.send(&email, &MessageSeed::now()).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome.unwrap();
}

#[tokio::test]
async fn the_envelope_sender_is_one_for_each_mail_and_the_same_on_every_try() {
    let relay = Relay::playing(Part::Says(At::Message, "451 4.3.0 later")).await;
    let site = TestSite::with(&[("SMTP_URL", &relay.url), ("NPOC_BOUNCE_ADDRESS", "bounce+*@npoc.org")]).await;
    site.apply(&[]).await;
    site.deliver_all().await;
    relay.play(Part::Accepts);
    site.sql("UPDATE outbox SET due_at = now()").await;
    site.deliver_all().await;
    let mut senders: Vec<String> = relay
        .said()
        .into_iter()
        .filter(|line| line.starts_with("MAIL"))
        .collect();
    assert_eq!(senders.len(), 4);
    // Both are due at the same moment each time, so either may be tried first.
    senders[..2].sort();
    senders[2..].sort();
    assert_eq!(senders[..2], senders[2..], "the same on every try");
    assert_ne!(senders[0], senders[1]);
    for sender in &senders {
        let token = sender
            .strip_prefix("MAIL FROM:<bounce+")
            .and_then(|rest| rest.strip_suffix("@npoc.org>"))
            .unwrap();
        let is_token = token.len() == 16
            && token
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit());
        assert!(is_token, "{sender}");
    }
    for taken in relay.taken() {
        assert_eq!(
            Mail::read(taken.message.as_bytes()).header("From").unwrap(),
            "\"NPOC website\" <no-reply@npoc.org>"
        );
    }
}

#[tokio::test]
async fn a_mail_that_the_disk_does_not_keep_is_not_sent() {
    let url = database::url(&database::fresh_options().await);
    // Removed however this ends.
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
    ];
    let site = Process::start(&settings);
    // A file may have 1 KiB: the disk takes the first part of each mail and refuses the last.
    let limit = |size: &str| {
        let done = Command::new("prlimit")
            .args([&format!("--pid={}", site.id()), size])
            .status();
        assert!(done.unwrap().success());
    };
    limit("--fsize=1024:unlimited");
    let key = Uuid::now_v7().to_string();
    let body = encode(&good_with(&[("step", "send"), ("submission_key", &key)]));
    Process::post_until_stored(site.address, &body);
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let failed = "SELECT count(*) FROM outbox WHERE last_error LIKE '%mail folder%'";
    let count = async |query: &'static str| sqlx::query_scalar::<_, i64>(query).fetch_one(&pool).await.unwrap();
    wait_until("the failure is recorded", async || count(failed).await > 0).await;
    assert_eq!(count("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").await, 0);
    let files = async || std::fs::read_dir(home.join("mail")).unwrap().count();
    wait_until("no half file is left", async || files().await == 0).await;
    limit("--fsize=unlimited:unlimited");
    outbox::retry(&pool, None).await.unwrap();
    wait_until("both mails are kept", async || mails_in(home) == 2).await;
    wait_until("and recorded", async || unsent_in(&pool).await == 0).await;
    let charged = count("SELECT max(attempts)::bigint FROM outbox").await;
    assert_eq!(charged, 1, "only the try that succeeded");
}

async fn unsent_in(pool: &sqlx::PgPool) -> usize {
    outbox::list_unsent(pool).await.unwrap().len()
}
