//! Overload and slow clients lose no answers.

use std::time::Duration;

use axum::http::{StatusCode, header};
use futures_util::future::join_all;
use npoc::web::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{TestSite, database, good_with, send_body, stored_key};

/// Long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

const SHORT: Duration = Duration::from_millis(200);

/// Limits so short that a test can wait for them.
fn short() -> Limits {
    Limits {
        head: SHORT,
        head_of_proxy: SHORT,
        request: SHORT,
        ..Limits::default()
    }
}

async fn connect(address: &str, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream
}

/// Reads until the site closes the connection.
async fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    // A reset closes it too.
    drop(read.expect("the site ends the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

const PAGE: &str = "GET / HTTP/1.1\r\nHost: npoc.test\r\nConnection: close\r\n\r\n";

/// A request for a page that keeps the connection open.
fn idle() -> String {
    PAGE.replace("Connection: close\r\n", "")
}

const HALF_A_HEAD: &str = "GET / HTTP/1.1\r\nHost: npoc.te";
const HALF_A_BODY: &str = "POST /membership HTTP/1.1\r\nHost: npoc.test\r\nConnection: close\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\norganization_name=A";

/// Builds a request that sends an application with additional headers.
fn sending(headers: &str) -> String {
    let body = send_body(Uuid::now_v7());
    format!(
        "POST /membership HTTP/1.1\r\nHost: npoc.test\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn overload_is_rejected_early_and_answers_are_given_back() {
    let limits = Limits {
        storing: 4,
        ..Limits::default()
    };
    let site = TestSite::within(limits, &[]).await;
    let lock = database::lock_applications(&site.pool).await;
    let keys: Vec<Uuid> = (0..12).map(|_| Uuid::now_v7()).collect();
    let sending = join_all(keys.iter().map(|key| site.send(&[], *key)));
    // The first four wait for the table, so the others are rejected before them.
    let freed = async {
        tokio::task::yield_now().await;
        lock.commit().await.unwrap();
    };
    let (replies, ()) = tokio::join!(sending, freed);
    // The replies are parsed only now, because parsing would use up the time limit for storing.
    let replies = replies.into_iter().zip(&keys);
    let refused: Vec<_> = replies
        .filter(|(reply, _)| reply.status != StatusCode::SEE_OTHER)
        .collect();
    assert_eq!(refused.len(), 8, "number of rejected applications");
    for (reply, key) in refused {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.headers.contains_key(header::RETRY_AFTER));
        assert!(reply.text_of(".summary").starts_with("Not sent: the site is very busy"));
        assert_eq!(reply.submission_key(), stored_key(&[], *key));
        reply.assert_keeps(&good_with(&[]));
    }
    assert_eq!(site.count("applications").await, 4, "accepted applications are stored");
    for key in keys {
        assert_eq!(
            site.send(&[], key).await.status,
            StatusCode::SEE_OTHER,
            "rejected applications can be sent again"
        );
    }
    assert_eq!(site.count("applications").await, 12);
}

#[tokio::test]
async fn connection_kept_by_a_proxy_stays_open() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let site = TestSite::within(limits, &[]).await;
    let mut kept = connect(&site.listen().await, &idle()).await;
    let mut first = vec![0; 16];
    kept.read_exact(&mut first).await.unwrap();
    // Longer than the limit for other clients.
    tokio::time::sleep(SHORT * 3).await;
    kept.write_all(PAGE.as_bytes()).await.unwrap();
    let second = read_to_end(kept).await;
    assert!(second.contains("HTTP/1.1 200 OK"), "second answer: {second}");
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let site = TestSite::within(short(), &[]).await;
    let address = site.listen().await;
    for sent in ["", HALF_A_HEAD] {
        let answer = read_to_end(connect(&address, sent).await).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let answer = read_to_end(connect(&address, &idle()).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "the site answers, and closes the idle connection"
    );
}

#[tokio::test]
async fn slow_body_gets_408() {
    let site = TestSite::within(short(), &[]).await;
    let answer = read_to_end(connect(&site.listen().await, HALF_A_BODY).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("Your answers did not arrive in time"));
}

#[tokio::test]
async fn slow_clients_do_not_delay_others() {
    let site = TestSite::new().await;
    let address = site.listen().await;
    let slow = (0..200).map(|client| connect(&address, if client % 2 == 0 { HALF_A_HEAD } else { HALF_A_BODY }));
    let slow = join_all(slow).await;
    assert!(
        read_to_end(connect(&address, PAGE).await)
            .await
            .starts_with("HTTP/1.1 200")
    );
    let sent = connect(&address, &sending("Connection: close\r\n")).await;
    assert!(read_to_end(sent).await.starts_with("HTTP/1.1 303"));
    drop(slow);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let limits = Limits {
        connections: 2,
        ..short()
    };
    let site = TestSite::within(limits, &[]).await;
    let address = site.listen().await;
    let silent = [connect(&address, "").await, connect(&address, "").await];
    let waiting = connect(&address, PAGE).await;
    assert!(
        read_to_end(waiting).await.starts_with("HTTP/1.1 200"),
        "it is served after the silent connections are closed"
    );
    drop(silent);
}

#[tokio::test]
async fn old_connection_closes_only_after_an_answer() {
    let limits = Limits {
        connection: SHORT,
        ..Limits::default()
    };
    let site = TestSite::within(limits, &[]).await;
    let lock = database::lock_applications(&site.pool).await;
    let address = site.listen().await;
    let stream = connect(&address, &sending("")).await;
    // A later connection has reached the age limit, so the first has too.
    read_to_end(connect(&address, &idle()).await).await;
    lock.commit().await.unwrap();
    let answer = read_to_end(stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 303") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn client_that_closes_its_side_early_is_answered() {
    let site = TestSite::new().await;
    let address = site.listen().await;
    let key = sending("");
    let form = "Host: npoc.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\nstep=";
    for (sent, status) in [
        (idle(), "200"),
        (idle().replace("GET / ", "GET /membership "), "200"),
        (idle().replace("GET / ", "GET /health/ready "), "200"),
        (format!("POST /membership HTTP/1.1\r\n{form}"), "422"),
        (key, "303"),
    ] {
        let mut stream = connect(&address, &sent).await;
        stream.shutdown().await.unwrap();
        let answer = read_to_end(stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{sent:.50}: {answer:.50}"
        );
    }
    assert_eq!(site.count("applications").await, 1);
}

#[tokio::test]
async fn disconnected_client_frees_its_connection() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let site = TestSite::within(limits, &[]).await;
    let address = site.listen().await;
    let sent = [
        String::new(),
        HALF_A_HEAD.into(),
        HALF_A_BODY.into(),
        idle(),
        sending(""),
    ];
    for (sent, is_reset) in sent.iter().flat_map(|sent| [(sent, false), (sent, true)]) {
        let stream = connect(&address, sent).await;
        if is_reset {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
        let next = read_to_end(connect(&address, PAGE).await).await;
        assert!(next.starts_with("HTTP/1.1 200"), "after {sent:.50}: {next:.50}");
    }
}
