//! Emails made to crash or delay the parser. Each has 1 MiB, the most that the caller reads.

use std::time::{Duration, Instant};

use npoc::mailer::{BounceAddress, BounceReport, BounceVerdict, read_bounce as read};

const MOST: usize = 1024 * 1024;
/// A debug build on a busy machine needs much less. Quadratic parsing would take hours.
const LONGEST: Duration = Duration::from_mins(5);

fn address() -> BounceAddress {
    BounceAddress::parse("bounce+*@npoc.org").unwrap()
}

/// Parses an email as the caller does. Fails if that takes too long.
#[track_caller]
fn fast(raw: &[u8]) -> BounceReport {
    let started = Instant::now();
    let report = read(&raw[..raw.len().min(MOST)], &address());
    assert!(started.elapsed() < LONGEST, "took {:?}", started.elapsed());
    report
}

/// Parses an email that repeats a text after its start.
#[track_caller]
fn fast_repeated(start: &str, repeated: &str) -> BounceReport {
    let times = (MOST - start.len()) / repeated.len();
    fast((start.to_owned() + repeated.repeat(times).as_str()).as_bytes())
}

fn all(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().concat()
}

#[test]
fn nested_parts() {
    let open = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
    let status = "Content-Type: message/delivery-status\n\nAction: failed\nStatus: 5.1.1\n";
    let closed: Vec<String> = (0..3000).rev().map(|n| format!("--b{n}--\n")).collect();
    let nested = all(3000, open) + status + closed.concat().as_str();
    assert!(matches!(fast(nested.as_bytes()).verdict, BounceVerdict::Failed(_)));
    fast(all(25_000, open).as_bytes());
}

#[test]
fn nested_emails() {
    assert_eq!(
        fast_repeated("", "Content-Type:message/rfc822\n\n").verdict,
        BounceVerdict::Other
    );
}

#[test]
fn many_parts() {
    let start = "Content-Type: multipart/report; boundary=b\n\n";
    fast_repeated(start, "--b\n");
    fast_repeated(start, "--b\n\nx\n");
    fast_repeated(start, "--b\nContent-Transfer-Encoding: base64\n\nQUJD\n");
    fast_repeated(start, "--b\nContent-Type: message/delivery-status\n\nA: b\n");
    fast_repeated(start, "--b\nContent-Type: multipart/mixed; boundary=never\n\n");
}

#[test]
fn floods_of_addresses() {
    fast_repeated("", "bounce+");
    fast_repeated("", "@npoc.org");
    fast_repeated("", "bounce+@npoc.org");
    fast_repeated("", "bounce+k7dq2m4xw3hs5e2n@npoc.org.");
    let distinct = all(30_000, |n| format!("bounce+{n:016}@npoc.org "));
    assert_eq!(address().tokens_in(&distinct).len(), 30_000);
    assert_eq!(fast(distinct.as_bytes()).tokens.len(), 16);
}

#[test]
fn floods_of_fields() {
    fast_repeated("", "a:b\n");
    fast_repeated("a: b\n", " \tc\n");
    fast_repeated("Content-Type: text/plain", ";a*1=x");
    fast_repeated("Content-Type: multipart/mixed; boundary=", "\"");
    fast_repeated("From: mailer-daemon\nSubject: ", "=?utf-8?q?=?");
    fast_repeated("From: ", "<\"@");
}

#[test]
fn floods_in_a_delivery_status() {
    let start = "Content-Type: message/delivery-status\n\n";
    fast_repeated(start, "Action: x\n");
    fast_repeated(start, "Status: 5.1.1\n\n");
    fast_repeated(
        &format!("{start}Action: failed\nStatus: 5.0.0\nDiagnostic-Code: "),
        "5.1.",
    );
    fast_repeated(&format!("{start}Action: failed\nDiagnostic-Code: x"), ";\n x");
}

#[test]
fn endless_line() {
    let start = "From: mailer-daemon\nSubject: failure notice\n\n";
    fast_repeated(start, "bounce+");
    fast_repeated(start, "5.");
    fast_repeated(start, "550 5.1.");
    fast_repeated(start, "#5.");
    fast_repeated(start, "-");
    fast_repeated("Content-Type: multipart/mixed; boundary=-\n\n", "-");
    fast_repeated("Content-Transfer-Encoding: quoted-printable\n\n", "=");
    fast_repeated("Content-Transfer-Encoding: base64\n\n", "=A");
}

/// mail-parser 0.11.9 panics at this in debug builds.
#[test]
fn part_with_only_a_soft_line_break() {
    let part = "--b\nContent-Transfer-Encoding: quoted-printable\n\n=\n";
    fast_repeated("Content-Type: multipart/mixed; boundary=b\n\n", part);
}

/// Random numbers by xorshift, so that failures are reproducible.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

#[test]
fn random_octets() {
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    for length in 0..2000 {
        let raw: Vec<u8> = (0..length).map(|_| u8::try_from(draw.below(256)).unwrap()).collect();
        fast(&raw);
    }
}

/// Fragments of real reports in random order reach more of the parser than random octets.
#[test]
fn random_fragments() {
    const PIECES: [&[u8]; 32] = [
        b"Content-Type: ",
        b"multipart/report",
        b"; boundary=b",
        b"; boundary=\"",
        b"message/rfc822",
        b"text/plain",
        b"; charset=utf-7",
        b"; charset=utf-16",
        b"; charset=iso-8859-6",
        b"message/delivery-status",
        b"--b",
        b"--",
        b"Content-Transfer-Encoding: ",
        b"base64",
        b"quoted-printable",
        b"Action: failed",
        b"Status: 5.1.1",
        b"\r\n",
        b"\n\n",
        b"\n",
        b" ",
        b"=",
        b"+AGE-",
        b"\xff\xfe\xe9",
        b"\xd9\x85",
        b"From: mailer-daemon@",
        b"Return-Path: <>",
        b"Subject: =?utf-8?q?=?=",
        b"bounce+k7dq2m4xw3hs5e2n@npoc.org",
        b"Diagnostic-Code: smtp; ",
        b"5.1.1",
        b"(#",
    ];
    let mut draw = Draw(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let count = draw.below(40);
        let raw: Vec<u8> = (0..count)
            .flat_map(|_| PIECES[draw.below(PIECES.len())])
            .copied()
            .collect();
        fast(&raw);
    }
}
