//! Reads what is posted, in memory that is bounded however many post and however slowly: a form of usual size is read
//! at once, a larger one needs one of a few places, from when it is found to be large until its answer has gone out.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::Failure;

/// The largest form that is read, in octets. Thirty times the longest allowed answers in the script that urlencodes
/// longest, so that too long an answer meets a sentence and not this limit.
const LARGEST: usize = 2 * 1024 * 1024;

/// What a form with long answers takes, in octets, in the scripts that urlencode longest too.
const USUAL: usize = 64 * 1024;

/// How many larger ones are read and answered at a time. Nearly all of them hold an answer that is too long.
const LARGE_AT_A_TIME: usize = 2;

/// How much of a large answer is handed to the connection at a time, in octets.
const PART: usize = 16 * 1024;

/// Reads bodies, with places for large ones.
#[derive(Debug)]
pub struct Bodies {
    large: Arc<Semaphore>,
}

/// A body that was read whole.
#[derive(Debug, Default)]
pub struct Read {
    /// What came.
    pub octets: Vec<u8>,
    place: Option<OwnedSemaphorePermit>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE_AT_A_TIME)),
        }
    }
}

impl Bodies {
    /// Reads a body to its end. One that is too large is read too, and forgotten on the way: a browser that is still
    /// sending shows no answer.
    ///
    /// # Errors
    /// [`Failure::TooLarge`], or [`Failure::Unreadable`] where it breaks off or is no body of HTTP.
    pub async fn read(&self, body: Body) -> Result<Read, Failure> {
        let mut read = Read::default();
        let mut is_too_large = false;
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk: Bytes = chunk.map_err(|_| Failure::Unreadable)?;
            let size = read.octets.len() + chunk.len();
            is_too_large |= size > LARGEST;
            if is_too_large {
                read = Read::default();
                continue;
            }
            if size > USUAL && read.place.is_none() {
                read.place = Arc::clone(&self.large).acquire_owned().await.ok();
            }
            // Copied, since a chunk may be one octet and keep a whole buffer.
            read.octets.extend_from_slice(&chunk);
        }
        if is_too_large { Err(Failure::TooLarge) } else { Ok(read) }
    }
}

impl Read {
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
    use super::*;

    #[tokio::test]
    async fn a_large_answer_keeps_its_place_until_it_has_gone_out_or_its_reader_has_left() {
        let bodies = Bodies::default();
        let answer = async || {
            let read = bodies.read(Body::from(vec![b'a'; 2 * USUAL])).await.unwrap();
            let whole = Response::new(Body::from(vec![b'b'; 3 * PART + 1]));
            read.answered(whole).await.unwrap()
        };
        let (gone_out, left) = (answer().await, answer().await);
        assert_eq!(bodies.large.available_permits(), 0);
        assert_eq!(
            to_bytes(gone_out.into_body(), usize::MAX).await.unwrap().len(),
            3 * PART + 1
        );
        assert_eq!(bodies.large.available_permits(), 1);
        let mut parts = left.into_body().into_data_stream();
        assert_eq!(parts.next().await.unwrap().unwrap().len(), PART);
        drop(parts);
        assert_eq!(bodies.large.available_permits(), 2);
    }
}
