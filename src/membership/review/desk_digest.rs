//! The digest of a member of the staff: what waits at the desk, once a day or a week, and only if something waits. It names
//! references alone, and none of an application with which the member has a conflict of interest.

use askama::Template;
use sqlx::PgConnection;

use super::conflict::hidden_from;
use super::listing::listing;
use super::storing::Review;
use super::waiting::{stuck, waiting_for};
use crate::clock::Trust;
use crate::database::Pool;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, Outbox};
use crate::staff::{self, StaffMember};

/// The most references of one part.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "emails/desk_digest.txt")]
struct DigestText<'a> {
    parts: &'a [Part],
    stuck: &'a [String],
    desk: &'a str,
}

#[derive(Template)]
#[template(path = "emails/desk_digest.html")]
struct DigestHtml<'a> {
    parts: &'a [Part],
    stuck: &'a [String],
    desk: &'a str,
}

/// Applications that wait for the same thing.
struct Part {
    heading: &'static str,
    references: Vec<String>,
    has_more: bool,
}

/// Queues the digest of each member for whom one is due and something waits. Returns how many.
///
/// # Errors
/// Returns an error if the database is unavailable or an email cannot be rendered.
pub async fn queue_desk_digests(pool: &Pool, outbox: &Outbox, review: &Review) -> anyhow::Result<usize> {
    let mut transaction = pool.transaction().await?;
    if outbox.clock().check(&mut transaction).await?.trust != Trust::Steady {
        return Ok(0);
    }
    let mut emails = Vec::new();
    for member in staff::lock_due_for_digest(&mut transaction).await? {
        if let Some(email) = digest(&mut transaction, review, &member).await? {
            staff::record_digest(&mut transaction, member.id).await?;
            emails.push(email);
        }
    }
    let count = emails.len();
    outbox::queue(&mut transaction, emails).await?;
    transaction.end().await?;
    if count > 0 {
        outbox.wake();
    }
    Ok(count)
}

/// Returns the digest of a member; `None` if nothing waits.
async fn digest(connection: &mut PgConnection, review: &Review, member: &StaffMember) -> anyhow::Result<Option<Email>> {
    let hidden: Vec<String> = hidden_from(connection, member).await?.into_iter().collect();
    let mut parts = Vec::new();
    for (heading, selection) in waiting_for(member, &hidden) {
        let listing = listing(connection, &selection).await?;
        let mut references: Vec<String> = listing.applications.into_iter().map(|one| one.reference).collect();
        let has_more = references.len() > SHOWN;
        references.truncate(SHOWN);
        if !references.is_empty() {
            parts.push(Part {
                heading,
                references,
                has_more,
            });
        }
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let stuck = visible_stuck(connection, &hidden).await?;
    email(review, member, &parts, &stuck).map(Some)
}

/// Returns the applications that nobody can decide, without those that are hidden from the reader.
async fn visible_stuck(connection: &mut PgConnection, hidden: &[String]) -> sqlx::Result<Vec<String>> {
    let stuck = stuck(connection).await?;
    Ok(stuck.into_iter().filter(|one| !hidden.contains(one)).collect())
}

fn email(review: &Review, member: &StaffMember, parts: &[Part], stuck: &[String]) -> anyhow::Result<Email> {
    let emails = review.identity.desk_emails();
    let desk = &emails.desk();
    let text = DigestText { parts, stuck, desk }.render()?;
    let html = DigestHtml { parts, stuck, desk }.render()?;
    let address = member.address.to_string();
    emails.email(
        Purpose::DeskDigest,
        &address,
        "What waits for you at the NPOC desk",
        text,
        html,
    )
}
