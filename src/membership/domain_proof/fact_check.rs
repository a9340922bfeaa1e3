//! Takes one fact: asks for it, or takes that of another application from the same day.

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::{Duration, OffsetDateTime};
use tokio::time::timeout;
use url::Url;

use super::Outcome;
use super::facts::{self, Facts, Taken, WebsiteAnswer, WebsiteFact};
use super::queue::{self, Claimed, What};
use super::registry::{Asked, RegistryFact, ask};
use crate::database::Pool;
use crate::membership::review::{Key, lock};
use crate::outbound::{DnsFacts, FetchFault, Outbound, Request};
use crate::values::DomainName;
use crate::values::shared_domains::shared_host;

/// No octet of a page is read. Only its status counts.
const MAX_PAGE: usize = 0;

/// The most other applications that have one host visited in a day.
const VISITS_A_DAY: i64 = 5;

/// When DNS is asked again after no answer or a bad one. A new name or signature takes hours to reach every resolver.
const AGAIN: [Duration; 2] = [Duration::hours(1), Duration::hours(24)];

/// The time limit of one check.
pub(super) const CHECK_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// A check of one fact: where it is asked for and stored.
pub(super) struct FactCheck<'a> {
    pub pool: &'a Pool,
    pub outbound: &'a Outbound,
    pub claimed: &'a Claimed,
    /// Whether registries are asked.
    pub asks_registries: bool,
}

