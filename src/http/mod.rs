//! An HTTP server and its parts. Knows nothing of NPOC.

pub mod chunk_line;
pub mod chunks;
pub mod client;
pub mod conditions;
pub mod connections;
pub mod encoding;
pub mod message;
pub mod prepared;
pub mod rate_limit;
pub mod request_body;
pub mod server;
