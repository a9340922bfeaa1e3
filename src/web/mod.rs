//! HTTP and HTML. Knows everything below it; nothing below knows it.

mod client;
mod constant;
mod failure;
mod health;
mod layout;
mod membership;
mod metrics;
mod page;
mod places;
mod server;
mod well_known;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::database::Pool;
use crate::membership::Letterhead;
use crate::outbox::Outbox;
use crate::settings::Settings;
use client::Limit;
use constant::Constant;
use metrics::Metrics;
pub use page::Page;
use places::Places;
pub use server::Limits;

/// The largest form that is read, in octets. Ten times the longest allowed answers in the script
/// that urlencodes longest, so that too long an answer meets a sentence and not this limit.
const FORM_LIMIT: usize = 4 * 1024 * 1024;

/// What handlers share.
pub struct Site {
    pool: Pool,
    outbox: Arc<Outbox>,
    letterhead: Letterhead,
    limit: Limit,
    limits: Limits,
    metrics: Arc<Metrics>,
    storing: Semaphore,
    public_url: String,
    security: Vec<(HeaderName, HeaderValue)>,
    constants: HashMap<Page, Constant>,
}

impl Site {
    /// Renders what is the same for everybody, once.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn new(settings: &Settings, pool: Pool, outbox: Arc<Outbox>, limits: Limits) -> anyhow::Result<Arc<Self>> {
        let public_url = settings.public_url.clone();
        Ok(Arc::new(Self {
            letterhead: settings.letterhead(),
            storing: Semaphore::new(limits.storing),
            limits,
            metrics: Arc::default(),
            limit: Limit::new(settings.rate_limit, settings.trusted_proxies.clone()),
            constants: constant::render_all(&public_url)?,
            security: security_headers(&public_url)?,
            public_url,
            pool,
            outbox,
        }))
    }
}

/// Every route behind its layers.
pub fn router(site: Arc<Site>) -> Router {
    Page::ALL
        .into_iter()
        .filter(|page| *page != Page::Membership)
        .fold(Router::new(), |router, page| {
            router.route(
                page.path(),
                get(move |State(site): State<Arc<Site>>, headers: HeaderMap| async move {
                    constant::show(page, &site, &headers)
                }),
            )
        })
        .route(Page::Membership.path(), get(membership::show).post(membership::post))
        .route("/membership/received/{secret}", get(membership::receipt))
        .route("/robots.txt", get(well_known::robots))
        .route("/sitemap.xml", get(well_known::sitemap))
        .route("/.well-known/security.txt", get(well_known::security))
        .route("/favicon.ico", get(well_known::favicon))
        .route("/static/icon.svg", get(well_known::icon))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        // A fault of ours in one request is a page, not the end of the connection.
        .layer(CatchPanicLayer::custom(|_| {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            site.limits.request,
        ))
        .layer(map_response_with_state(Arc::clone(&site), failure::draw))
        .layer(CompressionLayer::new())
        // Health is for machines: no page is drawn over it.
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .layer(map_response_with_state(Arc::clone(&site), with_security_headers))
        .layer(from_fn_with_state(Arc::clone(&site.metrics), metrics::count))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(Level::INFO))
                .on_failure(()),
        )
        .with_state(site)
}

/// Answers requests until told to stop, then finishes those under way, as long as that is soon.
pub async fn serve(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let (places, limits) = (places(&site), site.limits);
    server::run(router(site), listener, places, limits, stop).await;
}

/// Answers a monitor until told to stop.
pub async fn serve_metrics(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let router = metrics::router(Arc::clone(&site.metrics), site.pool.clone());
    server::run(router, listener, places(&site), site.limits, stop).await;
}

/// Of each listener its own: visitors leave those of the monitor alone.
fn places(site: &Site) -> Arc<Places> {
    let Limits {
        connections,
        connections_of_one,
        ..
    } = site.limits;
    Places::new(connections, connections_of_one, site.limit.trusted_proxies().to_vec())
}

/// The route, never the path: a receipt's path is its secret. No address of the client either.
fn span(request: &Request) -> tracing::Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str);
    tracing::info_span!("request", method = %request.method(), route)
}

fn security_headers(public_url: &str) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = vec![
        (
            header::CONTENT_SECURITY_POLICY,
            layout::content_security_policy().parse()?,
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("strict-origin-when-cross-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    if public_url.starts_with("https:") {
        headers.push((
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=63072000; includeSubDomains"),
        ));
    }
    Ok(headers)
}

/// A handler that set one of them knows better.
async fn with_security_headers(State(site): State<Arc<Site>>, mut response: Response) -> Response {
    for (name, value) in &site.security {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}
