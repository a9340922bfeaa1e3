//! Records the outcome of a check, and tells about a proof. A result counts only while its token is still the live one and
//! the domain is still the same.

use sqlx::PgConnection;
use time::Duration;
use uuid::Uuid;

use super::proofs::is_proved;
use super::queue::{self, Claimed, next_look};
use super::{Outcome, Way};
use crate::database::Pool;
use crate::locale::Words;
use crate::membership::review::{
    Found, Key, NotChanged, Review, ReviewState, UpdateWords, find, lock, to_applicant, to_thread,
};
use crate::membership::words;
use crate::outbound::Dnssec;
use crate::outbox::{self, Confirmation};

/// The token that a check looks for.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub way: Way,
    pub text: String,
    /// The time until the next look.
    pub pause: Option<Duration>,
    /// Whether a proof makes sense in the present state of the application.
    pub is_wanted: bool,
}

/// Returns the token that a claimed check looks for; `None` if none counts any more, or if the domain is proved.
pub(super) async fn token_of(connection: &mut PgConnection, claimed: &Claimed) -> sqlx::Result<Option<Token>> {
    let row = sqlx::query!(
        r#"SELECT way, token, made_at, now() AS "now!", state <> ALL ($4) AS "is_wanted!"
        FROM domain_proofs JOIN applications USING (reference)
        WHERE reference = $1 AND way = $2 AND domain_ascii = $3 AND domain_ascii = domain_name_ascii
            AND proved_at IS NULL AND ends_at BETWEEN now() AND now() + interval '31 days'"#,
        claimed.reference,
        claimed.what.name(),
        claimed.name,
        &ReviewState::without_proof() as &[&str]
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if is_proved(connection, &claimed.reference).await? {
        return Ok(None);
    }
    Ok(Way::parse(&row.way).map(|way| Token {
        way,
        text: row.token,
        pause: next_look(row.made_at, row.now),
        is_wanted: row.is_wanted,
    }))
}

/// Records the outcome of a look for a token. Returns whether emails were queued.
pub(super) async fn record_look(
    pool: &Pool,
    review: &Review,
    claimed: &Claimed,
    outcome: &Outcome,
) -> Result<bool, NotChanged> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Reference(&claimed.reference);
    lock(&mut transaction, key).await?;
    let Some(found) = find(&mut *transaction, key).await? else {
        return Ok(false);
    };
    // Read again under the lock: the other way, a correction or a withdrawal may have come first.
    let token = token_of(&mut transaction, claimed).await?;
    let pause = token.as_ref().and_then(|token| token.pause);
    let counts = queue::record(&mut transaction, claimed, outcome, pause).await?;
    let token = token.filter(|token| counts && token.is_wanted);
    let is_proved = match (token, outcome) {
        (Some(token), Outcome::Proved { evidence, dnssec }) => {
            prove(&mut transaction, claimed, &token, evidence, *dnssec).await?;
            tell(&mut transaction, review, &found, evidence).await?;
            true
        }
        _ => false,
    };
    transaction.end().await?;
    if is_proved {
        tracing::info!(
            reference = claimed.reference,
            way = claimed.what.name(),
            "domain proved"
        );
    }
    Ok(is_proved)
}

/// Marks the domain as proved, and ends the looks for it.
async fn prove(
    connection: &mut PgConnection,
    claimed: &Claimed,
    token: &Token,
    evidence: &str,
    dnssec: Dnssec,
) -> sqlx::Result<()> {
    let evidence: String = evidence.chars().take(1000).collect();
    sqlx::query!(
        "UPDATE domain_proofs SET proved_at = now(), evidence = $4, dnssec = $5
        WHERE reference = $1 AND way = $2 AND token = $3",
        claimed.reference,
        token.way.name(),
        token.text,
        evidence,
        dnssec.name()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE domain_checks SET done_at = now() WHERE reference = $1 AND what IN ('dns', 'web')",
        claimed.reference
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Queues the emails about a proof.
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
