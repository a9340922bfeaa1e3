//! Staff get many applications within an hour in one digest.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use npoc::membership::{self, Filter, queue_digests};
use npoc::outbox::{self, EmailFilter};
use uuid::Uuid;

use crate::support::delivery::{unsent, wait_until};
use crate::support::process::{Process, emails_in, stdout_of};
use crate::support::{Mail, TestSite, database, send_body_with};

async fn site() -> TestSite {
    TestSite::with(&[("NPOC_RATE_LIMIT", "1000")]).await
}

/// Sends this many applications from different domains. Returns the references.
async fn apply(site: &TestSite, times: usize) -> Vec<String> {
    let mut references = Vec::new();
    for _ in 0..times {
        let address = format!("info@n{}.example", Uuid::new_v4().simple());
        references.push(site.apply(&[("representative_email", &address)]).await);
    }
    references
}

/// Returns the digests in the folder.
fn digests(site: &TestSite) -> Vec<Mail> {
    let files = std::fs::read_dir(&site.folder).unwrap().map(|file| file.unwrap());
    let digests = files.filter(|file| file.file_name().to_str().unwrap().starts_with("digest."));
    digests
        .map(|file| Mail::read(&std::fs::read(file.path()).unwrap()))
        .collect()
}

async fn an_hour_later(site: &TestSite) {
    site.sql("UPDATE outbox SET owed_at = owed_at - interval '61 minutes'")
        .await;
    site.sql("UPDATE applications SET received_at = received_at - interval '61 minutes'")
        .await;
}

async fn states(site: &TestSite, reference: &str) -> Vec<String> {
    let mut found = membership::list(&site.pool, Filter::of(reference));
    found.try_next().await.unwrap().unwrap().states
}

/// Counts how often staff got each application, alone or in a digest.
fn times_mailed(site: &TestSite, references: &[String]) -> BTreeMap<usize, usize> {
    let digests = digests(site);
    let mut times = BTreeMap::new();
    for reference in references {
        let single = site.folder.join(format!("{reference}.staff.eml")).exists();
        let listed = |mail: &&Mail| mail.text.contains(&format!("\n{reference}  Kenya\n"));
        let count = usize::from(single) + digests.iter().filter(listed).count();
        *times.entry(count).or_default() += 1;
    }
    times
}

#[tokio::test]
async fn twenty_first_application_within_an_hour_starts_a_digest() {
    let site = site().await;
    let references = apply(&site, 23).await;
    assert_eq!(site.deliver_all().await.len(), 20 + 23);
    assert_eq!(states(&site, &references[20]).await, ["waiting"]);
    assert_eq!(states(&site, &references[19]).await, ["mailed"]);
    site.run_housekeeping(None).await;
    assert_eq!(
        states(&site, &references[20]).await,
        ["waiting"],
        "the digest is not sent yet"
    );
    assert_eq!(site.deliver_all().await.len(), 1);
    assert_eq!(states(&site, &references[20]).await, ["mailed"]);

    let [digest] = &digests(&site)[..] else {
        panic!("one digest")
    };
    assert_eq!(digest.subject, "[NPOC membership] 3 more applications");
    assert!(
        digest
            .text
            .starts_with("3 more applications\n\nWhy this is one email: more than 20"),
        "{}",
        digest.text
    );
    assert!(digest.text.contains("    Afya Bora Health Network\n"));
    assert!(digest.text.contains("\n\nThe representative:\n    Wanjikũ Kamau\n"));
    for part in [&digest.text, &digest.html] {
        assert!(
            !part.contains("goes to the representative"),
            "a reply reaches no representative"
        );
    }
    for reference in &references[20..] {
        assert!(
            digest
                .text
                .contains(&format!("======== {reference} ========\n\nOrganization: ")),
            "{}",
            digest.text
        );
        assert!(digest.html.contains(reference) && digest.text.contains("We run health posts in four counties."));
    }
    assert_eq!(digest.header("To").unwrap(), "info@npoc.org");
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 23)]));
}

