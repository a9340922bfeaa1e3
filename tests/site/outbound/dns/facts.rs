//! The facts of DNS about a domain.

use std::time::Instant;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType::{A, AAAA, DS, MX, NS, SOA, TXT};
use npoc::outbound::{DnsFacts, Dnssec};

use super::super::outbound_at;
use super::BOUND;
use crate::support::name_server::{Answer, NameServer};

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_of_a_complete_domain_are_all_there() {
    let names = NameServer::start().await;
    names.has("afya.example", A, &["192.0.2.1"]);
    names.has("afya.example", AAAA, &["2001:db8::1"]);
    names.has("afya.example", MX, &["10 Mail.Afya.example.", "20 backup.example."]);
    names.has("afya.example", NS, &["ns1.afya.example.", "NS2.example."]);
    names.has(
        "afya.example",
        DS,
        &["60485 8 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A"],
    );
    names.has(
        "afya.example",
        SOA,
        &["ns1.afya.example. admin.afya.example. 1 3600 600 86400 60"],
    );
    names.answer(
        "afya.example",
        TXT,
        Answer::texts(&[&["google=1"], &["V=SPF1 ", "-all"]]),
    );
    names.answer("_dmarc.afya.example", TXT, Answer::texts(&[&["v=DMARC1; p=none"]]));
    let facts = outbound_at(&names).dns_facts("afya.example", "afya.example").await;
    let texts = |texts: &[&str]| Some(texts.iter().map(|&text| text.to_owned()).collect());
    let expected = DnsFacts {
        exists: Some(true),
        addresses: texts(&["192.0.2.1", "2001:db8::1"]),
        mail_servers: texts(&["mail.afya.example", "backup.example"]),
        name_servers: texts(&["ns1.afya.example", "ns2.example"]),
        has_spf: Some(true),
        has_dmarc: Some(true),
        has_ds: Some(true),
        dnssec: Dnssec::Unchecked,
    };
    assert_eq!(facts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facts_of_a_subdomain_name_the_servers_of_its_zone() {
    let names = NameServer::start().await;
    names.has("health.afya.example", A, &["192.0.2.1"]);
    names.has("afya.example", NS, &["ns1.afya.example."]);
    names.has("health.afya.example", MX, &["0 ."]);
    let facts = outbound_at(&names)
        .dns_facts("health.afya.example", "afya.example")
        .await;
    assert_eq!(facts.exists, Some(true));
    assert_eq!(facts.name_servers, Some(vec!["ns1.afya.example".to_owned()]));
    assert_eq!(facts.mail_servers, Some(vec![".".to_owned()]), "null MX");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_spf_record_is_found_among_many() {
    let names = NameServer::start().await;
    let mut records = vec![&["some-verification=1"][..]; 60];
    records.push(&["v=spf1 -all"]);
    names.answer("afya.example", TXT, Answer::texts(&records));
    names.answer("_dmarc.afya.example", TXT, Answer::texts(&records));
    let facts = outbound_at(&names).dns_facts("afya.example", "afya.example").await;
    assert_eq!((facts.has_spf, facts.has_dmarc), (Some(true), Some(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_facts_are_told_from_unknown_ones() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    names.has(
        "empty.example",
        SOA,
        &["ns.example. admin.example. 1 3600 600 86400 60"],
    );
    let empty = outbound.dns_facts("empty.example", "empty.example").await;
    let absent = DnsFacts {
        exists: Some(true),
        addresses: Some(Vec::new()),
        mail_servers: Some(Vec::new()),
        name_servers: Some(Vec::new()),
        has_spf: Some(false),
        has_dmarc: Some(false),
        has_ds: Some(false),
        dnssec: Dnssec::Unchecked,
    };
    assert_eq!(empty, absent);
    let nowhere = outbound.dns_facts("nowhere.example", "nowhere.example").await;
    assert_eq!(
        nowhere,
        DnsFacts {
            exists: Some(false),
            ..absent
        }
    );
    names.answer_others(Answer::Silent);
    let began = Instant::now();
    let silent = outbound.dns_facts("silent.example", "silent.example").await;
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(silent, unknown());
    names.answer_others(Answer::Code(ResponseCode::ServFail));
    assert_eq!(
        outbound.dns_facts("failing.example", "failing.example").await,
        unknown()
    );
}

fn unknown() -> DnsFacts {
    DnsFacts {
        exists: None,
        addresses: None,
        mail_servers: None,
        name_servers: None,
        has_spf: None,
        has_dmarc: None,
        has_ds: None,
        dnssec: Dnssec::Unchecked,
    }
}
