//! Questions to the resolver.

mod facts;
mod zone;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use npoc::outbound::{DnsFault, DnsServer, Outbound};

use super::outbound_at;
use crate::support::name_server::{Answer, NameServer, free_port, text};

use DnsFault::{Failed, NoAnswer, NoSuchName, NoSuchRecord, NotAName, Refused};
use RecordType::{A, AAAA, CNAME, MX, TXT};

const CHALLENGE: &str = "_npoc-challenge.afya.example";

/// Two tries, and more for a busy machine.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn txt_records_come_whole_and_in_their_own_words() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    let (long, longer) = ("y".repeat(255), "z".repeat(250));
    let cases: [(&[&[&str]], &[&str]); 10] = [
        (&[&["npoc-verification=token"]], &["npoc-verification=token"]),
        (
            &[&["v=spf1 -all"], &["npoc-verification=token"]],
            &["v=spf1 -all", "npoc-verification=token"],
        ),
        (&[&["npoc-", "verification=", "token"]], &["npoc-verification=token"]),
        (&[&["NPOC-Verification=Token"]], &["NPOC-Verification=Token"]),
        (&[&[" npoc-verification=token "]], &[" npoc-verification=token "]),
        (&[&["\"npoc-verification=token\""]], &["\"npoc-verification=token\""]),
        (&[&["a\nb\r\tc\u{7f}"]], &["a b  c "]),
        (&[&["ümläut"]], &["ümläut"]),
        (&[&[""]], &[""]),
        (&[&[&long, &longer]], &[&format!("{long}{}", "z".repeat(45))]),
    ];
    for (records, expected) in cases {
        names.answer(CHALLENGE, TXT, Answer::texts(records));
        assert_eq!(outbound.txt(CHALLENGE).await.unwrap(), expected);
    }
    assert!(names.questions().iter().all(|question| question.name == CHALLENGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_records_arrive_over_tcp_and_are_cut() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    let strings = ["x".repeat(255), "x".repeat(255)];
    let strings = [strings[0].as_str(), strings[1].as_str()];
    names.answer(CHALLENGE, TXT, Answer::texts(&[&strings[..]; 100]));
    let found = outbound.txt(CHALLENGE).await.unwrap();
    assert_eq!(found, vec!["x".repeat(300); 100]);
    let transports: Vec<_> = names.questions().iter().map(|question| question.is_over_tcp).collect();
    assert_eq!(transports, [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_is_asked_for_over_tcp() {
    let names = NameServer::start().await;
    names.answer(
        CHALLENGE,
        TXT,
        Answer::OverTcp(vec![text(&["npoc-verification=token"])]),
    );
    let found = outbound_at(&names).txt(CHALLENGE).await;
    assert_eq!(found, Ok(vec!["npoc-verification=token".to_owned()]));
    let transports: Vec<_> = names.questions().iter().map(|question| question.is_over_tcp).collect();
    assert_eq!(transports, [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_leads_to_the_records() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    names.has(CHALLENGE, CNAME, &["proof.host.example."]);
    names.answer(
        "proof.host.example",
        TXT,
        Answer::texts(&[&["npoc-verification=token"]]),
    );
    assert_eq!(
        outbound.txt(CHALLENGE).await,
        Ok(vec!["npoc-verification=token".to_owned()])
    );
    names.has("proof.host.example", CNAME, &["further.host.example."]);
    names.answer("further.host.example", TXT, Answer::texts(&[&["further"]]));
    assert_eq!(outbound.txt(CHALLENGE).await, Ok(vec!["further".to_owned()]));
    names.has("proof.host.example", CNAME, &["nothing.host.example."]);
    assert_eq!(outbound.txt(CHALLENGE).await, Err(NoSuchName));
    names.has("nothing.host.example", A, &["192.0.2.1"]);
    assert_eq!(outbound.txt(CHALLENGE).await, Err(NoSuchRecord));
    names.has("proof.host.example", CNAME, &[&format!("{CHALLENGE}.")]);
    assert!(outbound.txt(CHALLENGE).await.is_err(), "a circle");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_without_records_has_its_fault() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    let cases = [
        (Answer::NoSuchName, NoSuchName),
        (Answer::Records(Vec::new()), NoSuchRecord),
        (Answer::Code(ResponseCode::ServFail), Failed),
        (Answer::Code(ResponseCode::Refused), Refused),
        (Answer::Code(ResponseCode::NotImp), Refused),
        (Answer::Code(ResponseCode::FormErr), Refused),
        (Answer::Code(ResponseCode::NotAuth), Refused),
    ];
    for (answer, expected) in cases {
        let said = format!("{answer:?}");
        names.answer(CHALLENGE, TXT, answer);
        assert_eq!(outbound.txt(CHALLENGE).await, Err(expected), "{said}");
        assert_eq!(expected.is_absence(), [NoSuchName, NoSuchRecord].contains(&expected));
    }
    names.answer(CHALLENGE, TXT, Answer::texts(&[&["npoc-verification=token"]]));
    assert!(outbound.txt(CHALLENGE).await.is_ok(), "nothing is cached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_without_a_usable_answer_takes_bounded_time() {
    let names = NameServer::start().await;
    names.answer("silent.example", TXT, Answer::Silent);
    names.answer("garbage.example", TXT, Answer::Garbage);
    let outbound = outbound_at(&names);
    let port = free_port().await;
    let closed = Outbound::new(DnsServer::At(([127, 0, 0, 1], port).into()), "https://npoc.example");
    let began = Instant::now();
    let (silent, garbage, refused) = tokio::join!(
        outbound.txt("silent.example"),
        outbound.txt("garbage.example"),
        closed.txt(CHALLENGE)
    );
    assert_eq!(
        [silent, garbage, refused],
        [Err(NoAnswer), Err(NoAnswer), Err(NoAnswer)]
    );
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_name_is_never_asked() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    let label = "a".repeat(63);
    let longest = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
    let too_long = [
        format!("{}.example", "a".repeat(64)),
        format!("a{longest}"),
        format!("_npoc-challenge.{longest}"),
        "a..example".to_owned(),
        ".example".to_owned(),
        "ü.example".to_owned(),
    ];
    for name in &too_long {
        assert_eq!(outbound.txt(name).await, Err(NotAName), "{name}");
        assert_eq!(outbound.addresses(name).await, Err(NotAName), "{name}");
        assert_eq!(
            outbound.txt_at_zone(name, ["afya.example"]).await,
            Err(NoAnswer),
            "{name}"
        );
        let facts = outbound.dns_facts(name, name).await;
        assert_eq!((facts.exists, facts.addresses), (None, None), "{name}");
    }
    let about_them = |name: &str| name.contains("aaaa") || name.contains("..") || !name.is_ascii();
    assert!(!names.questions().iter().any(|question| about_them(&question.name)));
    assert_eq!(outbound.txt(&longest).await, Err(NoSuchName), "the longest name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_asked_whole_whatever_its_case_and_dots() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    names.answer("afya.example", TXT, Answer::texts(&[&["here"]]));
    for name in ["afya.example", "afya.example.", "AFYA.Example"] {
        assert_eq!(outbound.txt(name).await, Ok(vec!["here".to_owned()]), "{name}");
    }
    assert_eq!(outbound.txt("afya").await, Err(NoSuchName));
    assert_eq!(names.count("afya", TXT), 1, "no search list");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_those_of_both_families() {
    let names = NameServer::start().await;
    let outbound = outbound_at(&names);
    names.has("both.example", A, &["192.0.2.1", "192.0.2.2"]);
    names.has("both.example", AAAA, &["2001:db8::1"]);
    names.has("six.example", AAAA, &["2001:db8::1"]);
    names.has("half.example", A, &["192.0.2.1"]);
    names.answer("half.example", AAAA, Answer::Code(ResponseCode::ServFail));
    names.has("none.example", MX, &["10 mail.example."]);
    let cases: [(&str, Result<&[&str], DnsFault>); 5] = [
        ("both.example", Ok(&["192.0.2.1", "192.0.2.2", "2001:db8::1"])),
        ("six.example", Ok(&["2001:db8::1"])),
        ("half.example", Ok(&["192.0.2.1"])),
        ("none.example", Err(NoSuchRecord)),
        ("nowhere.example", Err(NoSuchName)),
    ];
    for (name, expected) in cases {
        let found = outbound.addresses(name).await.map(|mut found| {
            found.sort_unstable();
            found
        });
        let expected = expected.map(|all| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>());
        assert_eq!(found, expected, "{name}");
    }
}