#[tokio::test]
async fn digest_comes_hourly_until_applications_slow_down() {
    let site = site().await;
    let mut references = apply(&site, 22).await;
    site.run_housekeeping(None).await;
    references.extend(apply(&site, 2).await);
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert_eq!(digests(&site).len(), 1, "the hour is not over");
    an_hour_later(&site).await;
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert_eq!(digests(&site).len(), 2);
    references.extend(apply(&site, 1).await);
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert!(
        site.folder.join(format!("{}.staff.eml", references[24])).exists(),
        "fewer applications come now"
    );
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 25)]));
}

#[tokio::test]
async fn instances_make_one_digest() {
    let site = site().await;
    let references = apply(&site, 25).await;
    let queue = || queue_digests(&site.connections, &site.outbox, &site.identity);
    let queued = join_all((0..6).map(|_| queue())).await;
    let mut queued: Vec<usize> = queued.into_iter().map(Result::unwrap).collect();
    queued.sort_unstable();
    assert_eq!(queued, [0, 0, 0, 0, 0, 5]);
    site.deliver_all().await;
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 25)]));
}

#[tokio::test]
async fn failed_digest_is_retried_by_the_next_housekeeping() {
    let site = site().await;
    let references = apply(&site, 25).await;
    site.sql("ALTER TABLE outbox ADD CONSTRAINT no_digest CHECK (purpose <> 'digest')")
        .await;
    let look = || npoc::housekeeping::run_once(&site.connections, &site.outbox, &site.review, None);
    assert!(look().await.is_err());
    let waiting = outbox::list(&site.pool, EmailFilter::Digest).await.unwrap();
    assert_eq!(waiting.len(), 5);
    an_hour_later(&site).await;
    an_hour_later(&site).await;
    let stats = outbox::queue_stats(&site.connections).await.unwrap();
    assert!(
        stats.oldest_waits >= time::Duration::minutes(90),
        "the wait is visible: {stats:?}"
    );
    site.sql("ALTER TABLE outbox DROP CONSTRAINT no_digest").await;
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 25)]));
}

#[tokio::test]
async fn email_for_a_digest_is_neither_held_nor_failed() {
    let site = site().await;
    apply(&site, 24).await;
    site.deliver_all().await;
    let figures = async || {
        let stats = outbox::queue_stats(&site.connections).await.unwrap();
        (stats.waiting, stats.given_up, stats.held, stats.for_digest)
    };
    assert_eq!(figures().await, (0, 0, 0, 4));
    let listed = stdout_of(site.command(&["mail", "list"]));
    assert!(
        listed.starts_with("4 unsent emails") && listed.contains("waits for the next digest to staff"),
        "{listed}"
    );
    assert!(stdout_of(site.command(&["mail", "list", "--state", "digest"])).starts_with("4 digest emails"));
    for state in ["held", "given-up", "waiting"] {
        assert!(
            stdout_of(site.command(&["mail", "list", "--state", state])).starts_with("0 "),
            "{state}"
        );
    }
    stdout_of(site.command(&["mail", "retry"]));
    assert_eq!(figures().await, (0, 0, 0, 4), "`mail retry` leaves them alone");
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert_eq!(figures().await, (0, 0, 0, 0));
    assert_eq!(unsent(&site.pool).await, 0);
}

#[tokio::test]
async fn mail_retry_sends_an_application_outside_the_digest() {
    let site = site().await;
    let references = apply(&site, 23).await;
    stdout_of(site.command(&["mail", "retry", &references[21]]));
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 23)]));
    assert!(site.folder.join(format!("{}.staff.eml", references[21])).exists());
    let shown = stdout_of(site.command(&["applications", "show", &references[22]]));
    assert!(shown.contains("in the digest <digest."), "{shown}");
    stdout_of(site.command(&["mail", "retry", &references[22]]));
    assert_eq!(site.deliver_all().await.len(), 1, "even after its digest");
    assert!(site.folder.join(format!("{}.staff.eml", references[22])).exists());
}

