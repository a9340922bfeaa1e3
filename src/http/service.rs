//! Answers one request: with a prepared answer, or through the router.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::{BoxError, Router};
use futures_util::future::Either;
use tower::ServiceExt as _;

use super::message;
use super::prepared::PreparedAnswers;

/// Counts a prepared answer, which no layer of the router sees.
pub type Counter = dyn Fn(&Method, Arc<str>, StatusCode) + Send + Sync;

/// Prepared answers, and a router for everything else.
#[derive(Clone)]
pub struct Service {
    prepared: Arc<PreparedAnswers>,
    count: Arc<Counter>,
    router: Router,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// Builds a service that calls `count` for each prepared answer.
    pub fn new(prepared: Arc<PreparedAnswers>, count: Arc<Counter>, router: Router) -> Self {
        Self {
            prepared,
            count,
            router,
        }
    }

    /// Answers one request from this peer.
    pub fn answer<B>(
        &self,
        mut request: Request<B>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if let Some(response) = self.prepared(&request) {
            return Either::Left(ready(Ok(response)));
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Either::Right(self.router.clone().oneshot(request.map(Body::new)))
    }

    /// Returns the prepared answer to a well-formed GET or HEAD. It needs no layers: it has its headers and encodings.
    fn prepared<B>(&self, request: &Request<B>) -> Option<Response> {
        let (route, prepared) = self.prepared.get_key_value(request.uri().path())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) || message::fault(request).is_some() {
            return None;
        }
        let response = prepared.answer(request);
        let status = response.status();
        (self.count)(request.method(), Arc::clone(route), status);
        tracing::debug!(method = %request.method(), %route, status = status.as_u16(), "prepared answer sent");
        Some(response)
    }
}
