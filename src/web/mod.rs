//! HTTP and HTML. Knows everything below it; nothing below knows it.

mod apply;
mod assets;
mod client;
pub(crate) mod error;
mod health;
mod layout;
mod monitoring;
mod pages;
mod well_known;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, MatchedPath, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::middleware::{from_fn_with_state, map_request, map_response_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use axum::{BoxError, Router};
use futures_util::future::Either;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt as _;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::database::Pool;
use crate::membership::Intake;
use crate::outbox::Outbox;
use crate::settings::Settings;
use crate::http::client::Proxies;
use crate::http::connections::Places;
use crate::http::prepared::{Constant, Constants};
use crate::http::request_body::Bodies;
pub use crate::http::server::Limits;
use crate::http::{encoding, message, server};
use client::Limit;
use error::Failure;
use health::Readiness;
use layout::Frame;
use monitoring::Metrics;
pub use pages::Page;

/// What a page might ask of a browser; ours ask nothing.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()";

/// What handlers share.
pub struct Site {
    pool: Pool,
    readiness: Readiness,
    intake: Intake,
    bodies: Bodies,
    limit: Limit,
    limits: Limits,
    metrics: Arc<Metrics>,
    frame: Frame,
    security: HeaderMap,
    constants: Arc<Constants>,
}

impl Site {
    /// Renders the pages that are the same for all visitors, once.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn new(settings: &Settings, pool: Pool, outbox: &Arc<Outbox>, limits: Limits) -> anyhow::Result<Arc<Self>> {
        let frame = Frame {
            public_url: settings.public_url.clone(),
            profiles: settings.profiles.clone(),
            retention_days: settings.retention_days,
        };
        let security = security_headers(&frame.public_url)?;
        let metrics = Arc::<Metrics>::default();
        let proxies = Proxies::new(settings.trusted_proxies.clone(), metrics.unnamed_clients());
        Ok(Arc::new(Self {
            intake: Intake::new(limits.storing, &pool, &settings.mail_identity(), outbox),
            bodies: Bodies::new(settings.trusted_proxies.clone()),
            limits,
            metrics,
            limit: Limit::new(settings.rate_limit, proxies),
            constants: Arc::new(constants(&frame, &security)?),
            security,
            frame,
            readiness: Readiness::new(pool.clone()),
            pool,
        }))
    }
}

/// All pages that are the same for all visitors.
fn constants(frame: &Frame, every: &HeaderMap) -> anyhow::Result<Constants> {
    let mut all = pages::all(frame, every)?;
    all.extend(assets::all(every)?);
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
        let constant = Constant::new(content.as_bytes(), content_type, "max-age=3600", every)?;
        all.insert(path.into(), constant);
    }
    Ok(all)
}

/// All that answers: what is prepared at once, anything else through the routes.
#[derive(Clone)]
pub struct Service {
    prepared: Arc<Constants>,
    metrics: Arc<Metrics>,
    router: Router,
}

impl Service {
    /// That of a site.
    #[must_use]
    pub fn new(site: &Arc<Site>) -> Self {
        Self {
            prepared: Arc::clone(&site.constants),
            metrics: Arc::clone(&site.metrics),
            router: router(Arc::clone(site)),
        }
    }

    /// That of a site for its monitor.
    fn of_monitor(site: &Site) -> Self {
        Self {
            prepared: Arc::default(),
            metrics: Arc::clone(&site.metrics),
            router: monitoring::router(Arc::clone(&site.metrics), site.pool.clone()),
        }
    }

    /// Answers one request of the peer of its connection.
    pub fn answer<B>(
        &self,
        mut request: Request<B>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if let Some(response) = self.at_once(&request) {
            return Either::Left(ready(Ok(response)));
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Either::Right(self.router.clone().oneshot(request.map(Body::new)))
    }

    /// A page that is the same for all visitors needs no layers: they were applied when it was prepared. It is
    /// counted, and in the log for those who look closely.
    fn at_once<B>(&self, request: &Request<B>) -> Option<Response> {
        let (route, constant) = self.prepared.get_key_value(request.uri().path())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) || message::fault(request).is_some() {
            return None;
        }
        let response = constant.answer(request);
        let status = response.status();
        self.metrics.answered(request.method(), Arc::clone(route), status);
        tracing::debug!(method = %request.method(), %route, status = status.as_u16(), "prepared");
        Some(response)
    }
}

/// Every route behind its layers. What is prepared is answered before, unless it is asked by another method or in a
/// message that is refused.
fn router(site: Arc<Site>) -> Router {
    let paths = site.constants.keys();
    paths
        .fold(Router::new(), |router, path| router.route(path, any(only_read)))
        .route(Page::Membership.path(), get(apply::show).post(apply::post))
        .route("/membership/received/{secret}", get(apply::receipt))
        .route("/.well-known/security.txt", get(well_known::security))
        .fallback(elsewhere)
        .layer(map_request(message::demand))
        // A fault of ours in one request is a page, not the end of the connection.
        .layer(CatchPanicLayer::custom(|_| {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            site.limits.request,
        ))
        .layer(map_response_with_state(Arc::clone(&site), error::draw))
        // The level from which Brotli is the smallest here too.
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(5)))
        .layer(map_request(encoding::settle))
        // Health is for machines: no page is drawn over it.
        .merge(health::router())
        .layer(map_response_with_state(Arc::clone(&site), with_security_headers))
        .layer(from_fn_with_state(Arc::clone(&site.metrics), monitoring::count))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(Level::INFO))
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(map_request(without_request_id))
        .with_state(site)
}

/// Answers requests until told to stop, then finishes those under way, as long as that is soon.
pub async fn serve(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let (places, limits) = (places(&site), site.limits);
    server::run(Service::new(&site), listener, places, limits, stop).await;
    site.intake.close().await;
}

/// Answers a monitor until told to stop.
pub async fn serve_metrics(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    server::run(Service::of_monitor(&site), listener, places(&site), site.limits, stop).await;
}

/// Of each listener its own: visitors leave those of the monitor alone.
fn places(site: &Site) -> Arc<Places> {
    let Limits {
        connections,
        connections_of_one,
        ..
    } = site.limits;
    Places::new(connections, connections_of_one, site.limit.proxies().trusted().to_vec())
}

/// Our own alone: what a client says would be in the log.
async fn without_request_id(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().remove("x-request-id");
    request
}

/// The route, never the path: a receipt's path is its secret. No address of the client either.
fn span(request: &Request<Body>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str);
    tracing::info_span!("request", id, method = %request.method(), route)
}

/// Of what is prepared.
async fn only_read() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")])
}

/// A page has one address: with a slash at its end, it is found too, and the form arrives.
async fn elsewhere(uri: Uri) -> Result<Redirect, Failure> {
    let path = uri.path().trim_end_matches('/');
    let page = Page::ALL.into_iter().find(|page| page.path() == path);
    let page = page.ok_or(Failure::NotFound)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Redirect::permanent(&format!("{}{query}", page.path())))
}

fn security_headers(public_url: &str) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::from_iter([
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
    ]);
    if public_url.starts_with("https:") {
        let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, two_years);
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
