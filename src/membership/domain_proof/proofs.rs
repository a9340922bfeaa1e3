//! The proofs of an application and their tokens, as the page of the domain shows them.

use data_encoding::BASE32_NOPAD;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::queue::TIMETABLE;
use super::{Outcome, Way, domain_of};
use crate::database::Pool;
use crate::locale::Language;
use crate::membership::review::{Found, Key, find, lock};
use crate::outbound::Dnssec;
use crate::values::DomainName;
use crate::values::shared_domains::shared_host;

/// How long a token counts after the last look for it.
const GRACE: Duration = Duration::hours(1);

/// A proof, or the token for one.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The way.
    pub way: Way,
    /// The text to publish; the hash of a code.
    pub token: String,
    /// Until when it counts.
    pub ends_at: OffsetDateTime,
    /// When the domain was proved.
    pub proved_at: Option<OffsetDateTime>,
    /// The DNSSEC state of the domain at the proof.
    pub dnssec: Dnssec,
}

impl Proof {
    /// Returns whether it proves the domain. A mailbox does not.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.way != Way::Mail && self.proved_at.is_some()
    }
}

/// A check as the page shows it.
#[derive(Clone, Debug)]
pub struct ShownCheck {
    /// The way.
    pub way: Way,
    /// The last check and its outcome.
    pub last: Option<(OffsetDateTime, Outcome)>,
    /// When the next check is due, if there is one.
    pub next: Option<OffsetDateTime>,
}

/// What the page of the domain shows.
#[derive(Clone, Debug)]
pub struct DomainStanding {
    /// The reference of the application.
    pub reference: String,
    /// The language of the page.
    pub language: Language,
    /// The domain name; `None` if a proof makes no sense now.
    pub domain: Option<DomainName>,
    /// The proofs and tokens.
    pub proofs: Vec<Proof>,
    /// The checks.
    pub checks: Vec<ShownCheck>,
    /// Whether a code can be mailed to a mailbox at the domain.
    pub offers_code: bool,
    /// The present time, by the database's clock.
    pub now: OffsetDateTime,
}

impl DomainStanding {
    /// Returns the proof by DNS or web, if there is one.
    #[must_use]
    pub fn proved(&self) -> Option<&Proof> {
        self.proofs.iter().find(|proof| proof.is_proof())
    }

    /// Returns the token of a way that is not proved.
    #[must_use]
    pub fn token(&self, way: Way) -> Option<&Proof> {
        // A time that is too far away is from a wrong clock.
        let valid = self.now..self.now + Duration::days(31);
        let is_live = |proof: &&Proof| proof.way == way && proof.proved_at.is_none() && valid.contains(&proof.ends_at);
        self.proofs.iter().find(is_live)
    }

    /// Returns when the code from a mailbox at the domain was typed.
    #[must_use]
    pub fn mailbox_shown_at(&self) -> Option<OffsetDateTime> {
        let mail = self.proofs.iter().find(|proof| proof.way == Way::Mail);
        mail.and_then(|proof| proof.proved_at)
    }

    fn needs_tokens(&self) -> bool {
        let is_missing = [Way::Dns, Way::Web].iter().any(|way| self.token(*way).is_none());
        self.domain.is_some() && self.proved().is_none() && is_missing
    }
}

/// Returns what the page of the domain shows; `None` if no application has this secret. The first time, and after the end
/// of a token, it makes new tokens.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn open_domain(pool: &Pool, secret: Uuid) -> sqlx::Result<Option<DomainStanding>> {
    let mut session = pool.session().await?;
    let standing = read(&mut session, Key::Secret(secret)).await?;
    session.end().await?;
    match standing {
        Some(standing) if standing.needs_tokens() => with_tokens(pool, secret).await,
        standing => Ok(standing),
    }
}

/// Makes the missing tokens, and returns what the page shows then.
async fn with_tokens(pool: &Pool, secret: Uuid) -> sqlx::Result<Option<DomainStanding>> {
    let mut transaction = pool.transaction().await?;
    let key = Key::Secret(secret);
    lock(&mut transaction, key).await?;
    let Some(standing) = read(&mut transaction, key).await? else {
        return Ok(None);
    };
    if let Some(domain) = standing.domain.as_ref().filter(|_| standing.needs_tokens()) {
        make_tokens(&mut transaction, &standing.reference, domain).await?;
    }
    let standing = read(&mut transaction, key).await?;
    transaction.end().await?;
    Ok(standing)
}

