//! Fetches one address over HTTP behind the guard. Follows redirects by hand, each after the same checks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{self, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::{Host, Url};

use super::dns::DnsFault;
use super::limits::Place;
use super::{Outbound, Reach, is_public};

/// The most redirects.
const MAX_REDIRECTS: usize = 3;

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// The seconds to wait if `Retry-After` holds a date or a huge number.
const LATER: u32 = 60 * 60;

/// The greatest size of the head of an answer, in octets.
const MAX_HEAD: usize = 32 * 1024;

/// What to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The address.
    pub url: &'a Url,
    /// Octets of the body after which it is cut.
    pub max_body: usize,
    /// Whether plain `http` is allowed.
    pub allows_http: bool,
    /// The hosts that a redirect may lead to; `None` for every public host.
    pub hosts: Option<&'a [&'a str]>,
    /// The media types that are asked for.
    pub accept: &'static str,
}

/// What came back: data from a stranger.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The address that answered, after redirects.
    pub url: Url,
    /// The body, at most `max_body` octets.
    pub body: Vec<u8>,
    /// Whether the body was longer.
    pub is_cut: bool,
    /// Seconds to wait, if `Retry-After` says so.
    pub retry_after: Option<u32>,
}

/// Why an address may not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forbidden {
    /// Not `https`, nor `http` where that is allowed.
    Scheme,
    /// A user name or a password.
    Credentials,
    /// Another port than the scheme's own.
    Port,
    /// An IP address, or a name without a dot.
    NotAName,
    /// One of its addresses is not public.
    NotPublic,
    /// A redirect to a host that does not count.
    Host,
}

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchFault {
    /// The guard refuses the address, or a redirect to it.
    Forbidden(Forbidden),
    /// The name does not lead to an address.
    Name(DnsFault),
    /// No address accepts a connection.
    Refused,
    /// It took too long.
    TimedOut,
    /// The certificate is not valid for the name.
    Certificate,
    /// TLS failed otherwise.
    Tls,
    /// The answer is not HTTP, or its head is too large, or it ended early.
    Broken,
    /// Too many redirects, or one without an address.
    Redirects,
}

impl Outbound {
    /// Fetches an address.
    ///
    /// # Errors
    /// Returns a [`FetchFault`] if no final answer arrived.
    pub async fn fetch(&self, request: Request<'_>) -> Result<Fetched, FetchFault> {
        let fetching = self.follow(request);
        timeout(self.reach.limits.all, fetching)
            .await
            .unwrap_or(Err(FetchFault::TimedOut))
    }

    async fn follow(&self, request: Request<'_>) -> Result<Fetched, FetchFault> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            match self.visit(&url, request).await? {
                Answer::Final(fetched) => return Ok(*fetched),
                Answer::Redirect(location) => url = redirected(&url, &location, request)?,
            }
        }
        Err(FetchFault::Redirects)
    }

    /// Requests one address, after all checks.
    async fn visit(&self, url: &Url, request: Request<'_>) -> Result<Answer, FetchFault> {
        let host = checked_host(url, request.allows_http).map_err(FetchFault::Forbidden)?;
        let addresses = self.public_addresses(host).await?;
        let is_tls = url.scheme() == "https";
        let (stream, _place) = self.connect(host, &addresses, is_tls).await?;
        let asking = ask(stream, url, host, &self.user_agent, request.accept);
        let head = self.reach.limits.head;
        let (response, _connection) = timeout(head, asking).await.map_err(|_| FetchFault::TimedOut)??;
        answer_of(response, url, request.max_body).await
    }

    /// Resolves a name. Refuses it if one address is not public. Returns at least one address and at most four.
    async fn public_addresses(&self, host: &str) -> Result<Vec<IpAddr>, FetchFault> {
        let mut addresses = self.addresses(host).await.map_err(FetchFault::Name)?;
        if !addresses.iter().all(|one| is_public(*one, &self.reach.also_public)) {
            return Err(FetchFault::Forbidden(Forbidden::NotPublic));
        }
        // Both families get a chance within the four.
        addresses.sort_by_key(IpAddr::is_ipv6);
        if addresses.len() > MAX_ADDRESSES {
            let last = addresses.pop();
            addresses.truncate(MAX_ADDRESSES - 1);
            addresses.extend(last);
        }
        Ok(addresses)
    }

    /// Connects to the first address that accepts. Each is tried in a place of its own network, which is held until the end.
    async fn connect(
        &self,
        host: &str,
        addresses: &[IpAddr],
        is_tls: bool,
    ) -> Result<(Box<dyn Stream>, Option<Place>), FetchFault> {
        let port = if is_tls {
            self.reach.https_port
        } else {
            self.reach.http_port
        };
        let limit = self.reach.limits.connect;
        let each = limit / u32::try_from(addresses.len()).unwrap_or(1);
        let mut failed = FetchFault::Refused;
        for address in addresses {
            let place = self.visits.enter(*address).await;
            match timeout(each, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) if is_tls => {
                    let encrypting = timeout(limit, encrypted(stream, host, self.tls()?)).await;
                    return Ok((encrypting.map_err(|_| FetchFault::TimedOut)??, place));
                }
                Ok(Ok(stream)) => return Ok((Box::new(stream), place)),
                Ok(Err(_)) => {}
                Err(_) => failed = FetchFault::TimedOut,
            }
        }
        Err(failed)
    }
}

