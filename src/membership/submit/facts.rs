//! Reads what is known of applications before they are stored: earlier ones of the same domain, and reached limits.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::super::emails::MailIdentity;
use super::super::new_application::Earlier;
use super::Submission;
use super::counted_as::CountedAs;
use super::limits::{ALL, EmailCounts, Hold, SINGLE_EMAILS, Tally, hold_without_limits};

/// The most earlier applications of the same domain that the staff email names.
const EARLIER_NAMED: i64 = 5;

/// What is known of an application before it is stored.
#[derive(Debug)]
pub struct Facts {
    /// The newest applications of the same domain, newest first.
    pub earlier: Vec<Earlier>,
    /// The keys by which the emails to its applicant are counted.
    pub counted_as: CountedAs,
    /// Why the email to its applicant is held, if it is.
    pub hold: Option<Hold>,
    /// Whether the email to staff is held for the digest, because too many applications arrived within an hour.
    pub is_for_digest: bool,
    /// Whether there are staff, so that the email to them names the desk.
    pub has_staff: bool,
}

/// A row for each earlier application of the same domain, or one row if there is none.
struct Row {
    turn: i64,
    reference: Option<String>,
    received_at: Option<OffsetDateTime>,
    to_mailbox: i64,
    to_domain: i64,
    to_all: i64,
    has_complained: bool,
    of_hour: i64,
    has_staff: bool,
}

/// Returns the facts of each submission, in the same order. Submissions of one batch count towards the limits of each
/// other, but do not name each other as earlier ones: it is not known yet which are new.
pub async fn facts(
    connection: &mut PgConnection,
    identity: &MailIdentity,
    submissions: &[&Submission],
) -> sqlx::Result<Vec<Facts>> {
    let counted_as = |one: &&Submission| CountedAs::of(one.application.representative_email());
    let keys: Vec<CountedAs> = submissions.iter().map(counted_as).collect();
    let rows = ask(connection, identity, submissions, &keys).await?;
    let mut tally = Tally::default();
    let of_each = rows.chunk_by(|row, next| row.turn == next.turn);
    let each = of_each.zip(keys).zip(submissions);
    Ok(each
        .map(|((rows, key), submission)| of_one(rows, key, submission, identity, &mut tally))
        .collect())
}

fn of_one(
    rows: &[Row],
    counted_as: CountedAs,
    submission: &Submission,
    identity: &MailIdentity,
    tally: &mut Tally,
) -> Facts {
    let (counts, before) = rows.first().map(|row| (row.counts(), row.before())).unwrap_or_default();
    let hold = if identity.has_ceilings {
        tally.hold(&counted_as, counts, submission.network)
    } else {
        hold_without_limits(counts)
    };
    Facts {
        earlier: rows.iter().filter_map(Row::earlier).collect(),
        counted_as,
        hold,
        is_for_digest: identity.has_ceilings && before >= SINGLE_EMAILS,
        has_staff: rows.first().is_some_and(|row| row.has_staff),
    }
}

/// Counts the newest emails of a day, at most as many as all applicants together get. Emails of an earlier release have no
/// keys; the SQL function `mailbox()` makes them.
async fn ask(
    connection: &mut PgConnection,
    identity: &MailIdentity,
    submissions: &[&Submission],
    keys: &[CountedAs],
) -> sqlx::Result<Vec<Row>> {
    let domains: Vec<&str> = submissions.iter().map(|one| one.domain()).collect();
    let addresses: Vec<String> = submissions.iter().map(|one| one.recipient()).collect();
    let mailboxes: Vec<&str> = keys.iter().map(|of| &*of.mailbox).collect();
    let mail_domains: Vec<&str> = keys.iter().map(|of| &*of.domain).collect();
    // Without limits nothing is counted.
    let factor = i64::from(identity.has_ceilings);
    sqlx::query_as!(
        Row,
        r#"WITH mailed AS MATERIALIZED (
            SELECT coalesce(mailbox_key, mailbox(recipient)) AS mailbox,
                coalesce(domain_key, lower(substring(recipient FROM '[^@]*$'))) AS domain
            FROM outbox WHERE purpose = 'arrival' AND NOT is_held
                AND owed_at > now() - interval '1 day' AND owed_at < now() + interval '1 hour'
            ORDER BY owed_at DESC LIMIT $6
        ), recent AS MATERIALIZED (
            SELECT count(*) FROM (SELECT FROM applications WHERE received_at > now() - interval '1 hour'
                AND received_at < now() + interval '1 hour' LIMIT $7) AS of_hour
        ), boxes AS (SELECT mailbox, count(*) FROM mailed GROUP BY mailbox
        ), hosts AS (SELECT domain, count(*) FROM mailed GROUP BY domain
        ), given AS MATERIALIZED (
            SELECT one.turn, one.domain_name_ascii, coalesce(named.count, 0) + coalesce(older.count, 0) AS to_mailbox,
                coalesce(hosts.count, 0) AS to_domain,
                EXISTS (SELECT FROM outbox WHERE complained_at IS NOT NULL
                    AND coalesce(mailbox_key, mailbox(recipient)) IN (one.mailbox, spelled)) AS has_complained
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
                    AS one (domain_name_ascii, address, mailbox, mail_domain, turn)
                CROSS JOIN mailbox(address) AS spelled
                LEFT JOIN boxes AS named ON named.mailbox = one.mailbox
                LEFT JOIN boxes AS older ON older.mailbox = spelled AND spelled <> one.mailbox
                LEFT JOIN hosts ON hosts.domain = one.mail_domain
        )
        SELECT given.turn AS "turn!", found.reference AS "reference?", found.received_at AS "received_at?",
            given.to_mailbox AS "to_mailbox!", given.to_domain AS "to_domain!", (SELECT count(*) FROM mailed) AS "to_all!",
            has_complained AS "has_complained!", (SELECT count FROM recent) AS "of_hour!", EXISTS (SELECT FROM staff) AS "has_staff!"
        FROM given LEFT JOIN LATERAL (
            SELECT id, reference, received_at FROM applications
            WHERE applications.domain_name_ascii = given.domain_name_ascii ORDER BY id DESC LIMIT $5
        ) AS found ON true
        ORDER BY given.turn, found.id DESC"#,
        &domains as &[&str],
        &addresses,
        &mailboxes as &[&str],
        &mail_domains as &[&str],
        EARLIER_NAMED,
        ALL * factor,
        SINGLE_EMAILS * factor
    )
    .fetch_all(connection)
    .await
}

impl Row {
    fn earlier(&self) -> Option<Earlier> {
        let (reference, received_at) = (self.reference.clone()?, self.received_at?);
        Some(Earlier { reference, received_at })
    }

    fn counts(&self) -> EmailCounts {
        EmailCounts {
            to_mailbox: self.to_mailbox,
            to_domain: self.to_domain,
            to_all: self.to_all,
            has_complained: self.has_complained,
        }
    }

    /// Returns how many applications of this hour came before it.
    fn before(&self) -> i64 {
        self.of_hour + self.turn - 1
    }
}
