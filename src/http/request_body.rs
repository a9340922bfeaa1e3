//! Reads what is posted, in memory that is bounded however many post and however slowly: a form of usual size is read
//! at once, a larger one needs one of a few places, from when it is found to be large until its answer has gone out.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt as _};
use ipnet::IpNet;

use crate::web::error::Failure;
use super::connections::{Place, Places};

/// The largest form that is read, in octets. Thirty times the longest allowed answers in the script that urlencodes
/// longest, so that too long an answer meets a sentence and not this limit.
const LARGEST: usize = 2 * 1024 * 1024;

/// What a form with long answers takes, in octets, in the scripts that urlencode longest too: twice what 2,000
/// characters of ordinary prose and all else need.
const USUAL: usize = 64 * 1024;

/// How many larger ones are read and answered at a time, in all and of one network. Nearly all of them hold an answer
/// that is too long.
const LARGE_AT_A_TIME: (usize, usize) = (8, 2);

/// How long a larger one waits for its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of a large answer is handed to the connection at a time, in octets.
const PART: usize = 16 * 1024;

/// Reads bodies, with places for large ones.
#[derive(Debug)]
pub struct Bodies {
    large: Arc<Places>,
}

/// A body that was read whole.
#[derive(Debug, Default)]
pub struct Posting {
    /// What came.
    pub octets: Vec<u8>,
    place: Option<Place>,
}

impl Bodies {
    /// With places for everybody; these proxies speak for many.
    pub fn new(proxies: Vec<IpNet>) -> Self {
        let (all, for_one) = LARGE_AT_A_TIME;
        Self {
            large: Places::new(all, for_one, proxies),
        }
    }

    /// Reads a client's body to its end. One that is refused is read too, and forgotten on the way: a browser that is
    /// still sending shows no answer.
    ///
    /// # Errors
    /// [`Failure::TooLarge`]; [`Failure::TooMany`] or [`Failure::Busy`] where there is no place for a large one;
    /// [`Failure::Unreadable`] where it breaks off or is no body of HTTP.
    pub async fn read(&self, body: Body, client: IpAddr) -> Result<Posting, Failure> {
        let mut posting = Ok(Posting::default());
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Failure::Unreadable)?;
            posting = match posting {
                Ok(posting) => self.add(posting, &chunk, client).await,
                refused => refused,
            };
        }
        posting
    }

    async fn add(&self, mut posting: Posting, chunk: &Bytes, client: IpAddr) -> Result<Posting, Failure> {
        let size = posting.octets.len() + chunk.len();
        if size > LARGEST {
            return Err(Failure::TooLarge);
        }
        if size > USUAL && posting.place.is_none() {
            posting.place = Some(self.place(client).await?);
        }
        // Copied, since a chunk may be one octet and keep a whole buffer.
        posting.octets.extend_from_slice(chunk);
        Ok(posting)
    }

    async fn place(&self, client: IpAddr) -> Result<Place, Failure> {
        let waiting = tokio::time::timeout(PATIENCE, self.large.wait());
        let permit = waiting.await.ok().flatten().ok_or(Failure::Busy)?;
        self.large.take(client, permit).ok_or(Failure::TooMany)
    }
}

impl Posting {
    /// The answer, which keeps the place of what it answers until it has gone out or its reader has left.
    ///
    /// # Errors
    /// The answer's own body.
    pub async fn answered(self, response: Response) -> Result<Response, Failure> {
        let Some(place) = self.place else {
            return Ok(response);
        };
        let (head, body) = response.into_parts();
        let whole = to_bytes(body, usize::MAX).await;
        let whole = whole.map_err(|error| Failure::Internal(error.into()))?;
        // The closure owns the place, and goes with the last part.
        let parts = parts(whole).inspect(move |_| _ = &place);
        Ok(Response::from_parts(head, Body::from_stream(parts)))
    }
}

/// In parts, since the connection takes a part whole, however slowly it is read.
fn parts(mut whole: Bytes) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(std::iter::from_fn(move || {
        let part = whole.split_to(whole.len().min(PART));
        (!part.is_empty()).then_some(Ok(part))
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    async fn read(bodies: &Bodies, client: &str) -> Result<Posting, Failure> {
        let body = Body::from(vec![b'a'; 2 * USUAL]);
        bodies.read(body, client.parse().unwrap()).await
    }

    /// Of the most large ones that there may be at a time, each of another network.
    async fn all_places(bodies: &Bodies) -> Vec<Posting> {
        let mut held = Vec::new();
        for network in 0..LARGE_AT_A_TIME.0 {
            held.push(read(bodies, &format!("192.0.2.{network}")).await.unwrap());
        }
        held
    }

    #[tokio::test]
    async fn a_large_answer_keeps_its_place_until_it_has_gone_out_or_its_reader_has_left() {
        let bodies = Bodies::new(Vec::new());
        let mut held = all_places(&bodies).await;
        let mut answer = async || {
            let whole = Response::new(Body::from(vec![b'b'; 3 * PART + 1]));
            held.pop().unwrap().answered(whole).await.unwrap()
        };
        let (gone_out, left) = (answer().await, answer().await);
        let is_full = || read(&bodies, "198.51.100.1").now_or_never().is_none();
        assert!(is_full(), "another waits");
        let octets = to_bytes(gone_out.into_body(), usize::MAX).await.unwrap();
        assert_eq!(octets.len(), 3 * PART + 1);
        let next = read(&bodies, "198.51.100.1").now_or_never();
        assert!(next.is_some() && is_full(), "a place that was given back, and taken");
        let mut parts = left.into_body().into_data_stream();
        assert_eq!(parts.next().await.unwrap().unwrap().len(), PART);
        assert!(is_full(), "it is still going out");
        drop(parts);
        assert!(!is_full());
    }

    #[tokio::test]
    async fn one_network_never_has_all_the_places_for_large_forms() {
        let bodies = Bodies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let held = (read(&bodies, "192.0.2.1").await, read(&bodies, "192.0.2.1").await);
        assert!(matches!(read(&bodies, "192.0.2.1").await, Err(Failure::TooMany)));
        assert!(read(&bodies, "10.0.0.1").await.is_ok());
        drop(held);
        assert!(read(&bodies, "192.0.2.1").await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_read_to_its_end_and_refused() {
        let bodies = Bodies::new(Vec::new());
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b'a'; USUAL])));
        let body = Body::from_stream(
            endless
                .take(100)
                .inspect(move |_| _ = counted.fetch_add(1, Ordering::Relaxed)),
        );
        let refused = bodies.read(body, IpAddr::from([192, 0, 2, 1])).await;
        assert!(matches!(refused, Err(Failure::TooLarge)));
        assert_eq!(read.load(Ordering::Relaxed), 100);
    }
}
