//! The links to correct an application, and the link to its page once more. They are mailed only to people whom the
//! application names, and a few a day, since anybody who has the address of the page can ask for one.

use sqlx::PgConnection;
use uuid::Uuid;

use super::correcting::Correction;
use super::emails::{Link, UpdateWords, to_applicant};
use super::loading::{Found, Key, find, lock};
use super::opinions::permitted;
use super::storing::{Review, change_locked};
use super::{Actor, Change, ChangeKind, NotChanged, Refusal};
use crate::database::Pool;
use crate::locale::{Language, Words};
use crate::mailer::Purpose;
use crate::membership::stored_application::StoredApplication;
use crate::outbox::{self, Confirmation};
use crate::staff::{Role, StaffMember, Token, log_application};
use crate::values::EmailAddress;

/// How long a link works, in minutes.
const LINK_MINUTES: i32 = 24 * 60;

/// The most links of one application in a day.
const A_DAY: i64 = 3;

/// The most links of one application in all.
const IN_ALL: i64 = 20;

/// What became of a request for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAsked {
    /// It is on its way.
    Sent,
    /// No more links are sent today, or at all.
    Limited,
    /// Emails to every address of the application come back.
    Unreachable,
}

/// Sends a link to correct the answers: to the representative, or to the alternate if emails to the representative come back.
///
/// # Errors
/// Returns [`Refusal::NotNow`] if the answers can no longer be corrected.
pub async fn ask_for_link(pool: &Pool, review: &Review, secret: Uuid) -> Result<LinkAsked, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Secret(secret);
    lock(&mut transaction, key).await?.ok_or(NotChanged::NotFound)?;
    let found = find(&mut *transaction, key).await?.ok_or(NotChanged::NotFound)?;
    found.course.allows(ChangeKind::Correct, Actor::Applicant, found.now)?;
    let Some(address) = reachable(&mut transaction, &found).await? else {
        return Ok(LinkAsked::Unreachable);
    };
    if is_limited(&mut transaction, &found).await? {
        return Ok(LinkAsked::Limited);
    }
    let token = Token::random();
    store(&mut transaction, &found.reference, &address, &token).await?;
    send(&mut transaction, review, found, address, &token).await?;
    transaction.end().await?;
    Ok(LinkAsked::Sent)
}

async fn send(
    connection: &mut PgConnection,
    review: &Review,
    found: Found,
    address: EmailAddress,
    token: &Token,
) -> Result<(), NotChanged> {
    let words = Words::of(found.language);
    let email = UpdateWords::new(found.language, Words::update_change_subject, words.update_change)
        .with_next(words.update_change_once)
        .with_link(Link::Change);
    let page = format!("{}/membership/change/{}", review.identity.public_url, token.as_str());
    let id = format!("change-{}", Uuid::new_v4().simple());
    let to = Found {
        representative: address,
        ..found
    };
    let mut email = to_applicant(&review.identity, &to, &id, &email, &page)?;
    email.purpose = Purpose::ChangeLink;
    Ok(outbox::queue_expiring(connection, Some(email), LINK_MINUTES).await?)
}

async fn store(
    connection: &mut PgConnection,
    reference: &str,
    address: &EmailAddress,
    token: &Token,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO change_links (token_hash, reference, address, expires_at)
        VALUES ($1, $2, $3, now() + make_interval(mins => $4))",
        token.hash(),
        reference,
        address.to_string(),
        LINK_MINUTES
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Returns whether no more links and codes are sent, today or at all. A held confirmation protects its recipient from both. A
/// new representative does not inherit those of the old one. One from a time when the clock was ahead counts as one of today.
pub(in crate::membership) async fn is_limited(connection: &mut PgConnection, found: &Found) -> sqlx::Result<bool> {
    let asked = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE asked_at > now() - interval '1 day') AS "today!", count(*) AS "in_all!"
        FROM (SELECT asked_at FROM change_links WHERE reference = $1
            UNION ALL SELECT asked_at FROM domain_requests WHERE reference = $1 AND what = 'code') AS mailed
        WHERE asked_at > coalesce((SELECT max(happened_at)
            FROM application_history WHERE reference = $1 AND event = 'representative-changed'), '-infinity')"#,
        found.reference
    )
    .fetch_one(&mut *connection)
    .await?;
    let confirmation = outbox::confirmation(connection, &found.reference, &found.representative).await?;
    Ok(asked.today >= A_DAY || asked.in_all >= IN_ALL || confirmation == Confirmation::Held)
}

/// Returns the address of the representative, or that of the alternate if emails to the former come back.
async fn reachable(connection: &mut PgConnection, found: &Found) -> sqlx::Result<Option<EmailAddress>> {
    for address in found.addresses() {
        if !outbox::has_bounced(&mut *connection, &found.reference, address).await? {
            return Ok(Some(address.clone()));
        }
    }
    Ok(None)
}

