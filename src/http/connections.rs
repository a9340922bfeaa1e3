//! Places for connections: a number in all, and a number for one network, so that nobody takes them
//! from everybody. A proxy that is trusted, or on this machine, speaks for many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::rate_limit::network;

/// The places of one listener.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    all: usize,
    for_one: usize,
    proxies: Vec<IpNet>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    network: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// This number in all, and this number for one network that is not one of these proxies.
    pub fn new(all: usize, for_one: usize, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(all)),
            all,
            for_one,
            proxies,
            taken: Mutex::default(),
        })
    }

    /// Waits until one is free for somebody. Nothing only if there are no places at all.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Takes the place that was waited for, unless this client's network has all it may have.
    pub fn take(self: &Arc<Self>, client: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let network = network(client);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let its = taken.entry(network).or_default();
        if *its >= self.for_one && !self.is_proxy(client) {
            return None;
        }
        *its += 1;
        Some(Place {
            places: Arc::clone(self),
            network,
            _permit: permit,
        })
    }

    /// Until every place is free again, or for as long at most.
    pub async fn all_left(&self, limit: Duration) {
        let all = u32::try_from(self.all).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(limit, self.free.acquire_many(all)).await);
    }

    /// Whether this address speaks for many: a proxy that is trusted, or on this machine.
    pub fn is_proxy(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.proxies.iter().any(|proxies| proxies.contains(&client))
    }
}

impl Drop for Place {
    /// Forgets a network that has left, so that memory is bounded by the connections that are open.
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(its) = taken.get_mut(&self.network) {
            *its -= 1;
            if *its == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_network_never_has_all_the_places_and_a_proxy_may() {
        let places = Places::new(20, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let take = async |client: &str| {
            let permit = places.wait().await.unwrap();
            places.take(client.parse().unwrap(), permit)
        };
        let first = take("2001:db8::1").await;
        let second = take("2001:db8::2").await;
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::3").await.is_none(), "the same network");
        assert!(take("2001:db8:0:1::1").await.is_some(), "another");
        drop(first);
        assert!(take("2001:db8::3").await.is_some(), "a place that was left");
        drop(second);
        for proxy in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3"] {
            let held = [take(proxy).await, take(proxy).await, take(proxy).await];
            assert!(held.iter().all(Option::is_some), "{proxy}");
        }
        assert!(places.taken.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
