//! Takes one fact: asks for it, or takes that of another application from the same day.

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::{Duration, OffsetDateTime};
use tokio::time::timeout;
use url::Url;

use super::Outcome;
use super::facts::{self, Taken, WebsiteAnswer, WebsiteFact, website_url};
use super::queue::{self, Claimed, What};
use super::registry::{Asked, RegistryFact, ask, bootstrap};
use crate::database::Pool;
use crate::membership::review::{Key, lock};
use crate::outbound::{DnsFacts, FetchFault, Outbound, Request};
use crate::values::DomainName;
use crate::values::shared_domains::shared_host;

/// The most octets of a page. Only its status counts.
const MAX_PAGE: usize = 64 * 1024;

/// When to ask again after no answer: sites sleep.
const AGAIN: [Duration; 2] = [Duration::hours(1), Duration::hours(24)];

/// The time limit of one check.
pub(super) const CHECK_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Where facts are taken from and stored.
pub(super) struct Taking<'a> {
    pub pool: &'a Pool,
    pub outbound: &'a Outbound,
    pub claimed: &'a Claimed,
    /// Whether registries are asked.
    pub asks_registries: bool,
}

impl Taking<'_> {
    /// Takes the fact and records it.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        match self.claimed.what {
            What::Website => self.website().await,
            What::Rdap => self.registry().await,
            What::Facts | What::Dns | What::Web => self.dns().await,
        }
    }

    async fn dns(&self) -> anyhow::Result<()> {
        if let Some(taken) = self.of_another::<DnsFacts>(None).await? {
            return self.record(&taken, None).await;
        }
        let Ok(domain) = DomainName::parse(&self.claimed.name) else {
            return self.end().await;
        };
        match timeout(
            CHECK_LIMIT,
            self.outbound.dns_facts(domain.ascii(), domain.registered_ascii()),
        )
        .await
        {
            Ok(found) => {
                let next = self.next(found.exists.is_some());
                self.record(&Taken::now(found), next).await
            }
            Err(_) => self.note(&Outcome::TooSlow, self.next(false)).await,
        }
    }

    async fn website(&self) -> anyhow::Result<()> {
        let Some((url, is_shared)) = self.address().await? else {
            return self.end().await;
        };
        let same = is_shared.then_some(url.as_str());
        if let Some(taken) = self.of_another::<WebsiteFact>(same).await? {
            return self.record(&taken, None).await;
        }
        let answer = timeout(CHECK_LIMIT, self.visit(&url)).await;
        let answer = answer.unwrap_or(WebsiteAnswer::None(FetchFault::TimedOut));
        let next = self.next(answer.is_good());
        let failures = if answer.is_good() { 0 } else { self.claimed.attempts + 1 };
        let url = url.into();
        self.record(&Taken::now(WebsiteFact { url, answer, failures }), next)
            .await
    }

    async fn registry(&self) -> anyhow::Result<()> {
        if let Some(taken) = self.of_another::<RegistryFact>(None).await? {
            return self.record(&taken, None).await;
        }
        let (true, Ok(domain)) = (self.asks_registries, DomainName::parse(&self.claimed.name)) else {
            return self.end().await;
        };
        let mut session = self.pool.session().await?;
        let bootstrap = bootstrap(&mut session).await?;
        session.end().await?;
        let attempts = self.claimed.attempts;
        let asking = ask(self.outbound, &bootstrap, domain.registered_ascii(), attempts);
        let asked = timeout(CHECK_LIMIT, asking).await;
        match asked.unwrap_or(Asked::Fact(RegistryFact::NoAnswer)) {
            Asked::Fact(fact) => self.record(&Taken::now(fact), None).await,
            Asked::Later(seconds) => {
                let next = OffsetDateTime::now_utc() + Duration::seconds(seconds);
                self.note(&Outcome::TooSlow, Some(next)).await
            }
        }
    }

    /// Returns the address of the website, and whether many people share its host.
    async fn address(&self) -> sqlx::Result<Option<(Url, bool)>> {
        let mut session = self.pool.session().await?;
        let row = sqlx::query!(
            "SELECT domain_name_ascii, website FROM applications WHERE reference = $1",
            self.claimed.reference
        )
        .fetch_optional(&mut *session)
        .await?;
        session.end().await?;
        let url = row.and_then(|row| website_url(row.website.as_deref(), &row.domain_name_ascii));
        Ok(url.map(|url| {
            let host = url.host_str().and_then(|host| DomainName::parse(host).ok());
            let is_shared = host.is_none_or(|host| shared_host(&host).is_some());
            (url, is_shared)
        }))
    }

    /// Visits a website: by https, and by http if it does not answer there and the applicant did not ask for https.
    async fn visit(&self, url: &Url) -> WebsiteAnswer {
        let request = Request {
            url,
            max_body: MAX_PAGE,
            allows_http: true,
            hosts: None,
            accept: "text/html, */*;q=0.5",
        };
        match self.outbound.fetch(request).await {
            Ok(fetched) => WebsiteAnswer::Status {
                status: fetched.status,
                host: fetched.url.host_str().unwrap_or_default().to_owned(),
            },
            Err(fault) => WebsiteAnswer::None(fault),
        }
    }

    async fn of_another<T: Serialize + DeserializeOwned>(&self, url: Option<&str>) -> sqlx::Result<Option<Taken<T>>> {
        let mut session = self.pool.session().await?;
        let claimed = self.claimed;
        let taken = facts::recent(&mut session, &claimed.reference, claimed.what, &claimed.name, url).await?;
        session.end().await?;
        Ok(taken)
    }

    /// Returns when to ask again, if there was no answer.
    fn next(&self, has_answer: bool) -> Option<OffsetDateTime> {
        let attempt = usize::try_from(self.claimed.attempts).unwrap_or(usize::MAX);
        let again = AGAIN.get(attempt).filter(|_| !has_answer);
        again.map(|pause| OffsetDateTime::now_utc() + *pause)
    }

    /// Stores the fact, unless the application was erased or corrected meanwhile.
    async fn record<T: Serialize + DeserializeOwned>(
        &self,
        taken: &Taken<T>,
        next: Option<OffsetDateTime>,
    ) -> anyhow::Result<()> {
        let claimed = self.claimed;
        let mut transaction = self.pool.transaction().await?;
        let is_there = lock(&mut transaction, Key::Reference(&claimed.reference))
            .await?
            .is_some();
        if is_there && queue::record(&mut transaction, claimed, &Outcome::Stored.to_json(), next).await? {
            facts::store(&mut transaction, &claimed.reference, claimed.what, &taken.to_json()).await?;
        }
        Ok(transaction.end().await?)
    }

    /// Ends the check without a fact.
    async fn end(&self) -> anyhow::Result<()> {
        self.note(&Outcome::Unknown, None).await
    }

    async fn note(&self, outcome: &Outcome, next: Option<OffsetDateTime>) -> anyhow::Result<()> {
        let mut session = self.pool.session().await?;
        queue::record(&mut session, self.claimed, &outcome.to_json(), next).await?;
        Ok(session.end().await?)
    }
}