/// What a mailed link leads to.
#[derive(Clone, Debug)]
pub struct OpenedLink {
    /// The application, in full.
    pub record: StoredApplication,
    /// The version of the application. A correction names it.
    pub version: i32,
    /// The language of the application.
    pub language: Language,
    /// Whether a correction was stored with it.
    pub is_used: bool,
    /// The secret of the status page, if the reader of the link may know it.
    pub secret: Option<Uuid>,
}

/// Returns what a link leads to; `None` if it has expired or the answers can no longer be corrected.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn open_link(connection: &mut PgConnection, token: &Token) -> sqlx::Result<Option<OpenedLink>> {
    let link = sqlx::query!(
        r#"SELECT reference, address, used_at IS NOT NULL AS "is_used!" FROM change_links
        WHERE token_hash = $1 AND expires_at BETWEEN now() AND now() + interval '25 hours'"#,
        token.hash()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(link) = link else { return Ok(None) };
    let Some(found) = find(&mut *connection, Key::Reference(&link.reference)).await? else {
        return Ok(None);
    };
    let Some(record) = crate::membership::find(&mut *connection, &link.reference).await? else {
        return Ok(None);
    };
    if !found.addresses().any(|address| address.to_string() == link.address) && !link.is_used {
        return Ok(None);
    }
    let is_theirs = found.representative.to_string() == link.address;
    let may = found
        .course
        .allows(ChangeKind::Correct, Actor::Applicant, found.now)
        .is_ok();
    Ok((may || link.is_used).then(|| OpenedLink {
        record,
        version: found.course.version,
        language: found.language,
        is_used: link.is_used,
        secret: is_theirs.then_some(found.secret),
    }))
}

/// Stores a correction, once for each link.
///
/// # Errors
/// Returns why nothing was stored. After a database error the correction may be stored; the link says so then.
pub async fn store_correction(
    pool: &Pool,
    review: &Review,
    token: &Token,
    version: i32,
    correction: &Correction,
) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let target = target_of(&mut transaction, token).await?;
    let (reference, address) = target.ok_or(NotChanged::NotFound)?;
    let key = Key::Reference(&reference);
    // The application is locked before its links, like everywhere.
    lock(&mut transaction, key).await?.ok_or(NotChanged::NotFound)?;
    if !use_link(&mut transaction, token).await? {
        return Err(NotChanged::NotFound);
    }
    let found = find(&mut *transaction, key).await?.ok_or(NotChanged::NotFound)?;
    // The application names this address no more.
    if !found.addresses().any(|present| present.to_string() == address) {
        return Err(NotChanged::NotFound);
    }
    if found.course.version != version {
        return Err(Refusal::Outdated.into());
    }
    let change = Change::Correct(Box::new(correction.clone()));
    change_locked(&mut transaction, review, &found, &change, Actor::Applicant).await?;
    Ok(transaction.end().await?)
}

/// Returns the application of a link, and the address to which the link was sent.
async fn target_of(connection: &mut PgConnection, token: &Token) -> sqlx::Result<Option<(String, String)>> {
    let link = sqlx::query!(
        "SELECT reference, address FROM change_links WHERE token_hash = $1",
        token.hash()
    )
    .fetch_optional(connection)
    .await?;
    Ok(link.map(|link| (link.reference, link.address)))
}

async fn use_link(connection: &mut PgConnection, token: &Token) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "UPDATE change_links SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL AND expires_at BETWEEN now() AND now() + interval '25 hours'",
        token.hash()
    )
    .execute(connection)
    .await?;
    Ok(used.rows_affected() > 0)
}

/// Sends the link to the page of an application to its representative again, for staff. The log names who did.
///
/// # Errors
/// Returns why it is not possible.
pub async fn send_page_link(
    pool: &Pool,
    review: &Review,
    reference: &str,
    member: &StaffMember,
) -> Result<(), NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Reference(reference);
    let reference = lock(&mut transaction, key).await?.ok_or(NotChanged::NotFound)?;
    permitted(&mut transaction, &reference, member, Role::Reviewer).await?;
    let found = find(&mut *transaction, key).await?.ok_or(NotChanged::NotFound)?;
    let words = Words::of(found.language);
    let email = UpdateWords::new(found.language, Words::update_link_subject, words.update_link);
    let id = format!("link-{}", Uuid::new_v4().simple());
    let page = review.identity.page_url(found.secret);
    outbox::queue(
        &mut transaction,
        [to_applicant(&review.identity, &found, &id, &email, &page)?],
    )
    .await?;
    log_application(&mut transaction, member.id, "send-link", &reference).await?;
    Ok(transaction.end().await?)
}
