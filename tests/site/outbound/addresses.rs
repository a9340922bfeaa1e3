//! Addresses in every spelling. The trap is at 127.0.0.66.

use std::net::IpAddr;

use npoc::outbound::{DnsFault, FetchFault, Forbidden, is_global, is_public};
use url::Url;

use super::World;
use crate::support::web_server::TRAP;

use Outcome::{Fetched, Forbids, NameFault, NotAnAddress};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fetched,
    Forbids(Forbidden),
    NameFault(DnsFault),
    /// The URL standard refuses it.
    NotAnAddress,
}

const NOT_A_NAME: Outcome = Forbids(Forbidden::NotAName);
const NOT_PUBLIC: Outcome = Forbids(Forbidden::NotPublic);
const CREDENTIALS: Outcome = Forbids(Forbidden::Credentials);
const SCHEME: Outcome = Forbids(Forbidden::Scheme);
const PORT: Outcome = Forbids(Forbidden::Port);
const NO_SUCH_NAME: Outcome = NameFault(DnsFault::NoSuchName);
const NO_DNS_NAME: Outcome = NameFault(DnsFault::NotAName);

/// `inside.example` leads to the trap, `afya.example` to the server.
const SPELLINGS: [(&str, Outcome); 106] = [
    ("https://afya.example/", Fetched),
    ("https://afya.example", Fetched),
    ("https://afya.example./", Fetched),
    ("https://AFYA.Example/", Fetched),
    ("https://afya.example:443/", Fetched),
    ("https:afya.example", Fetched),
    ("https:/afya.example/", Fetched),
    ("https:\\\\afya.example\\", Fetched),
    ("https:///afya.example/", Fetched),
    (" https://afya.example/\n", Fetched),
    ("https://af\tya.exam\nple/", Fetched),
    ("https://afya%2Eexample/", Fetched),
    ("https://afya。example/", Fetched),
    ("https://ａｆｙａ.example/", Fetched),
    ("https://例え.example/", Fetched),
    ("https://xn--r8jz45g.example/", Fetched),
    ("https://afya.example\\@127.0.0.66/", Fetched),
    ("https://afya.example/\\\\127.0.0.66/", Fetched),
    ("https://afya.example#@127.0.0.66/", Fetched),
    ("https://afya.example?@127.0.0.66/", Fetched),
    ("https://@afya.example/", Fetched),
    ("http://afya.example/", Fetched),
    ("http://afya.example:80/", Fetched),
    ("https://127.0.0.66/", NOT_A_NAME),
    ("http://127.0.0.66/", NOT_A_NAME),
    ("https:127.0.0.66", NOT_A_NAME),
    ("https://127.0.0.66./", NOT_A_NAME),
    ("https://2130706498/", NOT_A_NAME),
    ("https://2130706498./", NOT_A_NAME),
    ("https://0x7f000042/", NOT_A_NAME),
    ("https://0X7F000042/", NOT_A_NAME),
    ("https://017700000102/", NOT_A_NAME),
    ("https://0x7f.0.0.0x42/", NOT_A_NAME),
    ("https://0177.0.0.0102/", NOT_A_NAME),
    ("https://00000177.0.0.66/", NOT_A_NAME),
    ("https://127.66/", NOT_A_NAME),
    ("https://127.0.66/", NOT_A_NAME),
    ("https://0x7f.66/", NOT_A_NAME),
    ("https://127.0x42/", NOT_A_NAME),
    ("https://127%2e0%2e0%2e66/", NOT_A_NAME),
    ("https://%31%32%37.0.0.66/", NOT_A_NAME),
    ("https://１２７.０.０.６６/", NOT_A_NAME),
    ("https://①②⑦.⓪.⓪.⑥⑥/", NOT_A_NAME),
    ("https://127。0。0。66/", NOT_A_NAME),
    ("https://127．0．0．66/", NOT_A_NAME),
    ("https://127.0\t.0.66/", NOT_A_NAME),
    ("https:\\\\127.0.0.66\\", NOT_A_NAME),
    ("https:////127.0.0.66/", NOT_A_NAME),
    ("https://0/", NOT_A_NAME),
    ("https://0.0.0.0/", NOT_A_NAME),
    ("https://8.8.8.8/", NOT_A_NAME),
    ("https://169.254.169.254/latest/meta-data/", NOT_A_NAME),
    ("https://[::1]/", NOT_A_NAME),
    ("https://[::]/", NOT_A_NAME),
    ("https://[::ffff:127.0.0.66]/", NOT_A_NAME),
    ("https://[::ffff:7f00:42]/", NOT_A_NAME),
    ("https://[0:0:0:0:0:ffff:7f00:0042]/", NOT_A_NAME),
    ("https://[::127.0.0.66]/", NOT_A_NAME),
    ("https://[64:ff9b::127.0.0.66]/", NOT_A_NAME),
    ("https://[2002:7f00:42::1]/", NOT_A_NAME),
    ("https://[fe80::1]/", NOT_A_NAME),
    ("https://[2606:4700:4700::1111]/", NOT_A_NAME),
    ("https://127.0.0.66:443/", NOT_A_NAME),
    ("https://localhost/", NOT_A_NAME),
    ("https://LOCALHOST./", NOT_A_NAME),
    ("https://afya/", NOT_A_NAME),
    ("https://afya../", NOT_A_NAME),
    ("https://inside.example/", NOT_PUBLIC),
    ("https://INSIDE.example./", NOT_PUBLIC),
    ("http://inside.example/", NOT_PUBLIC),
    ("https://inside%2eexample/", NOT_PUBLIC),
    ("https://alias.example/", NOT_PUBLIC),
    ("https://mapped.example/", NOT_PUBLIC),
    ("https://translated.example/", NOT_PUBLIC),
    ("https://unique.example/", NOT_PUBLIC),
    ("https://loopback.example/", NOT_PUBLIC),
    ("https://metadata.example/", NOT_PUBLIC),
    ("https://nowhere.example/", NO_SUCH_NAME),
    ("https://a..example/", NO_DNS_NAME),
    (
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/",
        NO_DNS_NAME,
    ),
    ("https://afya@127.0.0.66/", CREDENTIALS),
    ("https://afya.example@127.0.0.66/", CREDENTIALS),
    ("https://afya.example:443@127.0.0.66/", CREDENTIALS),
    ("https://127.0.0.66@afya.example/", CREDENTIALS),
    ("https://user:word@afya.example/", CREDENTIALS),
    ("https://:word@afya.example/", CREDENTIALS),
    ("https://afya.example%40127.0.0.66/", NotAnAddress),
    ("https://afya.example:80/", PORT),
    ("http://afya.example:443/", PORT),
    ("https://afya.example:22/", PORT),
    ("https://afya.example:0/", PORT),
    ("https://afya.example:65536/", NotAnAddress),
    ("ftp://afya.example/", SCHEME),
    ("file:///etc/passwd", SCHEME),
    ("gopher://127.0.0.66/", SCHEME),
    ("ws://afya.example/", SCHEME),
    ("data:text/plain,afya", SCHEME),
    ("unix:/run/docker.sock", SCHEME),
    ("https://[fe80::1%25eth0]/", NotAnAddress),
    ("https://[fe80::1%eth0]/", NotAnAddress),
    ("https://256.0.0.1/", NotAnAddress),
    ("https://127.0.0.0.66/", NotAnAddress),
    ("https://afya.127.0.0.66/", NotAnAddress),
    ("https://afya.example.0x7f/", NotAnAddress),
    ("https://127.0.0.66%00.afya.example/", NotAnAddress),
    ("https:///", NotAnAddress),
];

