//! Questions to the name servers of a zone.

use std::net::{IpAddr, Ipv4Addr};

use hickory_resolver::proto::op::ResponseCode;
use npoc::outbound::{DnsFault, Outbound, Reach};

use super::super::outbound_at;
use super::CHALLENGE;
use crate::support::name_server::{Answer, NameServer, text};
use crate::support::web_server::TRAP;

use DnsFault::{Failed, NoAnswer, NoSuchName, NoSuchRecord, Refused};
use hickory_resolver::proto::rr::RecordType::{A, AAAA, CNAME, NS, TXT};

/// The name server of the zone `afya.example`.
const ZONE_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

/// A resolver that still says no, the zone's own server, and one at an address that is not public.
struct Zone {
    resolver: NameServer,
    server: NameServer,
    trap: NameServer,
    outbound: Outbound,
}

impl Zone {
    async fn new() -> Self {
        let [resolver, server, trap] = NameServer::start_at([Ipv4Addr::LOCALHOST, ZONE_SERVER, TRAP]).await;
        resolver.has("afya.example", NS, &["ns1.afya.example."]);
        resolver.has("ns1.afya.example", A, &[&ZONE_SERVER.to_string()]);
        resolver.has("inside.afya.example", A, &[&TRAP.to_string()]);
        server.answer(CHALLENGE, TXT, Answer::texts(&[&["npoc-verification=token"]]));
        let outbound = outbound_at(&resolver).with_reach(Reach {
            also_public: vec![IpAddr::V4(ZONE_SERVER).into()],
            dns_port: resolver.address.port(),
            ..Reach::default()
        });
        Self {
            resolver,
            server,
            trap,
            outbound,
        }
    }

    async fn txt(&self) -> Result<Vec<String>, DnsFault> {
        self.outbound.txt_at_zone(CHALLENGE, ["afya.example"]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_a_zone_knows_before_the_resolver() {
    let zone = Zone::new().await;
    assert_eq!(zone.outbound.txt(CHALLENGE).await, Err(NoSuchName));
    assert!(zone.server.questions().is_empty());
    assert_eq!(zone.txt().await, Ok(vec!["npoc-verification=token".to_owned()]));
    zone.server
        .answer(CHALLENGE, TXT, Answer::OverTcp(vec![text(&["over tcp"])]));
    assert_eq!(zone.txt().await, Ok(vec!["over tcp".to_owned()]));
    assert!(zone.trap.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zone_is_searched_upward_from_a_subdomain() {
    let zone = Zone::new().await;
    let name = "_npoc-challenge.health.afya.example";
    zone.server.answer(name, TXT, Answer::texts(&[&["of the subdomain"]]));
    let upward = ["health.afya.example", "afya.example"];
    assert_eq!(
        zone.outbound.txt_at_zone(name, upward).await,
        Ok(vec!["of the subdomain".to_owned()])
    );
    assert_eq!(zone.resolver.count("health.afya.example", NS), 1);
    assert_eq!(
        zone.outbound.txt_at_zone(name, ["nowhere.example"]).await,
        Err(NoAnswer)
    );
    assert_eq!(zone.outbound.txt_at_zone(name, []).await, Err(NoAnswer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_that_is_not_public_is_not_asked() {
    let zone = Zone::new().await;
    let servers: [&[&str]; 6] = [
        &["inside.afya.example."],
        &["127.0.0.66."],
        &["mixed.afya.example."],
        &["alias.afya.example."],
        &["mapped.afya.example."],
        &["localhost.", "nowhere.example.", "."],
    ];
    zone.resolver
        .has("mixed.afya.example", A, &[&ZONE_SERVER.to_string(), &TRAP.to_string()]);
    zone.resolver
        .has("alias.afya.example", CNAME, &["inside.afya.example."]);
    zone.resolver.has("mapped.afya.example", AAAA, &["::ffff:127.0.0.66"]);
    zone.resolver.has("localhost", A, &["127.0.0.66"]);
    for names in servers {
        zone.resolver.has("afya.example", NS, names);
        assert_eq!(zone.txt().await, Err(NoAnswer), "{names:?}");
        assert!(zone.trap.questions().is_empty(), "{names:?} reached the trap");
    }
    assert!(zone.server.questions().is_empty());
    zone.resolver
        .has("afya.example", NS, &["inside.afya.example.", "ns1.afya.example."]);
    assert!(zone.txt().await.is_ok(), "the public one is asked");
    assert!(zone.trap.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_without_the_records_has_its_fault() {
    let zone = Zone::new().await;
    let cases = [
        (Answer::NoSuchName, NoSuchName),
        (Answer::Records(Vec::new()), NoSuchRecord),
        (Answer::Code(ResponseCode::Refused), Refused),
        (Answer::Code(ResponseCode::ServFail), Failed),
        (Answer::Silent, NoAnswer),
        (Answer::Garbage, NoAnswer),
        // A referral is not followed.
        (Answer::Referral("example.", "inside.afya.example."), NoAnswer),
    ];
    for (answer, expected) in cases {
        let said = format!("{answer:?}");
        zone.server.answer(CHALLENGE, TXT, answer);
        assert_eq!(zone.txt().await, Err(expected), "{said}");
    }
    assert!(zone.trap.questions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_good_name_server_of_a_zone_is_enough() {
    let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 54), ZONE_SERVER];
    let [resolver, faulty, good] = NameServer::start_at(addresses).await;
    resolver.has("afya.example", NS, &["ns1.afya.example.", "ns2.afya.example."]);
    good.answer(CHALLENGE, TXT, Answer::texts(&[&["npoc-verification=token"]]));
    let outbound = outbound_at(&resolver).with_reach(Reach {
        also_public: vec!["127.0.0.0/24".parse().unwrap()],
        dns_port: resolver.address.port(),
        ..Reach::default()
    });
    let answers = [
        Answer::NoSuchName,
        Answer::Records(Vec::new()),
        Answer::Code(ResponseCode::Refused),
        Answer::Code(ResponseCode::ServFail),
        Answer::Referral("example.", "ns1.afya.example."),
        Answer::Silent,
    ];
    for answer in answers {
        let said = format!("{answer:?}");
        faulty.answer(CHALLENGE, TXT, answer);
        for (first, second) in [(&faulty, &good), (&good, &faulty)] {
            resolver.has("ns1.afya.example", A, &[&first.address.ip().to_string()]);
            resolver.has("ns2.afya.example", A, &[&second.address.ip().to_string()]);
            let found = outbound.txt_at_zone(CHALLENGE, ["afya.example"]).await;
            assert_eq!(found, Ok(vec!["npoc-verification=token".to_owned()]), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_out_of_the_zone_is_left_to_the_resolver() {
    let zone = Zone::new().await;
    zone.server.has(CHALLENGE, CNAME, &["proof.host.example."]);
    zone.server
        .answer("proof.host.example", TXT, Answer::Code(ResponseCode::Refused));
    let found = zone.txt().await.unwrap_err();
    assert!(!found.is_absence(), "{found:?}");
    assert!(zone.trap.questions().is_empty());
}
