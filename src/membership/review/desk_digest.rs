//! The digest of a member of the staff: what waits at the desk, once a day or a week, and only if something waits. It names
//! references alone, and none of an application with which the member has a conflict of interest.

use askama::Template;
use sqlx::PgConnection;

use super::conflict::hidden_from;
use super::listing::listing;
use super::storing::Review;
use super::waiting::{Stuck, stuck, waiting_for};
use crate::clock::Trust;
use crate::database::Pool;
use crate::mailer::{Email, Purpose};
use crate::outbox::{self, Outbox};
use crate::staff::{self, Role, StaffMember};

/// The most references of one part.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "emails/desk_digest.txt")]
struct DigestText<'a> {
    parts: &'a [Part],
    stuck: Option<&'a Stuck>,
    desk: &'a str,
}

#[derive(Template)]
#[template(path = "emails/desk_digest.html")]
struct DigestHtml<'a> {
    parts: &'a [Part],
    stuck: Option<&'a Stuck>,
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
    let mut session = pool.session().await?;
    if outbox.clock().check(&mut session).await?.trust != Trust::Steady {
        return Ok(0);
    }
    let due = staff::due_for_digest(&mut *session).await?;
    let stuck = if due.is_empty() {
        Vec::new()
    } else {
        stuck(&mut session).await?
    };
    session.end().await?;
    let mut count = 0;
    for id in due {
        // The failure of one digest must not stop the others.
        match queue_digest(pool, review, id, &stuck).await {
            Ok(is_queued) => count += usize::from(is_queued),
            Err(error) => tracing::error!(error = format!("{error:#}"), "no digest for one of the staff, retrying"),
        }
    }
    if count > 0 {
        outbox.wake();
    }
    Ok(count)
}

async fn queue_digest(pool: &Pool, review: &Review, id: i64, stuck: &[String]) -> anyhow::Result<bool> {
    let mut transaction = pool.transaction().await?;
    let Some(member) = staff::claim_digest(&mut transaction, id).await? else {
        return Ok(false);
    };
    let Some(email) = digest(&mut transaction, review, &member, stuck).await? else {
        return Ok(false);
    };
    outbox::queue(&mut transaction, [email]).await?;
    transaction.end().await?;
    Ok(true)
}

/// Returns the digest of a member; `None` if nothing waits.
async fn digest(
    connection: &mut PgConnection,
    review: &Review,
    member: &StaffMember,
    stuck: &[String],
) -> anyhow::Result<Option<Email>> {
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
    let stuck = Stuck::of(stuck, &hidden).filter(|_| member.role >= Role::Decider);
    if parts.is_empty() && stuck.is_none() {
        return Ok(None);
    }
    email(review, member, &parts, stuck.as_ref()).map(Some)
}

fn email(review: &Review, member: &StaffMember, parts: &[Part], stuck: Option<&Stuck>) -> anyhow::Result<Email> {
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
