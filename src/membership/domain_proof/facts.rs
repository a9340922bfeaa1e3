//! Facts about a domain for staff: what DNS tells, whether the website answers, what the registry tells. Each is asked for
//! once a day, however many applications name it, and for suspected spam only after its release: otherwise anybody could
//! send our requests to a stranger.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use url::Url;

use super::queue::{Claimed, What};
use super::registry::RegistryFact;
use crate::database::Pool;
use crate::membership::review::{Key, ReviewState, lock};
use crate::outbound::{DnsFacts, FetchFault};

/// The version of the stored objects. An object of another version counts as not taken.
const VERSION: u8 = 1;

/// The most applications that one survey looks at, the newest.
const NEWEST: i64 = 5000;

/// What is known about the domain of an application. `None` means not taken yet.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What DNS tells.
    pub dns: Option<Taken<DnsFacts>>,
    /// Whether the website answers.
    pub website: Option<Taken<WebsiteFact>>,
    /// What the registry tells.
    pub registry: Option<Taken<RegistryFact>>,
    /// Whether DNS is asked again, so that a bad answer is no caution yet.
    pub is_dns_asked_again: bool,
}

/// A fact with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken<T> {
    version: u8,
    /// When it was taken.
    #[serde(with = "time::serde::timestamp")]
    pub at: OffsetDateTime,
    /// The fact.
    pub fact: T,
}

/// How a website answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebsiteFact {
    /// The address that was asked for.
    pub url: String,
    /// The answer.
    pub answer: WebsiteAnswer,
    /// Since when it does not answer.
    #[serde(with = "time::serde::timestamp::option")]
    pub failing_since: Option<OffsetDateTime>,
}

/// How long a website may not answer before staff read it as a caution: sites sleep.
const SLEEP: Duration = Duration::hours(24);

impl Taken<WebsiteFact> {
    /// Returns how long the website has not answered.
    fn failing_for(&self) -> Option<Duration> {
        self.fact.failing_since.map(|since| self.at - since)
    }

    /// Returns since when the website has not answered, if that is long enough for a caution.
    #[must_use]
    pub fn is_down_since(&self) -> Option<OffsetDateTime> {
        self.fact.failing_since.filter(|since| self.at - *since >= SLEEP)
    }

    /// Returns the time until it is asked again: an hour and a day after the first failure.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self.failing_for()? {
            failing if failing < Duration::hours(1) => Some(Duration::hours(1)),
            failing if failing < SLEEP => Some(SLEEP),
            _ => None,
        }
    }
}

/// The answer of a website.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebsiteAnswer {
    /// It answered.
    Status {
        /// The status.
        status: u16,
        /// The host that answered in the end.
        host: String,
        /// Whether it answered by https.
        is_encrypted: bool,
    },
    /// It did not.
    None(FetchFault),
}

impl WebsiteAnswer {
    /// Returns whether the website itself is the cause of a failure, and not our resolver, our network or our guard.
    pub(super) fn is_its_failure(&self) -> bool {
        match self {
            Self::Status { .. } => !self.is_good(),
            Self::None(FetchFault::Name(fault)) => fault.is_absence(),
            Self::None(fault) => !matches!(fault, FetchFault::Forbidden(_)),
        }
    }

    /// Returns whether a visitor sees a page. Many sites turn programs away with 401, 403 or 429.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status < 400 || matches!(status, 401 | 403 | 429))
    }
}

impl<T: Serialize + DeserializeOwned> Taken<T> {
    /// Marks a fact as taken at this time.
    pub(super) fn new(at: OffsetDateTime, fact: T) -> Self {
        let version = VERSION;
        Self { version, at, fact }
    }

