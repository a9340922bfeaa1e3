//! DNSSEC with real signatures, made and served by BIND.

mod bind;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_resolver::proto::rr::RecordType::{A, NS};
use npoc::outbound::{DnsFault, DnsServer, Dnssec, Outbound, Reach};

use self::bind::{Root, Validation};
use crate::support::name_server::{Answer, NameServer};

use Dnssec::{Bogus, Insecure, Secure, Unchecked};

/// Names below the root, and what their signatures prove.
const STATES: [(&str, Dnssec); 21] = [
    ("signed.example", Secure),
    ("www.signed.example", Secure),
    ("nowhere.signed.example", Secure),
    ("nowhere.example", Secure),
    ("unsigned.example", Insecure),
    ("www.unsigned.example", Insecure),
    ("nowhere.unsigned.example", Insecure),
    ("alias.unsigned.example", Insecure),
    ("lost.unsigned.example", Insecure),
    ("hashed.example", Secure),
    ("www.hashed.example", Secure),
    ("nowhere.hashed.example", Secure),
    ("broken.example", Bogus),
    ("www.broken.example", Bogus),
    ("nowhere.broken.example", Bogus),
    ("expired.example", Bogus),
    ("www.expired.example", Bogus),
    ("nowhere.expired.example", Bogus),
    ("removed.example", Bogus),
    ("www.removed.example", Bogus),
    ("nowhere.removed.example", Bogus),
];

/// Returns the way out to a resolver, with the keys of this root.
fn outbound(resolver: SocketAddr, root: &Root) -> Outbound {
    Outbound::new(DnsServer::At(resolver), "https://npoc.example").with_reach(Reach {
        root_keys: Some(root.keys()),
        ..Reach::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn a_domain_has_the_state_that_its_signatures_prove() {
    let root = Root::signed();
    let server = root.name_server();
    let resolver = root.resolver(server.address, Validation::Off);
    let mut wrong = Vec::new();
    for address in [server.address, resolver.address] {
        let outbound = outbound(address, &root);
        assert!(outbound.validates().await);
        for (name, expected) in STATES {
            let found = outbound.dnssec(name).await;
            if found != expected {
                wrong.push((name, expected, found, address == server.address));
            }
        }
        let facts = outbound.dns_facts("signed.example", "signed.example").await;
        assert_eq!((facts.has_ds, facts.dnssec), (Some(true), Secure));
        let facts = outbound.dns_facts("unsigned.example", "unsigned.example").await;
        assert_eq!((facts.has_ds, facts.dnssec), (Some(false), Insecure));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn an_alias_in_a_signed_zone_is_never_called_bogus() {
    let root = Root::signed();
    let server = root.name_server();
    let resolver = root.resolver(server.address, Validation::Off);
    for address in [server.address, resolver.address] {
        for name in ["alias.signed.example", "lost.signed.example"] {
            let found = outbound(address, &root).dnssec(name).await;
            assert!([Secure, Unchecked].contains(&found), "{name}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn a_resolver_that_strips_signatures_proves_nothing() {
    let root = Root::signed();
    let server = root.name_server();
    let names = NameServer::start().await;
    names.answer_others(Answer::Forwarded(server.address));
    let outbound = outbound(names.address, &root);
    assert!(!outbound.validates().await);
    for (name, _) in STATES {
        assert_eq!(outbound.dnssec(name).await, Unchecked, "{name}");
    }
    let proof = Ok(vec!["npoc-verification=token".to_owned()]);
    assert_eq!(outbound.txt("signed.example").await, proof, "a proof holds");
    assert_eq!(outbound.txt("unsigned.example").await, proof);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn without_the_keys_of_the_root_nothing_is_said() {
    let root = Root::signed();
    let server = root.name_server();
    for keys in [None, Some("/nowhere/keys".into())] {
        let outbound = outbound(server.address, &root).with_reach(Reach {
            root_keys: keys,
            ..Reach::default()
        });
        assert!(!outbound.validates().await);
        for (name, _) in STATES {
            assert_eq!(outbound.dnssec(name).await, Unchecked, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn a_validating_resolver_hides_records_with_wrong_signatures() {
    let root = Root::signed();
    let server = root.name_server();
    let resolver = root.resolver(server.address, Validation::On);
    let outbound = outbound(resolver.address, &root);
    assert!(outbound.validates().await);
    let proof = Ok(vec!["npoc-verification=token".to_owned()]);
    assert_eq!(outbound.txt("signed.example").await, proof);
    assert_eq!(outbound.txt("unsigned.example").await, proof);
    for name in ["broken.example", "expired.example", "removed.example"] {
        assert_eq!(outbound.txt(name).await, Err(DnsFault::Failed), "{name}");
        assert_eq!(outbound.dnssec(name).await, Unchecked, "{name}");
    }
    assert_eq!(outbound.dnssec("signed.example").await, Secure);
    assert_eq!(outbound.dnssec("unsigned.example").await, Insecure);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs BIND: bin/faults runs it"]
async fn the_server_of_a_zone_shows_records_with_wrong_signatures() {
    let root = Root::signed();
    let server = root.name_server();
    let names = NameServer::start().await;
    names.has("broken.example", NS, &["ns.test."]);
    names.has("ns.test", A, &["127.0.0.1"]);
    let outbound = Outbound::new(DnsServer::At(names.address), "https://npoc.example").with_reach(Reach {
        also_public: vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into()],
        dns_port: server.address.port(),
        ..Reach::default()
    });
    let found = outbound.txt_at_zone("broken.example", ["broken.example"]).await;
    assert_eq!(found, Ok(vec!["npoc-verification=other".to_owned()]));
}
