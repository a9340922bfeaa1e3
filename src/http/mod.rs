//! An HTTP/1.1 server and its parts. Knows nothing of NPOC.
//!
//! One request: [`connections`] admits its connection → [`server`] reads it, with [`chunks`] below → [`service`] gives a
//! [`prepared`] answer, or passes the request to the router.

pub mod accept_language;
mod chunk_line;
mod chunks;
pub mod client;
pub mod connections;
pub mod encoding;
pub mod message;
pub mod prepared;
pub mod rate_limit;
pub mod request_body;
pub mod server;
pub mod service;
