//! Queued emails are delivered at least once. Duplicates have the same Message-ID.

use std::sync::Arc;

use lettre::message::Mailbox;
use npoc::mailer::{Mailer, Sender, Transport};
use npoc::outbox::{self, DeliveryOutcome, Outbox};
use npoc::values::EmailAddress;
use tokio::sync::watch;

use crate::support::delivery::{all_sent, deliver_in_background, site_with, unsent, unsent_emails};
use crate::support::process::TIMEOUT;
use crate::support::relay::{At, Part, Relay, Taken};
use crate::support::{Mail, TestSite};

async fn make_due(site: &TestSite) {
    site.sql("UPDATE outbox SET due_at = now() - interval '1 second' WHERE sent_at IS NULL")
        .await;
}

/// Returns an address in its form for people.
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

/// Returns the message that the relay accepted for an address.
fn taken_for(relay: &Relay, recipient: &str) -> (Taken, Mail) {
    let for_them = |taken: &Taken| taken.rcpt == format!("RCPT TO:<{recipient}>");
    let taken = relay.taken().into_iter().find(for_them).unwrap_or_default();
    assert!(
        !taken.message.is_empty(),
        "no email to {recipient}: {:?}",
        relay.taken()
    );
    let mail = Mail::read(taken.message.as_bytes());
    (taken, mail)
}

#[tokio::test]
async fn both_emails_of_an_application_are_sent_once() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, []);
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn unavailable_relay_is_retried_with_the_same_message_id() {
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
        assert_eq!(unsent(&site.pool).await, 2);
        relay.play(Part::Accepts);
        let too_early: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE due_at <= failed_at")
            .fetch_one(&site.pool)
            .await
            .unwrap();
        assert_eq!(too_early, 0, "attempts that are due too early");
        make_due(&site).await;
        assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
        assert!(message_ids(&relay.taken()).iter().all(|id| id.contains(&reference)));
    }
}

#[tokio::test]
async fn refusal_is_final_for_applicants_but_not_for_staff() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "550 5.1.1 no such user")).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[]).await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == DeliveryOutcome::GivenUp);
    assert_eq!(
        steps,
        [DeliveryOutcome::Later, DeliveryOutcome::Later, DeliveryOutcome::GivenUp]
    );
    let unsent = unsent_emails(&site.pool).await;
    let given_up: Vec<_> = unsent.iter().filter(|mail| mail.given_up_at.is_some()).collect();
    assert_eq!(
        (unsent.len(), given_up.len()),
        (3, 1),
        "both emails are kept, and staff get one about the failure"
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
        "one command retries all of them"
    );
}

#[tokio::test]
async fn staff_get_an_email_about_a_failed_email() {
    let relay = Relay::playing(Part::Says(At::Rcpt, "550 5.1.1 no such user <here>")).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    relay.play(Part::Accepts);
    site.sql("DELETE FROM outbox WHERE message_id LIKE '%.staff@%'").await;
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent]);
    let (_, notice) = taken_for(&relay, "info@npoc.org");
    assert_eq!(
        notice.subject,
        format!("[NPOC membership] An email could not be delivered: {reference}")
    );
    for said in [
        &format!("Reference: {reference}"),
        "    wanjiku@afyabora.or.ke",
        &format!("    Your application to NPOC has arrived: {reference}"),
        "no such user <here>",
        &format!("npoc mail retry {reference}"),
    ] {
        assert!(notice.text.contains(said), "{said} is missing in {}", notice.text);
    }
    assert!(notice.html.contains("no such user &#60;here&#62;"));
}

#[tokio::test]
async fn retries_end_for_applicants_but_not_for_staff() {
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
    assert_eq!(site.count("outbox").await, 3, "both emails, and one about the failure");
}

#[tokio::test]
async fn panic_is_a_failed_attempt_and_the_worker_continues() {
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
    let outbox = Outbox::new(site.connections.clone(), mailer, Arc::new(site.identity.clone()));
    for _ in 0..2 {
        assert_eq!(outbox.deliver_next().await.unwrap(), DeliveryOutcome::Later);
    }
    let unsent = unsent_emails(&site.pool).await;
    assert!(
        unsent
            .iter()
            .all(|mail| mail.last_error.as_deref() == Some("sending panicked"))
    );
}

