//! What leaves the site, and where it may go.

mod addresses;
mod dns;
mod faults;
mod guard;

use std::net::Ipv4Addr;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use npoc::outbound::{DnsServer, FetchFault, FetchLimits, Fetched, Outbound, Reach, Request};
use url::Url;

use crate::support::name_server::NameServer;
use crate::support::web_server::{SITE, WebServer};

/// More than any test takes.
const LONG: Duration = Duration::from_mins(1);

/// A resolver, a web server and the way out to them.
struct World {
    names: NameServer,
    web: WebServer,
    outbound: Outbound,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Returns a world in which `afya.example` has an address, and changes the reach. Its limits suit a busy machine.
    async fn with(change: impl FnOnce(&mut Reach)) -> Self {
        let (names, web) = (NameServer::start().await, WebServer::start().await);
        let mut reach = web.reach();
        reach.dns_port = names.address.port();
        reach.limits = FetchLimits {
            connect: LONG,
            head: LONG,
            all: LONG,
        };
        change(&mut reach);
        let outbound = outbound_at(&names).with_reach(reach);
        let world = Self { names, web, outbound };
        world.host("afya.example", SITE);
        world
    }

    /// Gives a host one address.
    fn host(&self, name: &str, address: Ipv4Addr) {
        self.names.has(name, RecordType::A, &[&address.to_string()]);
    }

    /// Fetches an address as the fact of a website is: any host, `http` too.
    async fn fetch(&self, address: &str) -> Result<Fetched, FetchFault> {
        let url = Url::parse(address).unwrap();
        self.outbound.fetch(request(&url)).await
    }

    /// Fetches an address and returns the status and the body.
    async fn body_of(&self, address: &str) -> Result<(u16, String), FetchFault> {
        let fetched = self.fetch(address).await?;
        Ok((fetched.status, String::from_utf8(fetched.body).unwrap()))
    }
}

fn outbound_at(names: &NameServer) -> Outbound {
    Outbound::new(DnsServer::At(names.address), "https://npoc.example")
}

fn request(url: &Url) -> Request<'_> {
    Request {
        url,
        max_body: 1024,
        allows_http: true,
        hosts: None,
        accept: "text/plain",
    }
}
