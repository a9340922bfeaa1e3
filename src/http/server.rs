//! Accepts connections and serves HTTP/1.1 on each. Limits bound how long a slow client holds a connection.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::chunks::{BodyKind, CheckedReader};
use super::connections::{ConnectionLimit, ConnectionPermit};
use super::service::Service;

/// Time limits of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From accepting a connection, or from the last answer, to the end of a request's head.
    pub head: Duration,
    /// The same for a proxy.
    pub head_of_proxy: Duration,
    /// From the head of a request to the beginning of its answer. The router enforces it.
    pub request: Duration,
    /// From accepting a connection to its last request.
    pub connection: Duration,
}

/// The largest head of a request, in octets. A larger one is answered with 431. Browsers send a fraction of it.
const LARGEST_HEAD: usize = 32 * 1024;

/// How long a stop waits for current requests.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The pause after an accept that failed, for example with too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// A service on a listener.
#[derive(Debug)]
pub struct Server {
    service: Service,
    connections: Arc<ConnectionLimit>,
    timeouts: Timeouts,
}

impl Server {
    /// Builds a server within these limits.
    pub fn new(service: Service, connections: Arc<ConnectionLimit>, timeouts: Timeouts) -> Self {
        Self {
            service,
            connections,
            timeouts,
        }
    }

    /// Serves until told to stop, then finishes current requests within [`STOP_LIMIT`].
    pub async fn run(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                _ = stop.changed() => break,
            };
            match accepted {
                Ok(Some((stream, peer, permit))) => self.spawn(stream, peer, permit, stop.clone()),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted, retrying");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listener);
        self.connections.wait_until_free(STOP_LIMIT).await;
    }

    /// Accepts a connection when one is free; until then, clients wait in the system's queue. Returns `None` if the
    /// client's network has too many: the connection is closed.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> std::io::Result<Option<(TcpStream, SocketAddr, ConnectionPermit)>> {
        let free = self.connections.wait().await;
        let (stream, peer) = listener.accept().await?;
        let permit = free.and_then(|free| self.connections.take(peer.ip(), free));
        Ok(permit.map(|permit| (stream, peer, permit)))
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, permit: ConnectionPermit, stop: watch::Receiver<bool>) {
        let head_limit = if self.connections.is_proxy(peer.ip()) {
            self.timeouts.head_of_proxy
        } else {
            self.timeouts.head
        };
        let timeouts = Timeouts {
            head: head_limit,
            ..self.timeouts
        };
        let serving = serve(stream, peer, self.service.clone(), timeouts, stop);
        tokio::spawn(async move {
            serving.await;
            drop(permit);
        });
    }
}

/// Serves a connection until the client leaves, its time is over, or the server stops. Finishes the current request.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    service: Service,
    timeouts: Timeouts,
    mut stop: watch::Receiver<bool>,
) {
    drop(stream.set_nodelay(true)); // An answer is written whole.
    let (reader, writer) = stream.into_split();
    let next = BodyKind::default();
    let stream = TokioIo::new(tokio::io::join(CheckedReader::new(reader, next.clone()), writer));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        next.set(request.body().size_hint().exact());
        service.answer(request, Some(peer))
    });
    let mut connection = pin!(http1(timeouts.head).serve_connection(stream, service));
    // The client causes an early end, so it is not logged.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(timeouts.connection) => {}
        _ = stop.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(timeouts.head + timeouts.request, connection).await);
}

fn http1(head_limit: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .max_buf_size(LARGEST_HEAD)
        .max_header_size(LARGEST_HEAD)
        // A client may end its side after its last request. Writing the answer shows whether it has left.
        .half_close(true)
        .header_read_timeout(head_limit);
    builder
}