    fn of_json(text: &str) -> Option<Self> {
        let taken: Self = serde_json::from_str(text).ok()?;
        (taken.version == VERSION).then_some(taken)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns the address of the website: as stated, otherwise the home page of the domain.
pub(super) fn website_url(website: Option<&str>, domain_ascii: &str) -> Option<Url> {
    let home = || Url::parse(&format!("https://{domain_ascii}/")).ok();
    website.and_then(|website| Url::parse(website).ok()).or_else(home)
}

/// Makes the facts of the newest applications due. Those that are suspected to be spam follow at their release.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub(super) async fn queue_new(pool: &Pool) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    let new = sqlx::query_scalar!(
        "SELECT reference FROM (
            SELECT reference FROM applications WHERE received_at > now() - interval '7 days' AND NOT is_suspected
                AND state <> ALL ($1)
            ORDER BY received_at DESC, id DESC LIMIT $2) AS newest
        WHERE NOT EXISTS (SELECT FROM domain_checks
            WHERE domain_checks.reference = newest.reference AND what = 'facts')",
        &ReviewState::without_proof() as &[&str],
        NEWEST
    )
    .fetch_all(&mut *session)
    .await?;
    session.end().await?;
    for reference in new {
        // A correction may come at the same time.
        let mut transaction = pool.transaction().await?;
        lock(&mut transaction, Key::Reference(&reference)).await?;
        queue_facts(&mut transaction, &reference).await?;
        transaction.end().await?;
    }
    Ok(())
}

/// Makes the facts of an application due, unless it is suspected to be spam. Does nothing if they are.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn queue_facts(connection: &mut PgConnection, reference: &str) -> sqlx::Result<()> {
    let Some(target) = target(&mut *connection, reference).await? else {
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO domain_checks (reference, what, name, due_at)
        SELECT reference, what, name, now() FROM applications,
            (VALUES ('facts', $2), ('website', $3), ('rdap', $2)) AS new (what, name)
        WHERE reference = $1 AND NOT is_suspected
        ON CONFLICT (reference, what) DO NOTHING",
        target.reference,
        target.domain,
        target.host
    )
    .execute(connection)
    .await
    .map(drop)
}

/// What the facts of an application are about.
pub(super) struct Target {
    pub reference: String,
    pub domain: String,
    pub website: Option<Url>,
    /// The host of the website.
    pub host: String,
}

/// Returns what the facts of an application are about.
pub(super) async fn target(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Option<Target>> {
    let row = sqlx::query!(
        "SELECT reference, domain_name_ascii, website FROM applications WHERE reference = $1",
        reference
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let website = website_url(row.website.as_deref(), &row.domain_name_ascii);
        let host = website
            .as_ref()
            .and_then(Url::host_str)
            .unwrap_or(&row.domain_name_ascii);
        Target {
            host: host.chars().take(253).collect(),
            website,
            reference: row.reference,
            domain: row.domain_name_ascii,
        }
    }))
}

/// Makes every check of an application due now, for a person who asks for it. Returns whether there is such an application.
pub(super) async fn make_due(pool: &Pool, reference: &str) -> sqlx::Result<bool> {
    let mut transaction = pool.transaction().await?;
    lock(&mut transaction, Key::Reference(reference)).await?;
    let Some(target) = target(&mut transaction, reference).await? else {
        return Ok(false);
    };
    sqlx::query!(
        "INSERT INTO domain_checks (reference, what, name, due_at)
        SELECT $1, what, name, now() FROM (VALUES ('facts', $2), ('website', $3), ('rdap', $2)) AS new (what, name)
        ON CONFLICT (reference, what) DO UPDATE SET due_at = now(), done_at = NULL, name = excluded.name,
            -- What DNS said for a day stays a caution.
            attempts = CASE excluded.what WHEN 'facts' THEN domain_checks.attempts ELSE 0 END",
        target.reference,
        target.domain,
        target.host
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "UPDATE domain_checks SET due_at = now(), done_at = NULL FROM domain_proofs
        WHERE domain_checks.reference = $1 AND domain_proofs.reference = $1 AND way = what
            AND proved_at IS NULL AND ends_at BETWEEN now() AND now() + interval '31 days'",
        target.reference
    )
    .execute(&mut *transaction)
    .await?;
    transaction.end().await?;
    Ok(true)
}

