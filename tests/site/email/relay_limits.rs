//! The site respects the limits of its relay and checks what the relay sends.

use std::time::Duration;

use npoc::locale::Language;
use npoc::mailer::{Email, Mailer, MessageSeed, Purpose, Relay as RelayClient};
use npoc::outbox;

use crate::support::delivery::{deliver_in_background, queue_backlog, site_with, unsent, wait_until};
use crate::support::relay::{At, EMPTY_LINES, Part, Relay};
use crate::support::{Mail, TestSite};

#[tokio::test]
async fn relay_that_allows_two_connections_gets_two() {
    let relay = Relay::playing(Part::Serves(2)).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 200).await;
    let _delivering = deliver_in_background(&site);
    wait_until("every email is sent", async || unsent(&site.pool).await == 0).await;
    assert_eq!(relay.taken().len(), 200, "each email once");
    let tried_more: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE attempts > 1")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(tried_more, 0);
    let (connections, _) = relay.connections();
    assert!(connections < 60, "{connections} connections, with the rejected ones");
}

#[tokio::test]
async fn emails_share_connections_that_the_relay_may_close() {
    for (part, at_least) in [(Part::Accepts, 1), (Part::ServesMails(7), 100 / 8)] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        queue_backlog(&site, 100).await;
        let _delivering = deliver_in_background(&site);
        wait_until("every email is sent", async || unsent(&site.pool).await == 0).await;
        assert_eq!(relay.taken().len(), 100, "each email once: {part:?}");
        let (connections, _) = relay.connections();
        assert!(
            (at_least..=40).contains(&connections),
            "{part:?}: {connections} connections"
        );
    }
}

#[tokio::test]
async fn emails_wait_together_for_a_failing_relay() {
    let relay = Relay::playing(Part::Cuts(At::Greeting)).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 300).await;
    let stop = deliver_in_background(&site);
    let failures = async || outbox::relay_state(&site.pool).await.unwrap().failures;
    wait_until("two connections have failed", async || failures().await >= 2).await;
    let (connections, _) = relay.connections();
    assert!(connections <= 16, "{connections} connections for 300 emails");
    stop.send_replace(true);
}

#[tokio::test]
async fn relay_replies_are_bounded_and_matched_to_commands() {
    for (part, query, words) in [
        (
            Part::Adds(At::StartTls, "250 SMTPUTF8"),
            "?tls=required",
            "was not asked for",
        ),
        (Part::NeverEnds(At::Greeting), "", "longer than 2048 octets"),
        (Part::NeverEnds(At::Ehlo), "", "longer than 2048 octets"),
        (
            Part::Sends(At::Greeting, EMPTY_LINES.as_flattened()),
            "",
            "longer than 65536 octets",
        ),
        (Part::Says(At::Greeting, "250 relay.test"), "", "unexpected reply"),
        (Part::Adds(At::Greeting, "250 relay.test"), "", "was not asked for"),
        (
            Part::Says(At::StartTls, "250 go on"),
            "?tls=required",
            "unexpected reply",
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
async fn relay_that_takes_one_email_a_connection_gets_them_all() {
    let relay = Relay::playing(Part::RefusesSecondMail("452 4.5.3 one mail a connection")).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 30).await;
    let _delivering = deliver_in_background(&site);
    wait_until("every email is sent", async || unsent(&site.pool).await == 0).await;
    assert_eq!(relay.taken().len(), 30, "each email once");
    wait_until("the relay works", async || {
        outbox::relay_state(&site.pool).await.unwrap().failures == 0
    })
    .await;
}

#[tokio::test]
async fn failing_relay_is_not_tried_for_every_email() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "450 4.7.1 quota used up")).await;
    let site = site_with(&relay).await;
    queue_backlog(&site, 200).await;
    let stop = deliver_in_background(&site);
    let failures = async || outbox::relay_state(&site.pool).await.unwrap().failures;
    wait_until("two attempts have failed", async || failures().await >= 2).await;
    let asked = relay.commands().iter().filter(|line| line.starts_with("RCPT")).count();
    assert!(asked <= 30, "{asked} recipients tried");
    stop.send_replace(true);
}

#[tokio::test]
async fn slow_greeting_does_not_count_as_a_slow_recipient() {
    let site = TestSite::new().await;
    let email = Email {
        message_id: "<a@npoc.org>".into(),
        in_reply_to: None,
        reference: None,
        recipient: site.identity.staff.clone(),
        reply_to: None,
        subject: "s".into(),
        text: "t".into(),
        html: "h".into(),
        purpose: Purpose::Application,
        language: Some(Language::En),
    };
    // Greeting, EHLO and MAIL together exceed the limit, RCPT alone does not. On a busy machine RCPT may exceed it too,
    // so each round gives the relay and the limit more time.
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
async fn envelope_sender_is_unique_and_stable_across_retries() {
    let relay = Relay::playing(Part::Says(At::Message, "451 4.3.0 later")).await;
    let site = TestSite::with(&[("SMTP_URL", &relay.url), ("NPOC_BOUNCE_ADDRESS", "bounce+*@npoc.org")]).await;
    site.apply(&[]).await;
    site.deliver_all().await;
    relay.play(Part::Accepts);
    site.sql("UPDATE outbox SET due_at = now()").await;
    site.deliver_all().await;
    let mut senders: Vec<String> = relay
        .commands()
        .into_iter()
        .filter(|line| line.starts_with("MAIL"))
        .collect();
    assert_eq!(senders.len(), 4);
    // Both emails are due at the same time, so either may come first.
    senders[..2].sort();
    senders[2..].sort();
    assert_eq!(senders[..2], senders[2..], "retries use the same sender");
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
