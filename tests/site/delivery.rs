//! Mail is owed, and delivered at least once, visibly once.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use npoc::mailer::{Mailer, Sender, Transport};
use npoc::outbox::{self, DeliveryOutcome, Outbox};
use npoc::values::EmailAddress;
use tokio::sync::watch;

use crate::support::process::PATIENCE;
use crate::support::relay::{At, Part, Relay, Taken};
use crate::support::{Mail, TestSite};

async fn site_with(relay: &Relay) -> TestSite {
    TestSite::with(&[("SMTP_URL", &relay.url)]).await
}

async fn make_due(site: &TestSite) {
    site.sql("UPDATE outbox SET due_at = now() - interval '1 second' WHERE sent_at IS NULL")
        .await;
}

/// An address as people read it.
fn read(typed: &str) -> String {
    EmailAddress::parse(typed).unwrap().to_string()
}

fn message_ids(taken: &[Taken]) -> Vec<String> {
    let id = |taken: &Taken| {
        taken
            .message
            .lines()
            .find(|line| line.starts_with("Message-ID"))
            .unwrap()
            .to_owned()
    };
    taken.iter().map(id).collect()
}

/// What the relay took for an address, read as a mail.
fn taken_for(relay: &Relay, recipient: &str) -> (Taken, Mail) {
    let for_them = |taken: &Taken| taken.rcpt == format!("RCPT TO:<{recipient}>");
    let taken = relay.taken().into_iter().find(for_them).unwrap_or_default();
    assert!(
        !taken.message.is_empty(),
        "nothing for {recipient}: {:?}",
        relay.taken()
    );
    let mail = Mail::read(taken.message.as_bytes());
    (taken, mail)
}

#[tokio::test]
async fn both_mails_of_an_application_are_sent_once() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, []);
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_busy_is_tried_again_with_the_same_message_id() {
    for part in [
        Part::Cuts(At::Greeting),
        Part::Says(At::Rcpt, "451 4.7.1 greylisted, come back"),
        Part::Says(At::Rcpt, "535 5.7.8 not your account"),
        Part::Says(At::Mail, "553 5.1.8 we do not know this sender"),
        Part::Says(At::Mail, "550 5.7.1 not from you"),
    ] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        let reference = site.apply(&[]).await;
        assert_eq!(
            site.deliver_all().await,
            [DeliveryOutcome::Later, DeliveryOutcome::Later],
            "{part:?}"
        );
        assert_eq!(outbox::list_unsent(&site.pool).await.unwrap().len(), 2);
        relay.play(Part::Accepts);
        let too_early: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE due_at <= failed_at")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert_eq!(too_early, 0, "not before the relay had time");
        make_due(&site).await;
        assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
        assert!(message_ids(&relay.taken()).iter().all(|id| id.contains(&reference)));
    }
}

#[tokio::test]
async fn a_refusal_is_final_for_the_applicant_and_never_for_staff() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "550 5.1.1 no such user")).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[]).await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == DeliveryOutcome::GivenUp);
    assert_eq!(
        steps,
        [DeliveryOutcome::Later, DeliveryOutcome::Later, DeliveryOutcome::GivenUp]
    );
    let unsent = outbox::list_unsent(&site.pool).await.unwrap();
    let given_up: Vec<_> = unsent.iter().filter(|mail| mail.given_up_at.is_some()).collect();
    assert_eq!(
        (unsent.len(), given_up.len()),
        (3, 1),
        "kept and counted, and staff are to be told"
    );
    assert!(given_up[0].message_id.contains("applicant"));
    assert!(given_up[0].last_error.as_ref().unwrap().contains("no such user"));

    relay.play(Part::Accepts);
    assert_eq!(
        outbox::retry(&site.pool, Some(&reference.to_lowercase()))
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent, DeliveryOutcome::Sent, DeliveryOutcome::Sent],
        "one command sends them again"
    );
}

#[tokio::test]
async fn staff_are_told_of_a_mail_that_was_given_up_and_why() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "550 5.1.1 no such user <here>")).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    relay.play(Part::Accepts);
    site.sql("DELETE FROM outbox WHERE message_id LIKE '%.staff@%'").await;
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent]);
    let (_, told) = taken_for(&relay, "info@npoc.org");
    assert_eq!(
        told.subject,
        format!("[NPOC membership] A mail could not be delivered: {reference}")
    );
    for said in [
        &format!("Reference: {reference}"),
        "    wanjiku@afyabora.or.ke",
        &format!("    Your application to NPOC has arrived: {reference}"),
        "no such user <here>",
        &format!("npoc mail retry {reference}"),
    ] {
        assert!(told.text.contains(said), "{said} in {}", told.text);
    }
    assert!(told.html.contains("no such user &#60;here&#62;"));
}

#[tokio::test]
async fn after_all_its_tries_an_applicants_mail_is_kept_and_staffs_is_tried_on() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "450 4.2.1 mailbox busy")).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    site.sql("UPDATE outbox SET attempts = 14").await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == DeliveryOutcome::GivenUp);
    assert_eq!(
        steps,
        [DeliveryOutcome::Later, DeliveryOutcome::Later, DeliveryOutcome::GivenUp]
    );
    assert_eq!(site.count("outbox").await, 3, "both mails, and one that tells staff");
}

