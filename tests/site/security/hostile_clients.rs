//! Hostile clients: floods, malformed HTTP and forged headers.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::process::Process;
use crate::support::{TestSite, database, send_body};

/// The start of a request that posts the form, without the length of its body.
const POST: &str =
    "POST /membership HTTP/1.1\r\nHost: npoc.test\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// A request for a page that closes the connection.
const PAGE: &str = "GET / HTTP/1.1\r\nHost: npoc.test\r\nConnection: close\r\n\r\n";

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends octets and reads the answer until the connection closes. A reset closes it too.
async fn answered(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = connect(address).await;
    let _ended_early = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Builds a request that sends an application.
fn application() -> String {
    let body = send_body(Uuid::now_v7());
    format!(
        "{POST}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn listening() -> (TestSite, SocketAddr) {
    let site = TestSite::new().await;
    let address = site.listen().await.strip_prefix("http://").unwrap().parse().unwrap();
    (site, address)
}

/// Returns the peak memory of a process, in MiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn floods_use_bounded_memory_and_others_are_served() {
    let pool = database::fresh().await;
    let home = std::env::temp_dir().join(format!("npoc-hostile-{}", Uuid::new_v4()));
    let url = database::url(&pool.connect_options());
    let site = Process::start(&[
        ("DATABASE_URL", &url),
        ("NPOC_DATA_DIR", home.to_str().unwrap()),
        ("NPOC_MAIL", "folder"),
        ("NPOC_RATE_LIMIT", "0"),
    ]);
    let before = peak(site.id());
    let octets = 1_000_000;
    let body = "a".repeat(octets);
    let unfinished = format!("{POST}Content-Length: {}\r\n\r\nstatement={body}", octets + 100);
    let endless_head = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(350_000));
    let floods = (0..100).flat_map(|_| [&unfinished, &endless_head]);
    let held = floods.map(async |flood| {
        let mut stream = connect(site.address).await;
        // The site may stop reading before the end.
        let sending = stream.write_all(flood.as_bytes());
        let _taken = tokio::time::timeout(std::time::Duration::from_secs(2), sending).await;
        stream
    });
    let held = futures_util::future::join_all(held).await;
    assert!(
        answered(site.address, PAGE.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    let sent = answered(site.address, application().as_bytes()).await;
    assert!(sent.starts_with("HTTP/1.1 303"), "{sent}");
    let grown = peak(site.id()) - before;
    assert!(grown < 90, "{grown} MiB more, after 135 MiB were sent");
    drop((site, held));
    std::fs::remove_dir_all(&home).ok();
}

#[tokio::test]
async fn only_large_forms_wait_for_a_permit() {
    let (_site, address) = listening().await;
    let statement = "a".repeat(100_000);
    let large = format!(
        "{POST}Connection: close\r\nContent-Length: {}\r\n\r\nstatement={statement}",
        statement.len() + 10
    );
    let mut unfinished = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(address).await;
        stream.write_all(&large.as_bytes()[..large.len() - 1]).await.unwrap();
        unfinished.push(stream);
    }
    let mut ninth = connect(address).await;
    ninth.write_all(large.as_bytes()).await.unwrap();
    assert!(
        answered(address, application().as_bytes())
            .await
            .starts_with("HTTP/1.1 303")
    );
    // Eight of the nine hold a permit. After a client has left, the last one gets its permit.
    let mut answer = [0; 12];
    unfinished.truncate(7);
    ninth.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 422");
}

#[tokio::test]
async fn oversized_head_is_rejected() {
    let (_site, address) = listening().await;
    for head in [
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(500)),
    ] {
        let answer = answered(address, head.as_bytes()).await;
        let is_refused = answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414");
        assert!(is_refused && !answer.contains("<html"), "{answer}");
    }
}