/// Returns the facts about the domain of an application.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn facts(connection: &mut PgConnection, reference: &str) -> sqlx::Result<Facts> {
    let row = sqlx::query!(
        r#"SELECT dns::text AS dns, website::text AS website, rdap::text AS rdap,
            EXISTS (SELECT FROM domain_checks WHERE domain_checks.reference = domain_facts.reference AND what = 'facts'
                AND done_at IS NULL) AS "is_dns_asked_again!"
        FROM domain_facts WHERE reference = $1"#,
        reference
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map_or_else(Facts::default, |row| Facts {
        dns: row.dns.as_deref().and_then(Taken::of_json),
        website: row.website.as_deref().and_then(Taken::of_json),
        registry: row.rdap.as_deref().and_then(Taken::of_json),
        is_dns_asked_again: row.is_dns_asked_again,
    }))
}

/// Returns a fact of another application about the same name, less than a day old; of a website, about the same address.
pub(super) async fn recent<T: Serialize + DeserializeOwned>(
    connection: &mut PgConnection,
    claimed: &Claimed,
    url: Option<&str>,
) -> sqlx::Result<Option<Taken<T>>> {
    let json = sqlx::query_scalar!(
        r#"SELECT fact::text AS "fact!" FROM domain_checks JOIN domain_facts USING (reference),
            LATERAL (SELECT CASE what WHEN 'facts' THEN dns WHEN 'website' THEN website ELSE rdap END) AS column_of (fact)
        WHERE name = $1 AND what = $2 AND reference <> $3 AND fact IS NOT NULL
            AND (fact ->> 'at')::bigint BETWEEN extract(epoch FROM now() - interval '1 day') AND extract(epoch FROM now())
            AND ($4::text IS NULL OR website #>> '{fact,url}' = $4)
        ORDER BY last_at DESC LIMIT 1"#,
        claimed.name,
        claimed.what.name(),
        claimed.reference,
        url
    )
    .fetch_optional(connection)
    .await?;
    Ok(json.as_deref().and_then(Taken::of_json))
}

/// Returns how many other applications asked for the website of a host within a day.
pub(super) async fn visits(connection: &mut PgConnection, claimed: &Claimed) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "visits!" FROM domain_checks WHERE name = $1 AND what = $2 AND reference <> $3
            AND last_at BETWEEN now() - interval '1 day' AND now()"#,
        claimed.name,
        claimed.what.name(),
        claimed.reference
    )
    .fetch_one(connection)
    .await
}

/// Stores one fact beside the others.
pub(super) async fn store(connection: &mut PgConnection, reference: &str, what: What, json: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO domain_facts (reference, dns, website, rdap)
        VALUES ($1, CASE $2 WHEN 'facts' THEN $3::text::jsonb END, CASE $2 WHEN 'website' THEN $3::text::jsonb END,
            CASE $2 WHEN 'rdap' THEN $3::text::jsonb END)
        ON CONFLICT (reference) DO UPDATE SET taken_at = clock_timestamp(), dns = coalesce(excluded.dns, domain_facts.dns),
            website = coalesce(excluded.website, domain_facts.website), rdap = coalesce(excluded.rdap, domain_facts.rdap)",
        reference,
        what.name(),
        json
    )
    .execute(connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn website_is_the_stated_one_or_the_home_page_of_the_domain() {
        for (website, url) in [
            (None, "https://example.org/"),
            (Some("http://www.example.org/a"), "http://www.example.org/a"),
            (Some("https://例え.テスト/"), "https://xn--r8jz45g.xn--zckzah/"),
        ] {
            assert_eq!(website_url(website, "example.org").unwrap().as_str(), url);
        }
    }

    #[test]
    fn website_is_asked_again_after_an_hour_and_a_day() {
        let first = OffsetDateTime::UNIX_EPOCH;
        let after = |hours| {
            let fact = WebsiteFact {
                url: String::new(),
                answer: WebsiteAnswer::None(FetchFault::Refused),
                failing_since: Some(first),
            };
            let taken = Taken::new(first + Duration::hours(hours), fact);
            (taken.pause(), taken.is_down_since().is_some())
        };
        assert_eq!(after(0), (Some(Duration::hours(1)), false));
        assert_eq!(after(1), (Some(Duration::hours(24)), false));
        assert_eq!(after(25), (None, true));
    }
}
