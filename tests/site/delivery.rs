//! Mail is owed, and delivered at least once, visibly once.

use std::sync::Arc;
use std::time::Duration;

use npoc::outbox::{self, Step};
use tokio::sync::watch;

use crate::support::TestSite;
use crate::support::relay::{Part, Relay};

async fn site_with(relay: &Relay) -> TestSite {
    TestSite::with(&[("SMTP_URL", &relay.url)]).await
}

async fn make_due(site: &TestSite) {
    site.sql("UPDATE outbox SET due_at = now() - interval '1 second' WHERE sent_at IS NULL")
        .await;
}

fn message_ids(messages: &[String]) -> Vec<String> {
    let id = |message: &String| {
        message
            .lines()
            .find(|line| line.starts_with("Message-ID"))
            .unwrap()
            .to_owned()
    };
    messages.iter().map(id).collect()
}

#[tokio::test]
async fn both_mails_of_an_application_are_sent_once() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [Step::Sent, Step::Sent]);
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, []);
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_busy_is_tried_again_with_the_same_message_id() {
    for part in [
        Part::HangsUp,
        Part::Rcpt("451 4.7.1 greylisted, come back"),
        Part::Rcpt("535 5.7.8 not your account"),
    ] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        let reference = site.apply(&[]).await;
        assert_eq!(site.deliver_all().await, [Step::Later, Step::Later], "{part:?}");
        assert_eq!(outbox::unsent(&site.pool).await.unwrap().len(), 2);
        relay.play(Part::Accepts);
        assert_eq!(site.deliver_all().await, [], "not before it is due");
        make_due(&site).await;
        assert_eq!(site.deliver_all().await, [Step::Sent, Step::Sent]);
        assert!(message_ids(&relay.taken()).iter().all(|id| id.contains(&reference)));
    }
}

#[tokio::test]
async fn a_refusal_is_final_for_the_applicant_and_never_for_staff() {
    let relay = Relay::playing(Part::Rcpt("550 5.1.1 no such user")).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[]).await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == Step::GivenUp);
    assert_eq!(steps, [Step::Later, Step::GivenUp]);
    let unsent = outbox::unsent(&site.pool).await.unwrap();
    let given_up: Vec<_> = unsent.iter().filter(|mail| mail.given_up_at.is_some()).collect();
    assert_eq!((unsent.len(), given_up.len()), (2, 1), "kept and counted");
    assert!(given_up[0].message_id.contains("applicant"));
    assert!(given_up[0].last_error.as_ref().unwrap().contains("no such user"));

    relay.play(Part::Accepts);
    assert_eq!(
        outbox::retry(&site.pool, Some(&reference.to_lowercase()))
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        site.deliver_all().await,
        [Step::Sent, Step::Sent],
        "one command sends both again"
    );
}

#[tokio::test]
async fn after_all_its_tries_an_applicants_mail_is_kept_and_staffs_is_tried_on() {
    let relay = Relay::playing(Part::HangsUp).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET attempts = 14").await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == Step::GivenUp);
    assert_eq!(steps, [Step::Later, Step::GivenUp]);
    assert_eq!(site.count("outbox").await, 2);
}

#[tokio::test]
async fn a_lease_that_a_dead_worker_held_is_taken_over() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    // What a worker that died in the middle leaves behind: claimed, not noted.
    site.sql("UPDATE outbox SET attempts = 1, due_at = now() + interval '3 minutes'")
        .await;
    assert_eq!(
        site.deliver_all().await,
        [],
        "while the lease lasts, nobody else sends it"
    );
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [Step::Sent, Step::Sent]);
}

#[tokio::test]
async fn a_mail_whose_acknowledgement_was_lost_is_sent_again_with_the_same_message_id() {
    let relay = Relay::playing(Part::CutAfterData).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [Step::Later, Step::Later]);
    relay.play(Part::Accepts);
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [Step::Sent, Step::Sent]);
    let mut ids = message_ids(&relay.taken());
    ids.sort();
    assert_eq!(ids.len(), 4);
    assert_eq!((&ids[0], &ids[2]), (&ids[1], &ids[3]));
}

#[tokio::test]
async fn many_workers_on_one_database_send_each_mail_once() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    for _ in 0..10 {
        site.apply(&[]).await;
    }
    let mut workers = Vec::new();
    for _ in 0..8 {
        let outbox = Arc::clone(&site.outbox);
        workers.push(tokio::spawn(async move {
            while outbox.deliver_next().await.unwrap() != Step::Nothing {}
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let mut ids = message_ids(&relay.taken());
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn what_is_owed_goes_out_at_once_and_a_stop_ends_the_delivery() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    let (stop, stopping) = watch::channel(false);
    let delivery = tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    site.apply(&[]).await;
    let delivered = async {
        while !outbox::unsent(&site.pool).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), delivered).await.unwrap();
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(30), delivery)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn the_mail_server_never_touches_the_request() {
    let site = TestSite::with(&[("SMTP_URL", "smtp://127.0.0.1:9")]).await;
    site.apply(&[]).await;
    assert_eq!(site.count("outbox").await, 2);
}