/// A proxy that reads the first request as longer would attribute the second one to another client.
#[tokio::test]
async fn malformed_http_cannot_smuggle_a_second_request() {
    let (site, address) = listening().await;
    let chunks = |chunks: &str| format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunks}{PAGE}");
    let headed = |headers: &str| format!("{POST}{headers}\r\n\r\nstep=check{PAGE}");
    for broken in [
        chunks("zz\r\nstep=check\r\n0\r\n\r\n"),
        chunks("-1\r\na\r\n0\r\n\r\n"),
        chunks("ffffffffffffffffff\r\na\r\n0\r\n\r\n"),
        chunks("4\r\nstep=check\r\n0\r\n\r\n"),
        chunks("\r\n\r\n"),
        headed("Content-Length: ten"),
        headed("Content-Length: -1"),
        headed("Content-Length: 10\r\nContent-Length: 11"),
        headed("Content-Length: 10, 11"),
        headed("Content-Length: 99999999999999999999999"),
        headed("Transfer-Encoding: gzip"),
        headed("Transfer-Encoding: chunked, identity"),
        headed("Content-Length : 10"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n{PAGE}"),
        format!("GET / HTTP/9.9\r\n\r\n{PAGE}"),
        format!("\u{16}\u{3}\u{1}\u{2}{PAGE}"),
    ] {
        let answer = answered(address, broken.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.is_empty(),
            "{broken:.300}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), usize::from(!answer.is_empty()));
        assert!(!answer.contains("HTTP/1.1 200"), "{broken:.300}");
    }
    assert_eq!(site.count("applications").await, 0);
}

/// Chunks override a length (RFC 9112, 6.3), and the connection closes after them.
#[tokio::test]
async fn body_with_length_and_chunks_ends_with_its_chunks() {
    let (_site, address) = listening().await;
    let both =
        format!("{POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\na\r\nstep=check\r\n0\r\n\r\n{PAGE}");
    let answer = answered(address, both.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_site, address) = listening().await;
    let paths = ["/join", "/nowhere", "/health/live", "/who-we-are"];
    let asked = |path| format!("GET {path} HTTP/1.1\r\nHost: npoc.test\r\n\r\n");
    let all: String = paths.into_iter().cycle().take(400).map(asked).collect();
    let answer = answered(address, format!("{all}{PAGE}").as_bytes()).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses[..4], ["200", "404", "200", "200"]);
    assert_eq!(statuses.len(), 401);
}

/// Returns the headers and the body without the date and the request id.
fn comparable(headers: &HeaderMap, body: &str) -> (String, String) {
    let mut headers = headers.clone();
    headers.remove(header::DATE);
    // The site makes a new id for each request.
    let number = headers.remove("x-request-id");
    assert!(number.is_none_or(|number| Uuid::parse_str(number.to_str().unwrap()).is_ok()));
    (format!("{headers:?}"), body.to_owned())
}

/// Headers about host and route that a client can forge.
const EVIL: [(&str, &str); 15] = [
    ("host", "evil.example"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "evil"),
    ("x-forwarded-port", "666"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-for", "evil.example"),
    ("x-host", "evil.example"),
    ("forwarded", "host=evil.example;proto=evil"),
    ("x-original-url", "/evil"),
    ("x-rewrite-url", "/evil"),
    ("x-http-method-override", "DELETE"),
    ("referer", "https://evil.example/"),
    ("origin", "https://evil.example"),
    ("cookie", "evil=1"),
    ("x-request-id", "evil"),
];

#[tokio::test]
async fn forged_host_and_proxy_headers_never_reach_an_answer() {
    let site = TestSite::with(&[("NPOC_TRUSTED_PROXIES", "0.0.0.0/0")]).await;
    for path in [
        "/",
        "/join",
        "/nowhere",
        "/join/",
        "/sitemap.xml",
        "/robots.txt",
        "/health/live",
    ] {
        let plain = site.get(path).await;
        for (name, value) in EVIL {
            let request = Request::get(path).header(name, value).body(Body::empty()).unwrap();
            let reply = site.ask(request).await;
            assert_eq!(reply.status, plain.status, "{path} {name}");
            assert_eq!(
                comparable(&reply.headers, &reply.body),
                comparable(&plain.headers, &plain.body),
                "{path} {name}"
            );
        }
    }
    let body = send_body(Uuid::now_v7());
    let mut request = Request::post("/membership").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in EVIL {
        request = request.header(name, value);
    }
    let sent = site.ask(request.body(Body::from(body)).unwrap()).await;
    assert!(sent.location().starts_with("/membership/received/"));
    site.deliver_all().await;
    let reference = site.get(sent.location()).await.text_of(".reference");
    let (staff, applicant) = site.emails(&reference);
    assert!(!staff.raw.contains("evil") && !applicant.raw.contains("evil"));
}

#[tokio::test]
async fn no_redirect_leads_to_another_site() {
    let site = TestSite::new().await;
    for path in [
        "//evil.example/",
        "//evil.example/join/",
        "///evil.example/%2e%2e/join/",
        "/\\evil.example/",
        "/%5cevil.example/",
        "/%2f%2fevil.example/",
        "/https://evil.example/",
        "/join//",
        "/join/?next=https://evil.example/",
        "/join/?%0d%0aLocation:%20https://evil.example/",
        "/.//evil.example/",
        "/membership/received//evil.example/",
    ] {
        let Ok(request) = Request::get(path).body(Body::empty()) else {
            continue;
        };
        let reply = site.ask(request).await;
        let leads_to = reply.headers.get(header::LOCATION).map(|value| value.to_str().unwrap());
        let own = |location: &str| location == "/join" || location.starts_with("/join?");
        assert!(leads_to.is_none_or(own), "{path} leads to {leads_to:?}");
        assert!(
            leads_to.is_some() || reply.status == StatusCode::NOT_FOUND,
            "{path}: {}",
            reply.status
        );
    }
}