/// Makes a token for each way that has none, and its checks.
pub(super) async fn make_tokens(
    connection: &mut PgConnection,
    reference: &str,
    domain: &DomainName,
) -> sqlx::Result<()> {
    let tokens = [token(), token()];
    let [first, .., last] = TIMETABLE;
    sqlx::query!(
        "WITH made AS (
            INSERT INTO domain_proofs (reference, way, domain_ascii, token, ends_at)
            SELECT $1, way, $2, token, now() + make_interval(secs => $4)
            FROM unnest(ARRAY['dns', 'web'], $3::text[]) AS new (way, token)
            ON CONFLICT (reference, way) DO UPDATE
                SET domain_ascii = excluded.domain_ascii, token = excluded.token, made_at = now(), ends_at = excluded.ends_at
                WHERE domain_proofs.proved_at IS NULL
                    AND domain_proofs.ends_at NOT BETWEEN now() AND now() + interval '31 days'
            RETURNING way)
        INSERT INTO domain_checks (reference, what, name, due_at)
        SELECT $1, way, $2, now() + make_interval(secs => $5) FROM made
        ON CONFLICT (reference, what) DO UPDATE SET name = excluded.name, due_at = excluded.due_at, attempts = 0,
            last_at = NULL, last_outcome = NULL, done_at = NULL",
        reference,
        domain.ascii(),
        &tokens as &[String],
        (last + GRACE).as_seconds_f64(),
        first.as_seconds_f64()
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Draws a token of 128 bits: lower-case letters and digits without 0, 1, 8 and 9, which look like letters.
fn token() -> String {
    BASE32_NOPAD.encode(&rand::random::<[u8; 16]>()).to_ascii_lowercase()
}

async fn read(connection: &mut PgConnection, key: Key<'_>) -> sqlx::Result<Option<DomainStanding>> {
    let Some(found) = find(&mut *connection, key).await? else {
        return Ok(None);
    };
    let domain = domain_of(&mut *connection, &found.reference).await?;
    let proofs = proofs(&mut *connection, &found.reference).await?;
    let checks = checks(&mut *connection, &found.reference).await?;
    Ok(Some(DomainStanding {
        offers_code: domain.as_ref().is_some_and(|domain| has_mailbox_at(&found, domain)),
        reference: found.reference,
        language: found.language,
        domain,
        proofs,
        checks,
        now: found.now,
    }))
}

/// Returns whether the representative has a mailbox at exactly this domain, which nobody else shares.
pub(super) fn has_mailbox_at(found: &Found, domain: &DomainName) -> bool {
    found.representative.domain() == domain && shared_host(domain).is_none()
}

/// Returns the proofs of an application, and its tokens.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn proofs(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Vec<Proof>> {
    let rows = sqlx::query!(
        "SELECT way, token, ends_at, proved_at, dnssec FROM domain_proofs WHERE reference = $1 ORDER BY way",
        reference
    )
    .fetch_all(connection)
    .await?;
    let proofs = rows.into_iter().filter_map(|row| {
        Some(Proof {
            way: Way::parse(&row.way)?,
            token: row.token,
            ends_at: row.ends_at,
            proved_at: row.proved_at,
            dnssec: Dnssec::parse(row.dnssec.as_deref().unwrap_or_default()),
        })
    });
    Ok(proofs.collect())
}

/// Returns whether a domain is proved.
pub(super) async fn is_proved(connection: &mut PgConnection, reference: &str) -> sqlx::Result<bool> {
    Ok(proofs(connection, reference).await?.iter().any(Proof::is_proof))
}

async fn checks(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Vec<ShownCheck>> {
    let rows = sqlx::query!(
        "SELECT what, last_at, last_outcome, CASE WHEN done_at IS NULL THEN due_at END AS next FROM domain_checks
        WHERE reference = $1 AND what IN ('dns', 'web') ORDER BY what",
        reference
    )
    .fetch_all(connection)
    .await?;
    let checks = rows.into_iter().filter_map(|row| {
        Some(ShownCheck {
            way: Way::parse(&row.what)?,
            last: row.last_at.zip(row.last_outcome.as_deref().map(Outcome::of_json)),
            next: row.next,
        })
    });
    Ok(checks.collect())
}
