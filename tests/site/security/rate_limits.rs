//! Limits on the emails that one person can cause through the form, for each mailbox, domain and network.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use futures_util::future::join_all;
use npoc::outbox;
use uuid::Uuid;

use crate::support::process::{Process, stdout_of};
use crate::support::{Reply, TestSite, database, send_body_with, stored_key};

/// Spellings of one mailbox.
const SPELLINGS: [&str; 20] = [
    "victim@yahoo.com",
    "VICTIM@yahoo.com",
    "v.i.c.t.i.m@yahoo.com",
    "victim+1@yahoo.com",
    "Victim-2@YAHOO.com",
    "victim=3@yahoo.com",
    "victim_4@yahoo.com",
    "vic.tim-+_=@yahoo.com",
    "\"victim\"@yahoo.com",
    "\"vic\\tim+a\"@yahoo.com",
    "ｖｉｃｔｉｍ@yahoo.com",
    "x@victim.yahoo.com",
    "y@1.victim.yahoo.com",
    "victim-b+c@yahoo.com",
    "victim-example.org@yahoo.com",
    "victim.+1@yahoo.com",
    "victim--@yahoo.com",
    "victiM__@yahoo.com",
    "v.ictim=x=y@yahoo.com",
    "victim+victim@yahoo.com",
];

async fn site() -> TestSite {
    TestSite::with(&[("NPOC_RATE_LIMIT", "1000")]).await
}

/// Sends an application with this address of the representative. Returns the reference.
async fn apply(site: &TestSite, address: &str) -> String {
    site.apply(&[("representative_email", address)]).await
}

/// Returns why the email to the applicant is held, if it is held.
async fn hold(site: &TestSite, reference: &str) -> Option<String> {
    let emails = outbox::list_about(&site.pool, reference).await.unwrap();
    let email = emails
        .into_iter()
        .find(|email| email.message_id.contains(".applicant@"))
        .unwrap();
    email.is_held.then_some(email.last_error.unwrap_or_default())
}

/// Asserts that the email to this address is held for a reason with this word. Returns the reference.
async fn assert_held(site: &TestSite, address: &str, word: &str) -> String {
    let reference = apply(site, address).await;
    let hold = hold(site, &reference).await;
    assert!(
        hold.as_ref().is_some_and(|hold| hold.contains(word)),
        "{address}: {hold:?}"
    );
    reference
}

async fn assert_sent(site: &TestSite, address: &str) {
    let reference = apply(site, address).await;
    assert_eq!(hold(site, &reference).await, None, "{address}");
}

/// Counts the emails to applicants that meet a condition.
async fn arrivals(site: &TestSite, condition: &'static str) -> i64 {
    let query = format!("SELECT count(*) FROM outbox WHERE refusal_is_final AND {condition}");
    let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&site.pool);
    counted.await.unwrap()
}

#[tokio::test]
async fn mailbox_gets_twenty_emails_a_day_in_any_spelling() {
    let site = site().await;
    for spelled in SPELLINGS {
        let accepted = site.check(&[("representative_email", spelled)]).await.status;
        let spelled = if accepted == StatusCode::OK {
            spelled
        } else {
            "victim@yahoo.com"
        };
        assert_sent(&site, spelled).await;
    }
    assert_held(&site, "Vic.tim-21@yahoo.com", "this mailbox").await;
    assert_sent(&site, "other@yahoo.com").await;
}

#[tokio::test]
async fn staff_see_why_an_email_is_held_and_can_send_it() {
    let site = site().await;
    for _ in 0..20 {
        site.apply(&[]).await;
    }
    site.sql("UPDATE applications SET received_at = received_at - interval '2 hours'")
        .await;
    let reference = assert_held(&site, "wanjiku@afyabora.or.ke", "this mailbox").await;
    site.deliver_all().await;
    let mail = std::fs::read(site.folder.join(format!("{reference}.staff.eml"))).unwrap();
    let staff = crate::support::Mail::read(&mail);
    assert!(
        staff
            .text
            .lines()
            .nth(4)
            .unwrap()
            .contains("the applicant got no confirmation"),
        "{}",
        staff.text
    );
    assert!(
        staff.text.contains("HELD: the daily limit of emails to this mailbox"),
        "{}",
        staff.text
    );
    for command in [&["mail", "list"][..], &["applications", "show", &reference]] {
        let listed = stdout_of(site.command(command));
        assert!(
            listed.contains("held since") && listed.contains("emails to this mailbox"),
            "{listed}"
        );
    }
    stdout_of(site.command(&["mail", "retry"]));
    assert!(
        site.deliver_all().await.is_empty(),
        "`mail retry` leaves held emails alone"
    );
    stdout_of(site.command(&["mail", "retry", &format!(" {reference} ")]));
    assert_eq!(site.deliver_all().await.len(), 1, "a request by reference sends it");
    assert!(
        !site.command(&["mail", "retry", &reference]).status.success(),
        "nothing is left to retry"
    );
}

