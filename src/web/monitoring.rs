//! Metrics for a monitor, in Prometheus' text format. They have a listener of their own, which is off by default.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::database::{self, HostRole, Pool, Standbys};
use crate::http::message;
use crate::membership::{self, domain_proof};
use crate::outbox::{self, QueueStats, RelayState};
use crate::staff::Asked;

/// How long the database may take for its metrics.
const SCRAPE_LIMIT: Duration = Duration::from_secs(5);

/// The content type of OpenMetrics 1.0.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The histogram's bounds, in seconds.
const DURATIONS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 4.0, 10.0];

/// Counters of this process, and gauges that are read from the database for each scrape.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram>,
    unnamed_clients: Counter,
    sign_ins: Family<SignIns, Counter>,
    started_at: Gauge<f64, AtomicU64>,
    is_database_up: Gauge,
    database_hosts: Family<Hosts, Gauge>,
    database_failovers: Counter,
    standbys: Family<Replication, Gauge>,
    applications: Gauge,
    domain_checks: Gauge,
    emails: Family<Emails, Gauge>,
    oldest_unsent: Gauge<f64, AtomicU64>,
    relay_failures: Gauge,
    relay_connections: Gauge,
    bounce_reports: Family<Reports, Gauge>,
}

/// The labels of an answer. Clients cannot add values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// The label of a duration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
}

/// The version of this process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
};

/// The role of a database server, if there are several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hosts {
    role: &'static str,
}

/// How a standby follows the primary.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Replication {
    replication: &'static str,
}

/// The verdict of a bounce report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reports {
    verdict: String,
}

/// The outcome of a request to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignIns {
    outcome: &'static str,
}

/// The state of an email.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Emails {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let started_at = Gauge::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        started_at.set(now.unwrap_or_default().as_secs_f64());
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            unnamed_clients: Counter::default(),
            sign_ins: Family::default(),
            started_at,
            is_database_up: Gauge::default(),
            database_hosts: Family::default(),
            database_failovers: Counter::default(),
            standbys: Family::default(),
            domain_checks: Gauge::default(),
            applications: Gauge::default(),
            emails: Family::default(),
            oldest_unsent: Gauge::default(),
            relay_failures: Gauge::default(),
            relay_connections: Gauge::default(),
            bounce_reports: Family::default(),
        }
    }
}

/// Counts and times an answer of the router. Prepared answers are only counted.
pub async fn measure(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route: Arc<str> = route.map_or("unknown", MatchedPath::as_str).into();
    let (method, began) = (request.method().clone(), Instant::now());
    let response = next.run(request).await;
    let label = Route {
        route: Arc::clone(&route),
    };
    let duration = began.elapsed().as_secs_f64();
    metrics.durations.get_or_create(&label).observe(duration);
    metrics.count_answer(&method, route, response.status());
    response
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// Returns the router of a monitor, which has `/metrics` alone.
pub fn router(metrics: Arc<Metrics>, pool: Pool, checks_domains: bool) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .layer(map_request(message::validate))
        .with_state((metrics, pool, checks_domains))
}

