//! The client address behind a proxy, from X-Forwarded-For.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use uuid::Uuid;

use crate::support::process::{Process, TIMEOUT, run, until};
use crate::support::{database, send_body};

/// A site that trusts proxies on this machine and accepts one application a minute from each client.
struct Site {
    process: Process,
    url: String,
    home: std::path::PathBuf,
}

impl Site {
    async fn start() -> Self {
        let url = database::url(&database::fresh_options().await);
        let home = std::env::temp_dir().join(format!("npoc-proxies-{}", Uuid::new_v4()));
        let process = Process::start(&[
            ("DATABASE_URL", &url),
            ("NPOC_DATA_DIR", home.to_str().unwrap()),
            ("NPOC_MAIL", "folder"),
            ("NPOC_RATE_LIMIT", "1"),
            ("NPOC_TRUSTED_PROXIES", "127.0.0.1"),
        ]);
        Self { process, url, home }
    }

    /// Returns the status of an application that a proxy forwards with these headers.
    fn forward(&self, headers: &str) -> String {
        let body = send_body(Uuid::now_v7());
        let head = format!(
            "POST /membership HTTP/1.1\r\nHost: npoc.test\r\nConnection: close\r\n{headers}Content-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        asked(self.process.address, &format!("{head}{body}"))[9..12].to_owned()
    }

    /// Runs `forward`, and again if storing has taken too long.
    fn forward_until_decided(&self, headers: &str) -> String {
        let mut status = String::new();
        until(|| {
            status = self.forward(headers);
            status != "503"
        });
        status
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.home));
    }
}

fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_behind_a_proxy_has_its_own_limit() {
    let site = Site::start().await;
    // The proxy adds its entry after those of the client.
    let entries = [
        "192.0.2.1:4711",
        "[2001:db8::1]:443",
        "192.0.2.2,",
        "unknown, \"192.0.2.3\"",
        "10.9.8.7, ::ffff:192.0.2.4",
    ];
    for entry in entries {
        let header = format!("X-Forwarded-For: {entry}\r\n");
        assert_eq!(site.forward_until_decided(&header), "303", "{entry}");
    }
    for entry in [
        "192.0.2.1:4712",
        "garbage, 2001:db8::2",
        "192.0.2.2",
        "203.0.113.1, 192.0.2.3:1",
        "_x\r\nX-Forwarded-For: 192.0.2.4",
    ] {
        assert_eq!(site.forward(&format!("X-Forwarded-For: {entry}\r\n")), "429", "{entry}");
    }
    assert!(
        !site.process.log().contains("names no client"),
        "{}",
        site.process.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_an_address_do_not_share_a_limit() {
    let site = Site::start().await;
    for headers in [
        "",
        "X-Forwarded-For: unknown\r\n",
        "X-Forwarded-For: 192.0.2.1, secret.example\r\n",
        "X-Forwarded-For: ,\r\n",
    ] {
        assert_eq!(site.forward_until_decided(headers), "303", "{headers}");
    }
    until(|| site.process.log().contains("trusted proxy names no client"));
    let log = site.process.log();
    assert_eq!(log.matches("names no client").count(), 1, "{log}");
    assert!(!log.contains("secret"), "{log}");

    let ready = site.process.get("/health/ready").unwrap().body;
    let posts = ready
        .lines()
        .find_map(|line| line.strip_prefix("posts without a client's address: "));
    assert!(posts.unwrap().parse::<u32>().unwrap() >= 4, "{ready}");
    let listen = site.process.address.to_string();
    let doctor = run(
        &["doctor", "--json"],
        &[
            ("DATABASE_URL", &site.url),
            ("NPOC_MAIL", "folder"),
            ("NPOC_LISTEN", &listen),
        ],
    );
    let findings = String::from_utf8(doctor.stdout).unwrap();
    let said = findings.lines().find(|line| line.contains("from which address"));
    assert!(
        said.is_some_and(|said| said.contains("doubtful") && said.contains("X-Forwarded-For")),
        "{findings}"
    );
}
