//! Takes connections and answers what they ask, within [`Limits`]: a slow client holds memory and
//! a place for a bounded time, and nobody else's.

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

use crate::web::Service;
use super::chunks::{Checked, Next};
use super::connections::{Place, Places};

/// How much of what may go on at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections. Well below the 1,024 files that a process may usually have open.
    pub connections: usize,
    /// Connections of one network, but for proxies. Many people may share one.
    pub connections_of_one: usize,
    /// How long a request's head may take, and a connection may wait for the next one.
    pub head: Duration,
    /// The same for a proxy, which keeps connections for the next visitor: nginx for a minute, Caddy for two. It must be
    /// the proxy that ends one, or a form that is on its way then is lost.
    pub head_of_proxy: Duration,
    /// How long a request may take once its head is read: its body, and the answer's beginning.
    pub request: Duration,
    /// How long a connection may last, however much goes on in it; then the request that is under way is the
    /// last, and has as long as any.
    pub connection: Duration,
    /// Applications that are being stored. More would only wait for each other.
    pub storing: u16,
}

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

impl Limits {
    /// Those of a connection, which a proxy may have begun.
    fn of(self, is_proxy: bool) -> Self {
        let head = if is_proxy { self.head_of_proxy } else { self.head };
        Self { head, ..self }
    }
}

/// The largest head of a request, in octets; a larger one is answered with 431. A few times what browsers send.
const LARGEST_HEAD: usize = 32 * 1024;

/// How long a stop waits for requests that are under way.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be taken, as with too many open files.
const BREATH: Duration = Duration::from_millis(500);

/// Answers until told to stop, then finishes what is under way, as long as that is soon.
pub async fn run(
    service: Service,
    listener: TcpListener,
    places: Arc<Places>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let taken = tokio::select! {
            taken = take(&listener, &places) => taken,
            _ = stop.changed() => break,
        };
        match taken {
            Ok(Some((stream, peer, place))) => {
                let limits = limits.of(places.is_proxy(peer.ip()));
                let answering = answer(stream, peer, service.clone(), limits, stop.clone());
                tokio::spawn(async move {
                    answering.await;
                    drop(place);
                });
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    places.all_left(STOP_LIMIT).await;
}

/// The next connection, once there is a place for it; until then others wait in the system's queue.
/// Nothing where its network has enough: it is ended at once.
async fn take(listener: &TcpListener, places: &Arc<Places>) -> std::io::Result<Option<(TcpStream, SocketAddr, Place)>> {
    let permit = places.wait().await;
    let (stream, peer) = listener.accept().await?;
    let place = permit.and_then(|permit| places.take(peer.ip(), permit));
    Ok(place.map(|place| (stream, peer, place)))
}

/// Until the client leaves, has been here long enough, or the site stops; a request that is under
/// way then is answered.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    service: Service,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    // An answer is written whole; there is nothing to wait for.
    drop(stream.set_nodelay(true));
    let (reader, writer) = stream.into_split();
    let next = Next::default();
    let stream = TokioIo::new(tokio::io::join(Checked::new(reader, next.clone()), writer));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        next.is_body(request.body().size_hint().exact());
        service.answer(request, Some(peer))
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(LARGEST_HEAD)
            .max_header_size(LARGEST_HEAD)
            // A client that has said all may end its side; whether it is gone shows when it is answered.
            .half_close(true)
            .header_read_timeout(limits.head)
            .serve_connection(stream, service)
    );
    // What ends a connection early is the client's own doing, and not logged.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(limits.connection) => {}
        _ = stop.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(limits.head + limits.request, connection).await);
}
