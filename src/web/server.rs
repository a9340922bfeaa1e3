//! Takes connections and answers what they ask, within [`Limits`]: whoever is slow holds memory and
//! a place for a bounded time, and nobody else's.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// How much of what may go on at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections. Well below the 1,024 files that a process may usually have open.
    pub connections: usize,
    /// How long a request's head may take, and a connection may wait for the next one.
    pub head: Duration,
    /// How long a request may take once its head is read: its body, and the answer's beginning.
    pub request: Duration,
    /// How long a connection may last, however much goes on in it: bounds the reading of answers.
    pub connection: Duration,
    /// Applications that are being stored. More would only wait for each other.
    pub storing: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 800,
            head: Duration::from_secs(15),
            request: Duration::from_mins(1),
            connection: Duration::from_mins(5),
            storing: 64,
        }
    }
}

/// How long a stop waits for requests that are under way.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be taken, as with too many open files.
const BREATH: Duration = Duration::from_millis(500);

/// Answers until told to stop, then finishes what is under way, as long as that is soon.
pub async fn run(router: Router, listener: TcpListener, limits: Limits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let open = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            taken = take(&listener, &places) => taken,
            _ = stop.changed() => break,
        };
        match taken {
            Some((stream, peer, place)) => {
                tokio::spawn(answer(stream, peer, place, router.clone(), limits, open.watcher()));
            }
            None => tokio::time::sleep(BREATH).await,
        }
    }
    drop(listener);
    drop(tokio::time::timeout(STOP_LIMIT, open.shutdown()).await);
}

/// The next connection, once there is a place for it. Until then others wait in the system's queue.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let (stream, peer) = listener.accept().await.ok()?;
    Some((stream, peer, place))
}

async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
    router: Router,
    limits: Limits,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // An answer is written whole; there is nothing to wait for.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    // What ends a connection early is the client's own doing, and told to nobody.
    drop(tokio::time::timeout(limits.connection, pin!(watcher.watch(connection))).await);
}
