//! Reads request bodies within bounded memory. A body of usual size is read at once; a larger one needs one of a few
//! permits, and holds it until its answer is sent.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use ipnet::IpNet;

use super::connections::{ConnectionLimit, ConnectionPermit};

/// The largest body, in octets: 30 times the longest valid answers in the script that urlencodes longest. An answer that is
/// too long therefore gets its own message, and not this limit.
const MAX_SIZE: usize = 2 * 1024 * 1024;

/// The usual size, in octets: twice what long answers need in the script that urlencodes longest.
const USUAL_SIZE: usize = 64 * 1024;

/// Larger bodies at the same time, in all and of one network. Nearly all contain an answer that is too long.
const LARGE_BODIES: (usize, usize) = (8, 2);

/// How long a larger body waits for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The size of one piece of a large answer, in octets.
const PIECE: usize = 16 * 1024;

/// Reads bodies, and limits large ones.
#[derive(Debug)]
pub struct BodyReader {
    large: Arc<ConnectionLimit>,
}

/// A whole body.
#[derive(Debug, Default)]
pub struct RequestBody {
    /// The content.
    pub octets: Vec<u8>,
    permit: Option<ConnectionPermit>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// 400: the body broke off or is invalid.
    Unreadable,
    /// 413: the body is larger than [`MAX_SIZE`].
    TooLarge,
    /// 429: the network has as many large bodies as it may.
    NetworkLimit,
    /// 503: all permits are in use.
    Busy,
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NetworkLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        status.into_response()
    }
}

impl BodyReader {
    /// Builds a reader. These proxies have no limit of one network.
    pub fn new(proxies: Vec<IpNet>) -> Self {
        let (total, per_network) = LARGE_BODIES;
        Self {
            large: ConnectionLimit::new(total, per_network, proxies),
        }
    }

    /// Reads a body to its end, even if it is rejected: a browser that is still sending shows no answer.
    ///
    /// # Errors
    /// Returns an error if the body is too large, breaks off, or finds no permit.
    pub async fn read(&self, content: Body, client: IpAddr) -> Result<RequestBody, BodyError> {
        let mut result = Ok(RequestBody::default());
        let mut chunks = content.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| BodyError::Unreadable)?;
            result = match result {
                Ok(body) => self.add(body, &chunk, client).await,
                rejected => rejected,
            };
        }
        result
    }

    async fn add(&self, mut body: RequestBody, chunk: &Bytes, client: IpAddr) -> Result<RequestBody, BodyError> {
        let size = body.octets.len() + chunk.len();
        if size > MAX_SIZE {
            return Err(BodyError::TooLarge);
        }
        if size > USUAL_SIZE && body.permit.is_none() {
            body.permit = Some(self.permit(client).await?);
        }
        // Copied: a chunk of one octet may keep a whole buffer in memory.
        body.octets.extend_from_slice(chunk);
        Ok(body)
    }

    async fn permit(&self, client: IpAddr) -> Result<ConnectionPermit, BodyError> {
        let waiting = tokio::time::timeout(PERMIT_TIMEOUT, self.large.wait());
        let free = waiting.await.ok().flatten().ok_or(BodyError::Busy)?;
        self.large.take(client, free).ok_or(BodyError::NetworkLimit)
    }
}

impl RequestBody {
    /// Keeps the permit with the answer until it is sent or its reader leaves.
    ///
    /// # Errors
    /// Returns an error if the answer's body fails.
    pub async fn answer(self, response: Response) -> Result<Response, axum::Error> {
        let Some(permit) = self.permit else {
            return Ok(response);
        };
        let (head, body) = response.into_parts();
        let whole = to_bytes(body, usize::MAX).await?;
        // The closure owns the permit, and is dropped with the last piece.
        let pieces = pieces(whole).inspect(move |_| _ = &permit);
        Ok(Response::from_parts(head, Body::from_stream(pieces)))
    }
}

/// Splits an answer, since the connection holds a whole piece until a slow client has read it.
fn pieces(mut whole: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(std::iter::from_fn(move || {
        let piece = whole.split_to(whole.len().min(PIECE));
        (!piece.is_empty()).then_some(Ok(piece))
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    async fn read(reader: &BodyReader, client: &str) -> Result<RequestBody, BodyError> {
        let body = Body::from(vec![b'a'; 2 * USUAL_SIZE]);
        reader.read(body, client.parse().unwrap()).await
    }

    /// Reads large bodies of different networks until no permit is free.
    async fn all_permits(reader: &BodyReader) -> Vec<RequestBody> {
        let mut held = Vec::new();
        for network in 0..LARGE_BODIES.0 {
            held.push(read(reader, &format!("192.0.2.{network}")).await.unwrap());
        }
        held
    }

    #[tokio::test]
    async fn a_large_answer_holds_its_permit_until_sent_or_dropped() {
        let reader = BodyReader::new(Vec::new());
        let mut held = all_permits(&reader).await;
        let mut answer = async || {
            let whole = Response::new(Body::from(vec![b'b'; 3 * PIECE + 1]));
            held.pop().unwrap().answer(whole).await.unwrap()
        };
        let (sent, left) = (answer().await, answer().await);
        let is_full = || read(&reader, "198.51.100.1").now_or_never().is_none();
        assert!(is_full(), "another body waits");
        let octets = to_bytes(sent.into_body(), usize::MAX).await.unwrap();
        assert_eq!(octets.len(), 3 * PIECE + 1);
        let next = read(&reader, "198.51.100.1").now_or_never();
        assert!(next.is_some() && is_full(), "a freed permit is taken again");
        let mut pieces = left.into_body().into_data_stream();
        assert_eq!(pieces.next().await.unwrap().unwrap().len(), PIECE);
        assert!(is_full(), "the answer is not sent yet");
        drop(pieces);
        assert!(!is_full());
    }

    #[tokio::test]
    async fn one_network_never_takes_all_permits() {
        let reader = BodyReader::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let held = (read(&reader, "192.0.2.1").await, read(&reader, "192.0.2.1").await);
        assert!(matches!(read(&reader, "192.0.2.1").await, Err(BodyError::NetworkLimit)));
        assert!(read(&reader, "10.0.0.1").await.is_ok());
        drop(held);
        assert!(read(&reader, "192.0.2.1").await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_read_to_its_end_and_rejected() {
        let reader = BodyReader::new(Vec::new());
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b'a'; USUAL_SIZE])));
        let body = Body::from_stream(
            endless
                .take(100)
                .inspect(move |_| _ = counted.fetch_add(1, Ordering::Relaxed)),
        );
        let rejected = reader.read(body, IpAddr::from([192, 0, 2, 1])).await;
        assert!(matches!(rejected, Err(BodyError::TooLarge)));
        assert_eq!(read.load(Ordering::Relaxed), 100);
    }
}