async fn show(State((metrics, pool, checks_domains)): State<(Arc<Metrics>, Pool, bool)>) -> Response {
    metrics.refresh(&pool, checks_domains).await;
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Metrics {
    /// Returns the counter of requests whose client a trusted proxy does not name.
    pub fn unnamed_clients(&self) -> Counter {
        self.unnamed_clients.clone()
    }

    /// Counts a request to sign in. The desk's log has no addresses, so this shows guesses at them.
    pub fn count_sign_in(&self, asked: Asked) {
        let outcome = match asked {
            Asked::Sent => "sent",
            Asked::Unknown => "unknown",
            Asked::Limited => "limited",
        };
        self.sign_ins.get_or_create(&SignIns { outcome }).inc();
    }

    /// Counts an answer.
    pub fn count_answer(&self, method: &Method, route: Arc<str>, status: StatusCode) {
        let answer = Answer {
            method: method_label(method),
            route,
            status: status.as_u16(),
        };
        self.requests.get_or_create(&answer).inc();
    }

    /// Reads the gauges. Without a database they keep their values, and `npoc_database_up` is 0.
    async fn refresh(&self, pool: &Pool, checks_domains: bool) {
        self.refresh_hosts(pool).await;
        let Ok(Ok(read)) = tokio::time::timeout(SCRAPE_LIMIT, DatabaseValues::read(pool)).await else {
            self.is_database_up.set(0);
            return;
        };
        self.is_database_up.set(1);
        self.applications.set(read.applications);
        self.oldest_unsent.set(read.queue.oldest_waits.as_seconds_f64());
        self.relay_failures.set(read.relay.failures.into());
        self.relay_connections.set(read.relay.connections.into());
        self.domain_checks
            .set(if checks_domains { read.domain_checks } else { 0 });
        for (verdict, count) in read.bounce_reports {
            self.bounce_reports.get_or_create(&Reports { verdict }).set(count);
        }
        self.set_standbys(read.standbys);
        self.set_emails(&read.queue);
    }

    /// Exports nothing if the database's user may not see the standbys.
    fn set_standbys(&self, standbys: Option<Standbys>) {
        self.standbys.clear();
        let Some(Standbys {
            synchronous,
            asynchronous,
        }) = standbys
        else {
            return;
        };
        for (replication, standbys) in [("synchronous", synchronous), ("asynchronous", asynchronous)] {
            self.standbys.get_or_create(&Replication { replication }).set(standbys);
        }
    }

    fn set_emails(&self, queue: &QueueStats) {
        for (state, emails) in [
            ("waiting", queue.waiting),
            ("refused", queue.refused),
            ("bounced", queue.bounced),
            ("given_up", queue.given_up),
            ("held", queue.held),
            ("digest", queue.for_digest),
        ] {
            self.emails.get_or_create(&Emails { state }).set(emails);
        }
    }

    async fn refresh_hosts(&self, pool: &Pool) {
        self.database_failovers
            .inner()
            .store(pool.failovers(), std::sync::atomic::Ordering::Relaxed);
        let roles = pool.host_roles().await;
        if roles.is_empty() {
            return;
        }
        for (name, role) in [
            ("primary", HostRole::Primary),
            ("read_only", HostRole::ReadOnly),
            ("unreachable", HostRole::Unreachable),
        ] {
            let hosts = roles.iter().filter(|found| **found == role).count();
            let hosts = i64::try_from(hosts).unwrap_or(i64::MAX);
            self.database_hosts.get_or_create(&Hosts { role: name }).set(hosts);
        }
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("npoc");
        self.register_process(&mut registry);
        self.register_database(&mut registry);
        self.register_emails(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn register_process(&self, registry: &mut Registry) {
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&BUILD).set(1);
        registry.register("build_info", "Version of this process", build);
        let (help, started_at) = ("Start of this process, since 1970", self.started_at.clone());
        registry.register_with_unit("start_time", help, Unit::Seconds, started_at);
        registry.register("http_requests", "Requests answered", self.requests.clone());
        let help = "Requests without a rate limit, since a trusted proxy named no client";
        registry.register("unnamed_clients", help, self.unnamed_clients.clone());
        let help = "Requests to sign in at the desk";
        registry.register("sign_in_requests", help, self.sign_ins.clone());
        let help = "Time until an answer's body began, without pages that are the same for all visitors";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, self.durations.clone());
    }

    fn register_database(&self, registry: &mut Registry) {
        registry.register(
            "database_up",
            "Whether the database answers",
            self.is_database_up.clone(),
        );
        let help = "Database servers by role, if DATABASE_URL names several";
        registry.register("database_hosts", help, self.database_hosts.clone());
        let help = "Changes of the server that accepts writes";
        registry.register("database_failovers", help, self.database_failovers.clone());
        let help = "Standbys connected to the server that accepts writes, if pg_monitor is granted";
        registry.register("database_standbys", help, self.standbys.clone());
        registry.register("applications", "Applications stored", self.applications.clone());
        let help = "Applications that have waited 15 minutes for the facts about their domain name";
        registry.register("domain_checks_overdue", help, self.domain_checks.clone());
    }

    fn register_emails(&self, registry: &mut Registry) {
        let help = "Emails that were not sent, by state; digest: for the next digest to staff; refused: waiting, and refused by the \
                    relay because of our configuration; bounced: returned within 30 days";
        registry.register("outbox_mails", help, self.emails.clone());
        let help = "Failures of the relay since it last accepted or refused an email";
        registry.register("relay_failures", help, self.relay_failures.clone());
        let help = "Connections that the relay accepts at the same time, as far as known";
        registry.register("relay_connections", help, self.relay_connections.clone());
        let help = "Emails received at the bounce address, by verdict";
        registry.register("bounce_reports", help, self.bounce_reports.clone());
        let help = "Age of the oldest email that waits to be sent";
        registry.register_with_unit("outbox_oldest_unsent", help, Unit::Seconds, self.oldest_unsent.clone());
    }
}

/// The values that a scrape reads from the database.
struct DatabaseValues {
    standbys: Option<Standbys>,
    applications: i64,
    domain_checks: i64,
    queue: QueueStats,
    relay: RelayState,
    bounce_reports: Vec<(String, i64)>,
}

impl DatabaseValues {
    async fn read(pool: &Pool) -> sqlx::Result<Self> {
        let mut session = pool.session().await?;
        let standbys = database::standbys(&mut session).await?;
        let applications = membership::count(&mut *session).await?;
        let domain_checks = domain_proof::overdue(&mut session).await?;
        let relay = outbox::relay_state(&mut *session).await?;
        let bounce_reports = outbox::bounce_reports(&mut *session).await?;
        session.end().await?;
        Ok(Self {
            standbys,
            applications,
            domain_checks,
            queue: outbox::queue_stats(pool).await?,
            relay,
            bounce_reports,
        })
    }
}
