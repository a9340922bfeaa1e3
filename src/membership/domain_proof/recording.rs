//! Records the outcome of a check, and tells about a proof. A result counts only while its token is still the live one and
//! the domain is still the same.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::queue::{self, Claimed, next_look};
use super::{Outcome, Way};
use crate::database::Pool;
use crate::locale::Words;
use crate::membership::review::{Found, Key, NotChanged, Review, UpdateWords, find, lock, to_applicant, to_thread};
use crate::membership::words;
use crate::outbound::Dnssec;
use crate::outbox::{self, Confirmation};

/// The token that a check looks for.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub way: Way,
    pub text: String,
    pub made_at: OffsetDateTime,
}

/// Returns the token that a claimed check looks for; `None` if none counts any more.
pub(super) async fn token_of(connection: &mut PgConnection, claimed: &Claimed) -> sqlx::Result<Option<Token>> {
    let row = sqlx::query!(
        "SELECT way, token, made_at FROM domain_proofs JOIN applications USING (reference)
        WHERE reference = $1 AND way = $2 AND domain_ascii = $3 AND domain_ascii = domain_name_ascii
            AND proved_at IS NULL AND ends_at > now()",
        claimed.reference,
        claimed.what.name(),
        claimed.name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(|row| {
        Some(Token {
            way: Way::parse(&row.way)?,
            text: row.token,
            made_at: row.made_at,
        })
    }))
}

/// Records the outcome of a look for a token. Returns whether emails were queued.
pub(super) async fn record_look(
    pool: &Pool,
    review: &Review,
    claimed: &Claimed,
    token: &Token,
    outcome: &Outcome,
) -> Result<bool, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Reference(&claimed.reference);
    if lock(&mut transaction, key).await?.is_none() {
        return Ok(false);
    }
    let Some(found) = find(&mut *transaction, key).await? else {
        return Ok(false);
    };
    let next = next_look(token.made_at, found.now);
    if !queue::record(&mut transaction, claimed, &outcome.to_json(), next).await? {
        return Ok(false);
    }
    let is_proved = match outcome {
        Outcome::Proved { evidence, dnssec } => {
            let is_new = prove(&mut transaction, claimed, token, evidence, *dnssec).await?;
            if is_new {
                tell(&mut transaction, review, &found, evidence).await?;
            }
            is_new
        }
        _ => false,
    };
    transaction.end().await?;
    if is_proved {
        tracing::info!(reference = claimed.reference, way = token.way.name(), "domain proved");
    }
    Ok(is_proved)
}

/// Marks the domain as proved and ends the other looks for it. Returns whether the token still counts.
async fn prove(
    connection: &mut PgConnection,
    claimed: &Claimed,
    token: &Token,
    evidence: &str,
    dnssec: Dnssec,
) -> sqlx::Result<bool> {
    let evidence: String = evidence.chars().take(1000).collect();
    let proved = sqlx::query!(
        "UPDATE domain_proofs SET proved_at = now(), evidence = $5, dnssec = $6 FROM applications
        WHERE domain_proofs.reference = $1 AND applications.reference = $1 AND way = $2 AND token = $3 AND domain_ascii = $4
            AND domain_ascii = domain_name_ascii AND proved_at IS NULL AND ends_at > now()",
        claimed.reference,
        token.way.name(),
        token.text,
        claimed.name,
        evidence,
        dnssec.name()
    )
    .execute(&mut *connection)
    .await?;
    if proved.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE domain_checks SET done_at = now(), leased_until = NULL
        WHERE reference = $1 AND what IN ('dns', 'web') AND done_at IS NULL",
        claimed.reference
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Queues the emails about a proof, unless the other way was told about already.
async fn tell(connection: &mut PgConnection, review: &Review, found: &Found, evidence: &str) -> Result<(), NotChanged> {
    let id = format!("domain-{}", Uuid::new_v4().simple());
    let words = Words::of(found.language);
    let email = UpdateWords::new(found.language, Words::update_domain_subject, words.update_domain);
    let page = review.identity.page_url(found.secret);
    let confirmation = outbox::confirmation(&mut *connection, &found.reference, &found.representative).await?;
    // A held confirmation protects its recipient from more emails.
    let is_written_to = confirmation != Confirmation::Held;
    let applicant = is_written_to.then(|| to_applicant(&review.identity, found, &id, &email, &page));
    let thread = to_thread(
        &review.identity,
        found,
        &id,
        Some(evidence),
        words::THREAD_DOMAIN_PROVED,
    );
    let emails: Result<Vec<_>, _> = applicant.into_iter().chain([thread]).collect();
    Ok(outbox::queue(connection, emails?).await?)
}