#[tokio::test]
async fn erased_application_is_in_no_digest() {
    let site = site().await;
    let references = apply(&site, 24).await;
    site.deliver_all().await;
    let erase = |reference: &str| site.command(&["applications", "erase", "--yes", reference]);
    stdout_of(erase(&references[20]));
    site.run_housekeeping(None).await;
    assert!(!erase(&references[21]).status.success(), "its digest is not sent yet");
    site.deliver_all().await;
    let [digest] = &digests(&site)[..] else {
        panic!("one digest")
    };
    assert!(digest.subject.contains("3 more") && !digest.text.contains(&format!("\n{}  Kenya\n", references[20])));
    stdout_of(erase(&references[21]));
    let words = "SELECT count(*) FROM outbox WHERE outbox::text LIKE '%Afya Bora%'
        AND (reference = ANY ($1) OR purpose = 'digest')";
    let left: i64 = sqlx::query_scalar(words)
        .bind(&references[20..22])
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let keys = "SELECT count(*) FROM outbox WHERE erased_at IS NOT NULL AND (mailbox_key || domain_key) IS NOT NULL";
    let left: i64 = sqlx::query_scalar(keys).fetch_one(&site.pool).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn digest_shows_a_hundred_in_full_and_lists_the_rest() {
    let site = site().await;
    let references: Vec<String> = join_all((0..5).map(|_| apply(&site, 26))).await.concat();
    site.run_housekeeping(None).await;
    site.deliver_all().await;
    let [digest] = &digests(&site)[..] else {
        panic!("one digest")
    };
    assert_eq!(times_mailed(&site, &references), BTreeMap::from([(1, 130)]));
    let listed = |line: &&str| line.starts_with("NPOC-") && line.ends_with("  Kenya");
    let of_digest = digest.text.lines().filter(listed).count();
    assert_eq!(digest.text.matches("\n======== NPOC-").count(), 100);
    assert!(digest.text.contains(&format!(
        "{} applications are listed by reference only",
        of_digest - 100
    )));
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_no_application_in_a_digest() {
    let empty = database::empty_options().await;
    let url = database::url(&empty);
    let home = std::env::temp_dir().join(format!("npoc-digest-{}", Uuid::new_v4()));
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RATE_LIMIT", "1000"),
    ];
    let site = Process::start(&settings).ready();
    for number in 0..26 {
        let address = format!("info@n{number}.example");
        let body = send_body_with(&[("representative_email", &address)], Uuid::now_v7());
        Process::post_until_stored(site.address, &body);
    }
    let pool = sqlx::PgPool::connect_with(empty).await.unwrap();
    wait_for(&pool, 0, "sent_at IS NULL AND given_up_at IS NULL").await;
    site.kill();
    // Housekeeping runs at each start.
    let site = Process::start(&settings).ready();
    wait_for(&pool, 1, "purpose = 'digest' AND sent_at IS NOT NULL").await;
    site.kill();
    let site = Process::start(&settings).ready();
    wait_for(
        &pool,
        6,
        "digest = (SELECT message_id FROM outbox WHERE purpose = 'digest' AND sent_at IS NOT NULL)",
    )
    .await;
    assert_eq!(unsent(&pool).await, 0);
    assert_eq!(emails_in(&home), 20 + 26 + 1);
    drop(site);
    drop(std::fs::remove_dir_all(&home));
}

/// Waits until this number of emails meets a condition.
async fn wait_for(pool: &sqlx::PgPool, emails: i64, condition: &'static str) {
    let query = format!("SELECT count(*) FROM outbox WHERE {condition}");
    wait_until(condition, async || {
        let counted = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(query.clone())).fetch_one(pool);
        counted.await.unwrap() == emails
    })
    .await;
}