#[tokio::test]
async fn domain_and_subdomains_get_twenty_emails_a_day() {
    let site = site().await;
    for number in 0..10 {
        assert_sent(&site, &format!("box{number}@victim.example")).await;
        assert_sent(&site, &format!("box@{number}.mail.victim.example")).await;
    }
    assert_held(&site, "info@victim.example", "email domain").await;
    assert_held(&site, "info@new.victim.example", "email domain").await;
    assert_sent(&site, "info@other.example").await;
}

#[tokio::test]
async fn large_providers_and_all_recipients_have_a_limit() {
    let site = site().await;
    apply(&site, "first@gmail.com").await;
    // Simulates 298 other applications.
    site.sql(
        "INSERT INTO outbox (message_id, recipient, subject, body_text, body_html, purpose, refusal_is_final, sent_at,
            mailbox_key, domain_key)
        SELECT 'seeded' || n, n || '@gmail.com', '', '', '', 'arrival', true, now(), n || '@gmail.com', 'gmail.com'
        FROM generate_series(1, 298) AS n",
    )
    .await;
    assert_sent(&site, "three.hundredth@gmail.com").await;
    assert_held(&site, "next@gmail.com", "email domain").await;
    assert_held(&site, "info@other.example", "all applicants").await;
    site.sql("UPDATE outbox SET owed_at = owed_at - interval '25 hours' WHERE message_id = 'seeded1'")
        .await;
    assert_sent(&site, "info@other.example").await;
    assert_held(&site, "info@other.example", "all applicants").await;
}

#[tokio::test]
async fn limits_reset_after_a_day() {
    let site = site().await;
    for _ in 0..20 {
        site.apply(&[]).await;
    }
    assert_held(&site, "wanjiku@afyabora.or.ke", "this mailbox").await;
    site.sql("UPDATE outbox SET owed_at = owed_at - interval '25 hours'")
        .await;
    assert_sent(&site, "wanjiku@afyabora.or.ke").await;
}

#[tokio::test]
async fn concurrent_applications_are_counted() {
    let site = site().await;
    let send = async |turn: usize| {
        let address = format!("box{turn}@victim.example");
        site.send_until_stored(&[("representative_email", &address)], Uuid::now_v7())
            .await;
    };
    // Two concurrent statements do not see each other: each may allow eight after twelve.
    join_all((0..12).map(send)).await;
    join_all((12..44).map(send)).await;
    let mailed = arrivals(&site, "NOT is_held").await;
    assert!((20..=28).contains(&mailed), "{mailed}");
    assert_eq!(arrivals(&site, "true").await, 44, "each application has its email");
}

#[tokio::test]
async fn emails_of_an_earlier_release_are_counted() {
    let site = site().await;
    for number in 0..20 {
        assert_sent(&site, &format!("box{number}@victim.example")).await;
        assert_sent(&site, "Ann+tag@gmail.com").await;
    }
    site.sql("UPDATE outbox SET mailbox_key = NULL, domain_key = NULL")
        .await;
    assert_held(&site, "info@victim.example", "email domain").await;
    assert_held(&site, "a.nn@gmail.com", "this mailbox").await;
    site.sql("UPDATE outbox SET complained_at = now() WHERE recipient = 'box7@victim.example'")
        .await;
    assert_held(&site, "box7+1@victim.example", "as spam").await;
}

#[tokio::test]
async fn complaint_applies_to_every_spelling_of_an_address() {
    let site = site().await;
    assert_sent(&site, "bob-1@gmail.com").await;
    site.sql("UPDATE outbox SET complained_at = now() WHERE refusal_is_final")
        .await;
    for spelled in [
        "bob@gmail.com",
        "b.o.b@googlemail.com",
        "bob-7@gmail.com",
        "BOB+x@gmail.com",
    ] {
        assert_held(&site, spelled, "as spam").await;
    }
    assert_sent(&site, "bobby@gmail.com").await;
}

