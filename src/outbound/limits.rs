//! Limits of a request: its time, its size, and how many requests one network gets at the same time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most requests to one network at the same time.
const VISITS_OF_ONE_NETWORK: usize = 2;

/// Time limits of a request. The sizes of bodies are in [`Request`](super::Request).
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Time to connect to one of the addresses, and as much again for TLS.
    pub connect: Duration,
    /// Time until the head of an answer has arrived.
    pub head: Duration,
    /// Time for everything, with redirects.
    pub all: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(5),
            all: Duration::from_secs(10),
        }
    }
}

/// A place among the present requests to a network, until it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// Counts the present requests to each network.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits(Arc<Mutex<HashMap<IpNet, Arc<Semaphore>>>>);

impl Visits {
    /// Waits for a place in the network of an address. `None` never happens, since no semaphore is closed.
    pub(super) async fn enter(&self, address: IpAddr) -> Option<Place> {
        let places = self.places(network_of(address));
        places.acquire_owned().await.ok()
    }

    fn places(&self, network: IpNet) -> Arc<Semaphore> {
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A network that nobody visits or waits for needs no entry.
        networks
            .retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() < VISITS_OF_ONE_NETWORK);
        let places = networks
            .entry(network)
            .or_insert_with(|| Arc::new(Semaphore::new(VISITS_OF_ONE_NETWORK)));
        Arc::clone(places)
    }
}

/// Returns the network of one owner: IPv4 /24, IPv6 /48.
fn network_of(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).map_or_else(|_| address.into(), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_network_gets_two_requests_at_a_time() {
        let visits = Visits::default();
        let enter = |address: &str| visits.enter(address.parse().unwrap());
        let first = enter("192.0.2.1").await;
        let _second = enter("192.0.2.200").await;
        assert!(enter("192.0.2.3").now_or_never().is_none(), "the third waits");
        assert!(enter("192.0.3.3").now_or_never().is_some(), "another network");
        drop(first);
        assert!(enter("192.0.2.3").now_or_never().is_some(), "a place is free again");
        assert!(enter("2001:db8::1").now_or_never().is_some());
        assert!(visits.0.lock().unwrap().len() <= 2, "visited networks are forgotten");
    }
}
