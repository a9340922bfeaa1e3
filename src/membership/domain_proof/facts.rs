//! Facts about a domain for staff: what DNS tells, whether the website answers, what the registry tells. Each is asked for
//! once a day, however many applications name it, and for suspected spam only after its release: otherwise anybody could
//! send our requests to a stranger.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use time::OffsetDateTime;
use url::Url;

use super::queue::What;
use super::registry::RegistryFact;
use crate::database::Pool;
use crate::outbound::{DnsFacts, FetchFault};

/// The version of the stored objects. An object of another version counts as not taken.
const VERSION: u8 = 1;

/// The most new applications in one survey.
const BATCH: i64 = 200;

/// What is known about the domain of an application. `None` means not taken yet.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What DNS tells.
    pub dns: Option<Taken<DnsFacts>>,
    /// Whether the website answers.
    pub website: Option<Taken<WebsiteFact>>,
    /// What the registry tells.
    pub registry: Option<Taken<RegistryFact>>,
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
    /// How often in a row it was asked without an answer.
    pub failures: i32,
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
    },
    /// It did not.
    None(FetchFault),
}

impl WebsiteAnswer {
    /// Returns whether a visitor sees a page.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status < 400)
    }
}

impl<T: Serialize + DeserializeOwned> Taken<T> {
    /// Marks a fact as taken now.
    pub(super) fn now(fact: T) -> Self {
        Self {
            version: VERSION,
            at: OffsetDateTime::now_utc(),
            fact,
        }
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

/// Returns the host of the website.
pub(super) fn website_host(website: Option<&str>, domain_ascii: &str) -> String {
    let url = website_url(website, domain_ascii);
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(domain_ascii);
    host.chars().take(253).collect()
}

/// Makes the facts of new applications due.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub(super) async fn queue_new(pool: &Pool) -> sqlx::Result<()> {
    let mut session = pool.session().await?;
    let new = sqlx::query!(
        "SELECT reference, domain_name_ascii, website FROM applications
        WHERE received_at > now() - interval '7 days' AND NOT is_suspected
            AND state NOT IN ('withdrawn', 'lapsed', 'dismissed')
            AND NOT EXISTS (SELECT FROM domain_checks WHERE domain_checks.reference = applications.reference
                AND what = 'facts')
        ORDER BY received_at DESC LIMIT $1",
        BATCH
    )
    .fetch_all(&mut *session)
    .await?;
    for one in new {
        let host = website_host(one.website.as_deref(), &one.domain_name_ascii);
        queue(&mut session, &one.reference, &one.domain_name_ascii, &host).await?;
    }
    session.end().await
}

/// Makes the facts of an application due, unless it is suspected to be spam.
pub(super) async fn queue(
    connection: &mut PgConnection,
    reference: &str,
    domain_ascii: &str,
    website_host: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO domain_checks (reference, what, name, due_at)
        SELECT reference, what, name, now() FROM applications,
            (VALUES ('facts', $2), ('website', $3), ('rdap', $2)) AS new (what, name)
        WHERE reference = $1 AND NOT is_suspected
        ON CONFLICT (reference, what) DO NOTHING",
        reference,
        domain_ascii,
        website_host
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Makes every check of an application due now, for a person who asks for it. Returns whether there is such an application.
pub(super) async fn make_due(pool: &Pool, reference: &str) -> sqlx::Result<bool> {
    let mut transaction = pool.transaction().await?;
    let found = sqlx::query!(
        "SELECT reference, domain_name_ascii, website FROM applications WHERE reference = $1 FOR UPDATE",
        reference
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(found) = found else { return Ok(false) };
    let host = website_host(found.website.as_deref(), &found.domain_name_ascii);
    sqlx::query!(
        "INSERT INTO domain_checks (reference, what, name, due_at)
        SELECT $1, what, name, now() FROM (VALUES ('facts', $2), ('website', $3), ('rdap', $2)) AS new (what, name)
        ON CONFLICT (reference, what) DO UPDATE SET due_at = now(), done_at = NULL, name = excluded.name",
        found.reference,
        found.domain_name_ascii,
        host
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "UPDATE domain_checks SET due_at = now(), done_at = NULL FROM domain_proofs
        WHERE domain_checks.reference = $1 AND domain_proofs.reference = $1 AND way = what
            AND proved_at IS NULL AND ends_at > now()",
        found.reference
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
        "SELECT dns::text AS dns, website::text AS website, rdap::text AS rdap FROM domain_facts WHERE reference = $1",
        reference
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map_or_else(Facts::default, |row| Facts {
        dns: row.dns.as_deref().and_then(Taken::of_json),
        website: row.website.as_deref().and_then(Taken::of_json),
        registry: row.rdap.as_deref().and_then(Taken::of_json),
    }))
}

/// Returns a fact that another application got within a day about the same name; of a website, about the same address.
pub(super) async fn recent<T: Serialize + DeserializeOwned>(
    connection: &mut PgConnection,
    reference: &str,
    what: What,
    name: &str,
    url: Option<&str>,
) -> sqlx::Result<Option<Taken<T>>> {
    let json = sqlx::query_scalar!(
        r#"SELECT CASE what WHEN 'facts' THEN dns WHEN 'website' THEN website ELSE rdap END::text AS "json!"
        FROM domain_checks JOIN domain_facts USING (reference)
        WHERE name = $1 AND what = $2 AND reference <> $3 AND last_at BETWEEN now() - interval '1 day' AND now()
            AND CASE what WHEN 'facts' THEN dns WHEN 'website' THEN website ELSE rdap END IS NOT NULL
            AND ($4::text IS NULL OR website #>> '{fact,url}' = $4)
        ORDER BY last_at DESC LIMIT 1"#,
        name,
        what.name(),
        reference,
        url
    )
    .fetch_optional(connection)
    .await?;
    Ok(json.as_deref().and_then(Taken::of_json))
}

/// Stores one fact beside the others.
pub(super) async fn store(connection: &mut PgConnection, reference: &str, what: What, json: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO domain_facts (reference, dns, website, rdap)
        VALUES ($1, CASE $2 WHEN 'facts' THEN $3::text::jsonb END, CASE $2 WHEN 'website' THEN $3::text::jsonb END,
            CASE $2 WHEN 'rdap' THEN $3::text::jsonb END)
        ON CONFLICT (reference) DO UPDATE SET taken_at = now(), dns = coalesce(excluded.dns, domain_facts.dns),
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
        for (website, url, host) in [
            (None, "https://example.org/", "example.org"),
            (
                Some("http://www.example.org/a"),
                "http://www.example.org/a",
                "www.example.org",
            ),
            (
                Some("https://例え.テスト/"),
                "https://xn--r8jz45g.xn--zckzah/",
                "xn--r8jz45g.xn--zckzah",
            ),
        ] {
            assert_eq!(website_url(website, "example.org").unwrap().as_str(), url);
            assert_eq!(website_host(website, "example.org"), host);
        }
    }
}
