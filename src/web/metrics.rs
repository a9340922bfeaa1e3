//! Figures for a monitor, in Prometheus' text format, on a listener of their own that is off unless
//! set: nothing of them is for visitors.

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

use super::message;
use crate::database::{HostRole, Pool};
use crate::membership;
use crate::outbox::{self, QueueStats, RelayState};

/// How long the database may take over its figures.
const PATIENCE: Duration = Duration::from_secs(5);

/// As OpenMetrics 1.0 has it, which Prometheus reads.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of the times of answers, in seconds.
const TIMES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 4.0, 10.0];

/// What is counted in this process, and what is asked of the database when somebody looks.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    times: Family<Route, Histogram>,
    unnamed_clients: Counter,
    started_at: Gauge<f64, AtomicU64>,
    is_database_up: Gauge,
    database_hosts: Family<Hosts, Gauge>,
    database_failovers: Counter,
    applications: Gauge,
    mails: Family<Mails, Gauge>,
    oldest_unsent: Gauge<f64, AtomicU64>,
    relay_failures: Gauge,
    relay_connections: Gauge,
    bounce_reports: Family<Reports, Gauge>,
}

/// One kind of answer. Few values each, whatever clients send.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// Where an answer's time belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
};

/// Servers of the database, where there are several, by what they are at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hosts {
    role: &'static str,
}

/// Mails that came to the bounce address, by what they said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reports {
    verdict: String,
}

/// Mails in one state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mails {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let started_at = Gauge::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        started_at.set(now.unwrap_or_default().as_secs_f64());
        Self {
            requests: Family::default(),
            times: Family::new_with_constructor(|| Histogram::new(TIMES)),
            unnamed_clients: Counter::default(),
            started_at,
            is_database_up: Gauge::default(),
            database_hosts: Family::default(),
            database_failovers: Counter::default(),
            applications: Gauge::default(),
            mails: Family::default(),
            oldest_unsent: Gauge::default(),
            relay_failures: Gauge::default(),
            relay_connections: Gauge::default(),
            bounce_reports: Family::default(),
        }
    }
}

/// Counts what is answered, and takes the time of it. What is prepared has none to speak of.
pub async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route: Arc<str> = route.map_or("unknown", MatchedPath::as_str).into();
    let (method, began) = (request.method().clone(), Instant::now());
    let response = next.run(request).await;
    let times = Route {
        route: Arc::clone(&route),
    };
    metrics
        .times
        .get_or_create(&times)
        .observe(began.elapsed().as_secs_f64());
    metrics.answered(&method, route, response.status());
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// What answers a monitor: `/metrics` and nothing else.
pub fn router(metrics: Arc<Metrics>, pool: Pool) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .layer(map_request(message::demand))
        .with_state((metrics, pool))
}

async fn show(State((metrics, pool)): State<(Arc<Metrics>, Pool)>) -> Response {
    metrics.look(&pool).await;
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Metrics {
    /// Where posts are counted whose client a trusted proxy does not name.
    pub fn unnamed_clients(&self) -> Counter {
        self.unnamed_clients.clone()
    }

    /// Counts an answer.
    pub fn answered(&self, method: &Method, route: Arc<str>, status: StatusCode) {
        let answered = Answered {
            method: known(method),
            route,
            status: status.as_u16(),
        };
        self.requests.get_or_create(&answered).inc();
    }

    /// Without a database its figures stay as they were, and `npoc_database_up` says so.
    async fn look(&self, pool: &Pool) {
        self.look_at_hosts(pool).await;
        let Ok(Ok((applications, standing, relay, reports))) = tokio::time::timeout(PATIENCE, ask(pool)).await else {
            self.is_database_up.set(0);
            return;
        };
        self.is_database_up.set(1);
        self.applications.set(applications);
        self.oldest_unsent.set(standing.oldest_waits.as_seconds_f64());
        self.relay_failures.set(relay.failures.into());
        for (verdict, count) in reports {
            self.bounce_reports.get_or_create(&Reports { verdict }).set(count);
        }
        self.relay_connections.set(relay.connections.into());
        for (state, mails) in [
            ("waiting", standing.waiting),
            ("refused", standing.refused),
            ("bounced", standing.bounced),
            ("given_up", standing.given_up),
            ("held", standing.held),
            ("digest", standing.for_digest),
        ] {
            self.mails.get_or_create(&Mails { state }).set(mails);
        }
    }

    async fn look_at_hosts(&self, pool: &Pool) {
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
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn register_process(&self, registry: &mut Registry) {
        let runs = Family::<Build, Gauge>::default();
        runs.get_or_create(&BUILD).set(1);
        registry.register("build_info", "What runs", runs);
        registry.register_with_unit(
            "start_time",
            "When this process began, since 1970",
            Unit::Seconds,
            self.started_at.clone(),
        );
        registry.register("http_requests", "Requests that were answered", self.requests.clone());
        registry.register(
            "unnamed_clients",
            "Posts whose client a trusted proxy did not name, so that no limit of one network held",
            self.unnamed_clients.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long an answer took, until its body began; without pages that are the same for all visitors",
            Unit::Seconds,
            self.times.clone(),
        );
    }

    fn register_database(&self, registry: &mut Registry) {
        registry.register(
            "database_up",
            "Whether the database answers",
            self.is_database_up.clone(),
        );
        registry.register(
            "database_hosts",
            "Servers that DATABASE_URL names, where it names several, by what they are",
            self.database_hosts.clone(),
        );
        registry.register(
            "database_failovers",
            "How often another server became the one that takes writes",
            self.database_failovers.clone(),
        );
        registry.register(
            "applications",
            "Applications that are stored",
            self.applications.clone(),
        );
        registry.register(
            "outbox_mails",
            "Mails that were not sent, by state (digest: to staff in the next one); of those that wait, those that the relay refuses because of our side; and those \
             that came back within 30 days",
            self.mails.clone(),
        );
        registry.register(
            "relay_failures",
            "Failures of the relay since it last answered for a mail; 0 while it serves",
            self.relay_failures.clone(),
        );
        registry.register(
            "relay_connections",
            "Connections at a time that the relay bears, as far as it has said",
            self.relay_connections.clone(),
        );
        registry.register(
            "bounce_reports",
            "Mails that came to the bounce address, by what they said",
            self.bounce_reports.clone(),
        );
        registry.register_with_unit(
            "outbox_oldest_unsent",
            "For how long the oldest mail that is to be sent has waited",
            Unit::Seconds,
            self.oldest_unsent.clone(),
        );
    }
}

async fn ask(pool: &Pool) -> sqlx::Result<(i64, QueueStats, RelayState, Vec<(String, i64)>)> {
    let mut session = pool.session().await?;
    let applications = membership::count(&mut *session).await?;
    let relay = outbox::relay_state(&mut *session).await?;
    let reports = outbox::bounce_reports(&mut *session).await?;
    session.end().await?;
    Ok((applications, outbox::queue_stats(pool).await?, relay, reports))
}