impl Outbound {
    fn tls(&self) -> Result<&TlsConnector, FetchFault> {
        let make = || tls_config(&self.reach).map(|config| TlsConnector::from(Arc::new(config)));
        self.tls.get_or_init(make).as_ref().ok_or(FetchFault::Tls)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

enum Answer {
    Final(Box<Fetched>),
    Redirect(String),
}

/// Ends the task of a connection when the answer is read.
struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns the host of an address that may be fetched.
fn checked_host(url: &Url, allows_http: bool) -> Result<&str, Forbidden> {
    if !(url.scheme() == "https" || (allows_http && url.scheme() == "http")) {
        return Err(Forbidden::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Forbidden::Credentials);
    }
    if url.port().is_some() {
        return Err(Forbidden::Port);
    }
    match url.host() {
        Some(Host::Domain(name)) if name.trim_end_matches('.').contains('.') => Ok(name),
        _ => Err(Forbidden::NotAName),
    }
}

/// Returns the address of a redirect.
fn redirected(from: &Url, location: &str, request: Request<'_>) -> Result<Url, FetchFault> {
    let to = from.join(location).map_err(|_| FetchFault::Redirects)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(FetchFault::Forbidden(Forbidden::Scheme));
    }
    checked_host(&to, request.allows_http).map_err(FetchFault::Forbidden)?;
    let counts = request
        .hosts
        .is_none_or(|hosts| to.host_str().is_some_and(|host| hosts.contains(&host)));
    if counts {
        Ok(to)
    } else {
        Err(FetchFault::Forbidden(Forbidden::Host))
    }
}

async fn encrypted(stream: TcpStream, host: &str, tls: &TlsConnector) -> Result<Box<dyn Stream>, FetchFault> {
    let name = ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|_| FetchFault::Tls)?;
    let stream = tls.connect(name, stream).await.map_err(|error| tls_fault(&error))?;
    Ok(Box::new(stream))
}

/// Returns a configuration that trusts the authorities of the machine, or those of `SSL_CERT_FILE`, and no proxy.
fn tls_config(reach: &Reach) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(reach.authorities.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}

fn tls_fault(error: &std::io::Error) -> FetchFault {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => FetchFault::Certificate,
        Some(_) => FetchFault::Tls,
        None => FetchFault::Broken,
    }
}

/// Sends a request and waits for the head of the answer. Asks for no compression, and sends no cookie.
async fn ask(
    stream: Box<dyn Stream>,
    url: &Url,
    host: &str,
    user_agent: &str,
    accept: &str,
) -> Result<(http::Response<Incoming>, Connection), FetchFault> {
    let broken = |_| FetchFault::Broken;
    let mut client = http1::Builder::new();
    client.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = Connection(tokio::spawn(async { drop(connection.await) }));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = http::Request::get(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, user_agent)
        .header(header::ACCEPT, accept)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchFault::Broken)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok((response, connection))
}

/// Returns the address of a redirect, or the answer with its body.
async fn answer_of(response: http::Response<Incoming>, url: &Url, max_body: usize) -> Result<Answer, FetchFault> {
    let (head, body) = response.into_parts();
    let text_of = |name| {
        head.headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    if matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let location = text_of(header::LOCATION).ok_or(FetchFault::Redirects)?;
        return Ok(Answer::Redirect(location.to_owned()));
    }
    let retry_after = text_of(header::RETRY_AFTER).map(|text| text.trim().parse().unwrap_or(LATER));
    let (body, is_cut) = read_body(body, max_body).await?;
    Ok(Answer::Final(Box::new(Fetched {
        status: head.status.as_u16(),
        url: url.clone(),
        body,
        is_cut,
        retry_after,
    })))
}

/// Reads a body up to a size, and nothing if that is 0. Returns whether it is longer, as far as known.
async fn read_body(mut body: Incoming, max: usize) -> Result<(Vec<u8>, bool), FetchFault> {
    let mut octets = Vec::new();
    if max == 0 {
        return Ok((octets, true));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchFault::Broken)?;
        let Ok(data) = frame.into_data() else { continue };
        let room = max - octets.len();
        octets.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((octets, true));
        }
    }
    Ok((octets, false))
}
