//! The digest: one email to staff instead of one for each application, if many applications arrive within an hour. The
//! single emails are written when the applications are stored, and held until a digest contains them. Each application is
//! in exactly one digest.

use askama::Template;
use sqlx::PgConnection;
use uuid::Uuid;

use super::emails::{MailIdentity, shortened};
use super::retention::lock_erasure;
use super::submit::SINGLE_EMAILS;
use super::unlinked::unlinked;
use super::words::without_reply_line;
use crate::database::Pool;
use crate::locale::Language;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, Outbox};
use crate::values::Country;

/// At most this number of applications is in one digest. The rest is in another, queued at the same time.
const MAX_NAMED_IN_DIGEST: i64 = 2000;

/// At most this number of applications is in a digest in full. The rest is listed by reference.
const WHOLE: i64 = 100;

/// At most this number of octets of full applications is in a digest, so that relays accept it.
const WHOLE_OCTETS: i64 = 500_000;

/// An application in a digest.
struct Listed {
    reference: String,
    country: Option<String>,
    name: Option<String>,
    /// The text of its own email, if the digest contains it in full.
    text: Option<String>,
}

struct Digest {
    applications: Vec<Listed>,
}

#[derive(Template)]
#[template(path = "emails/digest.txt")]
struct DigestText<'a> {
    digest: &'a Digest,
}

#[derive(Template)]
#[template(path = "emails/digest.html")]
struct DigestHtml<'a> {
    digest: &'a Digest,
}

/// Queues digests of the applications whose emails are held for one, unless the last digest is less than an hour old.
/// Returns the number of applications. One transaction stores everything, and one instance works at a time, so an error
/// leaves all applications for the next run.
///
/// # Errors
/// Returns an error if the database is unavailable or an email cannot be rendered.
pub async fn queue_digests(pool: &Pool, outbox: &Outbox, identity: &MailIdentity) -> anyhow::Result<usize> {
    if !is_due(pool).await? {
        return Ok(0);
    }
    let mut transaction = pool.transaction().await?;
    lock_erasure(&mut transaction).await?;
    let mut taken = 0;
    // Another instance may have queued it meanwhile.
    if is_due_in(&mut transaction).await? {
        while let more @ 1.. = queue_one(&mut transaction, identity).await? {
            taken += more;
        }
    }
    transaction.end().await?;
    if taken > 0 {
        outbox.wake();
        tracing::info!(applications = taken, "digest queued");
    }
    Ok(taken)
}

/// Asks without a transaction, which costs an idle site less.
async fn is_due(pool: &Pool) -> sqlx::Result<bool> {
    let mut session = pool.session().await?;
    let is_due = is_due_in(&mut session).await?;
    session.end().await?;
    Ok(is_due)
}

async fn is_due_in(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM outbox WHERE is_held AND NOT refusal_is_final AND digest IS NULL AND erased_at IS NULL)
            AND NOT EXISTS (SELECT FROM outbox WHERE purpose = 'digest'
                AND owed_at > now() - interval '1 hour' AND owed_at < now() + interval '1 hour') AS "is_due!""#
    )
    .fetch_one(connection)
    .await
}

/// Queues one digest of the oldest applications. Returns their number.
async fn queue_one(connection: &mut PgConnection, identity: &MailIdentity) -> anyhow::Result<usize> {
    let message_id = format!("<digest.{}@{}>", Uuid::new_v4().simple(), identity.message_id_domain);
    let applications = take(connection, &message_id).await?;
    if applications.is_empty() {
        return Ok(0);
    }
    let digest = Digest { applications };
    outbox::queue(connection, [digest.email(identity, message_id)?]).await?;
    Ok(digest.applications.len())
}

/// Marks held emails with this digest and returns their applications, oldest first.
async fn take(connection: &mut PgConnection, message_id: &str) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"WITH held AS (
            SELECT id FROM outbox
            WHERE is_held AND NOT refusal_is_final AND digest IS NULL AND erased_at IS NULL
            ORDER BY id LIMIT $2 FOR UPDATE
        ), taken AS (
            UPDATE outbox SET digest = $1 FROM held WHERE outbox.id = held.id
            RETURNING outbox.id, outbox.reference, body_text
        )
        SELECT coalesce(taken.reference, '') AS "reference!", country AS "country?", organization_name AS "name?",
            CASE WHEN row_number() OVER oldest <= $3 AND sum(octet_length(body_text)) OVER oldest <= $4
                THEN body_text END AS text
        FROM taken LEFT JOIN applications USING (reference)
        WINDOW oldest AS (ORDER BY taken.id)
        ORDER BY taken.id"#,
        message_id,
        MAX_NAMED_IN_DIGEST,
        WHOLE,
        WHOLE_OCTETS
    )
    .fetch_all(connection)
    .await
}

impl Digest {
    fn email(&self, identity: &MailIdentity, message_id: String) -> askama::Result<Email> {
        Ok(Email {
            message_id,
            in_reply_to: None,
            reference: None,
            recipient: identity.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {}", self.in_short()),
            text: DigestText { digest: self }.render()?,
            html: DigestHtml { digest: self }.render()?,
            purpose: Purpose::Digest,
            language: Some(Language::En),
        })
    }

    fn in_short(&self) -> String {
        match self.applications.len() {
            1 => "1 more application".to_owned(),
            count => format!("{count} more applications"),
        }
    }

    /// Returns the applications that the digest contains in full, with their text.
    fn in_full(&self) -> impl Iterator<Item = (&Listed, String)> {
        self.applications
            .iter()
            .filter_map(|one| Some((one, without_reply_line(one.text.as_deref()?))))
    }

    /// Returns the number of applications that are listed by reference only.
    fn by_reference_only(&self) -> usize {
        self.applications.len() - self.in_full().count()
    }
}

impl Listed {
    fn name(&self) -> String {
        unlinked(&shortened(self.name.as_deref().unwrap_or_default()), None)
    }

    fn country(&self) -> String {
        let code = self.country.as_deref().unwrap_or_default();
        Country::parse(code).map_or_else(|_| code.to_owned(), |country| country.name().to_owned())
    }
}
