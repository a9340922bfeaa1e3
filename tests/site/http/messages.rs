//! Valid HTTP messages are answered, invalid ones are rejected (RFC 9110 and 9112).

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::TestSite;

const HOST: &str = "Host: npoc.test\r\n";
const FORM: &str =
    "POST /membership HTTP/1.1\r\nHost: npoc.test\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// A request for a page that closes the connection.
const LAST: &str = "GET / HTTP/1.1\r\nHost: npoc.test\r\nConnection: close\r\n\r\n";

async fn listening() -> (TestSite, SocketAddr) {
    let site = TestSite::new().await;
    let address = site.listen().await.strip_prefix("http://").unwrap().parse().unwrap();
    (site, address)
}

/// Sends these parts, closes the sending side and returns the whole answer. Reads meanwhile, since a reset may take away what
/// has arrived. A reset ends the answer too.
async fn answered(address: SocketAddr, parts: &[&[u8]]) -> String {
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let sending = async {
        for part in parts {
            let _ended_early = writing.write_all(part).await;
            writing.flush().await.ok();
            tokio::task::yield_now().await;
        }
        writing.shutdown().await.ok();
    };
    let mut answer = Vec::new();
    let (_reset, ()) = tokio::join!(reading.read_to_end(&mut answer), sending);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns the statuses of the answers to these octets.
async fn statuses(address: SocketAddr, sent: impl AsRef<[u8]>) -> Vec<String> {
    statuses_of(&answered(address, &[sent.as_ref()]).await)
}

fn statuses_of(answer: &str) -> Vec<String> {
    let answers = answer.split("HTTP/1.").skip(1);
    answers.map(|answer| answer[2..5].to_owned()).collect()
}

fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\n{headers}\r\n")
}

#[tokio::test]
async fn request_without_one_valid_host_is_rejected() {
    let (site, address) = listening().await;
    let monitored = site.listen_to_monitor().await;
    let ours = [
        ("GET", "/"),
        ("HEAD", "/join"),
        ("GET", "/robots.txt"),
        ("GET", "/membership"),
        ("POST", "/membership"),
    ];
    let ours = [
        &ours[..],
        &[
            ("GET", "/health/live"),
            ("GET", "/health/ready"),
            ("GET", "/nowhere"),
            ("PUT", "/"),
        ],
    ]
    .concat();
    for headers in [
        "",
        "Host: a.test\r\nHost: b.test\r\n",
        "Host: a.test\r\nHOST: a.test\r\n",
        "Host: u@a.test\r\n",
        "Host:\r\n",
    ] {
        for (method, path) in &ours {
            let got = statuses(address, request(method, path, headers)).await;
            assert_eq!(got, ["400"], "{method} {path} {headers}");
        }
        for path in ["/metrics", "/nowhere"] {
            let got = statuses(monitored, request("GET", path, headers)).await;
            assert_eq!(got, ["400"], "metrics listener: {path} {headers}");
        }
    }
    let page = answered(address, &[b"GET / HTTP/1.1\r\n\r\n"]).await;
    assert!(
        page.contains("This request could not be understood") && page.contains("content-security-policy"),
        "{page}"
    );
    assert_eq!(statuses(monitored, request("GET", "/metrics", HOST)).await, ["200"]);
}

#[tokio::test]
async fn http_1_0_client_without_a_host_is_answered() {
    let (_site, address) = listening().await;
    assert_eq!(statuses(address, "GET / HTTP/1.0\r\n\r\n").await, ["200"]);
    assert_eq!(statuses(address, "GET /health/live HTTP/1.0\r\n\r\n").await, ["200"]);
    for host in ["Host: a.test\r\nHost: a.test\r\n", "Host: a b\r\n"] {
        assert_eq!(
            statuses(address, format!("GET / HTTP/1.0\r\n{host}\r\n")).await,
            ["400"],
            "{host}"
        );
    }
}

#[tokio::test]
async fn request_target_must_fit_its_method() {
    let (_site, address) = listening().await;
    for (method, target, headers, status) in [
        ("GET", "http://npoc.test/", HOST, "200"),
        ("GET", "HTTPS://npoc.test:443/join", HOST, "200"),
        ("GET", "http://npoc.test/", "", "400"),
        ("GET", "http://u@npoc.test/", HOST, "400"),
        ("GET", "http://npoc.test:65536/", HOST, "400"),
        ("GET", "http:///", HOST, "400"),
        ("GET", "ftp://npoc.test/", HOST, "400"),
        ("GET", "npoc.test:80", HOST, "400"),
        ("GET", "join", HOST, "400"),
        ("GET", "*", HOST, "400"),
        ("OPTIONS", "*", HOST, "405"),
        ("CONNECT", "npoc.test:443", HOST, "405"),
        ("TRACE", "/", HOST, "405"),
        ("get", "/", HOST, "405"),
    ] {
        let got = statuses(address, request(method, target, headers)).await;
        assert_eq!(got, [status], "{method} {target} {headers}");
    }
}