async fn outcome(world: &World, address: &str) -> Outcome {
    if Url::parse(address).is_err() {
        return NotAnAddress;
    }
    match world.fetch(address).await {
        Ok(_) => Fetched,
        Err(FetchFault::Forbidden(why)) => Forbids(why),
        Err(FetchFault::Name(why)) => NameFault(why),
        Err(other) => unreachable!("{address}: {other:?}"),
    }
}

async fn world_of_names() -> World {
    use hickory_resolver::proto::rr::RecordType::{A, AAAA, CNAME};

    let world = World::new().await;
    world.host("xn--r8jz45g.example", std::net::Ipv4Addr::LOCALHOST);
    world.host("inside.example", TRAP);
    let names = &world.names;
    names.has("alias.example", CNAME, &["inside.example."]);
    names.has("mapped.example", AAAA, &["::ffff:127.0.0.66"]);
    names.has("translated.example", AAAA, &["64:ff9b::7f00:42"]);
    names.has("unique.example", AAAA, &["fd00::66"]);
    names.has("loopback.example", AAAA, &["::1"]);
    names.has("metadata.example", A, &["169.254.169.254"]);
    // A search list or a hosts file would complete these.
    names.has("localhost", A, &["127.0.0.66"]);
    names.has("afya", A, &["127.0.0.66"]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_address_passes_the_guard() {
    let world = world_of_names().await;
    let mut wrong = Vec::new();
    for (address, expected) in SPELLINGS {
        let before = world.web.connections();
        let found = outcome(&world, address).await;
        let connections = world.web.connections() - before;
        if found != expected || connections != usize::from(expected == Fetched) || world.web.trapped() > 0 {
            wrong.push((address, expected, found, connections));
        }
        assert_eq!(world.web.trapped(), 0, "{address} reached the trap");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let reached = world.web.received();
    let may_answer = |host: &str| ["afya.example", "xn--r8jz45g.example"].contains(&host.trim_end_matches('.'));
    assert!(reached.iter().all(|one| may_answer(&one.host)), "{reached:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_is_refused_unless_it_is_allowed() {
    let world = World::new().await;
    for (address, is_allowed) in [("https://afya.example/", true), ("http://afya.example/", false)] {
        let url = Url::parse(address).unwrap();
        let request = super::Request {
            allows_http: false,
            ..super::request(&url)
        };
        let found = world.outbound.fetch(request).await;
        match found {
            Ok(_) => assert!(is_allowed, "{address}"),
            Err(fault) => assert_eq!((fault, is_allowed), (FetchFault::Forbidden(Forbidden::Scheme), false)),
        }
    }
    assert_eq!(world.web.connections(), 1);
}

/// The borders of each network: one before, the first, the last, one after.
const BORDERS: [(&str, bool); 96] = [
    ("0.0.0.0", false),
    ("0.255.255.255", false),
    ("1.0.0.0", true),
    ("9.255.255.255", true),
    ("10.0.0.0", false),
    ("10.255.255.255", false),
    ("11.0.0.0", true),
    ("100.63.255.255", true),
    ("100.64.0.0", false),
    ("100.127.255.255", false),
    ("100.128.0.0", true),
    ("126.255.255.255", true),
    ("127.0.0.0", false),
    ("127.255.255.255", false),
    ("128.0.0.0", true),
    ("169.253.255.255", true),
    ("169.254.0.0", false),
    ("169.254.255.255", false),
    ("169.255.0.0", true),
    ("172.15.255.255", true),
    ("172.16.0.0", false),
    ("172.31.255.255", false),
    ("172.32.0.0", true),
    ("191.255.255.255", true),
    ("192.0.0.0", false),
    ("192.0.0.255", false),
    ("192.0.1.0", true),
    ("192.0.1.255", true),
    ("192.0.2.0", false),
    ("192.0.2.255", false),
    ("192.0.3.0", true),
    ("192.88.98.255", true),
    ("192.88.99.0", false),
    ("192.88.99.255", false),
    ("192.88.100.0", true),
    ("192.167.255.255", true),
    ("192.168.0.0", false),
    ("192.168.255.255", false),
    ("192.169.0.0", true),
    ("198.17.255.255", true),
    ("198.18.0.0", false),
    ("198.19.255.255", false),
    ("198.20.0.0", true),
    ("198.51.99.255", true),
    ("198.51.100.0", false),
    ("198.51.100.255", false),
    ("198.51.101.0", true),
    ("203.0.112.255", true),
    ("203.0.113.0", false),
    ("203.0.113.255", false),
    ("203.0.114.0", true),
    ("223.255.255.255", true),
    ("224.0.0.0", false),
    ("239.255.255.255", false),
    ("240.0.0.0", false),
    ("255.255.255.255", false),
    ("::", false),
    ("::1", false),
    ("::8.8.8.8", false),
    ("::ffff:0.255.255.255", false),
    ("::ffff:1.0.0.0", true),
    ("::ffff:10.0.0.1", false),
    ("::ffff:8.8.8.8", true),
    ("::fffe:8.8.8.8", false),
    ("::1:0:8.8.8.8", false),
    ("::ffff:0:8.8.8.8", false),
    ("64:ff9a:ffff::8.8.8.8", false),
    ("64:ff9b::9.255.255.255", true),
    ("64:ff9b::10.0.0.0", false),
    ("64:ff9b::127.0.0.1", false),
    ("64:ff9b::8.8.8.8", true),
    ("64:ff9b::1:8.8.8.8", false),
    ("64:ff9b:1::8.8.8.8", false),
    ("100::1", false),
    ("1fff:ffff::1", false),
    ("2000::", true),
    ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("2001::", false),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false),
    ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("2001:200::", true),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("2001:db8::", false),
    ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("2001:db9::", true),
    ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("2002::", false),
    ("2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("2003::", true),
    ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("3fff::", false),
    ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("3fff:1000::", true),
    ("4000::", false),
    ("fd00::1", false),
    ("fe80::1", false),
];

#[test]
fn the_border_of_each_network_is_exact() {
    for (address, expected) in BORDERS {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(is_global(address), expected, "{address}");
    }
}

#[test]
fn the_addresses_of_this_machine_are_not_public() {
    let local: IpAddr = "127.0.0.1".parse().unwrap();
    assert!(!is_public(local, &[]));
    assert!(is_public(local, &["127.0.0.0/8".parse().unwrap()]), "only for tests");
    assert!(is_public("8.8.8.8".parse().unwrap(), &[]));
}
