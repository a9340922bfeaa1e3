//! Looks for the token in DNS and on the website.

use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::{Outcome, file_address, record_name, record_text};
use crate::outbound::{DnsFault, Dnssec, FetchFault, Fetched, Outbound, Request};
use crate::values::DomainName;
use crate::values::shared_domains::shared_host;

/// The greatest size of the file, in octets.
const MAX_FILE: usize = 1024;

/// The time limit of the questions to the zone's own name servers.
const ZONE_LIMIT: Duration = Duration::from_secs(12);

/// The time limit of the question for DNSSEC. A proof must not be lost to it.
const DNSSEC_LIMIT: Duration = Duration::from_secs(5);

/// The most records that the page shows.
const SHOWN_RECORDS: usize = 20;

/// Looks for the TXT record: the resolver first, then the zone's own name servers, since a resolver keeps an old answer for
/// hours.
pub(super) async fn by_dns(outbound: &Outbound, domain: &DomainName, token: &str) -> Outcome {
    let (name, wanted) = (record_name(domain), record_text(token));
    let known = outbound.txt(&name).await;
    if known.as_ref().is_ok_and(|records| records.contains(&wanted)) {
        return proved_by_dns(outbound, domain, &name, &wanted).await;
    }
    if let Err(fault @ (DnsFault::NotAName | DnsFault::NoResolver | DnsFault::NoAnswer)) = known {
        let zone_answers = false;
        return Outcome::NoDnsAnswer { fault, zone_answers };
    }
    let asking = outbound.txt_at_zone(&name, zones(domain));
    let at_zone = timeout(ZONE_LIMIT, asking).await.unwrap_or(Err(DnsFault::NoAnswer));
    // What a validating resolver refuses is no proof, whatever the zone says without a signature.
    if let Err(fault @ DnsFault::Failed) = known {
        let zone_answers = at_zone.map_or_else(DnsFault::is_absence, |_| true);
        return Outcome::NoDnsAnswer { fault, zone_answers };
    }
    match (known, at_zone) {
        (_, Ok(records)) if records.contains(&wanted) => proved_by_dns(outbound, domain, &name, &wanted).await,
        (_, Ok(records)) | (Ok(records), Err(_)) => others(records),
        (Err(fault), Err(at_zone)) if fault.is_absence() || at_zone.is_absence() => Outcome::NoRecord,
        (Err(fault), Err(_)) => Outcome::NoDnsAnswer {
            fault,
            zone_answers: false,
        },
    }
}

fn others(mut records: Vec<String>) -> Outcome {
    records.truncate(SHOWN_RECORDS);
    Outcome::OtherRecords { records }
}

async fn proved_by_dns(outbound: &Outbound, domain: &DomainName, name: &str, text: &str) -> Outcome {
    let asking = outbound.dnssec(domain.ascii());
    Outcome::Proved {
        evidence: format!("TXT record at {name}: {text}"),
        dnssec: timeout(DNSSEC_LIMIT, asking).await.unwrap_or(Dnssec::Unchecked),
    }
}

/// Returns the names that may be the top of the domain's zone, the nearest first, up to the registered name.
fn zones(domain: &DomainName) -> impl Iterator<Item = &str> {
    let ascii = domain.ascii();
    let top = ascii.len() - domain.registered_ascii().len();
    let starts = std::iter::once(0).chain(ascii.match_indices('.').map(|(dot, _)| dot + 1));
    starts
        .take_while(move |start| *start <= top)
        .map(|start| &ascii[start..])
}

/// Looks for the file: on the domain, then below `www.`.
pub(super) async fn by_web(outbound: &Outbound, domain: &DomainName, token: &str) -> Outcome {
    let www = format!("www.{}", domain.ascii());
    let hosts = [domain.ascii(), www.as_str()];
    // Of a domain that others share, `www.` may belong to another person.
    let is_shared = shared_host(domain).is_some();
    let hosts = if is_shared { &hosts[..1] } else { &hosts[..] };
    let first = file_at(outbound, domain.ascii(), hosts, token).await;
    if is_shared || matches!(first, Outcome::Proved { .. }) {
        return first;
    }
    match file_at(outbound, &www, hosts, token).await {
        // An answer tells more than none.
        Outcome::NotFetched { .. } => first,
        second @ Outcome::Proved { .. } => second,
        second if matches!(first, Outcome::NotFetched { .. }) => second,
        _ => first,
    }
}

async fn file_at(outbound: &Outbound, host: &str, hosts: &[&str], token: &str) -> Outcome {
    let Ok(url) = Url::parse(&file_address(host)) else {
        let fault = FetchFault::Name(DnsFault::NotAName);
        return Outcome::NotFetched { fault };
    };
    let request = Request {
        url: &url,
        max_body: MAX_FILE,
        allows_http: false,
        hosts: Some(hosts),
        accept: "text/plain, */*;q=0.5",
    };
    match outbound.fetch(request).await {
        Ok(fetched) => judged(&fetched, token),
        Err(fault) => Outcome::NotFetched { fault },
    }
}

fn judged(fetched: &Fetched, token: &str) -> Outcome {
    let host = fetched.url.host_str().unwrap_or_default().to_owned();
    if fetched.status != 200 {
        let status = fetched.status;
        return Outcome::Status { status, host };
    }
    // Editors of one system begin a file with a byte order mark.
    let text = std::str::from_utf8(&fetched.body).unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_elsewhere = fetched.url.as_str() != file_address(&host);
    if is_elsewhere || fetched.is_cut || text.trim() != token {
        let octets = fetched.body.len();
        return Outcome::OtherContent { octets, host };
    }
    Outcome::Proved {
        evidence: fetched.url.to_string(),
        dnssec: Dnssec::Unchecked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_lead_from_the_name_up_to_the_registered_one() {
        let of = |name: &str| {
            zones(&DomainName::parse(name).unwrap())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("afyabora.or.ke"), ["afyabora.or.ke"]);
        assert_eq!(
            of("a.b.example.org"),
            ["a.b.example.org", "b.example.org", "example.org"]
        );
        assert_eq!(of("grupo.github.io"), ["grupo.github.io"]);
        assert_eq!(
            of("a.例え.テスト"),
            ["a.xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah"]
        );
    }

    #[test]
    fn only_the_token_alone_is_a_proof() {
        let judge = |status, body: &[u8], is_cut| {
            let fetched = Fetched {
                status,
                url: Url::parse("https://example.org/.well-known/npoc-challenge.txt").unwrap(),
                body: body.to_vec(),
                is_cut,
                retry_after: None,
            };
            matches!(judged(&fetched, "abc234"), Outcome::Proved { .. })
        };
        for body in ["abc234", " abc234\r\n", "\u{feff}abc234\n"] {
            assert!(judge(200, body.as_bytes(), false), "{body:?}");
        }
        for body in ["ABC234", "abc23", "abc2345", "abc234 x", "<p>abc234</p>", ""] {
            assert!(!judge(200, body.as_bytes(), false), "{body:?}");
        }
        assert!(!judge(200, b"abc234", true));
        assert!(!judge(404, b"abc234", false));
        assert!(!judge(200, b"\xff\xfea\0b\0", false));
    }
}
