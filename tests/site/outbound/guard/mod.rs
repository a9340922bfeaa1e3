//! The guard: where a request may go, and how much it may take. After each test nothing has reached the trap.

mod answers;
mod redirects;

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use ipnet::IpNet;
use npoc::outbound::{DnsFault, FetchFault, Forbidden};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use url::Url;

use super::{World, request};
use crate::support::name_server::Answer as DnsAnswer;
use crate::support::web_server::{
    Answer, CLOSED, CLOSING, Certificate, NEIGHBOR, OTHER_NETWORK, SILENT, SITE, TRAP, UNENCRYPTED,
};

const NOT_PUBLIC: FetchFault = FetchFault::Forbidden(Forbidden::NotPublic);

#[tokio::test(flavor = "multi_thread")]
async fn one_private_address_is_enough_to_refuse_a_name() {
    let world = World::new().await;
    let mixed: [(&[&str], &[&str]); 8] = [
        (&["127.0.0.1", "127.0.0.66"], &[]),
        (&["127.0.0.66", "127.0.0.1"], &[]),
        (&["127.0.0.1", "10.0.0.1"], &[]),
        (&["127.0.0.1"], &["::1"]),
        (&["127.0.0.1"], &["2606:4700::1", "fd00::66"]),
        (&["127.0.0.1"], &["::ffff:127.0.0.66"]),
        (&["127.0.0.66"], &["2606:4700::1"]),
        // The check sees them all, though only four are tried.
        (
            &[
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.66",
            ],
            &[],
        ),
    ];
    for (ipv4, ipv6) in mixed {
        world.names.has("mixed.example", RecordType::A, ipv4);
        world.names.has("mixed.example", RecordType::AAAA, ipv6);
        for address in ["https://mixed.example/", "http://mixed.example/"] {
            assert_eq!(world.fetch(address).await.unwrap_err(), NOT_PUBLIC, "{ipv4:?} {ipv6:?}");
        }
    }
    assert_eq!((world.web.connections(), world.web.trapped()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_was_checked_is_connected() {
    let world = World::new().await;
    let answers = [SITE, TRAP].map(|address| DnsAnswer::of(RecordType::A, &[&address.to_string()]));
    world.names.answer_in_turn("rebinding.example", RecordType::A, answers);
    world.web.answer("rebinding.example", "/", Answer::page("first"));
    let first = world.body_of("https://rebinding.example/").await;
    assert_eq!(first, Ok((200, "first".to_owned())));
    assert_eq!(world.names.count("rebinding.example", RecordType::A), 1, "asked once");
    assert_eq!(world.web.received()[0].address, SITE);
    let second = world.fetch("https://rebinding.example/").await.unwrap_err();
    assert_eq!((second, world.web.trapped()), (NOT_PUBLIC, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_same_name_is_checked_again() {
    let world = World::new().await;
    let answers = [SITE, TRAP].map(|address| DnsAnswer::of(RecordType::A, &[&address.to_string()]));
    world.names.answer_in_turn("rebinding.example", RecordType::A, answers);
    world.web.answer("rebinding.example", "/", Answer::redirect("/again"));
    assert_eq!(world.fetch("https://rebinding.example/").await.unwrap_err(), NOT_PUBLIC);
    assert_eq!((world.web.connections(), world.web.trapped()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_to_the_next_address_if_one_is_closed() {
    let world = World::new().await;
    let both = [CLOSED.to_string(), NEIGHBOR.to_string()];
    world.names.has("two.example", RecordType::A, &[&both[0], &both[1]]);
    world.web.answer("two.example", "/", Answer::page("here"));
    for address in ["https://two.example/", "http://two.example/"] {
        assert_eq!(world.body_of(address).await, Ok((200, "here".to_owned())));
    }
    assert!(world.web.received().iter().all(|one| one.address == NEIGHBOR));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_server_has_its_name() {
    let world = World::new().await;
    let faults: [(Ipv4Addr, &str, FetchFault); 5] = [
        (CLOSED, "https", FetchFault::Refused),
        (CLOSED, "http", FetchFault::Refused),
        (CLOSING, "https", FetchFault::Broken),
        (CLOSING, "http", FetchFault::Broken),
        (UNENCRYPTED, "https", FetchFault::Tls),
    ];
    for (address, scheme, expected) in faults {
        world.host("faulty.example", address);
        let found = world.fetch(&format!("{scheme}://faulty.example/")).await;
        assert_eq!(found.unwrap_err(), expected, "{scheme} at {address}");
    }
    world
        .names
        .has("nothing.example", RecordType::MX, &["10 mail.example."]);
    let found = world.fetch("https://nothing.example/").await;
    assert_eq!(found.unwrap_err(), FetchFault::Name(DnsFault::NoSuchRecord));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_in_silence_ends_in_time() {
    let world = World::with(|reach| reach.limits.connect = Duration::from_millis(500)).await;
    world.host("silent.example", SILENT);
    let found = world.fetch("https://silent.example/").await;
    assert_eq!(found.unwrap_err(), FetchFault::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_must_be_valid_for_the_name() {
    let world = World::new().await;
    let invalid = [
        Certificate::ForAnotherName,
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::SelfSigned,
        Certificate::OfUnknownAuthority,
    ];
    for certificate in invalid {
        world.web.certify("afya.example", certificate);
        let found = world.fetch("https://afya.example/").await;
        assert_eq!(found.unwrap_err(), FetchFault::Certificate, "{certificate:?}");
    }
    assert!(world.web.received().is_empty(), "nothing was asked");
    world.web.certify("afya.example", Certificate::Valid);
    assert_eq!(world.fetch("https://afya.example/").await.unwrap().status, 404);
}

/// [`a_proxy_of_the_environment_is_not_used`] runs this too.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_who_asks_and_nothing_more() {
    let world = World::new().await;
    world.fetch("https://afya.example/a/path?query=1#part").await.unwrap();
    let [request] = &world.web.received()[..] else {
        unreachable!()
    };
    assert_eq!(
        (request.target.as_str(), request.is_encrypted),
        ("/a/path?query=1", true)
    );
    let mut headers: Vec<_> = request.headers.lines().filter(|line| !line.is_empty()).collect();
    headers.sort_unstable();
    let agent = format!(
        "user-agent: npoc/{} (+https://npoc.example/privacy)",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        headers,
        ["accept: text/plain", "connection: close", "host: afya.example", &agent]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_not_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let path = module_path!().split_once("::").unwrap().1;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("{path}::a_request_says_who_asks_and_nothing_more")]);
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, &address);
    }
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let nobody = tokio::time::timeout(Duration::ZERO, proxy.accept()).await;
    assert!(nobody.is_err(), "somebody connected to the proxy");
}

/// Fetches `/` of each host while the server holds the answers. Another network is served in the meantime.
async fn fetch_held(world: &World, hosts: &[String]) {
    let gate = Arc::new(Semaphore::new(0));
    for host in hosts {
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
        world.web.answer(host, "/", Answer::Held(Arc::clone(&gate), page));
    }
    let fetches = hosts.iter().map(|host| {
        let (outbound, url) = (world.outbound.clone(), Url::parse(&format!("http://{host}/")).unwrap());
        tokio::spawn(async move { outbound.fetch(request(&url)).await.map(|fetched| fetched.status) })
    });
    let fetches: Vec<_> = fetches.collect();
    world.host("elsewhere.example", OTHER_NETWORK);
    for _ in 0..20 {
        let elsewhere = world.fetch("http://elsewhere.example/").await;
        assert_eq!(
            elsewhere.map(|fetched| fetched.status),
            Ok(404),
            "another network does not wait"
        );
    }
    while world.web.held().0 < 2 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(hosts.len());
    for fetch in fetches {
        assert_eq!(fetch.await.unwrap(), Ok(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_gets_two_requests_at_the_same_time() {
    let world = World::new().await;
    let hosts: Vec<_> = (0..8).map(|number| format!("host{number}.example")).collect();
    for (host, address) in hosts.iter().zip([SITE, NEIGHBOR].into_iter().cycle()) {
        world.host(host, address);
    }
    fetch_held(&world, &hosts).await;
    assert_eq!(world.web.held(), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_first_address_does_not_hide_the_network() {
    let closed: Vec<_> = (0..8).map(|number| Ipv4Addr::new(127, 1, number, 1)).collect();
    let networks = closed.iter().map(|address| IpNet::from(IpAddr::V4(*address)));
    let world = World::with(|reach| reach.also_public.extend(networks)).await;
    let hosts: Vec<_> = (0..8).map(|number| format!("host{number}.example")).collect();
    for (host, address) in hosts.iter().zip(closed) {
        let addresses = [address.to_string(), SITE.to_string()];
        world.names.has(host, RecordType::A, &[&addresses[0], &addresses[1]]);
    }
    fetch_held(&world, &hosts).await;
    assert_eq!(world.web.held(), (0, 2));
}
