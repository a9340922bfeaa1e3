//! A web server for tests, with and without TLS, whose answers the test chooses, and addresses that nobody may reach.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use npoc::outbound::Reach;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::name_server::free_port;

/// Serves.
pub const SITE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Serves in the same network.
pub const NEIGHBOR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Serves in another network.
pub const OTHER_NETWORK: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);
/// Accepts connections, and then says nothing.
pub const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 7);
/// Closes every connection at once.
pub const CLOSING: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 8);
/// Speaks no TLS.
pub const UNENCRYPTED: Ipv4Addr = Ipv4Addr::new(127, 0, 4, 9);
/// Has no server.
pub const CLOSED: Ipv4Addr = Ipv4Addr::new(127, 0, 5, 10);
/// Is not public: no connection may reach it.
pub const TRAP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

const PUBLIC: [Ipv4Addr; 7] = [SITE, NEIGHBOR, OTHER_NETWORK, SILENT, CLOSING, UNENCRYPTED, CLOSED];

/// The time between two drops.
const DROP: Duration = Duration::from_millis(10);

/// The answer to a request.
#[derive(Clone)]
pub enum Answer {
    /// These octets, then the end of the connection.
    Octets(Vec<u8>),
    /// The first octets, then the second again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// The first octets, then an endless drip.
    Dripping(Vec<u8>),
    /// These octets, after the test has added a permit.
    Held(Arc<Semaphore>, Vec<u8>),
    /// No answer.
    Silent,
}

impl Answer {
    /// Returns a page with this body.
    pub fn page(body: &str) -> Self {
        Self::head_and_body(&format!("200 OK\r\nContent-Length: {}", body.len()), body)
    }

    /// Returns an empty page with this status and these headers.
    pub fn head(head: &str) -> Self {
        Self::head_and_body(&format!("{head}\r\nContent-Length: 0"), "")
    }

    /// Returns a status with headers, and a body that ends with the connection unless a header says otherwise.
    pub fn head_and_body(head: &str, body: &str) -> Self {
        Self::Octets(format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes())
    }

    /// Returns a redirect.
    pub fn redirect(location: &str) -> Self {
        Self::head(&format!("302 Found\r\nLocation: {location}"))
    }
}

/// The certificate of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    Valid,
    ForAnotherName,
    Expired,
    NotYetValid,
    SelfSigned,
    OfUnknownAuthority,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub is_encrypted: bool,
    /// The address that the client connected to.
    pub address: IpAddr,
    pub host: String,
    pub target: String,
    /// The head in lower case, without the request line.
    pub headers: String,
}

/// A server at several addresses, and the trap.
pub struct WebServer {
    https_port: u16,
    http_port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    authority: Authority,
    unknown_authority: Authority,
    answers: Mutex<HashMap<(String, String), Answer>>,
    certificates: Mutex<HashMap<String, Certificate>>,
    received: Mutex<Vec<Received>>,
    trapped: AtomicUsize,
    connections: AtomicUsize,
    held: AtomicUsize,
    most_held: AtomicUsize,
}

impl WebServer {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::new());
        let encrypted = Listeners::at_one_port().await;
        let plain = Listeners::at_one_port().await;
        let acceptor = TlsAcceptor::from(tls_config(&shared));
        for (address, listener) in encrypted.all {
            tokio::spawn(accept(listener, address, Some(acceptor.clone()), Arc::clone(&shared)));
        }
        for (address, listener) in plain.all {
            tokio::spawn(accept(listener, address, None, Arc::clone(&shared)));
        }
        Self {
            https_port: encrypted.port,
            http_port: plain.port,
            shared,
        }
    }

    /// Returns a reach in which all addresses but the trap are public.
    pub fn reach(&self) -> Reach {
        Reach {
            also_public: PUBLIC.map(|address| IpAddr::V4(address).into()).to_vec(),
            https_port: self.https_port,
            http_port: self.http_port,
            authorities: vec![self.shared.authority.certificate.clone()],
            ..Reach::default()
        }
    }

    /// Answers requests for this path of a host. Other requests get 404.
    pub fn answer(&self, host: &str, path: &str, answer: Answer) {
        let key = (host.to_owned(), path.to_owned());
        self.shared.answers.lock().unwrap().insert(key, answer);
    }

    /// Shows this certificate to those who ask for this host.
    pub fn certify(&self, host: &str, certificate: Certificate) {
        let mut certificates = self.shared.certificates.lock().unwrap();
        certificates.insert(host.to_owned(), certificate);
    }

    /// Returns every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Returns the number of connections to public addresses.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of connections to the trap.
    pub fn trapped(&self) -> usize {
        self.shared.trapped.load(Ordering::SeqCst)
    }

    /// Returns the number of held requests: now, and at most at the same time.
    pub fn held(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.shared.held), read(&self.shared.most_held))
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            authority: Authority::new(),
            unknown_authority: Authority::new(),
            answers: Mutex::default(),
            certificates: Mutex::default(),
            received: Mutex::default(),
            trapped: AtomicUsize::default(),
            connections: AtomicUsize::default(),
            held: AtomicUsize::default(),
            most_held: AtomicUsize::default(),
        }
    }
}

