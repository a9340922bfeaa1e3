//! Where many applications come within an hour, staff get one mail with them and not one for each. Their mails are written
//! when they are stored, like any other, and held until a digest takes them in: each is in exactly one.

use askama::Template;
use sqlx::PgConnection;
use uuid::Uuid;

use super::emails::{BY_REPLY, MailIdentity, shortened};
use super::unlinked::unlinked;
use crate::database::Pool;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, Outbox};
use crate::values::Country;

/// Applications that one digest names. Those beyond are in another, made at once.
const NAMED: i64 = 2000;

/// Applications whose whole mail is in the digest; the others are there by reference.
const WHOLE: i64 = 100;

/// Octets of these mails together, so that relays take the digest.
const WHOLE_OCTETS: i64 = 500_000;

/// An application in a digest.
struct Member {
    reference: String,
    country: Option<String>,
    name: Option<String>,
    /// The text of its mail, where it is in the digest.
    text: Option<String>,
}

struct Digest {
    members: Vec<Member>,
}

#[derive(Template)]
#[template(path = "emails/digest.txt")]
struct DigestText<'a>(&'a Digest);

#[derive(Template)]
#[template(path = "emails/digest.html")]
struct DigestHtml<'a>(&'a Digest);

/// Queues a digest of the applications whose mails are held for one, unless the last is less than an hour old. In one
/// transaction, and one instance at a time: what fails leaves all of them for the next look. Returns how many
/// applications.
///
/// # Errors
/// The database's, or an email that cannot be rendered.
pub async fn owe_digests(pool: &Pool, outbox: &Outbox, head: &MailIdentity) -> anyhow::Result<usize> {
    if !is_due(pool).await? {
        return Ok(0);
    }
    let mut transaction = pool.transaction().await?;
    lock(&mut transaction).await?;
    let mut taken = 0;
    // Another instance may have been faster.
    if is_due_in(&mut transaction).await? {
        while let more @ 1.. = owe_one(&mut transaction, head).await? {
            taken += more;
        }
    }
    transaction.end().await?;
    if taken > 0 {
        outbox.wake();
        tracing::info!(
            applications = taken,
            "many applications came; staff get them in a digest"
        );
    }
    Ok(taken)
}

/// Without a transaction, since an idle site asks for little.
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

/// The row that those who erase lock too, so that nothing is taken into a digest while it is being erased by its age.
async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT is_only_row FROM clock_state FOR UPDATE")
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Queues one digest of the oldest. Returns how many applications are in it.
async fn owe_one(connection: &mut PgConnection, head: &MailIdentity) -> anyhow::Result<usize> {
    let message_id = format!("<digest.{}@{}>", Uuid::new_v4().simple(), head.message_id_domain);
    let members = take(connection, &message_id).await?;
    if members.is_empty() {
        return Ok(0);
    }
    let digest = Digest { members };
    outbox::queue(connection, [digest.email(head, message_id)?]).await?;
    Ok(digest.members.len())
}

/// Marks what is held with this digest and returns it, oldest first.
async fn take(connection: &mut PgConnection, message_id: &str) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
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
        NAMED,
        WHOLE,
        WHOLE_OCTETS
    )
    .fetch_all(connection)
    .await
}

impl Digest {
    fn email(&self, head: &MailIdentity, message_id: String) -> askama::Result<Email> {
        Ok(Email {
            message_id,
            in_reply_to: None,
            reference: None,
            recipient: head.staff.clone(),
            reply_to: None,
            subject: format!("[NPOC membership] {}", self.in_short()),
            text: DigestText(self).render()?,
            html: DigestHtml(self).render()?,
            purpose: Purpose::Digest,
        })
    }

    fn in_short(&self) -> String {
        match self.members.len() {
            1 => "1 more application".to_owned(),
            count => format!("{count} more applications"),
        }
    }

    /// Those whose mail is here whole. A reply to the digest reaches none of them, so their words about it are left out;
    /// nothing that was answered comes before these.
    fn whole(&self) -> impl Iterator<Item = (&Member, String)> {
        let here = |text: &String| text.replacen(BY_REPLY, "The representative:", 1);
        self.members
            .iter()
            .filter_map(move |one| Some((one, one.text.as_ref().map(here)?)))
    }

    /// How many are here by reference only.
    fn unwritten(&self) -> usize {
        self.members.len() - self.whole().count()
    }
}

impl Member {
    fn name(&self) -> String {
        unlinked(&shortened(self.name.as_deref().unwrap_or_default()), None)
    }

    fn country(&self) -> String {
        let code = self.country.as_deref().unwrap_or_default();
        Country::parse(code).map_or_else(|_| code.to_owned(), |country| country.name().to_owned())
    }
}
