//! What is known of applications before they are stored: those of the same domain, and which ceilings are reached.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::super::emails::{Earlier, MailIdentity};
use super::counted_as::CountedAs;
use super::insert::Submission;
use super::limits::{ALL, Counts, Hold, SINGLE_MAILS, Tally, hold_without_limits};

/// How many earlier applications of the same domain the staff email names.
const EARLIER_NAMED: i64 = 5;

/// What is known of an application before it is stored.
#[derive(Debug)]
pub struct Known {
    /// The same domain's newest applications, newest first.
    pub earlier: Vec<Earlier>,
    /// What the mails to its applicant are counted by.
    pub counted_as: CountedAs,
    /// Why the mail to its applicant is held, if it is.
    pub hold: Option<Hold>,
    /// Whether too many came within an hour, so that its mail to staff is held for the digest.
    pub is_for_digest: bool,
}

/// What the database says of one application: a row for each earlier one of the same domain, and one where there is none.
struct Row {
    turn: i64,
    reference: Option<String>,
    received_at: Option<OffsetDateTime>,
    to_mailbox: i64,
    to_domain: i64,
    to_all: i64,
    has_complained: bool,
    of_hour: i64,
}

/// Asks what is known of each, in the same order. Those of this statement do not name each other, since it is not known yet
/// which of them are new, but they are counted along.
///
/// # Errors
/// The database's error.
pub async fn known(
    connection: &mut PgConnection,
    head: &MailIdentity,
    submissions: &[&Submission],
) -> sqlx::Result<Vec<Known>> {
    let counted_as = |one: &&Submission| CountedAs::of(one.application.representative_email());
    let keys: Vec<CountedAs> = submissions.iter().map(counted_as).collect();
    let rows = ask(connection, head, submissions, &keys).await?;
    let mut tally = Tally::default();
    // Each turn has a row, and one for each that is named.
    let of_each = rows.chunk_by(|row, next| row.turn == next.turn);
    let known = of_each.zip(keys).zip(submissions);
    Ok(known
        .map(|((rows, key), submission)| of_one(rows, key, submission, head, &mut tally))
        .collect())
}

fn of_one(
    rows: &[Row],
    counted_as: CountedAs,
    submission: &Submission,
    head: &MailIdentity,
    tally: &mut Tally,
) -> Known {
    let (counts, before) = rows.first().map(|row| (row.counts(), row.before())).unwrap_or_default();
    let hold = if head.has_ceilings {
        tally.hold(&counted_as, counts, submission.is_network_full)
    } else {
        hold_without_limits(counts)
    };
    Known {
        earlier: rows.iter().filter_map(Row::earlier).collect(),
        counted_as,
        hold,
        is_for_digest: head.has_ceilings && before >= SINGLE_MAILS,
    }
}

/// All mails that count are among the newest of a day, no more than all applicants together get. What an earlier release
/// wrote has no keys and counts as `mailbox()` spells it.
async fn ask(
    connection: &mut PgConnection,
    head: &MailIdentity,
    submissions: &[&Submission],
    keys: &[CountedAs],
) -> sqlx::Result<Vec<Row>> {
    let domains: Vec<&str> = submissions.iter().map(|one| one.domain()).collect();
    let addresses: Vec<String> = submissions.iter().map(|one| one.recipient()).collect();
    let mailboxes: Vec<&str> = keys.iter().map(|of| &*of.mailbox).collect();
    let mail_domains: Vec<&str> = keys.iter().map(|of| &*of.domain).collect();
    let (mails, applications) = if head.has_ceilings { (ALL, SINGLE_MAILS) } else { (0, 0) };
    sqlx::query_as!(
        Row,
        r#"WITH mailed AS MATERIALIZED (
            SELECT coalesce(mailbox_key, mailbox(recipient)) AS mailbox,
                coalesce(domain_key, lower(substring(recipient FROM '[^@]*$'))) AS domain
            FROM outbox WHERE refusal_is_final AND NOT is_held
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
            given.has_complained AS "has_complained!", (SELECT count FROM recent) AS "of_hour!"
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
        mails,
        applications
    )
    .fetch_all(connection)
    .await
}

impl Row {
    fn earlier(&self) -> Option<Earlier> {
        let (reference, received_at) = (self.reference.clone()?, self.received_at?);
        Some(Earlier { reference, received_at })
    }

    fn counts(&self) -> Counts {
        Counts {
            to_mailbox: self.to_mailbox,
            to_domain: self.to_domain,
            to_all: self.to_all,
            has_complained: self.has_complained,
        }
    }

    /// How many applications of this hour were before it.
    fn before(&self) -> i64 {
        self.of_hour + self.turn - 1
    }
}
