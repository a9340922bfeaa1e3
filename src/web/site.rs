//! The site: its settings, its limits, and everything that its handlers share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use tokio::sync::Semaphore;
use tower_http::csrf::CsrfLayer;

use super::cookies::CookieJar;
use super::layout::{self, LooksUp, Page, SiteInfo};
use super::monitoring::Metrics;
use super::origin::same_origin;
use super::readiness::Readiness;
use super::{assets, headers};
use crate::database::Pool;
use crate::http::client::Proxies;
use crate::http::connections::ConnectionLimit;
use crate::http::prepared::PreparedAnswers;
use crate::http::rate_limit::RateLimits;
use crate::http::request_body::BodyReader;
use crate::http::server::{Server, Timeouts};
use crate::http::service::Service;
use crate::membership::Submissions;
use crate::membership::domain_proof::DomainChecks;
use crate::membership::review::Review;
use crate::outbox::Outbox;
use crate::settings::Settings;
use crate::staff::{DeskEmails, SecondFactorRule};

/// The shared state of all handlers.
pub struct Site {
    pub(super) pool: Pool,
    pub(super) readiness: Readiness,
    pub(super) submissions: Submissions,
    pub(super) review: Review,
    pub(super) desk_emails: DeskEmails,
    pub(super) second_factor: SecondFactorRule,
    pub(super) same_origin: CsrfLayer,
    pub(super) cookies: CookieJar,
    /// Limits downloads of all applications.
    pub(super) exports: Arc<Semaphore>,
    /// Whether there are staff. Turns true and stays so.
    pub(super) has_staff: AtomicBool,
    pub(super) outbox: Arc<Outbox>,
    /// Checks of domain names; `None` if they are off.
    pub(super) domain_checks: Option<Arc<DomainChecks>>,
    pub(super) body_reader: BodyReader,
    pub(super) proxies: Proxies,
    pub(super) rate_limits: Option<RateLimits>,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) info: SiteInfo,
    pub(super) security_headers: Arc<HeaderMap>,
    pub(super) prepared: Arc<PreparedAnswers>,
}

/// Limits of connections, requests and stored applications.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time, well below the usual limit of 1,024 open files.
    pub connections: usize,
    /// Connections of one network at the same time. Many people may share a network. Proxies have no such limit.
    pub connections_of_one: usize,
    /// Time to send the head of a request, and to stay idle before the next one.
    pub head: Duration,
    /// The same for a proxy. nginx keeps a connection for one minute, Caddy for two. The proxy must be the one that
    /// closes it: otherwise a form that it is sending is lost.
    pub head_of_proxy: Duration,
    /// Time from the head of a request to the beginning of its answer.
    pub request: Duration,
    /// Time that a connection may last. The current request is finished then.
    pub connection: Duration,
    /// Applications that are stored at the same time. More would only wait for each other.
    pub storing: u16,
}

/// The most downloads of all applications at the same time.
const MOST_EXPORTS: usize = 2;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 800,
            connections_of_one: 100,
            head: Duration::from_secs(15),
            head_of_proxy: Duration::from_secs(150),
            request: Duration::from_mins(1),
            connection: Duration::from_mins(5),
            storing: 64,
        }
    }
}

impl Site {
    /// Builds a site, and prepares the pages that are the same for all visitors.
    ///
    /// # Errors
    /// Returns an error if a page cannot be rendered.
    pub fn new(
        settings: &Settings,
        pool: Pool,
        outbox: &Arc<Outbox>,
        domain_checks: Option<Arc<DomainChecks>>,
        limits: Limits,
    ) -> anyhow::Result<Arc<Self>> {
        let info = SiteInfo {
            public_url: settings.public_url.clone(),
            profiles: settings.profiles.clone(),
            charter_url: settings.charter_url.clone(),
            leaders: settings.leaders.clone(),
            retention_days: settings.retention_days,
            languages: settings.languages.clone(),
            looks_up: LooksUp {
                domain: domain_checks.is_some(),
                registry: domain_checks.is_some() && settings.rdap,
            },
        };
        let security_headers = headers::security_headers(&info.public_url)?;
        let mut prepared = layout::prepare(Page::ALL, &info, &security_headers)?;
        prepared.extend(assets::prepare(&info, &security_headers));
        let metrics = Arc::<Metrics>::default();
        Ok(Arc::new(Self {
            submissions: Submissions::new(limits.storing, &pool, &settings.mail_identity(), outbox),
            review: settings.review(),
            desk_emails: settings.desk_emails(),
            second_factor: settings.second_factor,
            same_origin: same_origin(&settings.public_url)?,
            cookies: CookieJar::of(&settings.public_url),
            exports: Arc::new(Semaphore::new(MOST_EXPORTS)),
            has_staff: AtomicBool::new(false),
            outbox: Arc::clone(outbox),
            domain_checks,
            body_reader: BodyReader::new(settings.trusted_proxies.clone()),
            proxies: Proxies::new(settings.trusted_proxies.clone(), metrics.unnamed_clients()),
            rate_limits: RateLimits::new(settings.rate_limit),
            readiness: Readiness::new(pool.clone()),
            prepared: Arc::new(prepared),
            pool,
            limits,
            metrics,
            info,
            security_headers: Arc::new(security_headers),
        }))
    }

    /// Returns a server with connections of its own, so that visitors cannot use up those of the monitor.
    pub(super) fn server(&self, service: Service) -> Server {
        let limits = self.limits;
        let proxies = self.proxies.trusted().to_vec();
        let connections = ConnectionLimit::new(limits.connections, limits.connections_of_one, proxies);
        let timeouts = Timeouts {
            head: limits.head,
            head_of_proxy: limits.head_of_proxy,
            request: limits.request,
            connection: limits.connection,
        };
        Server::new(service, connections, timeouts)
    }
}

impl FromRef<Arc<Site>> for SiteInfo {
    fn from_ref(site: &Arc<Site>) -> Self {
        site.info.clone()
    }
}