#[tokio::test]
async fn lease_of_a_dead_worker_expires() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    site.apply(&[]).await;
    // A dead worker leaves emails behind that are claimed and have no outcome.
    site.sql("UPDATE outbox SET attempts = 1, due_at = now() + interval '3 minutes'")
        .await;
    assert_eq!(site.deliver_all().await, [], "the lease protects it from other workers");
    make_due(&site).await;
    assert_eq!(site.deliver_all().await, [DeliveryOutcome::Sent, DeliveryOutcome::Sent]);
}

#[tokio::test]
async fn lost_acknowledgement_resends_with_the_same_message_id() {
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
async fn concurrent_workers_send_each_email_once() {
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

#[tokio::test]
async fn delivery_continues_while_applications_are_stored() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    let _storing = site.outbox.storing_guard();
    let _delivering = deliver_in_background(&site);
    site.apply(&[]).await;
    all_sent(&site.pool).await;
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn queued_emails_go_out_at_once_and_a_stop_ends_delivery() {
    let relay = Relay::playing(Part::Accepts).await;
    let site = site_with(&relay).await;
    let (stop, stopping) = watch::channel(false);
    let delivery = tokio::spawn(Arc::clone(&site.outbox).run(stopping));
    site.apply(&[]).await;
    all_sent(&site.pool).await;
    stop.send_replace(true);
    tokio::time::timeout(TIMEOUT, delivery).await.unwrap().unwrap();
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn relay_never_delays_the_request() {
    for part in [
        Part::Silent(At::Greeting),
        Part::Silent(At::Message),
        Part::Cuts(At::Greeting),
        Part::Says(At::Rcpt, "550 5.1.1 no such user"),
    ] {
        let relay = Relay::playing(part).await;
        let site = site_with(&relay).await;
        let _delivering = deliver_in_background(&site);
        let applying = tokio::time::timeout(TIMEOUT, site.apply(&[]));
        applying.await.expect("a silent relay delays no request");
    }
}

#[tokio::test]
async fn smtputf8_relay_reaches_mailboxes_outside_ascii() {
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
            "every server accepts the email to staff"
        );
        assert_eq!((mail.header("Reply-To"), mail.raw.is_ascii()), (None, true));
        assert!(mail.text.contains(&format!(
            "Do not reply to this email. Write to:\n    Wanjikũ Kamau\n    {}",
            read(typed)
        )));
    }
}

#[tokio::test]
async fn smtputf8_is_requested_only_when_an_address_needs_it() {
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
async fn staff_learn_whom_a_relay_without_smtputf8_cannot_reach() {
    let relay = Relay::playing(Part::AcceptsAsciiOnly).await;
    let site = site_with(&relay).await;
    let reference = site.apply(&[("representative_email", "用户@例え.テスト")]).await;
    let mut steps = site.deliver_all().await;
    steps.sort_by_key(|step| *step == DeliveryOutcome::GivenUp);
    assert_eq!(
        steps,
        [DeliveryOutcome::Sent, DeliveryOutcome::Sent, DeliveryOutcome::GivenUp]
    );
    let emails: Vec<Mail> = relay
        .taken()
        .iter()
        .map(|taken| Mail::read(taken.message.as_bytes()))
        .collect();
    let staff = emails.iter().find(|mail| mail.text.contains("THE ANSWERS")).unwrap();
    assert_eq!(staff.header("Reply-To"), None);
    assert!(staff.text.contains("用户@例え.テスト"));
    let notice = emails
        .iter()
        .find(|mail| mail.subject.contains("could not be"))
        .unwrap();
    assert!(notice.text.contains("用户@例え.テスト") && notice.text.contains("SMTPUTF8"));

    relay.play(Part::Accepts);
    outbox::retry(&site.pool, Some(&reference)).await.unwrap();
    assert_eq!(
        site.deliver_all().await,
        [DeliveryOutcome::Sent],
        "the relay supports SMTPUTF8 now"
    );
    taken_for(&relay, "用户@xn--r8jz45g.xn--zckzah");
}
