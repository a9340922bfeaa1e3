//! The pages and forms of the site. Contains no SQL.
//!
//! One request: [`Service`] gives a prepared answer, or passes the request through `router` to its handler, in `apply`,
//! `status`, `assets` or `health`. One page: `pages` → `site` (at start) → `layout` → `http::prepared`.

mod address;
mod apply;
mod assets;
mod cookies;
mod desk;
mod error;
mod headers;
mod health;
mod layout;
mod monitoring;
mod origin;
mod pages;
mod readiness;
mod site;
mod status;
mod time_limit;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::{Method, Request, StatusCode, Uri, header};
use axum::middleware::{from_fn_with_state, map_request, map_response_with_state};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;
use url::Url;

use crate::http::prepared::Prepared;
pub use crate::http::service::Service;
use crate::http::{encoding, message};
use crate::settings::FORMER_CHARTER;
use error::WebError;
pub use layout::Page;
use layout::SiteInfo;
pub use site::{Limits, Site};

impl Site {
    /// Returns the service that answers visitors.
    #[must_use]
    pub fn service(self: &Arc<Self>) -> Service {
        let metrics = Arc::clone(&self.metrics);
        let count = move |method: &Method, route, status| metrics.count_answer(method, route, status);
        Service::new(Arc::clone(&self.prepared), Arc::new(count), router(Arc::clone(self)))
    }
}

/// Serves visitors until told to stop, then finishes current requests within a time limit.
pub async fn serve(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let prepared = Arc::clone(&site.prepared);
    // A page that is requested before is encoded then.
    tokio::task::spawn_blocking(move || prepared.values().for_each(Prepared::encode_all));
    site.server(site.service()).run(listener, stop).await;
    site.submissions.close().await;
}

/// Serves metrics to a monitor until told to stop.
pub async fn serve_metrics(site: Arc<Site>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let router = monitoring::router(
        Arc::clone(&site.metrics),
        site.pool.clone(),
        site.domain_checks.is_some(),
    );
    let service = Service::new(Arc::default(), Arc::new(|_: &Method, _, _| {}), router);
    site.server(service).run(listener, stop).await;
}

/// The table of routes. [`Service`] answers prepared pages itself. Their paths are here only so that other methods get 405
/// and malformed requests 400.
fn router(site: Arc<Site>) -> Router {
    let paths = site.prepared.keys();
    let pages = paths.fold(Router::new(), |router, path| {
        router.route(path, any(method_not_allowed))
    });
    let forms = site
        .info
        .languages
        .iter()
        .map(|language| Page::MEMBERSHIP.address(*language).to_string());
    let pages = forms
        .fold(pages, |router, path| {
            router.route(&path, get(apply::show_form).post(apply::post))
        })
        .route("/membership/received/{secret}", get(status::show))
        .route(
            "/membership/received/{secret}/language",
            get(status::return_from_language).post(status::change_language),
        )
        .route(
            "/membership/received/{secret}/change",
            get(status::return_from_language).post(status::ask_for_link),
        )
        .route("/membership/received/{secret}/domain", get(status::show_domain))
        .route(
            "/membership/received/{secret}/domain/{action}",
            get(status::return_to_domain).post(status::post_domain),
        )
        .route(
            "/membership/change/{token}",
            get(apply::show_correction).post(apply::post_correction),
        )
        .route(
            "/membership/received/{secret}/{action}",
            get(status::return_to).post(status::post),
        )
        .route("/.well-known/security.txt", get(assets::security))
        .merge(desk::router(&site))
        .fallback(redirect_or_not_found);
    let machines = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .layer(map_request(message::validate));
    let routes = with_page_layers(pages, &site).merge(machines);
    with_common_layers(routes, &site).with_state(site)
}

/// Adds the layers of pages, the innermost first.
fn with_page_layers(router: Router<Arc<Site>>, site: &Arc<Site>) -> Router<Arc<Site>> {
    router
        .layer(map_request(message::validate))
        // A panic in a handler is an error page, and keeps the connection.
        .layer(CatchPanicLayer::custom(|_| {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            site.limits.request,
        ))
        .layer(from_fn_with_state(Arc::clone(site), error::render_page))
        // From level 5, Brotli gives the smallest pages.
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(5)))
        .layer(map_request(encoding::choose))
}

/// Adds the layers of every route, the innermost first.
fn with_common_layers(router: Router<Arc<Site>>, site: &Arc<Site>) -> Router<Arc<Site>> {
    router
        .layer(map_response_with_state(
            Arc::clone(&site.security_headers),
            headers::add,
        ))
        .layer(from_fn_with_state(Arc::clone(&site.metrics), monitoring::measure))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(DefaultOnResponse::new().level(Level::INFO))
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(map_request(remove_request_id))
}

/// Removes the client's request ID, so that no text from a client is in the log.
async fn remove_request_id(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().remove("x-request-id");
    request
}

/// Builds the log's span of a request: with the route but not the path, which is secret for a receipt, and without the
/// client's address.
fn span(request: &Request<Body>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str);
    tracing::info_span!("request", id, method = %request.method(), route)
}

async fn method_not_allowed() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")])
}

/// Redirects a page's path with a slash at its end, below `/en`, and the paths of the former site. 308 keeps a posted form.
async fn redirect_or_not_found(State(info): State<SiteInfo>, method: Method, uri: Uri) -> Result<Redirect, WebError> {
    let path = address::below_en(uri.path()).unwrap_or(uri.path());
    let (language, rest) = address::split(path);
    let rest = match rest {
        "" | "/" => Page::HOME.path,
        rest => rest.trim_end_matches('/'),
    };
    let page = Page::ALL.iter().find(|page| page.path == rest);
    if let Some(page) = page.filter(|_| info.languages.contains(&language)) {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Ok(Redirect::permanent(&format!("{}{query}", page.address(language))));
    }
    // The language was published when the form was opened. The answers must not be lost.
    if page == Some(&Page::MEMBERSHIP) && method == Method::POST {
        return Ok(Redirect::temporary(Page::MEMBERSHIP.path));
    }
    let path = path.trim_end_matches('/');
    let moved = pages::FORMER_PATHS.iter().find(|(former, _)| *former == path);
    let moved = moved.map(|(_, now)| now.path);
    let charter = info.charter_url.as_ref().map(Url::as_str);
    let now = moved.or(charter.filter(|_| path == FORMER_CHARTER));
    now.map(Redirect::permanent).ok_or(WebError::NotFound)
}
