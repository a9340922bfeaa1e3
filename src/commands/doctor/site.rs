//! Checks the site: its settings, whether it is ready, and whether its public address reaches it.

use axum::body::Body;
use axum::http::{StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::{CheckResult, TIME_LIMIT, Verdict};
use crate::error_chain;
use crate::settings::Settings;

const SETTINGS: &str = "Settings";
const SITE: &str = "Site";
const PUBLIC: &str = "Public address";

/// The body of `/health/live`.
const LIVE: &str = "live\n";

/// How the body of `/health/ready` begins.
const READY: &str = "ready\n";
const NOT_READY: &str = "not ready";

/// How the line of `/health/ready` begins that counts posts without a client's address.
const UNNAMED: &str = "posts without a client's address: ";

/// Checks for valid settings that may not be intended.
pub(super) fn settings(settings: &Settings) -> Vec<CheckResult> {
    let mut findings = vec![CheckResult::ok(SETTINGS, "all are valid.")];
    let mut warn = |says: &str, advice| findings.push(CheckResult::warn(SETTINGS, says, advice));
    let address = &settings.public_url;
    let is_public = address.starts_with("https:");
    if !is_public {
        let says = format!("the site's public address is {address}, and links in emails lead there.");
        warn(&says, "Set NPOC_PUBLIC_URL to the https address of the site.");
    }
    // The site itself speaks no TLS.
    if is_public && settings.trusted_proxies.is_empty() {
        warn(
            "the site trusts no proxy, so all visitors count as one client and share one rate limit.",
            "Set NPOC_TRUSTED_PROXIES; for a proxy on this machine, to 127.0.0.1,::1.",
        );
    }
    if settings.rate_limit == 0 {
        let advice = "Remove NPOC_RATE_LIMIT, unless this is intended.";
        warn("no rate limit applies to a client's applications.", advice);
    }
    findings
}

/// Checks that the site answers, at its own address and at its public one.
pub(super) async fn reachability(settings: &Settings) -> Vec<CheckResult> {
    let mut findings = readiness(settings).await;
    if settings.public_url == local_address(settings) {
        return findings;
    }
    let public = public_address(settings).await;
    let is_reached = public.verdict == Verdict::Ok;
    findings.push(public);
    if is_reached && let Some(address) = plain_http(&settings.public_url) {
        findings.push(redirect(&address).await);
    }
    findings
}

fn local_address(settings: &Settings) -> String {
    format!("http://{}", settings.listen)
}

async fn readiness(settings: &Settings) -> Vec<CheckResult> {
    let address = local_address(settings);
    let answer = get(&format!("{address}/health/ready")).await;
    let unnamed = answer.as_ref().ok().and_then(|answer| unnamed_clients(&answer.body));
    std::iter::once(judge_readiness(&address, answer))
        .chain(unnamed)
        .collect()
}

/// Warns if a proxy sent posts without the client's address since the start of the site.
fn unnamed_clients(ready: &str) -> Option<CheckResult> {
    let posts = ready.lines().find_map(|line| line.strip_prefix(UNNAMED))?;
    let posts: u64 = posts.parse().ok()?;
    Some(CheckResult::warn(
        SITE,
        format!(
            "a proxy did not say from which address a post came, so no rate limit applied. Such posts since the start: {posts}."
        ),
        "Let the proxy set X-Forwarded-For to its client's address in each request (nginx: proxy_set_header X-Forwarded-For \
         $remote_addr), or remove the proxy from NPOC_TRUSTED_PROXIES.",
    ))
}

fn judge_readiness(address: &str, answer: Result<Answer, String>) -> CheckResult {
    match answer {
        Ok(answer) if answer.body.starts_with(READY) => CheckResult::ok(SITE, format!("it is ready at {address}.")),
        Ok(answer) if answer.body.starts_with(NOT_READY) => CheckResult::fail(
            SITE,
            format!("it runs at {address} and cannot reach its database."),
            "See the findings about the database above.",
        ),
        Ok(answer) => CheckResult::fail(
            SITE,
            format!("another program answers at {address}: {}.", answer.status),
            "Check which program listens there (sudo ss -ltnp), and NPOC_LISTEN.",
        ),
        Err(why) => CheckResult::fail(
            SITE,
            format!("nothing answers at {address}: {why}."),
            "Start the site (sudo systemctl start npoc), and read its log (sudo journalctl -u npoc).",
        ),
    }
}

async fn public_address(settings: &Settings) -> CheckResult {
    let address = &settings.public_url;
    match get(&format!("{address}/health/live")).await {
        Ok(answer) if answer.status == StatusCode::OK && answer.body == LIVE => {
            CheckResult::ok(PUBLIC, format!("{address} leads to the site."))
        }
        Ok(answer) => CheckResult::fail(
            PUBLIC,
            format!("another site answers at {address}: {}.", answer.status),
            "Check the proxy: to which address it forwards requests, and for which name.",
        ),
        Err(why) => CheckResult::fail(
            PUBLIC,
            format!("{address} cannot be reached from here: {why}."),
            "Check its A and AAAA records, the firewall (80 and 443), the proxy and its certificate. A first certificate takes a \
             minute. A machine behind NAT may not reach its own public name: then check from another network.",
        ),
    }
}

/// Returns the http address of an https site: where a visitor arrives who types the name alone.
fn plain_http(public_url: &str) -> Option<String> {
    let url = Url::parse(public_url).ok().filter(|url| url.scheme() == "https")?;
    url.host().map(|host| format!("http://{host}"))
}

async fn redirect(address: &str) -> CheckResult {
    match get(address).await {
        Ok(answer) if answer.status.is_redirection() && answer.location.starts_with("https://") => {
            CheckResult::ok(PUBLIC, format!("{address} redirects to https."))
        }
        _ => CheckResult::warn(
            PUBLIC,
            format!("{address} does not redirect to https."),
            "Let the proxy answer there with a redirect (301).",
        ),
    }
}

struct Answer {
    status: StatusCode,
    location: String,
    body: String,
}

/// Fetches a page as a visitor gets it, or returns the reason of the failure.
async fn get(address: &str) -> Result<Answer, String> {
    match tokio::time::timeout(TIME_LIMIT, request(address)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error_chain(error.as_ref())),
        Err(_) => Err("no answer".into()),
    }
}

async fn request(address: &str) -> anyhow::Result<Answer> {
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let response = client.get(address.parse::<Uri>()?).await?;
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let (status, location) = (response.status(), location.unwrap_or_default().to_owned());
    let body = Limited::new(response.into_body(), 64 * 1024).collect().await;
    let body = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec());
    Ok(Answer {
        status,
        location,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
