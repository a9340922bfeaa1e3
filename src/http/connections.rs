//! Limits connections, in all and of one network. A trusted proxy, or one on this machine, serves many clients and has
//! only the limit for all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::network;

/// The connections of one listener.
#[derive(Debug)]
pub struct ConnectionLimit {
    free: Arc<Semaphore>,
    total: usize,
    per_network: usize,
    proxies: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    limit: Arc<ConnectionLimit>,
    network: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionLimit {
    /// Allows `total` connections, and `per_network` of a network that is not a proxy.
    pub fn new(total: usize, per_network: usize, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(total)),
            total,
            per_network,
            proxies,
            open: Mutex::default(),
        })
    }

    /// Waits until a connection is free. Returns `None` only if the semaphore is closed.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Takes the free connection, unless the client's network has reached its limit.
    pub fn take(self: &Arc<Self>, client: IpAddr, permit: OwnedSemaphorePermit) -> Option<ConnectionPermit> {
        let network = network(client);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.per_network && !self.is_proxy(client) {
            return None;
        }
        *count += 1;
        Some(ConnectionPermit {
            limit: Arc::clone(self),
            network,
            _permit: permit,
        })
    }

    /// Waits until every connection is free, for `limit` at most.
    pub async fn wait_until_free(&self, limit: Duration) {
        let total = u32::try_from(self.total).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(limit, self.free.acquire_many(total)).await);
    }

    /// Returns whether this is a proxy: a trusted one, or any client on this machine.
    pub fn is_proxy(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.proxies.iter().any(|proxies| proxies.contains(&client))
    }
}

impl Drop for ConnectionPermit {
    /// Removes a network without connections, so that open connections bound the memory.
    fn drop(&mut self) {
        let mut open = self.limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_network_never_takes_all_connections_but_a_proxy_may() {
        let limit = ConnectionLimit::new(20, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let take = async |client: &str| {
            let permit = limit.wait().await.unwrap();
            limit.take(client.parse().unwrap(), permit)
        };
        let first = take("2001:db8::1").await;
        let second = take("2001:db8::2").await;
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::3").await.is_none(), "the same network");
        assert!(take("2001:db8:0:1::1").await.is_some(), "another network");
        drop(first);
        assert!(take("2001:db8::3").await.is_some(), "a freed connection");
        drop(second);
        for proxy in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3"] {
            let held = [take(proxy).await, take(proxy).await, take(proxy).await];
            assert!(held.iter().all(Option::is_some), "{proxy}");
        }
        assert!(limit.open.lock().unwrap().is_empty(), "no network is remembered");
    }
}
