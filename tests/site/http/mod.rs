//! HTTP: message syntax, caching, connections and proxies.

mod caching;
mod messages;
mod overload;
mod proxies;