#[tokio::test]
async fn sending_twice_does_not_count_twice() {
    let site = site().await;
    for _ in 0..20 {
        let key = Uuid::now_v7();
        let [first, again] = [
            site.send_until_stored(&[], key).await,
            site.send_until_stored(&[], key).await,
        ];
        assert_eq!(first.location(), again.location());
    }
    assert_eq!(
        (arrivals(&site, "true").await, arrivals(&site, "is_held").await),
        (20, 0)
    );
}

#[tokio::test]
async fn no_email_is_held_without_a_rate_limit() {
    let site = TestSite::new().await;
    join_all((0..32).map(|_| site.apply(&[]))).await;
    assert_eq!(arrivals(&site, "is_held").await, 0);
    site.run_housekeeping(None).await;
    assert_eq!(
        site.deliver_all().await.len(),
        64,
        "each application has two emails, and there is no digest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_the_limits() {
    let empty = database::empty_options().await;
    let url = database::url(&empty);
    let home = std::env::temp_dir().join(format!("npoc-ceilings-{}", Uuid::new_v4()));
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RATE_LIMIT", "1000"),
    ];
    let sites = [Process::start(&settings).ready(), Process::start(&settings).ready()];
    for number in 0..22 {
        let address = format!("box{number}@victim.example");
        let body = send_body_with(&[("representative_email", &address)], Uuid::now_v7());
        Process::post_until_stored(sites[number % 2].address, &body);
    }
    let pool = sqlx::PgPool::connect_with(empty).await.unwrap();
    let held = outbox::list(&pool, outbox::EmailFilter::Held).await.unwrap();
    assert_eq!(held.len(), 2, "the last two emails are held");
    drop(sites);
    drop(std::fs::remove_dir_all(&home));
}

/// Sends an application from a client address.
async fn send_from(site: &TestSite, client: &str, address: &str, key: Uuid) -> Reply {
    let mut request = Request::post("/membership")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(send_body_with(&[("representative_email", address)], key)))
        .unwrap();
    let client = SocketAddr::new(client.parse().unwrap(), 1);
    request.extensions_mut().insert(ConnectInfo(client));
    site.ask(request).await
}

#[tokio::test]
async fn network_gets_a_hundred_confirmations_a_day() {
    let site = site().await;
    let words = "You will get no confirmation email today";
    let receipt = async |client: &'static str, number: usize| {
        let address = format!("info@school{number}.example");
        let sent = send_from(&site, client, &address, Uuid::now_v7()).await;
        site.get(sent.location()).await
    };
    for number in 0..100 {
        assert!(!receipt("192.0.2.1", number).await.body.contains(words), "{number}");
    }
    let beyond = receipt("192.0.2.1", 100).await;
    assert!(beyond.body.contains(words) && beyond.body.contains("Your application is safe"));
    assert!(!beyond.body.contains("an email that confirms the arrival") && !beyond.body.contains("spam folder"));
    let why = hold(&site, &beyond.text_of(".reference")).await.unwrap();
    assert!(why.contains("network"), "{why}");
    assert!(
        !receipt("192.0.2.2", 101).await.body.contains(words),
        "another network has its own limit"
    );
}

#[tokio::test]
async fn ipv6_networks_of_one_48_share_a_limit() {
    let site = TestSite::with(&[("NPOC_RATE_LIMIT", "2")]).await;
    let keys: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    let mut replies = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let client = format!("2001:db8:1:{number}::1");
        replies.push(send_from(&site, &client, "ann@example.org", *key).await);
    }
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [303, 303, 303, 303, 429]);
    let kept = stored_key(&[("representative_email", "ann@example.org")], keys[4]);
    assert_eq!(replies[4].submission_key(), kept, "the answers are given back");
    let again = send_from(&site, "2001:db8:1:9::1", "ann@example.org", keys[0]).await;
    assert_eq!(
        again.location(),
        replies[0].location(),
        "a stored application keeps its receipt"
    );
    let other = send_from(&site, "2001:db8:2::1", "ann@example.org", Uuid::now_v7()).await;
    assert_eq!(other.status, StatusCode::SEE_OTHER);
}
