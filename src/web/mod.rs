//! HTTP and HTML. Knows everything below it; nothing below knows it.

mod client;
mod coding;
mod constant;
mod failure;
mod health;
mod layout;
mod membership;
mod metrics;
mod page;
mod places;
mod server;
mod static_file;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use axum::middleware::{from_fn_with_state, map_request, map_response_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::database::Pool;
use crate::membership::Letterhead;
use crate::outbox::Outbox;
use crate::settings::Settings;
use client::Limit;
use constant::{Constant, Constants};
use failure::Failure;
use layout::Frame;
use metrics::Metrics;
pub use page::Page;
use places::Places;
pub use server::Limits;

/// The largest form that is read, in octets. Ten times the longest allowed answers in the script
/// that urlencodes longest, so that too long an answer meets a sentence and not this limit.
const FORM_LIMIT: usize = 4 * 1024 * 1024;

/// What a page might ask of a browser; ours ask nothing.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()";

/// What handlers share.
pub struct Site {
    pool: Pool,
    outbox: Arc<Outbox>,
    letterhead: Letterhead,
    limit: Limit,
    limits: Limits,
    metrics: Arc<Metrics>,
    storing: Semaphore,
    frame: Frame,
    security: Vec<(HeaderName, HeaderValue)>,
    constants: Constants,
}

impl Site {
    /// Renders what is the same for everybody, once.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn new(settings: &Settings, pool: Pool, outbox: Arc<Outbox>, limits: Limits) -> anyhow::Result<Arc<Self>> {
        let frame = Frame {
            public_url: settings.public_url.clone(),
            profiles: settings.profiles.clone(),
        };
        Ok(Arc::new(Self {
            letterhead: settings.letterhead(),
            storing: Semaphore::new(limits.storing),
            limits,
            metrics: Arc::default(),
            limit: Limit::new(settings.rate_limit, settings.trusted_proxies.clone()),
            constants: constants(&frame)?,
            security: security_headers(&frame.public_url)?,
            frame,
            pool,
            outbox,
        }))
    }
}

/// Whatever is the same for everybody.
fn constants(frame: &Frame) -> anyhow::Result<Constants> {
    let mut all = page::all(frame)?;
    all.extend(static_file::all()?);
    for (path, content, content_type) in [
        (
            "/robots.txt",
            well_known::robots(&frame.public_url),
            "text/plain; charset=utf-8",
        ),
        (
            "/sitemap.xml",
            well_known::sitemap(&frame.public_url),
            "application/xml",
        ),
    ] {
        let constant = Constant::new(content.as_bytes(), content_type, "max-age=3600")?;
        all.insert(path.into(), constant.into());
    }
    Ok(all)
}

/// Every route behind its layers.
pub fn router(site: Arc<Site>) -> Router {
    let router = site.constants.iter().fold(Router::new(), |router, (path, constant)| {
        let constant = Arc::clone(constant);
        router.route(
            path,
            get(move |request: Request| async move { constant.answer(&request) }),
        )
    });
    router
        .route(Page::Membership.path(), get(membership::show).post(membership::post))
        .route("/membership/received/{secret}", get(membership::receipt))
        .route("/.well-known/security.txt", get(well_known::security))
        .fallback(elsewhere)
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
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_not_prepared)))
        .layer(map_request(coding::settle))
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

/// What has a tag was compressed at start, as far as that makes it smaller; its tag is of those octets.
fn is_not_prepared(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}

/// A page has one address: with a slash at its end, it is found too, and the form arrives.
async fn elsewhere(uri: Uri) -> Result<Redirect, Failure> {
    let path = uri.path().trim_end_matches('/');
    let page = Page::ALL.into_iter().find(|page| page.path() == path);
    page.map(|page| Redirect::permanent(page.path()))
        .ok_or(Failure::NotFound)
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
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static(PERMISSIONS),
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            HeaderValue::from_static("require-corp"),
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
