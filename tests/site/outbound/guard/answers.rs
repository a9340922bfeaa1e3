//! Answers of every kind, and the limits of their size and time.

use std::time::{Duration, Instant};

use npoc::outbound::{FetchFault, FetchLimits, Request};
use url::Url;

use super::super::{LONG, World, request};
use crate::support::web_server::Answer;

/// The limit that ends a request, since the others are long.
const SHORT: Duration = Duration::from_millis(500);

const PLAIN: &str = "HTTP/1.1 200 OK\r\n\r\n";

async fn fetch(world: &World, answer: Answer) -> Result<(u16, String, bool), FetchFault> {
    world.web.answer("afya.example", "/", answer);
    let fetched = world.fetch("https://afya.example/").await?;
    Ok((fetched.status, String::from_utf8(fetched.body).unwrap(), fetched.is_cut))
}

fn raw(text: &str) -> Answer {
    Answer::Octets(text.as_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn usual_answers_are_read_in_every_form() {
    let world = World::new().await;
    let answers = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken", 200, "token"),
        ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\ntoken", 200, "token"),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\ntoken", 200, "token"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken and more",
            200,
            "token",
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\ntoken", 200, "token"),
        ("HTTP/1.0 200 OK\r\n\r\ntoken", 200, "token"),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntoken", 200, "token"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nto\r\n3;a=b\r\nken\r\n0\r\n\r\n",
            200,
            "token",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n0\r\nX: y\r\n\r\n",
            200,
            "token",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken",
            200,
            "token",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\ntoken", 404, "token"),
        ("HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n", 500, ""),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999, ""),
    ];
    for (answer, status, body) in answers {
        let found = fetch(&world, raw(answer)).await;
        assert_eq!(found, Ok((status, body.to_owned(), false)), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_http_are_broken() {
    let world = World::new().await;
    let answers = [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "HTTP/2.0 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 relay.test ESMTP\r\n",
        "<html>hello</html>\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntoken",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\ntoken",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\ntokens",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntoken",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\ntoken",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\ntoken\r\n0\r\n\r\n",
    ];
    for answer in answers {
        assert_eq!(fetch(&world, raw(answer)).await, Err(FetchFault::Broken), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_cut_at_its_limit() {
    let world = World::new().await;
    let endless = || Answer::Endless(PLAIN.into(), vec![b'x'; 4096]);
    assert_eq!(fetch(&world, endless()).await, Ok((200, "x".repeat(1024), true)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = Answer::Endless(chunked.into(), b"3\r\nxxx\r\n".to_vec());
    assert_eq!(fetch(&world, chunks).await, Ok((200, "x".repeat(1024), true)));
    let huge = raw("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551614\r\n\r\n");
    assert_eq!(
        fetch(&world, huge).await,
        Err(FetchFault::Broken),
        "the rest never came"
    );
    for (length, is_cut) in [(0, false), (1023, false), (1024, false), (1025, true)] {
        let found = fetch(&world, Answer::page(&"x".repeat(length))).await;
        assert_eq!(found, Ok((200, "x".repeat(length.min(1024)), is_cut)));
        let found = fetch(&world, raw(&format!("{PLAIN}{}", "x".repeat(length)))).await;
        assert_eq!(found, Ok((200, "x".repeat(length.min(1024)), is_cut)));
    }
    let url = Url::parse("https://afya.example/").unwrap();
    world.web.answer("afya.example", "/", endless());
    for max_body in [0, 1, 262_144] {
        let request = Request {
            max_body,
            ..request(&url)
        };
        let fetched = world.outbound.fetch(request).await.unwrap();
        assert_eq!((fetched.body.len(), fetched.is_cut), (max_body, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_greatest_size() {
    let world = World::new().await;
    let of_size = |size| {
        raw(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n",
            "x".repeat(size)
        ))
    };
    assert_eq!(fetch(&world, of_size(30 * 1024)).await, Ok((200, String::new(), false)));
    assert_eq!(fetch(&world, of_size(64 * 1024)).await, Err(FetchFault::Broken));
    let endless = [
        ("HTTP/1.1 200 ", "x"),
        ("HTTP/1.1 200 OK\r\nX", "x"),
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
        ("HTTP/1.1 200 OK\r\nX: y\r\n", " folded\r\n"),
        ("", "x"),
    ];
    for (first, again) in endless {
        let answer = Answer::Endless(first.into(), again.repeat(500).into_bytes());
        assert_eq!(fetch(&world, answer).await, Err(FetchFault::Broken), "{first}{again}");
    }
}

/// Fetches with these limits. Returns the fault, which must come long before [`LONG`].
async fn fault_within(limits: FetchLimits, answer: Answer) -> FetchFault {
    let world = World::with(|reach| reach.limits = limits).await;
    let began = Instant::now();
    let fault = fetch(&world, answer).await.unwrap_err();
    assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
    fault
}

const SHORT_HEAD: FetchLimits = FetchLimits {
    connect: LONG,
    head: SHORT,
    all: LONG,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_ends_in_time() {
    for answer in [
        Answer::Silent,
        Answer::Dripping(b"HTTP/1.1 200 ".to_vec()),
        Answer::Dripping(b"HTTP/1.1 200 OK\r\nX: ".to_vec()),
    ] {
        assert_eq!(fault_within(SHORT_HEAD, answer).await, FetchFault::TimedOut);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_hints_before_an_answer_end_in_time() {
    let hints = Answer::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100));
    assert_eq!(fault_within(SHORT_HEAD, hints).await, FetchFault::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_ends_in_time() {
    let limits = FetchLimits {
        connect: LONG,
        head: LONG,
        all: 4 * SHORT,
    };
    let dripping = || Answer::Dripping(PLAIN.into());
    assert_eq!(fault_within(limits, dripping()).await, FetchFault::TimedOut);
    let chunk = Answer::Dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n".to_vec());
    assert_eq!(fault_within(limits, chunk).await, FetchFault::TimedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_redirects_share_one_time_limit() {
    let limits = FetchLimits {
        connect: LONG,
        head: LONG,
        all: 4 * SHORT,
    };
    let world = World::with(|reach| reach.limits = limits).await;
    world.web.answer("afya.example", "/slow", Answer::Silent);
    let found = fetch(&world, Answer::redirect("/slow")).await;
    assert_eq!(found, Err(FetchFault::TimedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_next_try_is_kept() {
    let world = World::new().await;
    let times = [
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("0", Some(0)),
        ("-1", Some(3600)),
        ("99999999999", Some(3600)),
        ("Fri, 27 Nov 2026 20:00:00 GMT", Some(3600)),
    ];
    for (text, expected) in times {
        let head = format!("429 Too Many Requests\r\nRetry-After: {text}");
        world.web.answer("afya.example", "/", Answer::head(&head));
        let fetched = world.fetch("https://afya.example/").await.unwrap();
        assert_eq!((fetched.status, fetched.retry_after), (429, expected), "{text}");
    }
}