impl FactCheck<'_> {
    /// Takes the fact and records it.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        match self.claimed.what {
            What::Website => self.website().await,
            What::Registry => self.registry().await,
            What::DnsFacts | What::DnsToken | What::WebToken => self.dns().await,
        }
    }

    async fn dns(&self) -> anyhow::Result<()> {
        let of_another = self.of_another::<DnsFacts>(None).await?;
        if let Some(taken) = of_another.filter(|taken| taken.fact.is_good()) {
            return self.record(&taken, None).await;
        }
        let Ok(domain) = DomainName::parse(&self.claimed.name) else {
            return self.end().await;
        };
        let asking = self.outbound.dns_facts(domain.ascii(), domain.registered_ascii());
        match timeout(CHECK_LIMIT, asking).await {
            Ok(found) => {
                let pause = self.again(&found);
                self.record(&Taken::new(self.now().await?, found), pause).await
            }
            Err(_) => self.note(&Outcome::TooSlow, self.pause()).await,
        }
    }

    async fn website(&self) -> anyhow::Result<()> {
        let Some(url) = self.address().await? else {
            return self.end().await;
        };
        let of_another = self.of_another::<WebsiteFact>(Some(url.as_str())).await?;
        if let Some(taken) = of_another.filter(|taken| taken.fact.answer.is_good()) {
            return self.record(&taken, None).await;
        }
        if self.is_visited_enough(&url).await? {
            return self.put_off(Duration::hours(24)).await;
        }
        let answer = timeout(CHECK_LIMIT, self.visit(&url)).await;
        let answer = answer.unwrap_or(WebsiteAnswer::None(FetchFault::TimedOut));
        let (at, own) = (self.now().await?, self.own().await?.website);
        let before = own.map(|taken| taken.fact).filter(|before| before.url == url.as_str());
        let is_failing = answer.is_its_failure();
        let failing_since = before.and_then(|before| before.failing_since).unwrap_or(at);
        let is_ours = matches!(answer, WebsiteAnswer::None(FetchFault::Name(_))) && !is_failing;
        let taken = Taken::new(
            at,
            WebsiteFact {
                url: url.into(),
                answer,
                failing_since: is_failing.then_some(failing_since),
            },
        );
        let pause = taken.pause().or(self.pause().filter(|_| is_ours));
        self.record(&taken, pause).await
    }

    /// Returns whether enough applications named the host of a website today, so that nobody sends our visits to a stranger.
    async fn is_visited_enough(&self, url: &Url) -> sqlx::Result<bool> {
        let host = url.host_str().and_then(|host| DomainName::parse(host).ok());
        if host.is_none_or(|host| shared_host(&host).is_some()) {
            return Ok(false);
        }
        let mut session = self.pool.session().await?;
        let visits = facts::visits(&mut session, self.claimed).await?;
        session.end().await?;
        Ok(visits >= VISITS_A_DAY)
    }

    async fn registry(&self) -> anyhow::Result<()> {
        let of_another = self.of_another::<RegistryFact>(None).await?;
        if let Some(taken) = of_another.filter(|taken| taken.fact != RegistryFact::NoAnswer) {
            return self.record(&taken, None).await;
        }
        let (true, Ok(domain)) = (self.asks_registries, DomainName::parse(&self.claimed.name)) else {
            return self.end().await;
        };
        let asking = ask(self.pool, self.outbound, &domain, self.claimed.attempts);
        let asked = timeout(CHECK_LIMIT, asking).await;
        match asked.unwrap_or(Ok(Asked::Fact(RegistryFact::NoAnswer)))? {
            // No answer does not replace one.
            Asked::Fact(RegistryFact::NoAnswer) if self.own().await?.registry.is_some() => self.end().await,
            Asked::Fact(fact) => self.record(&Taken::new(self.now().await?, fact), None).await,
            Asked::Later(pause) => self.note(&Outcome::TooSlow, Some(pause)).await,
            Asked::NotYet(pause) => self.put_off(pause).await,
        }
    }

    /// Returns the address of the website.
    async fn address(&self) -> sqlx::Result<Option<Url>> {
        let mut session = self.pool.session().await?;
        let target = facts::target(&mut session, &self.claimed.reference).await?;
        session.end().await?;
        Ok(target.and_then(|target| target.website))
    }

    /// Visits a website: by https, then by http if that fails. The form adds https to an address without a scheme.
    async fn visit(&self, url: &Url) -> WebsiteAnswer {
        let fault = match self.fetch(url).await {
            Ok(answer) => return answer,
            Err(fault) => fault,
        };
        let is_worth_it = matches!(
            fault,
            FetchFault::Refused
                | FetchFault::TimedOut
                | FetchFault::Tls
                | FetchFault::Certificate
                // Some hosts close a TLS connection for a name that they do not serve.
                | FetchFault::Broken
        );
        let mut plain = url.clone();
        if !is_worth_it || plain.set_scheme("http").is_err() {
            return WebsiteAnswer::None(fault);
        }
        self.fetch(&plain).await.unwrap_or(WebsiteAnswer::None(fault))
    }

    async fn fetch(&self, url: &Url) -> Result<WebsiteAnswer, FetchFault> {
        let fetched = self.outbound.fetch(Request {
            url,
            max_body: MAX_PAGE,
            allows_http: true,
            hosts: None,
            accept: "text/html, */*;q=0.5",
        });
        let fetched = fetched.await?;
        Ok(WebsiteAnswer::Status {
            status: fetched.status,
            host: fetched.url.host_str().unwrap_or_default().to_owned(),
            is_encrypted: fetched.url.scheme() == "https",
        })
    }

    /// Returns the present facts of this application.
    async fn own(&self) -> sqlx::Result<Facts> {
        let mut session = self.pool.session().await?;
        let own = facts::facts(&mut session, &self.claimed.reference).await?;
        session.end().await?;
        Ok(own)
    }

    /// Ends the claim until later, without an outcome.
    async fn put_off(&self, pause: Duration) -> anyhow::Result<()> {
        let mut session = self.pool.session().await?;
        queue::put_off(&mut session, self.claimed, Some(pause)).await?;
        Ok(session.end().await?)
    }

    async fn of_another<T: Serialize + DeserializeOwned>(&self, url: Option<&str>) -> sqlx::Result<Option<Taken<T>>> {
        let mut session = self.pool.session().await?;
        let taken = facts::recent(&mut session, self.claimed, url).await?;
        session.end().await?;
        Ok(taken)
    }

    /// Returns the database's time: the clocks of several instances may differ.
    async fn now(&self) -> sqlx::Result<OffsetDateTime> {
        let mut session = self.pool.session().await?;
        let now = sqlx::query_scalar!(r#"SELECT now() AS "now!""#)
            .fetch_one(&mut *session)
            .await?;
        session.end().await?;
        Ok(now)
    }

    /// Returns the time until DNS is asked again, if its answer was not good.
    fn again(&self, found: &DnsFacts) -> Option<Duration> {
        self.pause().filter(|_| !found.is_good())
    }

    fn pause(&self) -> Option<Duration> {
        let attempt = usize::try_from(self.claimed.attempts).ok()?;
        AGAIN.get(attempt).copied()
    }

    /// Stores the fact, unless the application was erased or corrected meanwhile.
    async fn record<T: Serialize + DeserializeOwned>(
        &self,
        taken: &Taken<T>,
        pause: Option<Duration>,
    ) -> anyhow::Result<()> {
        let claimed = self.claimed;
        let mut transaction = self.pool.transaction().await?;
        let is_there = lock(&mut transaction, Key::Reference(&claimed.reference))
            .await?
            .is_some();
        if is_there && queue::record(&mut transaction, claimed, &Outcome::Stored, pause).await? {
            facts::store(&mut transaction, &claimed.reference, claimed.what, &taken.to_json()).await?;
        }
        Ok(transaction.end().await?)
    }

    /// Ends the check without a fact.
    async fn end(&self) -> anyhow::Result<()> {
        self.note(&Outcome::Unknown, None).await
    }

    async fn note(&self, outcome: &Outcome, pause: Option<Duration>) -> anyhow::Result<()> {
        let mut session = self.pool.session().await?;
        queue::record(&mut session, self.claimed, outcome, pause).await?;
        Ok(session.end().await?)
    }
}