#[tokio::test]
async fn transfer_encoding_is_chunked_or_absent() {
    let (_site, address) = listening().await;
    for (coding, status) in [
        ("chunked", "422"),
        ("CHUNKED", "422"),
        ("gzip, chunked", "501"),
        ("gzip\r\nTransfer-Encoding: chunked", "501"),
        ("chunked, chunked", "400"),
        ("chunked\r\nTransfer-Encoding: chunked", "400"),
        (",chunked", "501"),
    ] {
        let sent = format!("{FORM}Transfer-Encoding: {coding}\r\n\r\n5\r\nstep=\r\n0\r\n\r\n");
        assert_eq!(statuses(address, sent).await, [status], "{coding}");
    }
}

#[tokio::test]
async fn compressed_form_is_rejected_with_advice() {
    let site = TestSite::new().await;
    for (lines, is_read) in [
        (&["gzip"][..], false),
        (&["deflate"], false),
        (&["BR"], false),
        (&["x-gzip"], false),
        (&["unheard-of"], false),
        (&["identity, gzip"], false),
        (&["identity", "zstd"], false),
        (&[""], true),
        (&["Identity"], true),
        (&["identity, identity"], true),
    ] {
        let request = Request::post("/membership").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = lines
            .iter()
            .fold(request, |request, line| request.header(header::CONTENT_ENCODING, *line));
        let reply = site.ask(request.body(Body::from("step=check")).unwrap()).await;
        if is_read {
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{lines:?}");
        } else {
            assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{lines:?}");
            assert_eq!(reply.headers[header::ACCEPT_ENCODING], "identity");
            assert!(reply.text_of(".lead").contains("uncompressed"), "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn head_of_at_most_32_kib_is_accepted() {
    let (_site, address) = listening().await;
    for (octets, status) in [
        (32 * 1024, "200"),
        (32 * 1024 + 1, "431"),
        (40 * 1024, "431"),
        (64 * 1024, "431"),
    ] {
        let empty = request("GET", "/", &format!("{HOST}X: \r\n"));
        let filled = format!("{HOST}X: {}\r\n", "a".repeat(octets - empty.len()));
        let head = request("GET", "/", &filled);
        assert_eq!(
            (head.len(), statuses(address, head).await),
            (octets, vec![status.to_owned()])
        );
    }
}

/// Two programs that parse a line differently would let an attacker hide a second request in it.
#[tokio::test]
async fn malformed_chunk_is_rejected_and_closes_the_connection() {
    let (_site, address) = listening().await;
    for (chunks, expected) in [
        ("5\r\nstep=\r\n0\r\n\r\n", &["422", "200"][..]),
        (
            "5;a=b;c=\"d e\" ; f\r\nstep=\r\n0;g\r\nTrailer: x\r\n\r\n",
            &["422", "200"],
        ),
        ("005\r\nstep=\r\n5;a\r\n\r\n\r\n;\r\n00\r\n\r\n", &["422", "200"]),
        ("5;a\0b\r\nstep=\r\n0\r\n\r\n", &["400"]),
        ("5;[\r\nstep=\r\n0\r\n\r\n", &["400"]),
        ("5 \r\nstep=\r\n0\r\n\r\n", &["400"]),
        ("5;a=\"b\r\nstep=\r\n0\r\n\r\n", &["400"]),
        ("5;\r\nstep=\r\n0\r\n\r\n", &["400"]),
        ("5\nstep=\n0\n\n", &["400"]),
        ("5\r\nstep=\r\n0;[\r\n\r\n", &["400"]),
        ("5\r\nstep=\r\n0\r\na: b\n\r\n", &["400"]),
    ] {
        // Requests come before and after, so that a misread boundary shows.
        let sized = format!("{FORM}Content-Length: 8\r\n\r\n\n\nstep=\n\n");
        let sent = format!(
            "{}{sized}{FORM}Transfer-Encoding: chunked\r\n\r\n{chunks}{LAST}",
            request("GET", "/", HOST)
        );
        let expected = [&["200", "422"][..], expected].concat();
        assert_eq!(statuses(address, &sent).await, expected, "{chunks:?}");
        let octets: Vec<&[u8]> = sent.as_bytes().chunks(1).collect();
        assert_eq!(
            statuses_of(&answered(address, &octets).await),
            expected,
            "{chunks:?}, one octet at a time"
        );
    }
    let long = format!(
        "{FORM}Transfer-Encoding: chunked\r\n\r\n5;{}\r\nstep=\r\n0\r\n\r\n{LAST}",
        "a".repeat(100_000)
    );
    assert_eq!(statuses(address, long).await, ["400"]);
}