/// Listens at all addresses but the closed one.
struct Listeners {
    port: u16,
    all: Vec<(Ipv4Addr, TcpListener)>,
}

impl Listeners {
    async fn at_one_port() -> Self {
        loop {
            let port = free_port().await;
            let mut listeners = Vec::new();
            for address in PUBLIC.into_iter().chain([TRAP]).filter(|one| *one != CLOSED) {
                let listener = TcpListener::bind(SocketAddr::new(address.into(), port)).await;
                listeners.push(listener.ok().map(|listener| (address, listener)));
            }
            if let Some(all) = listeners.into_iter().collect() {
                return Self { port, all };
            }
        }
    }
}

async fn accept(listener: TcpListener, address: Ipv4Addr, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // An open connection without an answer.
    let mut silent = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        let is_trap = address == TRAP;
        let count = if is_trap { &shared.trapped } else { &shared.connections };
        count.fetch_add(1, Ordering::SeqCst);
        match address {
            TRAP | SILENT => silent.push(stream),
            CLOSING => drop(stream),
            UNENCRYPTED => drop(tokio::spawn(serve(stream, address, None, Arc::clone(&shared)))),
            _ => drop(tokio::spawn(serve(stream, address, tls.clone(), Arc::clone(&shared)))),
        }
    }
}

async fn serve(stream: TcpStream, address: Ipv4Addr, tls: Option<TlsAcceptor>, shared: Arc<Shared>) -> Option<()> {
    let address = IpAddr::V4(address);
    match tls {
        Some(tls) => converse(tls.accept(stream).await.ok()?, address, true, &shared).await,
        None if address == UNENCRYPTED => converse_without_tls(stream).await,
        None => converse(stream, address, false, &shared).await,
    }
}

/// Answers a handshake in plain text.
async fn converse_without_tls(mut stream: TcpStream) -> Option<()> {
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok()?;
    stream.shutdown().await.ok()
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: IpAddr,
    is_encrypted: bool,
    shared: &Shared,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut request_line = String::new();
    stream.read_line(&mut request_line).await.ok()?;
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && stream.read_line(&mut headers).await.ok()? > 0 {}
    let headers = headers.to_ascii_lowercase();
    let host = headers.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
    let target = request_line.split(' ').nth(1)?.to_owned();
    let path = target.split('?').next()?.to_owned();
    shared.received.lock().unwrap().push(Received {
        is_encrypted,
        address,
        host: host.clone(),
        target,
        headers,
    });
    let answer = shared.answers.lock().unwrap().get(&(host, path)).cloned();
    let answer = answer.unwrap_or_else(|| Answer::head("404 Not Found"));
    send(&mut stream, answer, shared).await
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), answer: Answer, shared: &Shared) -> Option<()> {
    match answer {
        Answer::Octets(octets) => stream.write_all(&octets).await.ok()?,
        Answer::Endless(first, again) => {
            stream.write_all(&first).await.ok()?;
            loop {
                stream.write_all(&again).await.ok()?;
            }
        }
        Answer::Dripping(first) => {
            stream.write_all(&first).await.ok()?;
            loop {
                stream.write_all(b"x").await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(DROP).await;
            }
        }
        Answer::Held(gate, octets) => {
            let now = shared.held.fetch_add(1, Ordering::SeqCst) + 1;
            shared.most_held.fetch_max(now, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            shared.held.fetch_sub(1, Ordering::SeqCst);
            stream.write_all(&octets).await.ok()?;
        }
        Answer::Silent => std::future::pending().await,
    }
    stream.shutdown().await.ok()
}

/// Signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, certificate }
    }
}

fn tls_config(shared: &Arc<Shared>) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let certificates = Arc::new(Certificates(Arc::clone(shared)));
    Arc::new(config.with_no_client_auth().with_cert_resolver(certificates))
}

/// Makes the certificate of each host when somebody asks for it.
struct Certificates(Arc<Shared>);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name()?;
        let kind = self.0.certificates.lock().unwrap().get(host).copied();
        let kind = kind.unwrap_or(Certificate::Valid);
        let name = if kind == Certificate::ForAnotherName {
            "another.example"
        } else {
            host
        };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        match kind {
            Certificate::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Certificate::NotYetValid => params.not_before = date_time_ymd(2090, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match kind {
            Certificate::SelfSigned => params.self_signed(&key).unwrap(),
            Certificate::OfUnknownAuthority => params.signed_by(&key, &self.0.unknown_authority.issuer).unwrap(),
            _ => params.signed_by(&key, &self.0.authority.issuer).unwrap(),
        };
        let key = ring::sign::any_supported_type(&PrivateKeyDer::from(key)).unwrap();
        Some(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
    }
}