#[tokio::test]
async fn a_panic_is_a_failed_try_and_not_the_end_of_the_worker() {
    let site = TestSite::new().await;
    site.apply(&[]).await;
    let hostile = Mailbox::new(Some("NPOC\r\nwebsite".into()), "no-reply@npoc.org".parse().unwrap());
    let mailer = Mailer::new(
        Sender {
            from: hostile,
            bounces: None,
        },
        Transport::Folder(site.folder.clone()),
    );
    let outbox = Outbox::new(site.connections.clone(), mailer, Arc::new(site.head.clone()));
    for _ in 0..2 {
        assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
    }
    let unsent = outbox::list_unsent(&site.pool).await.unwrap();
    assert!(
        unsent
            .iter()
            .all(|mail| mail.last_error.as_deref() == Some("sending panicked"))
    );
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
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
}

#[tokio::test]
async fn a_mail_whose_acknowledgement_was_lost_is_sent_again_with_the_same_message_id() {
    let relay = Relay::playing(Part::Cuts(At::Message)).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Later, DeliveryOutcome::Later]
    );
    relay.play(Part::Accepts);
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
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
            while outbox.deliver_next().await.unwrap() != DeliveryOutcome::Nothing {}
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

async fn all_sent(site: &TestSite) {
    let sent = async {
        while !outbox::list_unsent(&site.pool).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.unwrap();
}

#[tokio::test]
async fn delivery_goes_on_while_applications_are_being_stored() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    let _storing = site.outbox.storing_guard();
    let (_stop, stopping) = watch::channel(false);
    tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    site.apply(&[]).await;
    all_sent(&site).await;
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn what_is_owed_goes_out_at_once_and_a_stop_ends_the_delivery() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    let (stop, stopping) = watch::channel(false);
    let delivery = tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    site.apply(&[]).await;
    all_sent(&site).await;
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, delivery).await.unwrap().unwrap();
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn the_mail_server_never_touches_the_request() {
    for part in [
        Part::Silent(At::Greeting),
        Part::Silent(At::Message),
        Part::Cuts(At::Greeting),
        Part::Says(At::Rcpt, "550 5.1.1 no such user"),
    ] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        let (_stop, stopping) = watch::channel(false);
        tokio::spawn(Arc::clone(&site.outbox).run(stopping));
        let applying = tokio::time::timeout(PATIENCE, site.apply(&[]));
        applying.await.expect("a relay may keep its silence for a minute");
    }
}

#[tokio::test]
async fn a_mailbox_outside_ascii_is_reached_and_answered_over_a_relay_with_smtputf8() {
    for (typed, wire) in [
        ("用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah"),
        ("مستخدم@مثال.إختبار", "مستخدم@xn--mgbh0fb.xn--kgbechtv"),
        (
            "उपयोगकर्ता@उदाहरण.परीक्षा",
            "उपयोगकर्ता@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g",
        ),
        ("jose\u{301}@example.org", "josé@example.org"),
    ] {
        let relay = Relay::playing(Part::Accepts).await;
        let site = site_with(&relay).await;
        site.apply(&[("representative_email", typed)]).await;
        assert_eq!(
            site.deliver_all().await,
            [DeliveryOutcome::Sent, DeliveryOutcome::Sent],
            "{typed}"
        );
        let (applicant, mail) = taken_for(&relay, wire);
        assert!(applicant.mail.ends_with("BODY=8BITMIME SMTPUTF8"), "{}", applicant.mail);
        assert_eq!(mail.header("To").unwrap(), wire);
        let (staff, mail) = taken_for(&relay, "info@npoc.org");
        assert_eq!(
            staff.mail, "MAIL FROM:<no-reply@npoc.org>",
            "staff's mail goes through every server"
        );
        assert_eq!((mail.header("Reply-To"), mail.raw.is_ascii()), (None, true));
        assert!(
            mail.text
                .contains(&format!("does not reach them:\n    Wanjikũ Kamau\n    {}", read(typed)))
        );
    }
}

#[tokio::test]
async fn smtputf8_is_asked_for_only_where_an_address_needs_it() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[
        ("organization_name", "예술 재단"),
        ("domain_name", "例え.テスト"),
        ("representative_email", "hanako@例え.テスト"),
    ])
    .await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
    for taken in relay.taken() {
        assert_eq!(taken.mail, "MAIL FROM:<no-reply@npoc.org>");
        assert!(taken.message.is_ascii());
    }
    let (_, staff) = taken_for(&relay, "info@npoc.org");
    assert_eq!(staff.header("Reply-To").unwrap(), "hanako@xn--r8jz45g.xn--zckzah");
}

#[tokio::test]
async fn over_a_relay_without_smtputf8_staff_get_every_answer_and_learn_who_could_not_be_reached() {
    let relay = Relay::playing(Part::AcceptsAsciiOnly).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[("representative_email", "用户@例え.テスト")]).await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == DeliveryOutcome::GivenUp);
    assert_eq!(
        steps,
        [DeliveryOutcome::Sent, DeliveryOutcome::Sent, DeliveryOutcome::GivenUp]
    );
    let mails: Vec<Mail> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()))
        .collect();
    let staff = mails.iter().find(|mail| mail.text.contains("THE ANSWERS")).unwrap();
    assert_eq!(staff.header("Reply-To"), None);
    assert!(staff.text.contains("用户@例え.テスト"));
    let told = mails.iter().find(|mail| mail.subject.contains("could not be")).unwrap();
    assert!(told.text.contains("用户@例え.テスト") && told.text.contains("SMTPUTF8"));

    relay.play(Part::Accepts);
    outbox::retry(&site.pool, Some(&reference)).await.unwrap();
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent],
        "the relay has learned it"
    );
    taken_for(&relay, "用户@xn--r8jz45g.xn--zckzah");
}
